"""Which split chooses the epoch that is kept: dev, test where the user says so, or none."""

import tomllib
from pathlib import Path

import pytest
from fakes import FakeCorpus
from safetensors import safe_open
from told import ToldCorpus

from slbench import catalog
from slbench.cli.app import app
from slbench.engine.courses import scored_split
from slbench.engine.evaluate import Run, RunRequest
from slbench.engine.events import Epoch, Event
from slbench.engine.inspection import converted
from slbench.engine.released import own_checkpoint
from slbench.engine.training import TrainingRequest, TrainingRun
from slbench.errors import DataError, OptionError
from slbench.report.leaderboard import read_board


@pytest.fixture
def no_dev(corpus: FakeCorpus) -> ToldCorpus:
    """As Uni-Sign's lists of How2Sign: train and test, on cards that know dev."""
    told = ToldCorpus(corpus)
    (told.root / "labels-3.dev").unlink()
    told.ingest()
    return told


def asked(corpus: FakeCorpus, output: Path, **others) -> TrainingRequest:
    return TrainingRequest(str(corpus.model_path), [str(corpus.task_path)], output, device="cpu", **others)


def test_choosing_on_test_must_be_asked_for(no_dev: ToldCorpus, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"prepared without dev.*on test is refused.*with --select-on-test"):
        TrainingRun(asked(no_dev.fake, tmp_path / "a"))
    assert not (tmp_path / "a").exists()


def test_what_was_chosen_on_test_says_so_everywhere(no_dev: ToldCorpus, tmp_path: Path) -> None:
    events: list[Event] = []
    TrainingRun(asked(no_dev.fake, tmp_path / "a", select_on_test=True)).execute(events.append)
    epochs = [event for event in events if isinstance(event, Epoch)]
    assert [epoch.scored_on for epoch in epochs] == ["test", "test"]
    assert {epoch.deciding["made-up-islr"].samples for epoch in epochs} == {12}
    best = tomllib.loads((tmp_path / "a" / "best.toml").read_text())["weights"]
    assert best["selected_on"] == "test"
    assert best["trained_on"].endswith("the best on test")
    assert "--select-on-test" in best["command"]
    task, output = str(no_dev.fake.task_path), tmp_path / "r"
    run = Run(RunRequest(str(tmp_path / "a" / "best.toml"), task, output=output, device="cpu"))
    assert run.execute().model.selected_on == "test"
    last = tomllib.loads((tmp_path / "a" / "last.toml").read_text())["weights"]
    assert last["selected_on"] == "none"  # nothing chose it
    assert safetensors_notes(tmp_path / "a" / last["file"]) is None


def safetensors_notes(path: Path) -> dict[str, str] | None:
    with safe_open(path, framework="pt") as file:
        return file.metadata()


def test_what_test_chose_stays_known_without_the_card(no_dev: ToldCorpus, tmp_path: Path) -> None:
    """Of the file by itself, of another form of it, and of trainings that begin with it."""
    short = {"changes": ("recipe.epochs=1",)}
    TrainingRun(asked(no_dev.fake, tmp_path / "a", select_on_test=True, **short)).execute()
    (best,) = (tmp_path / "a").glob("best-*.safetensors")
    assert safetensors_notes(best) == {"selected_on": "test"}
    card = catalog.get_model(str(no_dev.fake.model_path))
    converted(card, best, other := tmp_path / "other.safetensors")
    for path in (best, other):
        run = Run(RunRequest(str(card.path), str(no_dev.fake.task_path), checkpoint=path, mock=True, device="cpu"))
        assert run.checkpoint is not None
        assert run.checkpoint.selected_on == "test"
    with_splits(no_dev.fake, "train")
    for number, start in enumerate((tmp_path / "a" / "best.toml", best)):
        output = tmp_path / f"b{number}"
        TrainingRun(asked(no_dev.fake, output, init=str(start), **short)).execute()
        for name in ("best", "last"):
            weights = tomllib.loads((output / f"{name}.toml").read_text())["weights"]
            assert weights["selected_on"] == "test"
            assert "; begun with weights chosen on test; epoch 1 of 1" in weights["trained_on"]
            assert safetensors_notes(output / weights["file"]) == {"selected_on": "test"}


def test_what_is_known_of_a_file_of_the_users(corpus: FakeCorpus, tmp_path: Path) -> None:
    """The name of a released file, as a user gets it by hand, says what its card knows of it."""
    card, weights = catalog.get_model("uni-sign"), (corpus.folder / "tiny.safetensors").read_bytes()
    for name, expected in (
        ("how2sign_pose_only_slt.pth", "test"), ("openasl_pose_only_slt.pth", "dev"), ("mine.safetensors", ""),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(weights)
        assert own_checkpoint(tmp_path / name, card).selected_on == expected


def test_chosen_on_dev_nothing_is_said(corpus: FakeCorpus, tmp_path: Path) -> None:
    TrainingRun(asked(corpus, tmp_path / "a", changes=("recipe.epochs=1",))).execute()
    best = str(tmp_path / "a" / "best.toml")
    assert tomllib.loads(Path(best).read_text())["weights"]["selected_on"] == "dev"
    record = Run(RunRequest(best, str(corpus.task_path), output=tmp_path / "r", device="cpu")).execute()
    assert record.model.selected_on == ""


def test_dev_cannot_be_test_under_another_name(corpus: FakeCorpus) -> None:
    """As in the released code, whose dev loader is that of test: such lists are not prepared."""
    told = ToldCorpus(corpus)
    (told.root / "labels-3.dev").write_bytes((told.root / "labels-3.test").read_bytes())
    with pytest.raises(DataError, match="ids occur more than once"):
        told.ingest(any_version=True)


def with_splits(corpus: FakeCorpus, *splits: str) -> None:
    listed = ", ".join(f'"{split}"' for split in splits)
    corpus.edit_card(corpus.task_path, 'family = "islr"', f'family = "islr"\nsplits = [{listed}]')


def test_a_task_with_test_and_without_dev(corpus: FakeCorpus, tmp_path: Path) -> None:
    with_splits(corpus, "train", "test")
    with pytest.raises(OptionError, match="made-up-islr has no dev split: choosing the epoch on test is refused"):
        TrainingRun(asked(corpus, tmp_path / "a"))


def test_a_task_of_train_alone_keeps_the_last_epoch(corpus: FakeCorpus, tmp_path: Path, capsys) -> None:
    with_splits(corpus, "train")
    words = ["train", "--model", corpus.model_path, "--task", corpus.task_path, "--output", tmp_path / "a"]
    app([str(word) for word in words], standalone_mode=False)
    best, last = (tomllib.loads((tmp_path / "a" / f"{name}.toml").read_text())["weights"] for name in ("best", "last"))
    assert best["sha256"] == last["sha256"]
    assert best["selected_on"] == "none"
    assert "epoch 2 of 2, the last, as there is no split to choose on" in best["trained_on"]
    assert "dev" not in capsys.readouterr().err
    assert (tmp_path / "a" / "curves.svg").is_file()


def test_the_corpora_for_pre_training_have_no_board(tmp_path: Path) -> None:
    for name, scored in (("csl-news-slt", "dev"), ("youtube-asl-slt", None)):
        task = catalog.get_task(name)
        assert task.pretraining
        assert "test" not in task.splits
        assert scored_split(task, on_test=False) == scored
        with pytest.raises(OptionError, match=f"--select-on-test: {name} has no test split"):
            scored_split(task, on_test=True)
    assert [name for name in catalog.names(type(task)) if catalog.get_task(name).pretraining] == [
        "csl-news-slt", "youtube-asl-slt",
    ]  # fmt: skip


def test_a_run_on_a_task_for_pre_training_is_not_ranked(corpus: FakeCorpus, tmp_path: Path) -> None:
    corpus.edit_card(corpus.task_path, 'family = "islr"', 'family = "islr"\npretraining = true')
    request = RunRequest(str(corpus.model_path), str(corpus.task_path), split="dev", output=tmp_path, device="cpu")
    assert Run(request).execute().barred == ("made-up-islr is for pre-training, and no benchmark",)
    board = read_board(tmp_path)
    assert board.records == ()
    assert "for pre-training" in board.left_out[0][1]
