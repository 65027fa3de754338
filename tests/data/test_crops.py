"""Crops against what decoding the videos gives, and what is cut out again after changes and kills."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from filmed import FRAMES, SIZE, film
from PIL import Image
from told import COUNTS, ToldCorpus

from slbench.cli import main
from slbench.data import cropping
from slbench.data.clip import Clip
from slbench.data.cropping import cut_crops, squares
from slbench.data.crops import MANIFEST, Cropped, Crops, crops_folder, find_crops
from slbench.data.hands import candidate_frames, crop_regions, crop_side, hand_boxes
from slbench.data.pictured import (
    VideoPictures,
    outdated_crops,
    pictures_digest,
    remember_videos,
    with_pictures,
    with_videos,
)
from slbench.data.pictures import Region
from slbench.data.skeleton import LEFT_HAND, RIGHT_HAND
from slbench.data.status import status_of
from slbench.data.store import Split
from slbench.data.video import frames
from slbench.data.videos import VideoFolder
from slbench.errors import ClipError, DataError
from slbench.files import file_digest


@pytest.fixture
def videos(told: ToldCorpus, tmp_path: Path) -> Path:
    film(told, tmp_path / "videos")
    return tmp_path / "videos"


@pytest.fixture
def split(told: ToldCorpus, videos: Path) -> Split:
    return told.ingest()["test"]


def drawn(clip: Clip, chance: np.random.Generator) -> list[Region]:
    """What a sampler may ask for: some of the candidates, with the side that they alone decide."""
    hands, found = (LEFT_HAND, RIGHT_HAND), []
    for hand in hands:
        frames = candidate_frames(clip.scores[:, hand])
        found.append(np.sort(chance.permutation(frames)[: int(chance.integers(1, 8))]))
    boxes = [
        hand_boxes(clip.id, some, clip.keypoints[some][:, hand], SIZE) for some, hand in zip(found, hands, strict=True)
    ]
    side = crop_side(boxes)
    return [region for box in boxes for region in crop_regions(box, side)]


def test_crops_are_what_decoding_gives(told: ToldCorpus, videos: Path, split: Split) -> None:
    """Clip 1 is partly beyond the edge of the picture."""
    crops = pickle.loads(pickle.dumps(cut_crops(told.card, split, VideoFolder(videos))))
    rows, chance = with_videos(split, VideoFolder(videos)), np.random.default_rng(0)
    outside = 0
    for index in range(len(split)):
        clip = rows.clip(index)
        for _ in range(5):
            wanted = drawn(clip, chance)
            found = Cropped(crops, clip.id, None).regions(wanted)
            np.testing.assert_array_equal(found, clip.video.regions(wanted))
            outside += sum(region.left < 0 for region in wanted)
    assert outside > 0


def test_a_run_takes_crops_without_videos(told: ToldCorpus, videos: Path, split: Split) -> None:
    cut_crops(told.card, split, VideoFolder(videos))
    expected = with_videos(split, VideoFolder(videos))
    wanted = drawn(split.clip(4), np.random.default_rng(0))
    regions = expected.clip(4).video.regions(wanted)
    remember_videos(told.card, videos)
    for path in videos.rglob("*.mp4"):
        path.unlink()
    videos.rename(videos.with_name("gone"))
    rows = with_pictures(split, told.card, None)
    assert rows.shows(4)
    clip = pickle.loads(pickle.dumps(rows)).clip(4)
    assert clip.video.size() == SIZE
    np.testing.assert_array_equal(clip.video.regions(wanted), regions)
    with pytest.raises(ClipError, match=r"clip test-04: a region of frame 2 is not among its crops; .*--videos"):
        clip.video.regions([Region(2, 0, 0, SIZE[0])])
    (black,) = clip.video.regions([Region(2, -50, 0, 20)])
    assert not black.any()


def test_what_is_not_covered_is_decoded(told: ToldCorpus, videos: Path, split: Split) -> None:
    cut_crops(told.card, split, VideoFolder(videos))
    remember_videos(told.card, videos)
    clip, plain = (
        rows.clip(4) for rows in (with_pictures(split, told.card, None), with_videos(split, VideoFolder(videos)))
    )
    wanted = [*drawn(clip, np.random.default_rng(0)), Region(2, 0, 0, SIZE[0]), *drawn(clip, np.random.default_rng(1))]
    for found, expected in zip(clip.video.regions(wanted), plain.video.regions(wanted), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_hand_that_is_never_seen_has_no_squares(split: Split) -> None:
    clip = split.clip(0)
    scores = clip.scores.copy()
    scores[:, LEFT_HAND] = 0.3
    assert {region.frame for region in squares(replace(clip, scores=scores), SIZE)} == set(range(FRAMES))
    assert len(squares(clip, SIZE)) == 2 * FRAMES
    assert squares(replace(clip, scores=np.zeros_like(scores)), SIZE) == []
    assert squares(replace(clip, keypoints=np.zeros_like(clip.keypoints)), SIZE) == []


def stamps(crops: Crops) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in crops.folder.glob("*.arrow")}


def test_only_what_has_changed_is_cut_out_again(
    told: ToldCorpus, videos: Path, split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cropping, "SHARD_CLIPS", 4)
    (videos / "test" / "test-05.mp4").unlink()
    broken = (videos / "test" / "test-11.mp4").read_bytes()
    (videos / "test" / "test-11.mp4").write_bytes(broken[:500])
    first = cut_crops(told.card, split, VideoFolder(videos))
    assert (first.manifest.clips, first.manifest.readable, len(first.manifest.shards)) == (12, 10, 3)
    assert [clip for clip, _ in first.errors()] == ["test-05", "test-11"]
    assert [("test-05" in first), ("test-06" in first)] == [False, True]
    before = stamps(first)
    (videos / "test" / "test-11.mp4").write_bytes(broken)
    again = cut_crops(told.card, split, VideoFolder(videos))
    kept = [name for name, inode in stamps(again).items() if before.get(name) == inode]
    assert len(kept) == 2
    assert [clip for clip, _ in again.errors()] == ["test-05"]
    assert again.manifest.size == sum(path.stat().st_size for path in again.folder.glob("*.arrow"))


def test_crops_of_another_state_of_the_corpus_are_not_taken(told: ToldCorpus, videos: Path, split: Split) -> None:
    cut_crops(told.card, split, VideoFolder(videos))
    assert find_crops(told.card, split.manifest) is not None
    film(told, videos, start=3)
    changed = told.ingest()["test"]
    assert find_crops(told.card, changed.manifest) is None
    with pytest.raises(DataError, match="prepared without videos"):
        with_pictures(changed, told.card, None)


def test_damaged_crops(told: ToldCorpus, videos: Path, split: Split) -> None:
    crops = cut_crops(told.card, split, VideoFolder(videos))
    (shard,) = crops.folder.glob("*.arrow")
    data = shard.read_bytes()
    shard.write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"the crops are damaged .*--crops"):
        assert "test-00" in Crops(crops.folder)
    shard.write_bytes(data.replace(b"IDAT", b"JUNK"))
    clip = split.clip(0)
    with pytest.raises(ClipError, match=r"clip test-00: its crops are damaged .*--crops"):
        Crops(crops.folder).parts("test-00", squares(clip, SIZE), SIZE)
    (crops.folder / MANIFEST).write_text("{}")
    with pytest.raises(DataError, match=r"crops.json: is damaged"):
        find_crops(told.card, split.manifest)
    assert status_of(told.card).state == "damaged"
    assert cut_crops(told.card, split, VideoFolder(videos)).manifest.readable == COUNTS["test"]


def test_killed_and_gone_on_with_in_several_processes(told: ToldCorpus, videos: Path, split: Split) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from slbench import catalog; "
        "from slbench.data import cropping; "
        "from slbench.data.store import Split; from slbench.data.videos import VideoFolder; "
        "cropping.SHARD_CLIPS = 2; task = catalog.get_task(sys.argv[1]); "
        "stop = lambda built: os.kill(os.getpid(), signal.SIGKILL) if built.done >= 6 else None; "
        "card = catalog.get_dataset('made-up', task); "
        "cropping.cut_crops(card, Split(Path(sys.argv[2])), VideoFolder(Path(sys.argv[3])), report=stop)"
    )
    command = [sys.executable, "-c", code, str(told.fake.task_path), str(split.folder), str(videos)]
    assert subprocess.run(command, env=os.environ).returncode == -signal.SIGKILL
    assert find_crops(told.card, split.manifest) is None
    cropping.SHARD_CLIPS, before = 2, cropping.SHARD_CLIPS
    try:
        reports = []
        crops = cut_crops(told.card, split, VideoFolder(videos), jobs=2, report=reports.append)
    finally:
        cropping.SHARD_CLIPS = before
    assert reports[0].reused >= 6
    tables = [pa.ipc.open_stream(crops.folder / name).read_all() for name in crops.manifest.shards]
    assert [one for table in tables for one in table.column("id").to_pylist()] == [row.id for row in split]
    assert not crops.folder.with_name(".test.work").exists()


def kinds(rows, number: int = 4) -> type:
    return type(rows.clip(number).video)


def test_crops_of_other_videos_are_not_taken(told: ToldCorpus, videos: Path, split: Split, tmp_path: Path) -> None:
    """Whether the other ones are named, are remembered, or lie where the first ones were; the rest stays."""
    cut_crops(told.card, split, VideoFolder(videos))
    other = tmp_path / "other"
    shutil.copytree(videos, other)
    shutil.copy(videos / "test" / "test-05.mp4", other / "test" / "test-04.mp4")
    remember_videos(told.card, videos)
    expected = with_videos(split, VideoFolder(other)).clip(4)
    wanted = drawn(expected, np.random.default_rng(0))
    assert kinds(with_pictures(split, told.card, videos)) is kinds(with_pictures(split, told.card, None)) is Cropped
    named = with_pictures(split, told.card, other)
    assert (kinds(named, 3), kinds(named)) == (Cropped, VideoPictures)
    np.testing.assert_array_equal(named.clip(4).video.regions(wanted), expected.video.regions(wanted))
    assert outdated_crops(told.card, split, VideoFolder(other)) == 1
    shutil.rmtree(videos)
    shutil.copytree(other, videos)
    assert kinds(with_pictures(split, told.card, None)) is VideoPictures
    assert status_of(told.card).outdated == (("test", 1),)
    cut_crops(told.card, split, VideoFolder(videos))
    assert kinds(with_pictures(split, told.card, None)) is Cropped
    assert status_of(told.card).outdated == ()


def test_videos_and_their_crops_have_the_same_digest(told: ToldCorpus, videos: Path, split: Split) -> None:
    """Also where one is missing and one is damaged; other pictures and other first frames have another one."""
    (videos / "test" / "test-05.mp4").unlink()
    whole = (videos / "test" / "test-06.mp4").read_bytes()
    (videos / "test" / "test-06.mp4").write_bytes(whole[:400])
    cut_crops(told.card, split, VideoFolder(videos))
    remember_videos(told.card, videos)
    digests = [pictures_digest(with_videos(split, VideoFolder(videos)))]
    digests.append(pictures_digest(with_pictures(split, told.card, None)))
    videos.rename(videos.with_name("gone"))
    digests.append(pictures_digest(with_pictures(split, told.card, None)))
    assert len(set(digests)) == 1
    videos.with_name("gone").rename(videos)
    (videos / "test" / "test-06.mp4").write_bytes(whole)
    digests.append(pictures_digest(with_pictures(split, told.card, None)))
    film(told, videos, start=2)
    later = told.ingest()["test"]
    digests.append(pictures_digest(with_videos(later, VideoFolder(videos))))
    assert len(set(digests)) == 3
    assert pictures_digest(split) == ""


def test_other_images_in_a_folder_are_cut_out_anew(
    told: ToldCorpus, videos: Path, split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One image of a folder is another: of its shard alone the crops are made again."""
    monkeypatch.setattr(cropping, "SHARD_CLIPS", 4)
    folder = videos / "test" / "test-04"
    images(videos / "test" / "test-04.mp4", folder)
    before = stamps(cut_crops(told.card, split, VideoFolder(videos)))
    Image.new("RGB", SIZE, (255, 0, 0)).save(folder / "3.png")
    crops = cut_crops(told.card, split, VideoFolder(videos))
    assert len(stamps(crops).items() & before.items()) == 2
    region = next(region for region in squares(split.clip(4), SIZE) if region.frame == 3)
    assert crops.parts("test-04", [region], SIZE)[0].reshape(-1, 3).mean(axis=0).tolist() == [255, 0, 0]


def images(video: Path, folder: Path) -> None:
    """In place of a video."""
    folder.mkdir()
    for number, picture in enumerate(frames(video)):
        Image.fromarray(picture[:, :, ::-1]).save(folder / f"{number}.png")
    video.unlink()


@pytest.mark.parametrize("module", ["cropping", "hands", "picking", "pictures", "video"])
def test_mended_code_cuts_out_anew(
    told: ToldCorpus, videos: Path, split: Split, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    before = stamps(cut_crops(told.card, split, VideoFolder(videos)))
    assert stamps(cut_crops(told.card, split, VideoFolder(videos))) == before
    monkeypatch.setattr(cropping, "file_digest", lambda path: "mended" if path.stem == module else file_digest(path))
    assert not stamps(cut_crops(told.card, split, VideoFolder(videos))).keys() & before.keys()


@pytest.fixture
def slbench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Call the command line: its exit code and what it printed, on one line."""
    monkeypatch.setenv("COLUMNS", "300")

    def call(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["slbench", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), " ".join((printed.out + printed.err).split())

    return call


def test_at_the_command_line(told: ToldCorpus, videos: Path, slbench) -> None:
    card = told.fake.dataset_path
    prepare = ["data", "prepare", card, "--source", told.root, "--jobs", 1]
    code, printed = slbench(*prepare, "--crops")
    assert code == 2
    assert "--crops: there are no videos of made-up below" in printed
    (videos / "dev" / "dev-00.mp4").unlink()
    code, printed = slbench(*prepare, "--videos", videos, "--crops")
    assert code == 0
    assert "videos of 23 of 24 clips" in printed
    assert "there is no video dev-00.*" in printed
    assert (crops_folder(told.card, "dev") / MANIFEST).is_file()
    code, printed = slbench("data", "status", card)
    assert f"crops of train, dev, test; videos in {videos}" in printed
    shutil.copy(videos / "test" / "test-05.mp4", videos / "test" / "test-04.mp4")
    shutil.rmtree(videos / "dev")
    code, printed = slbench(*prepare)
    assert code == 0
    assert "crops of 1 clips of made-up test are out of date" in printed
    assert "of the 4 clips of dev not one has a video" in printed
    assert "out of date for 1 clips of test" in slbench("data", "status", card)[1]
    code, printed = slbench(*prepare, "--crops")
    assert code == 0
    assert "out of date" not in printed + slbench("data", "status", card)[1]
