import shlex
import tomllib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import FakeCorpus, made_up_clip
from safetensors.torch import load_file

from slbench import catalog
from slbench.cards import Augmentation, ModelCard
from slbench.data.augment import augmented
from slbench.engine import training
from slbench.engine.changes import changed_card
from slbench.engine.evaluate import Run, RunRequest
from slbench.engine.events import Epoch, merit_of
from slbench.engine.models import find_checkpoint, load_weights
from slbench.engine.training import TrainingRequest, TrainingRun
from slbench.errors import CardError, DataError, ModelError, OptionError, OutputError
from slbench.metrics.base import Score


def asked(corpus: FakeCorpus, output: Path, seed: int = 0, changes: tuple[str, ...] = (), **others) -> TrainingRequest:
    tasks = others.pop("tasks", [str(corpus.task_path)])
    return TrainingRequest(str(corpus.model_path), tasks, output, seed=seed, device="cpu", changes=changes, **others)


def trained(corpus: FakeCorpus, output: Path, seed: int = 0, changes: tuple[str, ...] = ()) -> tuple[str, list[Epoch]]:
    epochs = []
    run = TrainingRun(asked(corpus, output, seed, changes))
    digest = run.execute(lambda event: epochs.append(event) if isinstance(event, Epoch) else None)
    return digest, epochs


def test_same_seed_same_weights(corpus: FakeCorpus, tmp_path: Path) -> None:
    changes = ("recipe.augmentation.rotation=20", "config.language_model.dropout_rate=0.1", "recipe.average=0.9")
    first, _ = trained(corpus, tmp_path / "a", changes=changes)
    torch.rand(100)
    second, _ = trained(corpus, tmp_path / "b", changes=changes)
    other, _ = trained(corpus, tmp_path / "c", seed=1, changes=changes)
    assert first == second != other


def test_training_learns_and_its_card_runs(corpus: FakeCorpus, tmp_path: Path) -> None:
    """The three glosses of a few clips are learnt by heart, and the written card gives that model back."""
    for split in ("train", "dev"):
        for number in range({"train": 8, "dev": 4}[split]):
            corpus.write(made_up_clip(f"{split}-{number:02}", 12, 1000 + number % 3), split)
    changes = (
        "recipe.epochs=60", "recipe.learning_rate=0.005", "config.label_smoothing=0.0", "config.temporal_dims=[16]",
        "config.spatial_dims=[16]", "config.language_model.d_model=32", "config.linear_std=0.3",
            "config.adjacency_noise=0.5", "recipe.warmup_epochs=5",
    )  # fmt: skip
    digest, epochs = trained(corpus, tmp_path, changes=changes)
    assert epochs[-1].loss < epochs[0].loss / 4
    assert max(epoch.deciding["made-up-islr"].value for epoch in epochs) == 100
    card = tomllib.loads((tmp_path / "best.toml").read_text())
    assert card["weights"]["sha256"] == digest
    assert "--set recipe.epochs=60" in card["weights"]["command"]
    run = Run(
        RunRequest(str(tmp_path / "best.toml"), str(corpus.task_path), split="dev", output=tmp_path, device="cpu")
    )
    assert run.execute().scores[0].value == 100


def test_best_is_kept_apart_from_last(corpus: FakeCorpus, tmp_path: Path) -> None:
    best, epochs = trained(corpus, tmp_path)
    assert epochs[0].best
    written = {path.name for path in tmp_path.iterdir()}
    assert {"best.toml", "last.toml", f"best-{best[:8]}.safetensors"} <= written
    assert len([name for name in written if name.endswith(".safetensors")]) == 2
    last = tomllib.loads((tmp_path / "last.toml").read_text())["weights"]["sha256"]
    assert (last == best) == epochs[-1].best
    assert tomllib.loads((tmp_path / "last.toml").read_text())["weights"]["trained_on"].endswith("train; epoch 2 of 2")


def test_checkpoint_gives_back_every_tensor(corpus: FakeCorpus) -> None:
    run = Run(RunRequest(str(corpus.model_path), str(corpus.task_path), output=corpus.folder / "out"))
    network = run.model.network
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1)
    load_weights(run.model, find_checkpoint(run.card))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert network.gcn_modules["left"] is network.gcn_modules["right"]


def test_non_finite_loss_names_the_clips(corpus: FakeCorpus, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"the loss is (nan|inf) for clips train-0"):
        trained(corpus, tmp_path, changes=("recipe.learning_rate=1e30", "recipe.epochs=9"))


def second_task(corpus: FakeCorpus, family: str = "cslr") -> Path:
    """The same clips, asked for as another family."""
    path = corpus.folder / f"{family}.toml"
    text = corpus.task_path.read_text().replace("made-up-islr", f"made-up-{family}").replace('"islr"', f'"{family}"')
    path.write_text("".join(line for line in text.splitlines(True) if not line.startswith(("glosses", " ", "]"))))
    corpus.edit_card(path, '"uni-sign"', '"slbench"')
    corpus.edit_card(corpus.model_path, '"islr",', '"islr", "cslr", "slt",')
    return path


def test_one_network_learns_several_tasks(corpus: FakeCorpus, tmp_path: Path) -> None:
    tasks = [str(corpus.task_path), str(second_task(corpus))]
    changes = ('recipe.repeats={"made-up-cslr": 2}', "recipe.epochs=1")
    run = TrainingRun(asked(corpus, tmp_path / "a", changes=changes, tasks=tasks))
    first, second = run.trainer.courses
    assert first.model.network is second.model.network
    batches = Counter(batch.course.task.name for batch in run.trainer._batches())
    assert batches == {"made-up-islr": 2, "made-up-cslr": 4}
    used = Counter(index for batch in run.trainer._batches() if batch.course is second for index in batch.clips)
    assert used == dict.fromkeys(range(8), 2)
    epochs = []
    run.execute(lambda event: epochs.append(event) if isinstance(event, Epoch) else None)
    assert {task: score.name for task, score in epochs[0].deciding.items()} == {
        "made-up-islr": "top1-instance",
        "made-up-cslr": "WER",
    }
    written = tomllib.loads((tmp_path / "a" / "best.toml").read_text())["weights"]
    assert written["trained_on"].startswith("made-up-islr 1.0, made-up-cslr 1.0, train")
    assert written["command"].count("--task") == 2
    for task in tasks:
        Run(RunRequest(str(tmp_path / "a" / "best.toml"), task, output=tmp_path, device="cpu")).execute()


def test_errors_count_against_an_epoch() -> None:
    def merit(accuracy: float, wer: float) -> float:
        one = Score("top1", accuracy, 0, 0, 1, "")
        return merit_of({"a": (one, one), "b": (Score("WER", wer, 0, 0, 1, "", "lower"),)})

    assert merit(50, 20) > merit(50, 30)
    assert merit(60, 20) > merit(50, 20)
    assert merit(50, 20) == 15


def test_what_cannot_be_trained_is_refused_before_it_starts(corpus: FakeCorpus, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="name at least one"):
        TrainingRun(asked(corpus, tmp_path / "a", tasks=[]))
    with pytest.raises(OptionError, match=r"repeats: there is no task mine; trained are made-up-islr"):
        TrainingRun(asked(corpus, tmp_path / "a", changes=('recipe.repeats={"mine": 2}',)))
    corpus.edit_card(corpus.task_path, '"SIGN"', '"SIGNS"')
    with pytest.raises(DataError, match="train also has 'SIGN'"):
        TrainingRun(asked(corpus, tmp_path / "a"))
    corpus.edit_card(corpus.task_path, '"uni-sign"', '"uni-sgin"')
    with pytest.raises(CardError, match="no protocol 'uni-sgin'"):
        TrainingRun(asked(corpus, tmp_path / "a"))
    assert not (tmp_path / "a").exists()


def test_tasks_whose_layers_differ_are_refused(corpus: FakeCorpus, tmp_path: Path, monkeypatch) -> None:
    build = training.build_model

    def wider(card, setting):
        model = build(card, setting)
        if setting.family == "cslr":
            model.network.pose_proj = torch.nn.Linear(3, 3)
        return model

    monkeypatch.setattr(training, "build_model", wider)
    with pytest.raises(ModelError, match="cannot be one network for made-up-islr and made-up-cslr"):
        TrainingRun(asked(corpus, tmp_path / "a", tasks=[str(corpus.task_path), str(second_task(corpus))]))


def test_weights_of_somebody_else_are_left_alone(corpus: FakeCorpus, tmp_path: Path) -> None:
    (tmp_path / "best-of-mine.safetensors").write_bytes(b"mine")
    (tmp_path / ".notes.tmp").mkdir()
    with pytest.raises(OutputError, match="holds a model already"):
        trained(corpus, tmp_path)
    assert (tmp_path / "best-of-mine.safetensors").read_bytes() == b"mine"


def test_a_task_named_twice_is_refused(corpus: FakeCorpus, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="named twice"):
        TrainingRun(asked(corpus, tmp_path / "a", tasks=[str(corpus.task_path)] * 2))


def test_training_begins_with_the_weights_of_another(corpus: FakeCorpus, tmp_path: Path) -> None:
    """One step of hardly any length keeps them; from scratch the weights are others."""
    still = ("recipe.epochs=1", "recipe.batch_size=8", "recipe.learning_rate=1e-12")
    begun = TrainingRun(asked(corpus, tmp_path / "a", 5, still, init=str(corpus.model_path)))
    begun.execute()
    there = load_file(corpus.folder / "tiny.safetensors")
    here = load_file(next((tmp_path / "a").glob("last-*.safetensors")))
    parameters = [name for name, _ in begun.trainer.network.named_parameters() if name in there]
    assert all(torch.allclose(there[name], here[name], atol=1e-6) for name in parameters)
    card = tomllib.loads((tmp_path / "a" / "last.toml").read_text())
    assert f"--init {corpus.model_path}" in card["weights"]["command"]
    trained(corpus, tmp_path / "b", 5, still)
    other = load_file(next((tmp_path / "b").glob("last-*.safetensors")))
    assert not all(torch.allclose(there[name], other[name], atol=1e-6) for name in parameters)


def test_weights_of_another_model_to_begin_with_are_refused(corpus: FakeCorpus, tmp_path: Path) -> None:
    request = asked(corpus, tmp_path / "a", changes=("config.point_dim=6",), init=str(corpus.model_path))
    with pytest.raises(ModelError, match="does not fit the network"):
        TrainingRun(request)
    assert not (tmp_path / "a").exists()


def test_a_folder_that_holds_a_model_is_not_overwritten(corpus: FakeCorpus, tmp_path: Path) -> None:
    trained(corpus, tmp_path / "a", changes=("recipe.epochs=1",))
    with pytest.raises(OutputError, match="holds a training already; go on with --resume"):
        trained(corpus, tmp_path / "a")


def test_killed_between_weights_and_card(corpus: FakeCorpus, tmp_path: Path, monkeypatch) -> None:
    """The card always names whole weights: here nothing more can be written once the second epoch has its weights."""
    written = []

    def dies(target: Path, text: str) -> None:
        if len(written) >= 2:
            raise KeyboardInterrupt
        written.append(target)
        target.write_text(text)

    monkeypatch.setattr("slbench.engine.kept.write_text", dies)
    with pytest.raises(KeyboardInterrupt):
        trained(corpus, tmp_path / "a")
    find_checkpoint(catalog.get_model(str(tmp_path / "a" / "best.toml")))


def test_command_on_the_card_can_be_typed(corpus: FakeCorpus, tmp_path: Path) -> None:
    trained(corpus, tmp_path / "a", changes=("recipe.epochs=1", "config.prompt=two words: "))
    command = tomllib.loads((tmp_path / "a" / "best.toml").read_text())["weights"]["command"]
    words = shlex.split(command)
    assert words[:2] == ["slbench", "train"]
    assert "config.prompt=two words: " in words
    assert str(corpus.model_path) in words


@pytest.mark.parametrize("split", ["train", "dev"])
def test_unreadable_clips_are_named_before_training(corpus: FakeCorpus, tmp_path: Path, split: str) -> None:
    corpus.clip_file(f"{split}-01").write_bytes(b"")
    with pytest.raises(DataError, match=f"1 clips of {split} cannot be read:\nclip {split}-01"):
        trained(corpus, tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_an_empty_training_split_is_refused(corpus: FakeCorpus, tmp_path: Path) -> None:
    for path in (corpus.folder / "clips" / "train").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="train has 0 clips, its card"):
        trained(corpus, tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_unusable_training_clip_is_named(corpus: FakeCorpus, tmp_path: Path) -> None:
    clip = made_up_clip("train-01", 5, 0)
    clip.keypoints[0, 0, 0] = np.nan
    corpus.write(clip, "train")
    with pytest.raises(DataError, match="train-01: keypoints are not finite"):
        trained(corpus, tmp_path / "a", changes=("recipe.batch_size=8",))


def test_damaged_weights(corpus: FakeCorpus, tmp_path: Path) -> None:
    weights = corpus.folder / "tiny.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match="sha256 is"):
        Run(RunRequest(str(corpus.model_path), str(corpus.task_path), output=tmp_path))


def test_weights_of_another_size(corpus: FakeCorpus, tmp_path: Path) -> None:
    corpus.edit_card(corpus.model_path, "point_dim = 4", "point_dim = 5")
    with pytest.raises(ModelError, match="does not fit the network"):
        Run(RunRequest(str(corpus.model_path), str(corpus.task_path), output=tmp_path))


def test_model_without_weights_says_how_to_get_them(corpus: FakeCorpus, tmp_path: Path) -> None:
    text = corpus.model_path.read_text()
    corpus.model_path.write_text(
        text[: text.index("[weights]")] + text[text.index("[recipe]") :]
        if text.index("[weights]") < text.index("[recipe]")
        else text[: text.index("[weights]")]
    )
    with pytest.raises(ModelError, match="Train it first: slbench train"):
        Run(RunRequest(str(corpus.model_path), str(corpus.task_path), output=tmp_path))


def test_set_changes_the_card() -> None:
    card = changed_card(catalog.get_model("uni-sign-mini"), ["recipe.epochs=3", "config.inputs.dominant_hand=right"])
    assert card.recipe.epochs == 3
    assert card.config["inputs"]["dominant_hand"] == "right"


@pytest.mark.parametrize(
    "change", ["epochs=3", "recipe.epochs", "recipe.epochs=many", "recipe.no=1", "recipe.epochs.x=1", "name=x"]
)
def test_impossible_changes(change: str) -> None:
    with pytest.raises(OptionError, match="--set"):
        changed_card(catalog.get_model("uni-sign"), [change])


def test_a_misspelt_key_is_told_from_those_of_the_recipe() -> None:
    with pytest.raises(OptionError, match=r"--set recipe.epoch: unknown key; did you mean recipe.epochs"):
        changed_card(catalog.get_model("uni-sign-mini"), ["recipe.epoch=3"])


def test_augmentation_is_an_affine_map_and_keeps_scores() -> None:
    clip = made_up_clip("c", 30, 0)
    change = Augmentation(rotation=30, scale=0.2, shear=0.2)
    changed = augmented(clip, change, np.random.default_rng(1))
    assert changed.frames == 30
    np.testing.assert_array_equal(changed.scores, clip.scores)
    ones = np.ones((30 * 133, 1))
    flat = np.concatenate([clip.keypoints.reshape(-1, 2), ones], axis=1)
    _, residual, _, _ = np.linalg.lstsq(flat, changed.keypoints.reshape(-1, 2), rcond=None)
    assert residual.max() < 1e-6
    assert not np.allclose(changed.keypoints, clip.keypoints, atol=0.01)
    same = augmented(clip, Augmentation(), np.random.default_rng(1))
    np.testing.assert_allclose(same.keypoints, clip.keypoints, atol=1e-6)
    faster = augmented(clip, Augmentation(speed=0.5), np.random.default_rng(2))
    assert faster.frames != 30
    assert len(faster.scores) == faster.frames


def test_recipe_defaults_are_the_papers() -> None:
    recipe = ModelCard.model_fields["recipe"].default
    assert (recipe.epochs, recipe.batch_size, recipe.learning_rate, recipe.clip_norm) == (20, 8, 3e-4, 1.0)
