"""Which folder of videos `data prepare` takes and remembers, and what it says of videos that are odd."""

import os
import shutil
from pathlib import Path

import pytest
from filmed import FRAMES, film
from told import COUNTS, ToldCorpus

from slbench.data.noting import Noted, note_videos
from slbench.data.pictured import REMEMBERED, remembered_videos, with_pictures
from slbench.data.rendered import write_video
from slbench.data.store import folder_of
from slbench.data.videos import VideoFolder
from slbench.errors import DataError


@pytest.fixture
def videos(told: ToldCorpus, tmp_path: Path) -> Path:
    film(told, tmp_path / "videos")
    return tmp_path / "videos"


def noted(told: ToldCorpus, videos: Path | None) -> Noted:
    return note_videos(told.card, list(told.ingest().values()), videos, told.root)


def test_the_folder_that_was_found_before_comes_first(told: ToldCorpus, videos: Path) -> None:
    """A stray video in the source does not take its place; its own disappearance does not end anything."""
    noted(told, videos)
    (told.root / "old").mkdir()
    shutil.copy(videos / "test" / "test-00.mp4", told.root / "old" / "test-00.mp4")
    again = noted(told, None)
    assert (again.videos.place, again.found, again.notes) == (videos, COUNTS, ())
    assert remembered_videos(told.card) == videos
    videos.rename(videos.with_name("gone"))
    assert noted(told, None).found == {"train": 0, "dev": 0, "test": 1}
    assert remembered_videos(told.card) == told.root


def test_splits_without_videos_are_named(told: ToldCorpus, videos: Path) -> None:
    shutil.rmtree(videos / "train")
    found = noted(told, videos)
    assert found.found == COUNTS | {"train": 0}
    assert found.notes == (f"made-up: of the 8 clips of train not one has a video in {videos}",)


def test_several_videos_that_may_be_meant(told: ToldCorpus, videos: Path) -> None:
    """As for poses; without --videos it is said, and nothing is remembered."""
    both = told.root / "both"
    for kind in ("depth", "rgb"):
        shutil.copytree(videos, both / kind)
    message = r"the video of (\S+) may be depth/\S+\.mp4 or rgb/\S+\.mp4; name the folder .* --videos"
    with pytest.raises(DataError, match=message):
        noted(told, both)
    found = noted(told, None)
    assert found.videos is None
    assert "videos are not remembered: " in found.notes[0]
    assert remembered_videos(told.card) is None
    assert noted(told, both / "rgb").found == COUNTS


def test_a_folder_for_the_split_decides_between_two(tmp_path: Path) -> None:
    for folder in ("train", "test"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "0001.mp4").touch()
    assert VideoFolder(tmp_path).find("0001", "test") == "test/0001.mp4"


def test_a_folder_that_cannot_be_listed(told: ToldCorpus, videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the source it is passed over with a word, and so by a run; in a folder that is named it is an error."""
    shutil.move(videos, told.root / "videos")
    (told.root / "lost+found").mkdir()
    scandir = os.scandir

    def refusing(place):
        if str(place).endswith("lost+found"):
            raise PermissionError(13, "Permission denied", str(place))
        return scandir(place)

    monkeypatch.setattr(os, "scandir", refusing)
    found = noted(told, None)
    assert found.found == COUNTS
    (note,) = found.notes
    assert note == f"{told.root / 'lost+found'}: cannot be listed, so no videos are looked for in it"
    assert with_pictures(told.ingest()["test"], told.card, None).shows(0)
    with pytest.raises(DataError, match=r"lost\+found: cannot be listed"):
        noted(told, told.root)


def test_what_was_remembered_is_damaged(told: ToldCorpus, videos: Path) -> None:
    noted(told, videos)
    (folder_of(told.card) / REMEMBERED).write_text("{}")
    assert "videos.json: is damaged" in noted(told, None).notes[0]


def test_videos_of_another_frame_rate(told: ToldCorpus, videos: Path) -> None:
    """Twice as many frames as the poses; nothing is said of clips that begin later in their recording."""
    drawn = film(told, videos)
    assert noted(told, videos).notes == ()
    twice = [picture for picture in drawn["test-03"] for _ in range(2)]
    write_video(videos / "test" / "test-03.mp4", twice)
    for name in ("test-05", "test-06"):
        (videos / "test" / f"{name}.mp4").write_bytes(b"no video")
    (note,) = noted(told, videos).notes
    assert "of 20 videos that were looked at, " in note
    assert " such as " in note
    for split in ("train", "dev"):
        shutil.rmtree(videos / split)
    *_, note = noted(told, videos).notes
    assert note.startswith("of 12 videos that were looked at, 3 cannot be read or have another number of frames")
    assert f"test-03: test/test-03.mp4 has {2 * FRAMES} frames, and its poses have {FRAMES}; were the poses" in note
    film(told, videos, start=3)
    write_video(videos / "test" / "test-03.mp4", twice)
    assert noted(told, videos).notes == ()
