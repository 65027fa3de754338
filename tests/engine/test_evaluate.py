"""The guarantees of a run: same bytes at any batch size, nothing lost when killed, failures that show."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import FakeCorpus, made_up_clip

from slbench.engine.evaluate import Progress, Run, RunRequest
from slbench.errors import CardError, DataError, OptionError, OutputError
from slbench.files import file_digest
from slbench.records import parse_record


def request(corpus: FakeCorpus, output: Path, **changes) -> RunRequest:
    return RunRequest(str(corpus.model_path), str(corpus.task_path), output=output, device="cpu", **changes)


def predictions_of(run: Run) -> bytes:
    return run.predictions_path.read_bytes()


def finished(corpus: FakeCorpus, output: Path, **changes) -> Run:
    run = Run(request(corpus, output, **changes))
    run.execute()
    return run


def test_predictions_are_the_same_bytes_however_they_are_batched(corpus: FakeCorpus, tmp_path: Path) -> None:
    settings = [{"batch_size": 1}, {"batch_size": 7}, {"batch_size": 64}, {"batch_size": 5, "workers": 2}]
    runs = [finished(corpus, tmp_path / str(i), **changes) for i, changes in enumerate(settings)]
    assert len({predictions_of(run) for run in runs}) == 1
    assert len({run.name for run in runs}) == 1


def test_predictions_are_in_task_order_without_floats_but_rounded_scores(corpus: FakeCorpus, tmp_path: Path) -> None:
    run = finished(corpus, tmp_path)
    lines = [json.loads(line) for line in predictions_of(run).splitlines()]
    assert [line["id"] for line in lines] == [row.id for row in run.split]
    for line in lines:
        assert set(line) <= {"id", "reference", "hypothesis", "top_k"}
        scores = [ranked["log_likelihood"] for ranked in line["top_k"]]
        assert scores == sorted(scores, reverse=True)
        assert all(score == round(score, 3) for score in scores)


def test_videos_are_for_models_that_look_at_pictures(corpus: FakeCorpus, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"--videos .*: tiny looks at poses alone$"):
        Run(request(corpus, tmp_path, videos=tmp_path))


def test_record_says_where_the_number_comes_from(corpus: FakeCorpus, tmp_path: Path) -> None:
    run = finished(corpus, tmp_path)
    record = parse_record(run.record_path.read_text(), "here")
    assert record.predictions_sha256 == file_digest(run.predictions_path)
    assert record.model.weights_sha256 == file_digest(corpus.folder / "tiny.safetensors")
    assert record.task.digest == run.task.digest()
    assert record.task.data_digest == run.split.manifest.data_digest
    assert record.task.pose_source == "random"
    assert record.environment.packages["torch"]
    assert record.barred == ()
    assert record.cost.clips_per_second > 0
    assert not list(run.folder.glob("*journal*"))
    assert not list(run.folder.glob(".*"))


def test_interrupted_run_continues_and_ends_in_the_same_bytes(corpus: FakeCorpus, tmp_path: Path) -> None:
    whole = finished(corpus, tmp_path / "whole", batch_size=2)

    with pytest.raises(KeyboardInterrupt):
        Run(request(corpus, tmp_path / "cut", batch_size=2)).execute(stop_after(4))
    run = Run(request(corpus, tmp_path / "cut", batch_size=5))
    assert run.journal.path.is_file()
    assert not run.record_path.exists()
    assert not run.predictions_path.exists()
    with run.journal.path.open("ab") as journal:
        journal.write(b'{"predictions": [{"id": "test-0')  # a line cut short by the kill
    record = run.execute()
    assert record.resumed_clips == 4
    assert predictions_of(run) == predictions_of(whole)


def test_killed_at_any_moment(corpus: FakeCorpus, tmp_path: Path) -> None:
    """`kill -9` at random moments, until a run gets through: the bytes of an uninterrupted run."""
    for number in range(40):
        corpus.write(made_up_clip(f"test-{number:02}", 20 + number, number))
    corpus.edit_card(corpus.dataset_path, "test = 12", "test = 40")
    whole = finished(corpus, tmp_path / "whole", batch_size=1)
    output = tmp_path / "killed"
    command = [sys.executable, "-m", "slbench", *corpus.arguments(output), "--batch-size", "1"]
    moment = random.Random(0)
    kills = 0
    for _ in range(12):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ)
        journal = Run(request(corpus, output, batch_size=1)).journal.path
        while process.poll() is None and not (journal.exists() and journal.read_bytes().count(b"\n") > 1):
            time.sleep(0.005)
        time.sleep(moment.uniform(0, 0.5) if kills else 0)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.communicate()
        if process.returncode == 0:
            break
    else:
        subprocess.run(command, check=True, capture_output=True, env=os.environ)
    assert kills
    last = Run(request(corpus, output))
    assert 0 < parse_record(last.record_path.read_text(), "").resumed_clips < 40
    assert predictions_of(last) == predictions_of(whole)


@pytest.mark.parametrize(
    "changes", [{"num_beams": 2}, {"seed": 1}, {"limit": 3}, {"split": "dev"}, {"precision": "bfloat16"}]
)
def test_another_option_is_another_run(corpus: FakeCorpus, tmp_path: Path, changes) -> None:
    assert Run(request(corpus, tmp_path)).name != Run(request(corpus, tmp_path, **changes)).name


def stop_after(clips: int):
    def report(progress: Progress) -> None:
        if progress.done >= clips:
            raise KeyboardInterrupt

    return report


def test_a_journal_of_other_code_is_kept_but_not_continued(corpus: FakeCorpus, tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(KeyboardInterrupt):
        Run(request(corpus, tmp_path, batch_size=4)).execute(stop_after(4))
    with monkeypatch.context() as patch:
        patch.setattr("slbench.engine.provenance.source_digest", lambda: "other code")
        other = Run(request(corpus, tmp_path, batch_size=4))
        assert len(other.other_journals()) == 1
        assert other.execute().resumed_clips == 0
    assert Run(request(corpus, tmp_path, batch_size=4)).execute().resumed_clips == 4


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"reference":"HELP"', b'"reference":"WORLD"'),
        (b'"id":"test-', b'"id":"text-'),
        (b'"predictions":', b'"predictions" '),
        (b'"seed": 0', b'"seed": 7'),
    ],
)
def test_a_tampered_journal_is_refused(corpus: FakeCorpus, tmp_path: Path, old: bytes, new: bytes) -> None:
    with pytest.raises(KeyboardInterrupt):
        Run(request(corpus, tmp_path, batch_size=4)).execute(stop_after(8))
    run = Run(request(corpus, tmp_path, batch_size=4))
    content = run.journal.path.read_bytes()
    assert old in content
    run.journal.path.write_bytes(content.replace(old, new))
    with pytest.raises(OutputError, match="start again with --fresh"):
        run.execute()


def test_a_batch_that_is_there_twice_is_refused(corpus: FakeCorpus, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        Run(request(corpus, tmp_path, batch_size=4)).execute(stop_after(4))
    run = Run(request(corpus, tmp_path, batch_size=4))
    content = run.journal.path.read_bytes()
    run.journal.path.write_bytes(content + content.splitlines(keepends=True)[-1])
    with pytest.raises(OutputError, match="not of this run"):
        run.execute()


def test_only_one_run_writes(corpus: FakeCorpus, tmp_path: Path) -> None:
    first, second = Run(request(corpus, tmp_path, batch_size=4)), Run(request(corpus, tmp_path, batch_size=4))

    def meanwhile(progress: Progress) -> None:
        with pytest.raises(OutputError, match="another process is writing this very run"):
            second.execute()

    first.execute(meanwhile)
    assert second.execute().barred == ()


def test_answers_that_are_not_numbers_are_failures(corpus: FakeCorpus, tmp_path: Path) -> None:
    run = Run(request(corpus, tmp_path))
    with torch.no_grad():
        run.model.network.mt5_model.lm_head.weight.fill_(float("nan"))
    record = run.execute()
    assert len(record.failed) == 12
    assert record.barred


def test_references_outside_the_vocabulary(corpus: FakeCorpus, tmp_path: Path) -> None:
    corpus.edit_card(corpus.task_path, '"WORLD"', '"MOON"')
    with pytest.raises(DataError, match=r"test also has 'WORLD' \(1 in all\)"):
        Run(request(corpus, tmp_path))


def test_a_split_that_the_dataset_lacks(corpus: FakeCorpus, tmp_path: Path) -> None:
    corpus.edit_card(
        corpus.task_path, 'name = "made-up-islr"', 'name = "made-up-islr"\nsplits = ["test", "validation"]'
    )
    with pytest.raises(CardError, match="made-up has no validation; it has train, dev, test"):
        Run(request(corpus, tmp_path, split="validation"))


def test_fresh_starts_again(corpus: FakeCorpus, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        Run(request(corpus, tmp_path, batch_size=4)).execute(stop_after(4))
    assert Run(request(corpus, tmp_path, fresh=True)).execute().resumed_clips == 0


def spoil(corpus: FakeCorpus) -> None:
    corpus.clip_file("test-01").write_bytes(corpus.clip_file("test-01").read_bytes()[:1000])
    nan, empty = made_up_clip("test-02", 9, 0), made_up_clip("test-04", 0, 0)
    nan.keypoints[3, 7, 1] = np.nan
    corpus.write(nan)
    corpus.write(empty)


def test_unusable_clips_are_recorded_and_bar_the_run(corpus: FakeCorpus, tmp_path: Path) -> None:
    good = [json.loads(line) for line in predictions_of(finished(corpus, tmp_path / "good")).splitlines()]
    spoil(corpus)
    run = Run(request(corpus, tmp_path / "bad"))
    record = run.execute()
    assert set(record.failed) == {"test-01", "test-02", "test-04"}
    assert "cannot be read" in record.failed["test-01"]
    assert "not finite (NaN) in 1 frames, first in frame 3" in record.failed["test-02"]
    assert "no frames" in record.failed["test-04"]
    assert record.barred == ("3 of 12 clips failed",)
    assert record.scores[0].samples == 12
    lines = [json.loads(line) for line in predictions_of(run).splitlines()]
    for line, expected in zip(lines, good, strict=True):
        assert line == expected or set(line) == {"id", "reference", "error"}


def test_legal_extremes(corpus: FakeCorpus, tmp_path: Path) -> None:
    one, long, unseen, no_hands = (made_up_clip(f"test-0{i}", frames, i) for i, frames in enumerate((1, 5000, 9, 9)))
    unseen.scores[:] = 0
    no_hands.scores[:, 91:] = 0
    for clip in (one, long, unseen, no_hands):
        corpus.write(clip)
    run = Run(request(corpus, tmp_path))
    assert run.execute().failed == {}


def test_limit_bars_the_run(corpus: FakeCorpus, tmp_path: Path) -> None:
    record = Run(request(corpus, tmp_path, limit=5)).execute()
    assert record.scores[0].samples == 5
    assert record.barred == ("--limit: 5 of 12 clips",)
    assert Run(request(corpus, tmp_path, limit=99)).name == Run(request(corpus, tmp_path)).name
    assert Run(request(corpus, tmp_path, limit=99)).execute().barred == ()


def test_the_train_split_is_barred(corpus: FakeCorpus, tmp_path: Path) -> None:
    assert Run(request(corpus, tmp_path, split="train")).execute().barred == ("--split train: models learn from it",)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 0}, "--batch-size 0: must be at least 1"),
        ({"workers": -1}, "--workers -1"),
        ({"limit": 0}, "--limit 0"),
        ({"num_beams": 0}, "--num-beams 0"),
        ({"seed": -1}, "--seed -1"),
        ({"seed": 1 << 63}, "must be below 2"),
        ({"device": "meta"}, "--device meta: there is no such device"),
        ({"split": "validation"}, "has the splits train, dev, test"),
        ({"precision": "int8"}, "float32, bfloat16, float16"),
        ({"device": "cuda:7"}, "--device cuda:7: not available here"),
        ({"device": "warp"}, "--device warp: there is no such device"),
        ({"workers": 10_000}, "--workers 10000: must be at most"),
    ],
)
def test_impossible_options(corpus: FakeCorpus, tmp_path: Path, changes, message) -> None:
    with pytest.raises(OptionError, match=message):
        Run(RunRequest(str(corpus.model_path), str(corpus.task_path), output=tmp_path / "out", **changes))
    assert not (tmp_path / "out").exists()


def test_output_that_is_a_file(corpus: FakeCorpus, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(OutputError, match="cannot be written"):
        Run(request(corpus, tmp_path / "out"))
    assert (tmp_path / "out").read_text() == "mine"
