"""What a model says of its own work: in predictions, in the record, and kept over an interruption."""

import json
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import pytest
from fakes import FakeCorpus

from slbench.engine.evaluate import Progress, Run, RunRequest
from slbench.engine.predict import _prediction
from slbench.modeling.base import Output
from slbench.records import mean_measures


@pytest.fixture
def asked(corpus: FakeCorpus, tmp_path: Path) -> RunRequest:
    corpus.edit_card(corpus.model_path, "slbench.modeling.uni_sign.model:UniSign", "fakes:Gated")
    return RunRequest(str(corpus.model_path), str(corpus.task_path), batch_size=4, output=tmp_path / "out")


def test_means_are_over_the_clips_that_have_them(asked: RunRequest) -> None:
    run = Run(asked)
    record = run.execute()
    frames = [run.split[index].frames for index in run.wanted]
    lines = [json.loads(line) for line in run.predictions_path.read_text().splitlines()]
    assert min(frames) <= 10 < max(frames)
    expected = [{"gate": pytest.approx(1 / count, rel=5e-4)} if count > 10 else None for count in frames]
    assert [line.get("measures") for line in lines] == expected
    assert record.measures == {"gate": pytest.approx(fmean(1 / count for count in frames if count > 10), rel=1e-3)}


def test_a_gate_that_is_hardly_open_is_not_taken_for_one_that_is_shut() -> None:
    for opening, kept in ((0.000312345, 0.0003123), (0.5, 0.5), (0.0, 0.0), (0.123456, 0.1235)):
        made = _prediction("c", "A", Output("A", measures={"gate": opening}), (), closed=False)
        assert made.measures == {"gate": kept}
        assert mean_measures([made, made]) == {"gate": kept}


def test_an_interrupted_run_ends_with_the_same(asked: RunRequest, tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.done >= 4:
            raise KeyboardInterrupt

    whole, broken = Run(replace(asked, output=tmp_path / "whole")), Run(asked)
    expected = whole.execute()
    with pytest.raises(KeyboardInterrupt):
        broken.execute(stop)
    again = Run(asked)
    record = again.execute()
    assert record.resumed_clips == 4
    assert record.measures == expected.measures
    assert again.predictions_path.read_bytes() == whole.predictions_path.read_bytes()


def test_a_model_without_measures_leaves_no_trace(corpus: FakeCorpus, tmp_path: Path) -> None:
    run = Run(RunRequest(str(corpus.model_path), str(corpus.task_path), output=tmp_path / "out"))
    assert run.execute().measures == {}
    assert "measures" not in run.predictions_path.read_text()


def test_a_measure_that_is_no_number_is_a_failed_clip() -> None:
    made = _prediction("c", "A", Output("A", measures={"gate": float("nan")}), (), closed=False)
    assert (made.hypothesis, made.error) == (None, "clip c: the model's measures are not finite")
