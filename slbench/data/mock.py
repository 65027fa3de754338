"""Made-up clips, so that a model can be tried on a task before any data is there (`slbench run --mock`).

A figure seen from the front moves both hands along smooth paths. Nothing is signed: a score on these
clips says nothing about a model, only that it answers.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from slbench.cards import TaskCard
from slbench.data import rendered
from slbench.data.clip import POINTS, Array, Clip
from slbench.data.rendered import RenderedHands
from slbench.data.skeleton import FACE, LEFT_HAND, LEFT_SHOULDER, LEFT_WRIST, RIGHT_HAND, RIGHT_SHOULDER, RIGHT_WRIST
from slbench.data.store import ClipRow, Manifest, references_digest
from slbench.files import file_digest, ids_digest, text_digest
from slbench.version import __version__

CLIPS = 8
"""Made up unless another number is asked for."""
SINGLE_FRAME, NO_HANDS = 1, 2
"""The clip that has one frame, and the one whose hands are never seen."""
FPS = 25.0
GLOSSES = ("HOUSE", "TREE", "I", "GO", "YESTERDAY", "GRÜẞE", "WATER", "WHAT")
"""Of made-up sentences, and of isolated signs where the vocabulary is in the corpus."""

# Where the points of the body that are seen are at rest, divided by the image's size; left is the signer's.
_BODY = {
    0: (0.50, 0.25), 1: (0.52, 0.23), 2: (0.48, 0.23), 3: (0.55, 0.24), 4: (0.45, 0.24),
    LEFT_SHOULDER: (0.60, 0.42), RIGHT_SHOULDER: (0.40, 0.42), 11: (0.57, 0.85), 12: (0.43, 0.85),
}  # fmt: skip
_ARMS = ((LEFT_SHOULDER, LEFT_WRIST, LEFT_HAND, 0.62), (RIGHT_SHOULDER, RIGHT_WRIST, RIGHT_HAND, 0.38))
"""Shoulder, wrist and hand of each arm, and where across the image it moves."""
_ELBOW_BEFORE_WRIST = 2
_HAND_LENGTH, _FACE_RADIUS = 0.08, 0.07


@dataclass(frozen=True)
class MockSplit(Sequence[ClipRow]):
    """Made-up clips of a task's shape; the same seed gives the same clips.

    Attributes:
        task: gives the references: its glosses, single ones of `GLOSSES` where they are in the corpus, or sentences.
        seed: of lengths, movements and references.
        clips: how many.
        split: the one that they stand for.
        pictures: whether clips have some, in which their hands are drawn.
    """

    task: TaskCard
    seed: int
    clips: int = CLIPS
    split: str = "test"
    pictures: bool = False

    @cached_property
    def manifest(self) -> Manifest:
        """What a record says of the data; the digest is of the code that makes it, and of what it was asked for."""
        made_by = [file_digest(Path(__file__)), self.task.digest(), self.seed, self.clips]
        drawn_by = ["pictures", file_digest(Path(rendered.__file__))] if self.pictures else []
        digest = text_digest(json.dumps(["mock", *made_by, *drawn_by]))
        return Manifest(
            dataset="mock",
            split=self.split,
            made_from=digest,
            slbench=__version__,
            listing="mock",
            pose_source="made up by slbench (--mock)",
            sources={},
            vocabulary=GLOSSES,
            clips=self.clips,
            readable=self.clips,
            frames=sum(row.frames for row in self._rows),
            ids_sha256=ids_digest(row.id for row in self._rows),
            references_sha256=references_digest(self._rows, GLOSSES),
            content_sha256=digest,
            data_digest=digest,
        )

    @cached_property
    def _rows(self) -> list[ClipRow]:
        return [self._row(index) for index in range(self.clips)]

    def _row(self, index: int) -> ClipRow:
        chance = np.random.default_rng([self.seed, index])
        frames = 1 if index == SINGLE_FRAME else int(chance.integers(10, 80))
        if self.task.family == "islr":
            vocabulary = self.task.glosses or GLOSSES
            gloss = text = vocabulary[index % len(vocabulary)]
        else:
            gloss = " ".join(chance.choice(GLOSSES, int(chance.integers(2, 6))))
            text = f"{gloss.capitalize()}."
        return ClipRow(f"mock-{index}", text, gloss, frames, error=None)

    def __len__(self) -> int:
        return self.clips

    def __getitem__(self, index: Any) -> Any:
        return self._rows[index]

    def clip(self, index: int) -> Clip:
        """Make up one clip."""
        row = self._rows[index]
        keypoints, scores = moving_figure(row.frames, np.random.default_rng([self.seed, index, 1]))
        if index == NO_HANDS:
            keypoints[:, LEFT_HAND.start :], scores[:, LEFT_HAND.start :] = 0, 0
        video = RenderedHands(keypoints, scores) if self.pictures else None
        return Clip(row.id, keypoints, scores, FPS, row.text, row.gloss, video=video)


def moving_figure(frames: int, chance: np.random.Generator) -> tuple[Array, Array]:
    """Head and trunk at rest, both hands moving and opening; legs and feet are not seen.

    Returns:
        keypoints (T, 133, 2) and scores (T, 133), as in `Clip`; a point that is not seen is at (0, 0) with score 0.
    """
    keypoints = np.zeros((frames, POINTS, 2))
    for point, place in _BODY.items():
        keypoints[:, point] = place
    around = np.linspace(0, 2 * np.pi, FACE.stop - FACE.start, endpoint=False)
    keypoints[:, FACE] = np.array(_BODY[0]) + _FACE_RADIUS * np.stack([np.sin(around), np.cos(around)], axis=1)
    seconds = np.arange(frames) / FPS
    for shoulder, wrist, hand, across in _ARMS:
        keypoints[:, wrist] = _path(seconds, across, chance)
        elbow = (keypoints[:, shoulder] + keypoints[:, wrist]) / 2 + [0, 0.08]
        keypoints[:, wrist - _ELBOW_BEFORE_WRIST] = elbow
        keypoints[:, hand] = keypoints[:, wrist, None] + _hand(seconds, chance)
    seen = keypoints.any(axis=-1)
    scores = np.where(seen, chance.uniform(0.7, 1.0, seen.shape), 0)
    return keypoints.astype(np.float32), scores.astype(np.float32)


def _path(seconds: np.ndarray, across: float, chance: np.random.Generator) -> np.ndarray:
    """(T, 2): a wrist swinging around its place in front of the chest, up to twice a second."""
    hertz, phase = chance.uniform(0.3, 2, 2), chance.uniform(0, 2 * np.pi, 2)
    swing = np.sin(2 * np.pi * hertz * seconds[:, None] + phase)
    path: np.ndarray = np.array([across, 0.6]) + np.array([0.08, 0.1]) * swing
    return path


def _hand(seconds: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """(T, 21, 2): wrist, then four joints a finger, as a fan that turns, opens and closes around the wrist."""
    turn, spread = np.pi * chance.uniform(-0.3, 0.3), 0.6 + 0.3 * np.sin(2 * np.pi * seconds + chance.uniform(0, 6))
    angles = turn + np.linspace(-1, 1, 5) * spread[:, None]  # (T, 5); 0 points up
    fingers = np.stack([np.sin(angles), -np.cos(angles)], axis=-1)  # (T, 5, 2)
    joints = fingers[:, :, None] * np.linspace(0.4, 1, 4)[:, None] * _HAND_LENGTH  # (T, 5, 4, 2)
    return np.concatenate([np.zeros((len(seconds), 1, 2)), joints.reshape(len(seconds), 20, 2)], axis=1)
