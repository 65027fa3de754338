"""Pictures of clips: where frame 0 lies, what is there and what is not, in this process and in others."""

import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeCorpus
from filmed import FRAMES, SIZE, film
from told import COUNTS, ToldCorpus

from slbench import catalog
from slbench.data import mock
from slbench.data.mock import MockSplit
from slbench.data.noting import note_videos
from slbench.data.pictured import VideoPictures, remembered_videos, with_pictures, with_videos
from slbench.data.pictures import Picture, Region, cut, visible
from slbench.data.poses import Poses
from slbench.data.readers import Recording
from slbench.data.rendered import RenderedHands
from slbench.data.store import MANIFEST, folder_of
from slbench.data.video import frames
from slbench.data.videos import VideoFolder
from slbench.errors import ClipError, DataError
from slbench.files import file_digest

START = 7
WHOLE = [Region(frame, 0, 0, SIZE[0]) for frame in (0, 5, 22)]


@pytest.fixture
def videos(told: ToldCorpus, tmp_path: Path) -> Path:
    film(told, tmp_path / "videos", START)
    return tmp_path / "videos"


def decoded(path: Path) -> list[Picture]:
    return [image[:, :, ::-1] for image in frames(path)]


def padded(picture: Picture, region: Region) -> Picture:
    """Another way to cut: out of a picture with a wide black margin."""
    margin = 400
    wide = np.pad(picture, ((margin, margin), (margin, margin), (0, 0)))
    return wide[region.top + margin :, region.left + margin :][: region.side, : region.side]


@pytest.mark.parametrize(
    ("left", "top", "side"), [(3, 4, 10), (-5, 2, 20), (150, 110, 30), (-10, -10, 200), (-50, 0, 20), (300, 300, 8)]
)
def test_outside_the_picture_is_black(left: int, top: int, side: int) -> None:
    picture = np.random.default_rng(0).integers(1, 256, (SIZE[1], SIZE[0], 3)).astype(np.uint8)
    region = Region(0, left, top, side)
    found = cut(picture, region)
    assert found.shape == (side, side, 3)
    np.testing.assert_array_equal(found, padded(picture, region))
    shown = visible(region, SIZE)
    area = 0 if shown is None else (shown[2] - shown[0]) * (shown[3] - shown[1])
    assert area == (found.min(axis=2) > 0).sum()


def test_frames_count_from_where_the_clip_begins_in_its_recording(told: ToldCorpus, videos: Path) -> None:
    """The pickles begin at frame 7 of the videos."""
    split = told.ingest()["test"]
    assert (split.clip(3).first, split.clip(3).frames) == (START, FRAMES - START)
    clip = with_videos(split, VideoFolder(videos)).clip(3)
    whole = decoded(videos / "test" / "test-03.mp4")
    assert clip.video.size() == SIZE
    for found, region in zip(clip.video.regions(WHOLE), WHOLE, strict=True):
        np.testing.assert_array_equal(found, padded(whole[START + region.frame], region))
    drawn = RenderedHands(clip.keypoints, clip.scores, SIZE).frame(5)  # what H.264 has made of it is not far off
    assert np.abs(clip.video.regions(WHOLE)[1][: SIZE[1]].astype(int) - drawn).mean() < 4


@pytest.mark.parametrize(
    ("recording", "first"),
    [(Recording("a"), 4), (Recording("a", frames=(10, None)), 14), (Recording("a", seconds=(1.0, 1.5)), 24)],
)
def test_a_part_of_poses_that_begin_later(recording: Recording, first: int) -> None:
    poses = Poses(np.zeros((40, 133, 2), np.float32), np.zeros((40, 133), np.float32), 20.0, first=4)
    assert poses.cut(recording, None).first == first


def test_a_video_of_the_clips_own_begins_with_it(told: ToldCorpus, videos: Path) -> None:
    """Where the recording that the poses are of is not there, but a video that is called as the clip."""
    split = told.ingest()["test"]
    rows = with_videos(split, VideoFolder(videos))
    rows.videos[3] = replace(rows.videos[3], first=0)
    assert rows.clip(3).video.first == 0


def test_it_goes_to_loader_workers(told: ToldCorpus, videos: Path) -> None:
    rows = with_videos(told.ingest()["test"], VideoFolder(videos))
    again = pickle.loads(pickle.dumps(rows))
    np.testing.assert_array_equal(again.clip(2).video.regions(WHOLE), rows.clip(2).video.regions(WHOLE))
    assert [row.id for row in again] == [row.id for row in told.ingest()["test"]]


def test_a_video_that_is_missing_and_one_that_is_too_short(told: ToldCorpus, videos: Path) -> None:
    (videos / "test" / "test-00.mp4").unlink()
    shutil.copy(videos / "train" / "train-00.mp4", videos / "test" / "test-02.mp4")
    (videos / "test" / "test-04.mp4").write_bytes(b"")
    told_split = told.ingest()["test"]
    rows = with_videos(told_split, VideoFolder(videos))
    with pytest.raises(ClipError, match=r"clip test-00: there is no video test-00\.\* in .*videos; put it there"):
        rows.clip(0)
    assert [rows.shows(index) for index in range(3)] == [False, True, True]
    video = rows.clip(5).video
    longer = VideoPictures("test-05", video.path, video.first, FRAMES)
    with pytest.raises(ClipError, match=r"clip test-05: .*test-05.mp4: has 30 frames, and its poses have 37"):
        longer.regions(WHOLE[:1])
    for ask in (lambda video: video.size(), lambda video: video.regions(WHOLE)):
        with pytest.raises(ClipError, match=r"clip test-04: .*test-04.mp4: is empty"):
            ask(rows.clip(4).video)


def test_no_pictures_at_all(told: ToldCorpus, tmp_path: Path) -> None:
    split = told.ingest()["test"]
    with pytest.raises(DataError, match=r"made-up: it was prepared without videos.*--videos.*data prepare made-up"):
        with_pictures(split, told.card, None)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.mp4").touch()
    with pytest.raises(DataError, match=r"other: of the 12 clips of made-up test not one has a video.*test-00.mp4"):
        with_pictures(split, told.card, tmp_path / "other")
    with pytest.raises(DataError, match=r"nowhere: there is no such folder"):
        with_pictures(split, told.card, tmp_path / "nowhere")


def test_a_corpus_of_poses_only(corpus: FakeCorpus, told: ToldCorpus) -> None:
    split = told.ingest()["test"]
    told.write_card(needs_source=False)
    with pytest.raises(DataError, match=r"this corpus has poses only.*--modality pose"):
        with_pictures(split, told.card, None)


def test_the_folder_is_remembered(told: ToldCorpus, videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    splits = told.ingest()
    assert note_videos(told.card, list(splits.values()), None, told.root).videos is None
    assert remembered_videos(told.card) is None
    monkeypatch.chdir(videos.parent)
    (videos / "dev" / "dev-00.mp4").unlink()
    found = note_videos(told.card, list(splits.values()), Path("videos"), told.root)
    total = sum(COUNTS.values())
    assert (found.found, found.clips) == ({**COUNTS, "dev": COUNTS["dev"] - 1}, total)
    assert remembered_videos(told.card) == videos
    assert with_pictures(splits["test"], told.card, None).clip(0).video.size() == SIZE
    shutil.move(videos, told.root / "videos")
    with pytest.raises(DataError, match=r"videos: there is no such folder"):
        with_pictures(splits["test"], told.card, None)
    assert note_videos(told.card, list(splits.values()), None, told.root).found == found.found
    assert remembered_videos(told.card) == told.root
    (folder_of(told.card) / "videos.json").write_text("{}")
    with pytest.raises(DataError, match=r"videos.json: is damaged"):
        remembered_videos(told.card)


def test_a_folder_of_other_videos_is_not_remembered(told: ToldCorpus, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.mp4").touch()
    with pytest.raises(DataError, match="not one has a video there"):
        note_videos(told.card, list(told.ingest().values()), tmp_path / "other", told.root)
    assert remembered_videos(told.card) is None


def test_a_store_of_an_older_slbench(told: ToldCorpus, tmp_path: Path) -> None:
    """Its clips do not say where they begin in their recordings."""
    file = told.ingest()["test"].folder / MANIFEST
    file.write_text(json.dumps(json.loads(file.read_text()) | {"schema_version": 2}))
    with pytest.raises(DataError, match=r"prepared by an older slbench: prepare it again"):
        told.run(tmp_path / "out")
    assert told.ingest()["test"].clip(0).frames == 5


def test_mock_clips_may_have_pictures(corpus: FakeCorpus) -> None:
    card = catalog.get_task(str(corpus.task_path))
    plain, drawn = MockSplit(card, 0), MockSplit(card, 0, pictures=True)
    assert plain.clip(0).video is None
    assert plain.manifest.data_digest != drawn.manifest.data_digest
    with pytest.MonkeyPatch.context() as patch:  # other code that draws
        patch.setattr(mock, "file_digest", lambda path: "other" if path.stem == "rendered" else file_digest(path))
        again = (MockSplit(card, 0).manifest.data_digest, MockSplit(card, 0, pictures=True).manifest.data_digest)
    assert again[0] == plain.manifest.data_digest
    assert again[1] != drawn.manifest.data_digest
    clip = pickle.loads(pickle.dumps(drawn)).clip(0)
    np.testing.assert_array_equal(clip.keypoints, plain.clip(0).keypoints)
    (picture,) = clip.video.regions([Region(0, 0, 0, 256)])
    wrist = (clip.keypoints[0, 91] * 256).round().astype(int)
    assert picture[wrist[1], wrist[0]].max() > 200
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) == 6  # five fingers on a ground
