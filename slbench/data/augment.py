"""Random changes to training clips."""

from dataclasses import replace

import numpy as np

from slbench.cards import Augmentation
from slbench.data.clip import Clip


def augmented(clip: Clip, change: Augmentation, chance: np.random.Generator) -> Clip:
    """The clip rotated, scaled and sheared around its middle, and resampled in time; scores are kept.

    Args:
        chance: the only source of randomness; the same state gives the same clip.
    """
    matrix = _affine(change, chance)
    keypoints = (clip.keypoints - 0.5) @ matrix.T + 0.5
    frames = _resampled(clip.frames, change.speed, chance)
    return replace(clip, keypoints=keypoints.astype(np.float32)[frames], scores=clip.scores[frames])


def _affine(change: Augmentation, chance: np.random.Generator) -> np.ndarray:
    angle, shear, *scales = chance.uniform(-1, 1, 4)
    angle = np.deg2rad(change.rotation * angle)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shearing = np.array([[1, change.shear * shear], [0, 1]])
    matrix: np.ndarray = rotation @ shearing @ np.diag(1 + change.scale * np.array(scales))
    return matrix


def _resampled(frames: int, speed: float, chance: np.random.Generator) -> np.ndarray:
    """Frame numbers of the clip played at a speed within 1 - speed .. 1 + speed."""
    wanted = max(1, round(frames / (1 + speed * chance.uniform(-1, 1))))
    return np.linspace(0, frames - 1, wanted).round().astype(int)
