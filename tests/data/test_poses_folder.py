"""Pose files are found by the names of recordings, in folders of any depth and in zip archives."""

import multiprocessing
import os
import pickle
import shutil
import time
import zipfile
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from slbench.data.extractor import Extractor, write_extractor
from slbench.data.poses import PoseFile, PoseFolder
from slbench.data.readers.official import whole as recordings
from slbench.errors import ClipError, DataError


def poses(number: int) -> bytes:
    """A pickle with so many frames."""
    return pickle.dumps({"keypoints": np.full((number, 1, 133, 2), 0.5), "scores": np.ones((number, 1, 133))})


def laid_out(root: Path, paths: list[str], zipped: bool) -> Path:
    """Files whose number of frames is their place in the list, from 1."""
    for number, path in enumerate(paths, 1):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(poses(number))
    if not zipped:
        return root
    archive = root.with_name(f"{root.name}.zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in paths:
            file.write(root / path, path)
    shutil.rmtree(root)
    return archive


def in_two_archives(root: Path, paths: list[str]) -> Path:
    """A folder that holds the files of `laid_out` in two archives, and nothing else."""
    whole = laid_out(root, paths, zipped=True)
    root.mkdir()
    with (
        zipfile.ZipFile(whole) as file,
        zipfile.ZipFile(root / "archive_001.zip", "w") as first,
        zipfile.ZipFile(root / "archive_002.zip", "w") as second,
    ):
        for number, path in enumerate(paths):
            (second if number % 2 else first).writestr(path, file.read(path))
    whole.unlink()
    return root


@pytest.fixture(params=["folder", "zip", "archives"])
def layout(request, tmp_path):
    def made(*paths: str) -> PoseFolder:
        if request.param == "archives":
            return PoseFolder(in_two_archives(tmp_path / "poses", list(paths)))
        return PoseFolder(laid_out(tmp_path / "poses", list(paths), request.param == "zip"))

    return made


def found(folder: PoseFolder, name: str, split: str) -> int | None:
    """Which file, by its number of frames."""
    file = folder.find(name, split)
    return None if file is None else len(file.read())


def test_names_in_one_folder(layout) -> None:
    folder = layout("S000020_P0000_T00.pkl", "--7E2sU6zP4_10-5-rgb_front.pkl", "a.b.pkl", "notes.txt")
    assert len(folder) == 3
    assert found(folder, "S000020_P0000_T00", "test") == 1
    assert found(folder, "--7E2sU6zP4_10-5-rgb_front", "train") == 2
    assert found(folder, "a.b", "train") == 3
    for absent in ("S000020_P0000_T0", "a", "notes", "", "poses", "T00", "train/nothing"):
        assert folder.find(absent, "test") is None


def test_the_folder_of_the_split_is_preferred(layout) -> None:
    folder = layout(
        "pose_format/train/1.pkl", "pose_format/val/1.pkl", "pose_format/test/1.pkl", "pose_format/test/2.pkl"
    )
    assert [found(folder, "1", split) for split in ("train", "dev", "test")] == [1, 2, 3]
    assert [found(folder, f"{split}/1", "train") for split in ("train", "dev", "val", "test")] == [1, 2, 2, 3]
    assert [found(folder, "2", split) for split in ("train", "dev", "test")] == [None, None, 4]
    assert folder.find("train/2", "train") is None, "a file of another split is not meant"


def test_a_file_of_another_split_is_not_taken(layout) -> None:
    folder = layout("train/0001.pkl", "train/0002.pkl", "0002.pkl", "train/0003.pkl", "val/0003.pkl", "x/0004.pkl")
    assert found(folder, "0001", "train") == 1
    assert [folder.find("0001", split) for split in ("dev", "val", "test")] == [None] * 3
    assert found(folder, "0002", "test") == 3, "the one that is in no split's folder"
    assert folder.find("0003", "test") is None, "it is not one of several either"
    assert found(folder, "0004", "test") == 6
    assert found(folder, "train/0001", "test") == 1, "named with a split on purpose"
    assert [folder.find(one.name, "test") for one in recordings("0001", "test")] == [None, None]
    assert [found(folder, one.name, "train") for one in recordings("0001", "train")] == [1, 1]


def test_a_name_with_folders_is_the_end_of_the_path(layout) -> None:
    folder = layout("x/a/1.pkl", "x/b/1.pkl", "ab/2.pkl", "3.pkl")
    assert found(folder, "a/1", "train") == 1
    assert found(folder, "x/b/1", "train") == 2
    assert folder.find("b/2", "train") is None
    assert found(folder, "dev/3", "dev") == 4, "one folder for all splits"
    assert folder.find("other/3", "dev") is None


def test_one_that_may_be_another_is_an_error(layout) -> None:
    folder = layout("a/1.pkl", "b/1.pkl", "c/2.pkl", "c/2.json")
    with pytest.raises(DataError, match=r"poses.*: 1 may be (\S+zip/)?a/1.pkl or (\S+zip/)?b/1.pkl; leave one"):
        folder.find("1", "train")
    with pytest.raises(DataError, match=r"c/2.(pkl|json) or (\S+zip/)?c/2.(pkl|json)"):
        folder.find("2", "train")


def test_files_that_are_no_poses_are_passed_over(layout) -> None:
    assert len(layout("a.pkl", "extractor.json", ".a.pkl.x.tmp", "._a.pkl", "__MACOSX/._a.pkl", "a.mp4")) == 1


def test_archives_count_as_unpacked_where_they_lie(tmp_path) -> None:
    root = laid_out(tmp_path / "poses", ["1.pkl", "2.pkl", "3.pkl"], zipped=False)
    for split, number in (("train", 1), ("val", 2)):
        (root / split / "deep").mkdir(parents=True)
        with zipfile.ZipFile(root / split / "deep" / "Some.ZIP", "w") as archive:
            archive.writestr(f"{split}/9.pkl", poses(number))
            archive.writestr("1.pkl", poses(10 * number))
    folder = PoseFolder(root)
    assert len(folder) == 7
    assert [found(folder, "9", split) for split in ("train", "dev")] == [1, 2]
    assert [found(folder, "deep/1", split) for split in ("train", "dev")] == [10, 20]
    assert found(folder, "2", "test") == 2
    file = folder.find("9", "train")
    assert file == PoseFile(root / "train" / "deep" / "Some.ZIP", "train/9.pkl")
    assert pickle.loads(pickle.dumps(file)).sha256() == sha256(poses(1)).hexdigest()


def test_a_file_that_is_also_in_an_archive_is_an_error(tmp_path) -> None:
    root = in_two_archives(tmp_path / "poses", ["a/1.pkl", "2.pkl"])
    laid_out(root, ["1.pkl"], zipped=False)
    with pytest.raises(DataError, match=r"1 may be (1.pkl or )?archive_001.zip/a/1.pkl( or 1.pkl)?; leave one of them"):
        PoseFolder(root).find("1", "train")
    shutil.copy(root / "archive_002.zip", root / "again.zip")
    with pytest.raises(DataError, match=r"2 may be again.zip/2.pkl or archive_002.zip/2.pkl; leave one of them"):
        PoseFolder(root).find("2", "train")


def test_archives_without_poses_are_passed_over(tmp_path) -> None:
    root = in_two_archives(tmp_path / "poses", ["1.pkl", "2.pkl"])
    with zipfile.ZipFile(root / "rgb.zip", "w") as archive:
        archive.writestr("rgb/1.mp4", b"frames")
    (root / "._archive_001.zip").write_bytes(b"left by another system")
    (root / "x.zip.aa").write_bytes(b"a part")
    assert len(PoseFolder(root)) == 2
    (root / "rgb.zip").write_bytes((root / "rgb.zip").read_bytes()[:-9])
    with pytest.raises(DataError, match=r"poses.rgb\.zip: is no whole \.zip archive"):
        PoseFolder(root)


def test_archives_alone(tmp_path) -> None:
    root = in_two_archives(tmp_path / "poses", ["1.pkl", "2.pkl"])
    laid_out(root, ["list.json", "deep/3.pkl"], zipped=False)
    (root / "deep" / "cut.zip").write_bytes(b"PK")
    folder = PoseFolder(root, archives_only=True)
    assert [found(folder, name, "train") for name in "123"] == [1, 2, None]


def test_digest_and_state(layout) -> None:
    folder = layout("a.pkl", "b.pkl")
    first, second = folder.find("a", "test"), folder.find("b", "test")
    assert first is not None
    assert second is not None
    assert first.sha256() == sha256(poses(1)).hexdigest()
    assert first.state() == first.state() != second.state()
    again = pickle.loads(pickle.dumps(first))
    assert again == first
    assert len(again.read()) == 1


def test_a_changed_file_has_another_state(tmp_path) -> None:
    place = laid_out(tmp_path / "poses", ["a.pkl"], zipped=False) / "a.pkl"
    before = PoseFile(place).state()
    place.write_bytes(poses(2))
    assert PoseFile(place).state() != before


@pytest.mark.parametrize("replaced", [True, False])
def test_a_change_that_keeps_size_and_time_is_seen(tmp_path, replaced: bool) -> None:
    """As after `cp -p`, `rsync -t` and `unzip`, into a new file or over the old one."""
    place = laid_out(tmp_path / "poses", ["a.pkl"], zipped=False) / "a.pkl"
    file, old = PoseFile(place), place.stat()
    before = file.state()
    assert file.read().scores.max() == 1
    other = pickle.dumps({"keypoints": np.full((1, 1, 133, 2), 0.5), "scores": np.full((1, 1, 133), 0.25)})
    assert len(other) == old.st_size
    time.sleep(0.02)  # a file system's clock may tick in hundredths of a second
    (tmp_path / "new").write_bytes(other)
    os.utime(tmp_path / "new", ns=(old.st_atime_ns, old.st_mtime_ns))
    if replaced:
        (tmp_path / "new").replace(place)
    else:
        shutil.copy2(tmp_path / "new", place)
    assert (place.stat().st_size, place.stat().st_mtime_ns) == (old.st_size, old.st_mtime_ns)
    assert file.state() != before
    assert file.read().scores.max() == 0.25


def test_a_changed_archive_is_opened_again(tmp_path) -> None:
    file = PoseFolder(laid_out(tmp_path / "poses", ["a.pkl", "b.pkl"], zipped=True)).find("b", "test")
    assert file is not None
    before = file.state()
    assert len(file.read()) == 2
    laid_out(tmp_path / "poses", ["x.pkl", "y.pkl", "b.pkl"], zipped=True)
    assert file.state() != before
    assert len(file.read()) == 3


def length(file: PoseFile) -> int:
    return len(file.read())


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python 3.12 warns where there are threads
def test_forked_processes_do_not_share_the_open_archive(tmp_path) -> None:
    folder = PoseFolder(laid_out(tmp_path / "poses", [f"{n:03}.pkl" for n in range(1, 61)], zipped=True))
    files = [folder.find(f"{n:03}", "test") for n in range(1, 61)]
    assert len(files[0].read()) == 1  # opened here
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(length, files, chunksize=1) == list(range(1, 61))


def test_truncated_and_absent_archives(tmp_path) -> None:
    place = laid_out(tmp_path / "poses", ["a.pkl", "b.pkl"], zipped=True)
    data = place.read_bytes()
    for keep in (0, 30, len(data) // 2, len(data) - 1):
        place.write_bytes(data[:keep])
        with pytest.raises(DataError, match=r"poses\.zip: is no whole \.zip archive .*join all of them"):
            PoseFolder(place)
    place.unlink()
    with pytest.raises(DataError, match=r"poses\.zip: there is no such folder"):
        PoseFolder(place)


def test_a_damaged_member_is_one_clip(tmp_path) -> None:
    place = laid_out(tmp_path / "poses", ["a.pkl", "b.pkl"], zipped=True)
    data = bytearray(place.read_bytes())
    data[60:80] = bytes(20)
    place.write_bytes(data)
    folder = PoseFolder(place)
    with pytest.raises(ClipError, match=r"poses\.zip/a\.pkl: .*cannot be read .*get the archive again"):
        folder.find("a", "test").read()
    assert len(folder.find("b", "test").read()) == 2


def test_an_empty_and_a_locked_member(tmp_path) -> None:
    place = tmp_path / "poses.zip"
    with zipfile.ZipFile(place, "w") as file:
        file.writestr("a.pkl", b"")
        file.writestr("b.pkl", poses(1))
    with pytest.raises(ClipError, match=r"poses\.zip/a\.pkl: is empty"):
        PoseFolder(place).find("a", "test").read()
    data = bytearray(place.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.rindex(signature)
        data[at + flags] |= 1
    place.write_bytes(data)
    with pytest.raises(ClipError, match=r"b\.pkl: cannot be read .*encrypted.*unpack it"):
        PoseFolder(place).find("b", "test").read()


def test_linked_folders_are_followed_once(tmp_path) -> None:
    laid_out(tmp_path / "elsewhere", ["deep/a.pkl"], zipped=False)
    root = tmp_path / "poses"
    root.mkdir()
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "loop").symlink_to(root)
    folder = PoseFolder(root)
    assert len(folder) == 1
    assert found(folder, "deep/a", "test") == 1


def test_who_made_the_poses(layout, tmp_path) -> None:
    folder = layout("a.pkl")
    assert folder.extractor() is None
    made = Extractor(name="rtmlib Wholebody performance", version="0.0.16")
    write_extractor(tmp_path if folder.zipped else tmp_path / "poses", made)
    assert folder.extractor() == made


def test_who_made_the_poses_is_said_above_them(tmp_path) -> None:
    """The nearest counts."""
    far, near = Extractor(name="far"), Extractor(name="near")
    root = laid_out(tmp_path / "poses", ["train/deep/a.pkl", "dev/a.pkl"], zipped=False)
    archive = laid_out(tmp_path / "poses" / "test" / "other", ["b.pkl"], zipped=True)
    write_extractor(root, far)
    write_extractor(root / "train", near)
    told = {place: PoseFolder(root / place).extractor() for place in ("train/deep", "train", "dev", archive)}
    assert told == {"train/deep": near, "train": near, "dev": far, archive: far}


def test_only_files_that_are_named_are_somebodys(tmp_path, monkeypatch) -> None:
    """A user's own archive beside released ones is not released by the authors."""
    root = tmp_path / "corpus"
    released = laid_out(root / "released", ["a.pkl"], zipped=True)
    authors = Extractor(name="released by the authors", files=("released.zip", "lists/labels.json"))
    write_extractor(root, authors)
    (root / "lists").mkdir()
    (root / "lists" / "labels.json").write_text("[]")
    assert [PoseFolder(place).extractor() for place in (root, released)] == [authors] * 2
    (root / "lists" / "notes.txt").write_text("no poses")
    assert PoseFolder(root).extractor() == authors
    own = laid_out(root / "own", ["b.pkl"], zipped=True)
    assert [PoseFolder(place).extractor() for place in (own, released, root)] == [None, authors, None]
    own.unlink()
    loose = laid_out(root / "mine", ["c.pkl"], zipped=False)
    assert [PoseFolder(place).extractor() for place in (loose, released, root)] == [None, authors, None]
    monkeypatch.chdir(root)
    assert PoseFolder(Path("released.zip")).extractor() == authors


def test_tens_of_thousands_of_names_take_seconds(tmp_path) -> None:
    place = tmp_path / "poses.zip"
    with zipfile.ZipFile(place, "w") as file:
        for number in range(20_000):
            file.writestr(f"poses/train/{number:05}.pkl", b"")
    start = time.perf_counter()
    folder = PoseFolder(place)
    assert all(folder.find(f"{number:05}", "train") for number in range(20_000))
    assert time.perf_counter() - start < 4
