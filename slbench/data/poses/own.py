"""slbench's own pose files: `.npz` with keypoints, scores, fps and people, as `slbench extract` writes them."""

import io
import zipfile
import zlib
from pathlib import Path
from tokenize import TokenError

import numpy as np

from slbench.data.pickles import LARGEST
from slbench.data.poses.base import AGAIN, Poses, check_layout, finished
from slbench.errors import ClipError
from slbench.files import atomic_path

BROKEN = (OSError, ValueError, EOFError, KeyError, MemoryError, SyntaxError, zipfile.BadZipFile, zlib.error, TokenError)
"""What a damaged archive of arrays makes numpy and zipfile raise."""


def write_poses(path: Path, poses: Poses, source: str = "") -> None:
    """Write an `.npz`, whole or not at all; the same poses give the same bytes.

    Args:
        path: of the file.
        poses: to write.
        source: what tells the video that they were read from from another of its name; readers pass it over.

    Raises:
        OutputError: the folder cannot be written or the disk is full.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            keypoints=np.asarray(poses.keypoints, np.float32),
            scores=np.asarray(poses.scores, np.float32),
            fps=np.float64(poses.fps),
            people=np.int64(poses.people),
            source=np.str_(source),
        )


def read_own(data: bytes, file: str) -> Poses:
    """Read one `.npz`; `fps` and `people` may be left out.

    Raises:
        ClipError: it is damaged, or does not hold poses of 133 points.
    """
    try:
        _check_size(data, file)
        with np.load(io.BytesIO(data), allow_pickle=False) as held:
            keypoints, scores = held["keypoints"], held["scores"]
            fps = float(held["fps"]) if "fps" in held else 0.0
            people = int(held["people"]) if "people" in held else 1
    except (*BROKEN, TypeError, AttributeError, ArithmeticError, NotImplementedError, RuntimeError) as error:
        raise ClipError(f'{file}: is no whole .npz with "keypoints" and "scores" ({error}); {AGAIN}') from error
    if keypoints.ndim != 3 or scores.ndim != 2 or not np.can_cast(keypoints.dtype, np.complex128):
        raise ClipError(
            f"{file}: keypoints {keypoints.shape} of {keypoints.dtype} and scores {scores.shape} of {scores.dtype} "
            "should be numbers (T, 133, 2) and (T, 133)"
        )
    check_layout(keypoints.shape[1], keypoints.shape[2], file)
    if len(keypoints) != len(scores):
        raise ClipError(f"{file}: has {len(keypoints)} frames of keypoints and {len(scores)} of scores; {AGAIN}")
    check_layout(scores.shape[1], 2, file)
    return finished(keypoints, scores, fps, people, file)


def _check_size(data: bytes, file: str) -> None:
    """Zeros pack to a thousandth; zipfile never unpacks more than the sizes that are said."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > LARGEST:
        raise ClipError(f"{file}: unpacks to {size / 1e9:.1f} GB, which no pose file does; {AGAIN}")
