"""Poses of a whole recording, and the `.npz` file that `slbench extract` writes them to."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slbench.data.clip import Array
from slbench.errors import ClipError
from slbench.files import atomic_path

POSE_SUFFIXES = (".npz",)


@dataclass(frozen=True, eq=False)
class Poses:
    """Poses of a whole recording.

    Attributes:
        keypoints: (T, 133, 2), divided by image width and height.
        scores: (T, 133).
        fps: frames a second; 0 where the file does not say.
        people: most persons in one frame; the keypoints are those of one.
    """

    keypoints: Array
    scores: Array
    fps: float
    people: int


@dataclass(frozen=True)
class PoseFile:
    """Where poses lie."""

    place: Path

    def read(self) -> Poses:
        """Read it; raises ClipError where it is not whole."""
        try:
            with self.place.open("rb") as file, np.load(file, allow_pickle=False) as held:
                return Poses(held["keypoints"], held["scores"], float(held["fps"]), int(held["people"]))
        except (OSError, EOFError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
            raise ClipError(
                f"{self.place}: is no whole file of `slbench extract` ({error}); make it again from the video"
            ) from error


def write_poses(path: Path, poses: Poses) -> None:
    """Write an `.npz` atomically; raises OutputError where that is impossible."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, keypoints=poses.keypoints, scores=poses.scores, fps=poses.fps, people=poses.people)
