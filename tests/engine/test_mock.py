"""A mock run needs no data and no weights, and can never be taken for a real one."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from edited import edit_record
from fakes import GLOSSES, FakeCorpus

from slbench.cards import TaskCard
from slbench.data.clip import Clip
from slbench.data.mock import NO_HANDS, SINGLE_FRAME, MockSplit, moving_figure
from slbench.data.skeleton import LEFT_HAND, LEFT_WRIST, RIGHT_HAND, RIGHT_WRIST
from slbench.engine.evaluate import Progress, Run
from slbench.engine.request import RunRequest
from slbench.errors import CardError, ModelError, OptionError, OutputError
from slbench.files import file_digest
from slbench.modeling.base import Output
from slbench.records import RunRecord, parse_predictions, parse_record
from slbench.report.leaderboard import read_board
from slbench.report.tables import caption


def request(corpus: FakeCorpus, output: Path, **changes) -> RunRequest:
    options = {"device": "cpu", "mock": True, **changes}
    return RunRequest(str(corpus.model_path), str(corpus.task_path), output=output, **options)


def record_of(run: Run) -> RunRecord:
    return parse_record(run.record_path.read_text(), "here")


@pytest.fixture
def without_data(corpus: FakeCorpus) -> FakeCorpus:
    """The dataset's reader is in a package that is not installed, and none of its files is there."""
    corpus.edit_card(corpus.dataset_path, "fakes:FakeReader", "no_such_package:Reader")
    return corpus


@pytest.fixture
def without_weights(corpus: FakeCorpus) -> FakeCorpus:
    values = tomllib.loads(corpus.model_path.read_text())
    del values["weights"]
    corpus.model_path.write_text(tomli_w.dumps(values))
    return corpus


def task(**changes) -> TaskCard:
    values = {"name": "t", "title": "", "version": "1.0", "dataset": "d", "language": "English", "protocol": "p"}
    return TaskCard(**values | changes)


def test_no_data_is_needed(without_data: FakeCorpus, tmp_path: Path) -> None:
    with pytest.raises(CardError, match="no_such_package"):
        Run(request(without_data, tmp_path, mock=False))
    record = Run(request(without_data, tmp_path)).execute()
    assert record.failed == {}
    assert record.scores[0].samples == record.task.clips == 8


def test_no_weights_are_needed(without_weights: FakeCorpus, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has no weights"):
        Run(request(without_weights, tmp_path, mock=False))
    runs = [Run(request(without_weights, tmp_path / name, seed=seed)) for name, seed in (("a", 0), ("b", 0), ("c", 1))]
    records = [run.execute() for run in runs]
    assert records[0].predictions_sha256 == records[1].predictions_sha256 != records[2].predictions_sha256
    assert records[0].model.weights_sha256 == "untrained"
    assert records[0].barred == ("--mock: made-up clips, untrained weights",)


def test_weights_of_the_card_are_used(corpus: FakeCorpus, tmp_path: Path) -> None:
    run = Run(request(corpus, tmp_path, seed=5))
    record = run.execute()
    assert record.model.weights_sha256 == file_digest(corpus.folder / "tiny.safetensors")
    network = Run(request(corpus, tmp_path, mock=False)).model.network
    assert all((a == b).all() for a, b in zip(network.parameters(), run.model.network.parameters(), strict=True))


def test_the_record_says_that_the_clips_are_made_up(corpus: FakeCorpus, tmp_path: Path) -> None:
    run = Run(request(corpus, tmp_path))
    record = run.execute()
    assert record == record_of(run)
    assert record.options.mock
    assert record.run.startswith("mock-test-")
    assert (record.task.dataset, record.task.pose_source) == ("mock", "made up by slbench (--mock)")
    assert record.barred == ("--mock: made-up clips",)
    assert "--mock" in caption(record)
    assert "made up" in caption(record)


def test_a_real_run_says_that_it_is_one(corpus: FakeCorpus, tmp_path: Path) -> None:
    record = Run(request(corpus, tmp_path, mock=False)).execute()
    assert not record.options.mock
    assert "mock" not in record.run


def test_kept_off_the_board_even_when_edited(corpus: FakeCorpus, tmp_path: Path) -> None:
    run = Run(request(corpus, tmp_path))
    run.execute()
    assert read_board(tmp_path).left_out == ((str(run.record_path), "--mock: made-up clips"),)
    edit_record(run.record_path, barred=[])
    with pytest.raises(OutputError, match="a mock run is barred"):
        record_of(run)
    assert read_board(tmp_path).records == ()


def stop_after(clips: int):
    def report(progress: Progress) -> None:
        if progress.done >= clips:
            raise KeyboardInterrupt

    return report


def test_real_and_mock_runs_never_meet(corpus: FakeCorpus, tmp_path: Path) -> None:
    """Neither continues the other's journal nor touches the other's files."""
    for mock in (False, True):
        with pytest.raises(KeyboardInterrupt):
            Run(request(corpus, tmp_path, mock=mock, batch_size=2)).execute(stop_after(4))
    real, mock = (Run(request(corpus, tmp_path, mock=mock, batch_size=2)) for mock in (False, True))
    assert real.other_journals() == mock.other_journals() == []
    assert mock.execute().resumed_clips == 4
    assert not real.record_path.exists()
    assert real.execute().resumed_clips == 4
    before = {path: path.read_bytes() for path in (real.record_path, real.predictions_path)}
    assert Run(request(corpus, tmp_path, fresh=True)).execute().resumed_clips == 0
    assert {path: path.read_bytes() for path in before} == before


def test_the_batch_size_and_workers_change_nothing(corpus: FakeCorpus, tmp_path: Path) -> None:
    settings = [{"batch_size": 1}, {"batch_size": 8}, {"batch_size": 3, "workers": 2}]
    runs = [Run(request(corpus, tmp_path / str(i), **changes)) for i, changes in enumerate(settings)]
    assert len({run.execute().predictions_sha256 for run in runs}) == 1


@pytest.mark.parametrize("limit", [1, 3, 20])
def test_limit_says_how_many(corpus: FakeCorpus, tmp_path: Path, limit: int) -> None:
    run = Run(request(corpus, tmp_path, limit=limit))
    record = run.execute()
    predictions = parse_predictions(run.predictions_path.read_text(), "here")
    assert len(predictions) == record.task.clips == limit
    assert {prediction.reference for prediction in predictions} <= set(GLOSSES)
    assert record.barred == ("--mock: made-up clips",)
    assert run.name != Run(request(corpus, tmp_path)).name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"split": "validation"}, "has the splits train, dev, test"),
        ({"limit": 0}, "--limit 0"),
        ({"seed": -1}, "--seed -1"),
    ],
)
def test_impossible_options(corpus: FakeCorpus, tmp_path: Path, changes, message) -> None:
    with pytest.raises(OptionError, match=message):
        Run(request(corpus, tmp_path / "out", **changes))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda outputs: outputs[:-1], "gave 7 answers for 8 clips"),
        (lambda outputs: [*outputs, outputs[0]], "gave 9 answers for 8 clips"),
        (lambda outputs: [Output(o.text, o.log_likelihoods[1:]) for o in outputs], "2 log-likelihoods for 3 glosses"),
    ],
)
def test_a_model_that_answers_wrongly_is_told(corpus: FakeCorpus, tmp_path: Path, monkeypatch, spoil, message) -> None:
    """Instead of answers that slip to the next clip or gloss."""
    run = Run(request(corpus, tmp_path))
    decode = run.model.decode
    monkeypatch.setattr(run.model, "decode", lambda encoded: spoil(decode(encoded)))
    with pytest.raises(ModelError, match=message):
        run.execute()
    assert not run.record_path.exists()


def arrays(clips: MockSplit) -> list[np.ndarray]:
    return [array for i in range(len(clips)) for array in (clips.clip(i).keypoints, clips.clip(i).scores)]


def same(one: MockSplit, other: MockSplit) -> bool:
    return all(a.shape == b.shape and (a == b).all() for a, b in zip(arrays(one), arrays(other), strict=True))


def test_the_seed_decides_the_clips() -> None:
    glosses = task(family="islr", glosses=GLOSSES)
    assert same(MockSplit(glosses, 3), MockSplit(glosses, 3))
    assert not same(MockSplit(glosses, 3), MockSplit(glosses, 4))
    digests = {MockSplit(glosses, *choice).manifest.data_digest for choice in ((3,), (4,), (3, 9))}
    assert len(digests) == 3
    assert MockSplit(glosses, 3).manifest.data_digest in digests


def test_clips_have_many_lengths_one_frame_and_hidden_hands() -> None:
    split = MockSplit(task(family="islr", glosses=GLOSSES), seed=0)
    clips = [split.clip(i) for i in range(8)]
    assert [clip.frames for clip in clips] == [row.frames for row in split]
    assert [clip.id for clip in clips] == [row.id for row in split]
    assert len({clip.frames for clip in clips}) > 4
    assert [i for i, clip in enumerate(clips) if clip.frames == 1] == [SINGLE_FRAME]
    assert [i for i, clip in enumerate(clips) if not clip.scores[:, LEFT_HAND.start :].any()] == [NO_HANDS]


@pytest.mark.parametrize("seed", range(5))
def test_a_figure_is_one_that_could_be(seed: int) -> None:
    """Inside the image, moving without jumps, hands where the body's wrists are, its left at the viewer's right."""
    keypoints, scores = moving_figure(60, np.random.default_rng(seed))
    Clip("c", keypoints, scores, 25.0, "").check()
    seen = scores > 0
    assert ((keypoints[seen] > 0) & (keypoints[seen] < 1)).all()
    assert (keypoints[~seen] == 0).all()
    assert 0 < np.abs(np.diff(keypoints, axis=0)).max() < 0.1
    for wrist, hand in ((LEFT_WRIST, LEFT_HAND), (RIGHT_WRIST, RIGHT_HAND)):
        np.testing.assert_allclose(keypoints[:, wrist], keypoints[:, hand.start])
        reach = np.linalg.norm(keypoints[:, hand] - keypoints[:, wrist, None], axis=-1)
        assert 0.05 < reach.max() < 0.1
    assert (keypoints[:, LEFT_WRIST, 0] > keypoints[:, RIGHT_WRIST, 0]).mean() > 0.8


@pytest.mark.parametrize("family", ["cslr", "slt"])
def test_other_families_are_asked_for_sentences(family: str) -> None:
    made_up = task(family=family)
    answers = [made_up.target(row.text, row.gloss) for row in MockSplit(made_up, seed=0)]
    assert len(set(answers)) > 4
    assert all(len(answer.split()) >= 2 for answer in answers)
    assert all(answer.endswith(".") == (family == "slt") for answer in answers)


@pytest.mark.parametrize("task", ["wlasl2000-islr", "msasl100-islr"])
def test_a_vocabulary_that_is_in_the_corpus_is_made_up_too(task: str, tmp_path: Path) -> None:
    record = Run(RunRequest(model="uni-sign-mini", task=task, output=tmp_path, limit=3, mock=True)).execute()
    assert record.scores[0].samples == 3
    assert record.failed == {}
