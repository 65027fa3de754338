"""A made-up corpus of hand shapes, with videos: which fingers of the right hand are stretched?

Everything is drawn by formulas, so it is no signing. It exists for what a real corpus cannot give: the pictures show
the true hand, while the keypoints of chosen clips are corrupted by a known amount.
"""

import gzip
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tomli_w

from slbench.data.rendered import RenderedHands, write_video
from slbench.data.skeleton import LEFT_SHOULDER, RIGHT_HAND, RIGHT_SHOULDER, RIGHT_WRIST

SHAPES = {
    "A": "00000",
    "B": "01111",
    "D": "01000",
    "F": "00111",
    "I": "00001",
    "L": "11000",
    "U": "01100",
    "Y": "10001",
}
"""Gloss -> thumb to little finger, 1 where it is stretched."""
FPS, SIZE = 25, (256, 256)
_REACH = 0.22
"""Length of a stretched finger, in image sizes."""
_BODY = {
    0: (0.5, 0.2),
    LEFT_SHOULDER: (0.65, 0.4),
    RIGHT_SHOULDER: (0.35, 0.4),
    7: (0.7, 0.6),
    8: (0.28, 0.6),
    9: (0.66, 0.8),
}


@dataclass(frozen=True)
class Shown:
    """One clip: keypoints as they are, (T, 133, 2), and as an estimator sees them, with its scores (T, 133)."""

    gloss: str
    true: np.ndarray
    keypoints: np.ndarray
    scores: np.ndarray


def shown(gloss: str, corruption: float, seed: int) -> Shown:
    """A hand of the gloss's shape that moves and turns a little.

    Args:
        corruption: deviation of what is added to each finger joint, in lengths of a stretched finger; most of it is the
            same in all frames, as of an estimator that errs. The scores of these joints fall with it, to above 0.3.
    """
    chance = np.random.default_rng(seed)
    frames = int(chance.integers(10, 17))
    true = np.zeros((frames, 133, 2))
    for point, place in _BODY.items():
        true[:, point] = place
    seconds = np.arange(frames)[:, None] / FPS
    swing = np.sin(2 * np.pi * chance.uniform(0.3, 1.5, 2) * seconds + chance.uniform(0, 6, 2))
    true[:, RIGHT_WRIST] = [0.4, 0.62] + 0.04 * swing + chance.normal(0, 0.03, 2)
    true[:, RIGHT_HAND] = true[:, RIGHT_WRIST, None] + _hand(SHAPES[gloss], frames, chance)
    keypoints, scores = true.copy(), np.where(true.any(axis=-1), chance.uniform(0.8, 1.0, true.shape[:2]), 0.0)
    fingers = slice(RIGHT_HAND.start + 1, RIGHT_HAND.stop)
    noise = 0.8 * chance.normal(0, 1, (20, 2)) + 0.6 * chance.normal(0, 1, (frames, 20, 2))
    keypoints[:, fingers] += corruption * _REACH * noise
    scores[:, fingers] = np.maximum(0.32, scores[:, fingers] / (1 + 4 * corruption))
    return Shown(gloss, *(array.astype(np.float32) for array in (true, keypoints, scores)))


def _hand(stretched: str, frames: int, chance: np.random.Generator) -> np.ndarray:
    """(T, 21, 2) from the wrist: a bent finger folds back to its root."""
    size = _REACH * chance.uniform(0.8, 1.2)
    turn = chance.uniform(-0.5, 0.5) + 0.15 * np.sin(np.arange(frames) / 4 + chance.uniform(0, 6))
    angles = turn[:, None] + np.array([-1.1, -0.35, 0.0, 0.3, 0.6]) * chance.uniform(0.85, 1.15)
    along = np.where(
        np.array([[one == "1"] for one in stretched]), [0.45, 0.65, 0.83, 1.0], [0.45, 0.6, 0.5, 0.38]
    )  # (5, 4)
    directions = np.stack([np.sin(angles), -np.cos(angles)], axis=-1)  # (T, 5, 2)
    joints = size * directions[:, :, None] * along[:, :, None] + chance.normal(0, 0.02 * size, (5, 4, 2))
    return np.concatenate([np.zeros((frames, 1, 2)), joints.reshape(frames, 20, 2)], axis=1)


class HandShapes:
    """The corpus on disk in Uni-Sign's layout, with its cards.

    Args:
        counts: clips of each split.
        corruption: split -> largest corruption; the clips of train have any between 0 and that, the others all of it.
        name: of the corpus.
    """

    def __init__(
        self, folder: Path, counts: dict[str, int], corruption: dict[str, float], name: str = "handshapes"
    ) -> None:
        self.folder = folder
        for number, (split, count) in enumerate(counts.items()):
            self._write(split, count, corruption[split], 1_000_000 * number)
        self.dataset_path = self._card("dataset.toml", {
            "name": name, "title": "Made-up hand shapes with drawn videos", "owner": "nobody", "homepage": "",
            "licence": "none", "obtain": "tests make it", "signed_languages": [], "pose_source": "made up",
            "splits": counts, "fps": FPS, "subset": len(SHAPES), "needs_source": True, "composed": True,
            "reader": "slbench.data.readers.uni_sign:UniSignLists",
        })  # fmt: skip
        self.task_path = self._card("task.toml", {
            "name": f"{name}-islr", "title": "Which hand shape?", "version": "1.0", "family": "islr",
            "dataset": name, "language": "English", "protocol": "uni-sign", "splits": list(counts),
        })  # fmt: skip

    def _write(self, split: str, count: int, corruption: float, seed: int) -> None:
        labels = {}
        for index in range(count):
            name, amount = f"{split}-{index:04}", corruption
            if split == "train":
                amount *= np.random.default_rng(seed + index).uniform()
            clip = shown(list(SHAPES)[index % len(SHAPES)], amount, seed + index)
            labels[name] = {"name": name, "gloss": "", "text": clip.gloss, "video_path": f"{name}.mp4"}
            held = {"keypoints": list(clip.keypoints[:, None]), "scores": list(clip.scores[:, None])}
            pose, video = self.folder / "pose_format" / split / f"{name}.pkl", self.folder / "videos" / f"{name}.mp4"
            for path in (pose, video):
                path.parent.mkdir(parents=True, exist_ok=True)
            pose.write_bytes(pickle.dumps(held))
            write_video(video, RenderedHands(clip.true, clip.scores, SIZE), FPS)
        (self.folder / f"labels-{len(SHAPES)}.{split}").write_bytes(gzip.compress(pickle.dumps(labels)))

    def _card(self, name: str, values: dict[str, object]) -> Path:
        path = self.folder / name
        path.write_text(tomli_w.dumps(values))
        return path
