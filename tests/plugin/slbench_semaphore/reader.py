"""Clips of flag semaphore, drawn from `letters.csv`: degrees that each arm is raised from hanging down."""

import csv
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from slbench import Clip
from slbench.data.readers import Entry

TABLE = Path(__file__).parent / "letters.csv"
SIGNALLERS = {"train": range(12), "dev": range(12, 16), "test": range(16, 20)}
"""No signaller is in two splits."""
SHOULDERS, ELBOWS, WRISTS = (6, 5), (8, 7), (10, 9)
"""Right and left."""


class SemaphoreReader:
    """Every letter by every signaller."""

    def sources(self) -> dict[str, Path]:
        """The table."""
        return {TABLE.name: TABLE}

    def entries(self, split: str) -> Iterator[Entry]:
        """Clips by signaller and letter."""
        with TABLE.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        for signaller in SIGNALLERS[split]:
            for number, row in enumerate(rows):
                letter, angles = row["letter"], (float(row["right"]), float(row["left"]))
                clip_id = f"{signaller:02}-{letter}"
                load = partial(draw, clip_id, letter, angles, seed=signaller * len(rows) + number)
                yield Entry(clip_id, letter, letter, load)


def draw(clip_id: str, letter: str, angles: tuple[float, float], seed: int) -> Clip:
    """Both arms rise from hanging to their angles and stay; size, speed and aim are the signaller's own."""
    chance = np.random.default_rng(seed)
    frames = int(chance.integers(10, 25))
    keypoints, scores = np.zeros((frames, 133, 2), np.float32), np.zeros((frames, 133), np.float32)
    rise = np.linspace(0, 2, frames).clip(0, 1)
    length = chance.uniform(0.12, 0.18)
    for side, shoulder, elbow, wrist, angle in zip((-1, 1), SHOULDERS, ELBOWS, WRISTS, angles, strict=True):
        aim = np.deg2rad(rise * (angle + chance.normal(0, 4)))
        arm = length * np.stack([side * np.sin(aim), np.cos(aim)], axis=1)  # the left arm rises to the viewer's right
        start = np.array([0.5 + 0.08 * side, 0.4])
        for point, part in ((shoulder, 0), (elbow, 1), (wrist, 2)):
            keypoints[:, point] = start + part * arm
            scores[:, point] = 1
    return Clip(clip_id, keypoints, scores, fps=25.0, text=letter, gloss=letter)
