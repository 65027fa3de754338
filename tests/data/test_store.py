import json
import os
import subprocess
import sys

import numpy as np
import pytest
from fakes import SPLITS, FakeCorpus, made_up_clip, read

from slbench import catalog
from slbench.data.prepare import prepare
from slbench.data.store import folder_of, prepared_splits
from slbench.errors import ClipError, DataError, OutputError


def dataset_of(corpus: FakeCorpus):
    return catalog.get_dataset("made-up", catalog.get_task(str(corpus.task_path)))


def test_clips_come_back_as_they_were_read(corpus: FakeCorpus) -> None:
    card = dataset_of(corpus)
    assert not prepared_splits(card)
    store = prepare(card)
    assert prepared_splits(card)
    for name, count in SPLITS.items():
        split = store.split(name)
        assert len(split) == count
        for index, row in enumerate(split):
            clip, original = split.clip(index), read(corpus.clip_file(row.id))
            assert (clip.id, clip.frames, clip.fps) == (row.id, original.frames, 25.0)
            np.testing.assert_array_equal(clip.keypoints, original.keypoints)
            np.testing.assert_array_equal(clip.scores, original.scores)


def test_only_the_splits_that_are_asked_for_are_made(corpus: FakeCorpus) -> None:
    card = dataset_of(corpus)
    prepare(card, ["dev"])
    assert prepared_splits(card) == ["dev"]
    stamp = (folder_of(card) / "dev").stat().st_mtime_ns
    prepare(card, ["test", "dev"])
    assert prepared_splits(card) == ["dev", "test"]
    assert (folder_of(card) / "dev").stat().st_mtime_ns == stamp
    corpus.write(made_up_clip("train-03", 44, 99), "train")
    assert prepare(card, ["test"]).split("test")
    assert prepared_splits(card) == ["test"], "what was made from older sources is gone"


def test_a_split_without_its_manifest(corpus: FakeCorpus) -> None:
    card = dataset_of(corpus)
    prepare(card)
    (folder_of(card) / "test" / "manifest.json").unlink()
    assert prepared_splits(card) == ["train", "dev"]
    corpus.write(made_up_clip("test-03", 44, 99))
    assert prepare(card).split("test").clip(3).frames == 44


def test_clips_are_mapped_not_copied(corpus: FakeCorpus) -> None:
    clip = prepare(dataset_of(corpus)).split("test").clip(0)
    assert not clip.keypoints.flags.owndata
    assert not clip.keypoints.flags.writeable


def test_a_changed_source_rebuilds_the_store(corpus: FakeCorpus) -> None:
    card = dataset_of(corpus)
    first = prepare(card)
    before, stamp = first.split("test").manifest, (folder_of(card) / "test" / "manifest.json").stat().st_mtime_ns
    assert prepare(card) == first
    assert (folder_of(card) / "test" / "manifest.json").stat().st_mtime_ns == stamp
    corpus.write(made_up_clip("test-03", 44, 99))
    second = prepare(card)
    assert second.split("test").manifest.data_digest != before.data_digest
    assert second.split("test").clip(3).frames == 44


def test_manifest_has_a_digest_of_every_source(corpus: FakeCorpus) -> None:
    card = dataset_of(corpus)
    prepare(card)
    manifest = json.loads((folder_of(card) / "dev" / "manifest.json").read_text())
    assert len(manifest["sources"]) == sum(SPLITS.values())
    assert all(len(digest) == 64 for digest in manifest["sources"].values())


def test_an_unreadable_clip_keeps_its_place(corpus: FakeCorpus) -> None:
    corpus.clip_file("test-03").write_bytes(b"PK not a zip")
    split = prepare(dataset_of(corpus)).split("test")
    assert len(split) == SPLITS["test"]
    with pytest.raises(ClipError, match="test-03"):
        split.clip(3)
    split.clip(4)


def test_another_number_of_clips_than_the_card_says(corpus: FakeCorpus) -> None:
    corpus.clip_file("test-03").unlink()
    with pytest.raises(DataError, match="test has 11 clips, its card .* says 12"):
        prepare(dataset_of(corpus))
    assert not prepared_splits(dataset_of(corpus))


def test_ids_that_occur_twice(corpus: FakeCorpus) -> None:
    corpus.edit_card(corpus.dataset_path, "fakes:FakeReader", "fakes:RepeatingReader")
    with pytest.raises(DataError, match="more than once, in train: train-00, train-01"):
        prepare(dataset_of(corpus))


def test_cache_folder_that_cannot_be_written(corpus: FakeCorpus, monkeypatch, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SLBENCH_HOME", str(tmp_path / "file"))
    with pytest.raises(OutputError, match="SLBENCH_HOME"):
        prepare(dataset_of(corpus))


def test_two_processes_may_prepare_at_once(corpus: FakeCorpus) -> None:
    code = (
        "from slbench import catalog; from slbench.data.prepare import prepare; "
        f"task = catalog.get_task({str(corpus.task_path)!r}); "
        "print(prepare(catalog.get_dataset('made-up', task)).split('dev').manifest.data_digest)"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=os.environ) for _ in "ab"
    ]
    digests = [run.communicate()[0].strip().splitlines()[-1] for run in runs]
    assert digests[0] == digests[1] == prepare(dataset_of(corpus)).split("dev").manifest.data_digest
