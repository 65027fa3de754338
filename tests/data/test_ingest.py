"""A corpus that is told its place: lists joined with poses, kept, and run from there."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from fakes import GLOSSES, made_up_clip
from told import COUNTS, ToldCorpus

from slbench.cards import DatasetCard, read_card
from slbench.data.corpus import UNSTATED, Source
from slbench.data.extractor import Extractor, write_extractor
from slbench.data.ingest import ingest
from slbench.data.listing import OWNERS
from slbench.data.status import status_of
from slbench.data.store import folder_of
from slbench.errors import ClipError, DataError


def test_clips_are_those_of_the_files(told: ToldCorpus) -> None:
    splits = told.ingest()
    assert {name: len(split) for name, split in splits.items()} == COUNTS
    for split, number in (("train", 3), ("test", 11)):
        clip, made = splits[split].clip(number), made_up_clip("", 5 + number, number)
        np.testing.assert_array_equal(clip.keypoints, made.keypoints)
        np.testing.assert_array_equal(clip.scores, made.scores)
        assert (clip.fps, clip.text, clip.gloss) == (25.0, GLOSSES[number % 3], GLOSSES[number % 3])
    manifest = splits["test"].manifest
    assert (manifest.layout, manifest.listing, manifest.pose_source) == ("uni-sign", OWNERS, UNSTATED)
    assert manifest.vocabulary == tuple(sorted(GLOSSES))
    assert set(manifest.sources) == {f"labels-3.{split}" for split in COUNTS}


def test_an_archive_gives_the_same_clips(told: ToldCorpus, tmp_path: Path) -> None:
    plain = {name: split.manifest.content_sha256 for name, split in told.ingest().items()}
    shutil.make_archive(str(tmp_path / "poses"), "zip", told.poses)
    zipped = told.ingest(poses=tmp_path / "poses.zip")
    assert {name: split.manifest.content_sha256 for name, split in zipped.items()} == plain


def test_archives_beside_the_lists_are_found(told: ToldCorpus) -> None:
    plain = {name: split.manifest.content_sha256 for name, split in told.ingest().items()}
    made = Extractor(name="rtmlib Wholebody performance", version="0.0.16")
    write_extractor(told.root, made)
    for split in COUNTS:
        shutil.make_archive(str(told.root / f"{split}_pose_format"), "zip", told.poses, split)
    shutil.rmtree(told.poses)
    zipped = told.ingest()
    assert {name: split.manifest.content_sha256 for name, split in zipped.items()} == plain
    assert zipped["test"].manifest.pose_source == made.label()


def test_it_runs_when_the_files_are_gone(told: ToldCorpus, tmp_path: Path) -> None:
    told.ingest()
    shutil.rmtree(told.root)
    record = told.run(tmp_path / "out").execute()
    assert record.barred == ()
    assert record.task.pose_source == UNSTATED
    assert len(record.task.manifest_digest) == len(record.task.references_digest) == 64


def test_not_prepared(told: ToldCorpus, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="test is not prepared.*slbench data prepare made-up --source FOLDER"):
        told.run(tmp_path / "out")


def test_the_vocabulary_may_be_in_the_corpus(told: ToldCorpus, tmp_path: Path) -> None:
    told.ingest()
    with_card = told.run(tmp_path / "out").execute()
    text = told.fake.task_path.read_text()
    start = text.index("glosses = [")
    told.fake.task_path.write_text(text[:start] + text[text.index("]", start) + 1 :])
    record = told.run(tmp_path / "other").execute()
    assert record.predictions_sha256 == with_card.predictions_sha256
    assert record.task.digest != with_card.task.digest


def test_what_cannot_be_read_is_listed_and_skipped(told: ToldCorpus, tmp_path: Path) -> None:
    (told.poses / "test" / "test-03.pkl").unlink()
    (told.poses / "test" / "test-05.pkl").write_bytes(b"")
    whole = (told.poses / "test" / "test-07.pkl").read_bytes()
    (told.poses / "test" / "test-07.pkl").write_bytes(whole[: len(whole) // 2])
    (told.poses / "test" / "test-09.pkl").write_bytes(b"cos\nsystem\n(S'touch boom'\ntR.")
    split = told.ingest()["test"]
    assert [index for index, row in enumerate(split) if row.error] == [3, 5, 7, 9]
    for index, reason in (
        (3, "no pose file test-03"),
        (5, "empty|zero|no bytes"),
        (7, "test-07.pkl"),
        (9, "os.system|posix.system"),
    ):
        with pytest.raises(ClipError, match=f"clip test-{index:02}: .*({reason})"):
            split.clip(index)
    assert status_of(told.card).state == "partial"
    record = told.run(tmp_path / "out").execute()
    assert len(record.failed) == 4
    assert record.barred
    assert not Path("boom").exists()


def test_a_file_that_was_mended_is_read_again(told: ToldCorpus) -> None:
    path = told.poses / "test" / "test-05.pkl"
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    assert told.ingest()["test"][5].error
    path.write_bytes(whole)
    again = told.again()
    assert [prepared.before for prepared in again] == [True, True, False]
    assert told.ingest()["test"].clip(5).frames == 10
    assert all(prepared.before for prepared in told.again())
    assert status_of(told.card).state == "prepared"


def test_who_made_the_poses(told: ToldCorpus) -> None:
    write_extractor(told.poses, Extractor(name="rtmlib Wholebody balanced", version="1.2", weights={"pose": "ab" * 32}))
    label = r"rtmlib Wholebody balanced 1\.2 \(pose abababab\) #[0-9a-f]{8}"
    assert re.fullmatch(label, told.ingest()["dev"].manifest.pose_source)
    with pytest.raises(DataError, match="--pose-source 'mine': the extractor.json of .* says 'rtmlib"):
        told.ingest(pose_source="mine")
    (told.poses / "extractor.json").write_text("{")
    with pytest.raises(DataError, match=r"extractor.json.*--pose-source"):
        told.ingest()


def test_lists_of_no_published_version(told: ToldCorpus, tmp_path: Path) -> None:
    told.write_labels("test", [f"test-{number:02}" for number in range(11)])
    with pytest.raises(
        DataError, match="test has 11 clips, which is no published version.*12 clips in the owners'.*--any-version"
    ):
        told.ingest()
    split = told.ingest(any_version=True)["test"]
    assert split.manifest.listing is None
    assert "no published version of made-up's test" in told.run(tmp_path / "out").execute().barred[0]
    told.write_card(other_listings=[{"source": "somebody's", "splits": {"test": 11}}])
    assert told.ingest()["test"].manifest.listing == "somebody's"


def test_lists_of_the_same_length_with_other_ids(told: ToldCorpus) -> None:
    told.write_card(ids={"dev": told.ingest()["dev"].manifest.ids_sha256})
    told.ingest()
    told.write_card(ids={"dev": "0" * 64})
    with pytest.raises(DataError, match="dev has 4 clips with other ids"):
        told.ingest()


def test_an_open_ended_corpus_takes_any_number(told: ToldCorpus) -> None:
    told.write_labels("test", [f"test-{number:02}" for number in range(11)])
    told.write_card(open_ended=True)
    assert len(told.ingest()["test"]) == 11


def test_a_split_without_a_list(told: ToldCorpus) -> None:
    (told.root / "labels-3.train").unlink()
    done = {prepared.split: prepared for prepared in told.again()}
    assert done["train"].clips is None
    assert done["train"].wanted == "labels-3.train"
    assert status_of(told.card).state == "partial"


def test_nothing_where_it_should_be(told: ToldCorpus, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--source .*nowhere: there is no such folder.*ask the test"):
        ingest(told.card, Source(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no lists of made-up in it .*labels-3.train"):
        ingest(told.card, Source(tmp_path / "empty"))
    shutil.copytree(told.root, tmp_path / "bare", ignore=shutil.ignore_patterns("pose_format"))
    with pytest.raises(DataError, match="name the poses of made-up with --poses"):
        ingest(told.card, Source(tmp_path / "bare"))
    (tmp_path / "bare" / "list.json").write_text("[]")
    with zipfile.ZipFile(tmp_path / "bare" / "rgb.zip", "w") as archive:
        archive.writestr("test/1.png", b"")
    with pytest.raises(DataError, match=r"not there, and no .zip in .*bare with pose files; name the poses of made"):
        ingest(told.card, Source(tmp_path / "bare"))
    with pytest.raises(DataError, match=r"nowhere: not there; name the poses"):
        told.ingest(poses=tmp_path / "nowhere")
    with pytest.raises(DataError, match="of the 24 clips of made-up not one has a pose file"):
        told.ingest(poses=tmp_path / "empty")


def test_a_truncated_archive_of_poses(told: ToldCorpus, tmp_path: Path) -> None:
    shutil.make_archive(str(tmp_path / "poses"), "zip", told.poses)
    archive = tmp_path / "poses.zip"
    archive.write_bytes(archive.read_bytes()[:-500])
    with pytest.raises(DataError, match=r"poses.zip: is no whole .zip"):
        told.ingest(poses=archive)
    with zipfile.ZipFile(tmp_path / "ok.zip", "w") as ok:
        ok.writestr("test-00.pkl", b"")
    assert told.ingest(poses=tmp_path / "ok.zip")["test"][0].error


def test_status_of_what_is_not_there(told: ToldCorpus) -> None:
    assert status_of(told.card).state == "absent"
    told.ingest()
    prepared = status_of(told.card)
    assert (prepared.state, prepared.clips, prepared.readable) == ("prepared", 24, 24)
    assert prepared.size > 24 * 5 * 133 * 3 * 4
    (told.ingest()["dev"].folder / "manifest.json").write_text(json.dumps({"schema_version": 2}))
    assert status_of(told.card).state == "damaged"


def test_killed_in_another_process(told: ToldCorpus) -> None:
    """`kill -9` while it writes: what is whole stays, and the next call ends like an undisturbed one."""
    code = (
        "import os, signal, sys; from pathlib import Path; from slbench import catalog; "
        "from slbench.data import shards; from slbench.data.corpus import Source; "
        "from slbench.data.ingest import ingest; "
        "shards.SHARD_CLIPS = 2; task = catalog.get_task(sys.argv[1]); "
        "stop = lambda split, built: os.kill(os.getpid(), signal.SIGKILL) if built.done >= 6 else None; "
        "ingest(catalog.get_dataset('made-up', task), Source(Path(sys.argv[2])), report=stop)"
    )
    command = [sys.executable, "-c", code, str(told.fake.task_path), str(told.root)]
    assert subprocess.run(command, env=os.environ).returncode == -signal.SIGKILL
    assert status_of(told.card).state == "partial"
    told.ingest()
    assert status_of(told.card).state == "prepared"


def test_prepared_clips_are_not_lost_by_a_smaller_source(told: ToldCorpus, tmp_path: Path) -> None:
    told.ingest(pose_source="mine")
    (tmp_path / "few").mkdir()
    shutil.copy(told.poses / "test" / "test-00.pkl", tmp_path / "few")
    with pytest.raises(DataError, match="train: 8 clips are prepared, and this source has 0 of them.*--replace"):
        told.ingest(poses=tmp_path / "few", pose_source="mine")
    with pytest.raises(DataError, match="was prepared with poses by mine; say so again with --pose-source"):
        told.ingest()
    assert status_of(told.card).readable == 24
    assert told.ingest(poses=tmp_path / "few", replace=True)["test"].manifest.readable == 1


def test_splits_of_two_sources_are_not_mixed(told: ToldCorpus) -> None:
    told.ingest()
    for split in ("train", "dev"):
        (told.root / f"labels-3.{split}").unlink()
    kept = [prepared.split for prepared in told.again() if prepared.clips is not None and prepared.wanted]
    assert kept == ["train", "dev"]
    with pytest.raises(DataError, match="is prepared from uni-sign lists with poses by not stated, and its list is"):
        told.ingest(pose_source="other")
    told.write_labels("test", ["train-00", *(f"test-{number:02}" for number in range(11))])
    shutil.copy(told.poses / "train" / "train-00.pkl", told.poses / "test")
    with pytest.raises(DataError, match="ids occur more than once.*train-00"):
        told.ingest()


def test_another_frame_rate_on_the_card_is_another_clip(told: ToldCorpus) -> None:
    assert told.ingest()["dev"].clip(0).fps == 25.0
    told.write_card(fps=50.0)
    assert told.ingest()["dev"].clip(0).fps == 50.0


def test_a_vocabulary_that_is_not_whole(told: ToldCorpus) -> None:
    told.write_card(subset=4)
    for split in COUNTS:
        (told.root / f"labels-3.{split}").rename(told.root / f"labels-4.{split}")
    with pytest.raises(DataError, match="the lists have 3 glosses of 4.*--any-version"):
        told.ingest()
    assert told.ingest(any_version=True)


def test_what_could_not_be_read_is_tried_again(told: ToldCorpus, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.read_bytes
    with monkeypatch.context() as patch:

        def flaky(path: Path) -> bytes:
            if path.name == "dev-02.pkl":
                raise OSError(5, "Input/output error")
            return real(path)

        patch.setattr(Path, "read_bytes", flaky)
        assert "Input/output error" in told.ingest()["dev"][2].error
    assert told.ingest()["dev"][2].error is None


def test_a_flipped_byte_is_found_and_mended(told: ToldCorpus, tmp_path: Path) -> None:
    split = told.ingest()["test"]
    keypoints = split.clip(4).keypoints.copy()
    (shard,) = split.folder.glob("*.arrow")
    data = bytearray(shard.read_bytes())
    place = data.index(keypoints.tobytes())
    data[place + 2] ^= 1
    shard.write_bytes(bytes(data))
    record = told.run(tmp_path / "out").execute()
    assert list(record.failed) == ["test-04"]
    assert "not as it was when it was prepared; `slbench data prepare`" in record.failed["test-04"]
    assert record.barred
    again = {prepared.split: prepared for prepared in told.again()}
    assert [again[name].before for name in COUNTS] == [True, True, False]
    np.testing.assert_array_equal(again["test"].clips.clip(4).keypoints, keypoints)
    assert told.run(tmp_path / "out").execute().failed == {}


def test_killed_while_it_was_replaced(told: ToldCorpus, tmp_path: Path) -> None:
    split = told.ingest()["test"]
    split.folder.rename(split.folder.with_name(".test.old"))
    assert told.run(tmp_path / "out").execute().failed == {}
    (split.folder.parent / ".test.work").mkdir()
    assert all(prepared.before for prepared in told.again())
    assert status_of(told.card).state == "prepared"


def test_a_card_of_ones_own_does_not_vouch_for_the_catalogs(told: ToldCorpus, tmp_path: Path) -> None:
    theirs = told.ingest()["test"].folder
    told.fake.dataset_path.rename(told.fake.dataset_path.with_name("elsewhere.toml"))
    elsewhere = read_card(told.fake.dataset_path.with_name("elsewhere.toml"), DatasetCard)
    assert folder_of(elsewhere) != theirs.parent


def test_a_corrected_card_bars_what_was_prepared_before(told: ToldCorpus, tmp_path: Path) -> None:
    told.ingest()
    told.write_card(splits=COUNTS | {"test": 13})
    assert "no published version" in told.run(tmp_path / "out").execute().barred[0]


def test_a_file_that_goes_while_it_is_prepared(told: ToldCorpus) -> None:
    (told.poses / "test" / "test-05.pkl").unlink()
    (told.poses / "test" / "test-05.pkl").symlink_to(told.root / "nowhere.pkl")
    assert "test-05.pkl" in told.ingest()["test"][5].error


@pytest.mark.parametrize("file", ["manifest.json", "state.json", "*.arrow"])
def test_a_damaged_split_is_made_again(told: ToldCorpus, file: str) -> None:
    split = told.ingest()["test"]
    content = split.manifest.content_sha256
    (path,) = split.folder.glob(file)
    path.write_bytes(path.read_bytes()[:-200])
    assert [prepared.before for prepared in told.again()] == [True, True, False]
    assert told.ingest()["test"].manifest.content_sha256 == content
