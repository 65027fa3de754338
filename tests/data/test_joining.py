"""Archives in parts: no byte is lost, whatever happens."""

import errno
import io
import os
import random
import shutil
from pathlib import Path

import pytest
from fake_hub import zipped
from hypothesis import given
from hypothesis import strategies as st

from slbench.data.joining import Spanned, archive_of, check_zip, in_order, join, joining_path
from slbench.errors import DataError, OutputError

ZIP = zipped()


def split(folder: Path, parts: int = 5, data: bytes = ZIP) -> dict[str, int]:
    """Writes x.zip.00, x.zip.01, ...; all but the last have one size."""
    size = -(-len(data) // parts)
    pieces = {f"x.zip.{number:02}": data[number * size : (number + 1) * size] for number in range(parts)}
    for name, piece in pieces.items():
        (folder / name).write_bytes(piece)
    return {name: len(piece) for name, piece in pieces.items()}


@pytest.mark.parametrize(
    "ends",
    [
        [f"{number:02}" for number in range(12)], [str(number) for number in range(12)],
        [f"{number:03}" for number in range(1, 13)], [f"part{number}" for number in range(12)],
        [first + second for first in "ab" for second in "abcdefghijklmnopqrstuvwxyz"],
    ],
)  # fmt: skip
def test_natural_order(ends) -> None:
    names = [f"data/x.zip.{end}" for end in ends]
    assert in_order(random.Random(0).sample(names, len(names))) == names
    assert {archive_of(name) for name in names} == {"data/x.zip"}


@pytest.mark.parametrize(
    "name", ["x.zip", "x.zip.md5", "x.zip.sha256", "x.zip.tmp", "x.tar.00", "x.zip.", "x.zip.00.x"]
)
def test_other_files_are_no_parts(name) -> None:
    assert archive_of(name) is None


@pytest.mark.parametrize("ends", [["aa", "ac"], ["00", "02"], ["1", "01"], ["02", "03"], ["001", "003"], ["ab", "ac"]])
def test_a_gap_is_named(ends) -> None:
    with pytest.raises(DataError, match=r"x\.zip: its parts are not all there"):
        in_order([f"x.zip.{end}" for end in ends])


@given(st.lists(st.binary(max_size=9), min_size=1, max_size=5), st.data())
def test_spanned_reads_as_one_file(tmp_path_factory, pieces, data) -> None:
    folder = tmp_path_factory.mktemp("spanned")
    for number, piece in enumerate(pieces):
        (folder / str(number)).write_bytes(piece + b"more")  # only what counts is read
    expected = io.BytesIO(b"".join(pieces))
    with Spanned([(folder / str(number), len(piece)) for number, piece in enumerate(pieces)]) as raw:
        spanned = io.BufferedReader(raw, buffer_size=3)
        for _ in range(4):
            place, size = data.draw(st.integers(0, 50)), data.draw(st.integers(-1, 50))
            assert spanned.seek(place) == expected.seek(place)
            assert spanned.read(size) == expected.read(size)
        assert spanned.seek(0, io.SEEK_END) == expected.seek(0, io.SEEK_END)


@pytest.mark.parametrize("parts", [1, 2, 5, 40])
def test_parts_become_the_archive(tmp_path, parts) -> None:
    join(tmp_path / "x.zip", split(tmp_path, parts))
    assert (tmp_path / "x.zip").read_bytes() == ZIP
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]


@pytest.mark.parametrize("lost", range(5))
def test_without_a_part_nothing_is_touched(tmp_path, lost) -> None:
    sizes = split(tmp_path)
    name = list(sizes)[lost]
    (tmp_path / name).unlink()
    del sizes[name]
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(DataError, match=r"x\.zip: is not a whole zip archive"):
        join(tmp_path / "x.zip", sizes)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


class Killed(BaseException):
    """Ends the process, as far as a test can."""


STEPS = [("copy", number) for number in range(5)] + [
    (step, number) for step in ("fsync", "unlink", "rename") for number in range(5 if step != "rename" else 1)
]


@pytest.mark.parametrize(("step", "number"), STEPS)
def test_killed_at_any_moment_a_second_call_goes_on(tmp_path, monkeypatch, step, number) -> None:
    sizes = split(tmp_path)
    with monkeypatch.context() as patch:
        if step == "copy":
            patch.setattr(shutil, "copyfileobj", interrupted_copy(number, Killed()))
        elif step == "fsync":
            patch.setattr(os, "fsync", after(number, os.fsync))
        else:
            name = "unlink" if step == "unlink" else "replace"
            patch.setattr(Path, name, after(number, getattr(Path, name)))
        with pytest.raises(Killed):
            join(tmp_path / "x.zip", sizes)
    assert not (tmp_path / "x.zip").exists()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= len(ZIP) + max(sizes.values())
    join(tmp_path / "x.zip", sizes)
    assert (tmp_path / "x.zip").read_bytes() == ZIP
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]


def after(calls: int, function):
    """The function, until it is called once more than that."""
    left = iter(range(calls))

    def call(*arguments):
        if next(left, None) is None:
            raise Killed
        return function(*arguments)

    return call


def interrupted_copy(calls: int, error: BaseException):
    left = iter(range(calls))
    whole = shutil.copyfileobj

    def copy(source, target, length=0):
        if next(left, None) is not None:
            return whole(source, target, length)
        target.write(source.read(100))
        target.flush()
        raise error

    return copy


def test_a_full_disk_loses_nothing(tmp_path, monkeypatch) -> None:
    sizes = split(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfileobj", interrupted_copy(2, OSError(errno.ENOSPC, "No space left on device")))
        with pytest.raises(OutputError, match=r"x\.zip: .*No space left on device.*make room.*run this again"):
            join(tmp_path / "x.zip", sizes)
    join(tmp_path / "x.zip", sizes)
    assert (tmp_path / "x.zip").read_bytes() == ZIP


def test_a_part_that_is_lost_meanwhile_is_named(tmp_path, monkeypatch) -> None:
    sizes = split(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfileobj", interrupted_copy(2, Killed()))
        with pytest.raises(Killed):
            join(tmp_path / "x.zip", sizes)
    (tmp_path / "x.zip.03").unlink()
    with pytest.raises(DataError, match=r"x\.zip: x\.zip\.03 of its parts are gone"):
        join(tmp_path / "x.zip", sizes)
    joining_path(tmp_path / "x.zip").unlink()
    with pytest.raises(DataError, match=r"x\.zip: x\.zip\.03 of its parts are gone"):
        join(tmp_path / "x.zip", sizes)


def test_a_part_of_another_size_is_refused(tmp_path) -> None:
    sizes = split(tmp_path)
    (tmp_path / "x.zip.01").write_bytes(b"cut")
    with pytest.raises(DataError, match=r"x\.zip\.01: has 3 bytes instead of"):
        join(tmp_path / "x.zip", sizes)


@pytest.mark.parametrize("damage", ["cut", "empty", "no zip", "hole", "twice", "swapped"])
def test_damaged_archives_are_refused(tmp_path, damage) -> None:
    half = len(ZIP) // 2
    data = {
        "cut": ZIP[:-1], "empty": b"", "no zip": b"text" * 100, "hole": ZIP[:half] + ZIP[half + 700 :],
        "twice": ZIP[:half] + ZIP[half - 700 :], "swapped": ZIP[700:1400] + ZIP[:700] + ZIP[1400:],
    }[damage]  # fmt: skip
    (tmp_path / "x.zip").write_bytes(data)
    with pytest.raises(DataError, match=r"^x\.zip: is not a whole zip archive"):
        check_zip(tmp_path / "x.zip", "x.zip")


def test_an_archive_that_cannot_be_read(tmp_path) -> None:
    with pytest.raises(DataError, match="nowhere.zip: cannot be read"):
        check_zip(tmp_path / "nowhere.zip", "nowhere.zip")
