"""Small pose files that would take all memory, or end `prepare`: a ClipError before anything is made."""

import io
import pickle
import resource
import zipfile
from pathlib import Path

import numpy as np
import pytest

from slbench.data.poses import PoseFile
from slbench.errors import ClipError

POSES = {"keypoints": np.full((2, 133, 2), 0.5, np.float32), "scores": np.ones((2, 133), np.float32)}
SPARE = 256 << 20
"""Bytes that reading a hostile file may take at most; each of these would take over 2 GB."""


def refused(path: Path, message: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ClipError, match=rf"{path.name}: .*{message}"):
        PoseFile(path).read()
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < SPARE


def doubled(levels: int, inner):
    for _ in range(levels):
        inner = [inner, inner]
    return inner


FRAME, SCORE, NOBODY = np.zeros((1, 133, 2), "f4"), np.zeros((1, 133), "f4"), np.zeros((0, 133, 2), "f4")
PICKLES = {
    "lists that double": (doubled(28, 0.5), doubled(28, 0.5), "more than 4 deep"),
    "lists that double in a frame": ([doubled(28, 0.5)], [SCORE], "more than 4 deep"),
    "long lists held often": ([[[[0.5] * 999] * 999] * 999], [SCORE], "far more numbers"),
    "one frame held often": ([FRAME] * 590_000, [SCORE] * 590_000, "far more numbers"),
    "empty frames held often": ([NOBODY] * 700_000, [SCORE[:0]] * 700_000, "far more numbers"),
    "frames of nobody in an array": (np.zeros((1 << 22, 0, 133, 2)), np.zeros((1 << 22, 0, 133)), "far more numbers"),
    "a list of itself": ((itself := [0.5]), itself, "more than 4 deep"),
}
itself.append(itself)


@pytest.mark.parametrize("name", PICKLES)
def test_pickles(tmp_path, name) -> None:
    keypoints, scores, message = PICKLES[name]
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps({"keypoints": keypoints, "scores": scores}))
    assert path.stat().st_size < 4 << 20
    refused(path, message)


def test_one_frame_of_many_persons_costs_the_others_nothing(tmp_path) -> None:
    """Only the first of each is taken; room for all in all frames would be 4 GB."""
    crowd = [np.full((1000, 133, 2), 0.5, "f4"), *[FRAME] * 4000]
    held = {"keypoints": crowd, "scores": [np.ones((1000, 133), "f4"), *[SCORE] * 4000]}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(held))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    poses = PoseFile(tmp_path / "a.pkl").read()
    assert (len(poses), poses.people) == (4001, 1000)
    assert poses.scores.sum(axis=1)[:2].tolist() == [133, 0]
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < SPARE


def packed(path: Path, header: bytes, size: int) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("keypoints.npy", "w", force_zip64=True) as member:
            member.write(header)
            for _ in range(size >> 20):
                member.write(bytes(1 << 20))
        with archive.open("scores.npy", "w") as member:
            np.save(member, POSES["scores"])


def header(shape: tuple[int, ...], kind: str = "<f4") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"shape": shape, "fortran_order": False, "descr": kind})
    return file.getvalue()


def test_an_npz_that_unpacks_to_too_much(tmp_path, monkeypatch) -> None:
    """With a limit of 64 MB, as packing 1 GB takes seconds."""
    packed(tmp_path / "a.npz", header((70_000, 133, 2)), 80 << 20)
    assert (tmp_path / "a.npz").stat().st_size < 100_000
    monkeypatch.setattr("slbench.data.poses.own.LARGEST", 64 << 20)
    refused(tmp_path / "a.npz", "unpacks to 0.1 GB")


@pytest.mark.parametrize(
    ("shape", "kind"), [((1 << 32, 133, 2), "<f4"), ((1 << 21, 133, 2), "<f8"), ((1 << 40, 133, 2), "|S0")]
)
def test_an_npz_whose_header_lies(tmp_path, shape, kind) -> None:
    packed(tmp_path / "a.npz", header(shape, kind), 1 << 20)
    refused(tmp_path / "a.npz", "")


@pytest.mark.parametrize(
    "changes",
    [{"people": 2**40}, {"people": 2**31}, {"people": -1}, {"people": np.nan}, {"people": np.inf}, {"fps": np.nan},
     {"fps": np.inf}, {"fps": -1.0}, {"fps": 1001.0}, {"fps": -np.inf}],
    ids=str,
)  # fmt: skip
def test_numbers_that_cannot_be(tmp_path, changes) -> None:
    np.savez(tmp_path / "a.npz", **POSES, fps=1000.0, people=2**31 - 1)
    assert len(PoseFile(tmp_path / "a.npz").read()) == 2
    np.savez(tmp_path / "b.npz", **POSES | changes)
    refused(tmp_path / "b.npz", "")
