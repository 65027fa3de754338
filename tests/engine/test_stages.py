"""Uni-Sign's three stages, one after another, through the command line, on videos in which hands are drawn."""

import math
import shlex
import shutil
import tomllib
from pathlib import Path

import pytest
import torch
from fakes import GLOSSES, FakeCorpus
from safetensors.torch import load_file
from staged import CONFIG, Staged, save_released
from trainings import digests, killed_after, log_without_seconds

from slbench import catalog
from slbench.cards import ModelCard, Recipe, TaskCard, read_card
from slbench.engine.evaluate import Run, RunRequest
from slbench.engine.models import find_checkpoint
from slbench.engine.training import TrainingRequest, TrainingRun
from slbench.errors import CardError, DataError, ModelError, OptionError, OutputError
from slbench.metrics.base import Answer
from slbench.metrics.protocols import get_protocol
from slbench.modeling.base import Setting
from slbench.modeling.uni_sign.fusion import RGB_NAMES
from slbench.modeling.uni_sign.model import UniSign

UNUSED = {"fusion_pose_rgb_linear.weight", "fusion_pose_rgb_linear.bias"}
"""In the released checkpoints, and used by nothing."""
CANCELLED = "fusion_pose_rgb_DA.rel_pos_bias.mlp.2.bias"
"""Added to all weights of a softmax alike: only rounding moves it."""


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory):
    """The made-up corpus, and the first stage trained."""
    folder = tmp_path_factory.mktemp("staged")
    corpus = FakeCorpus(folder / "corpus")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAKE_CORPUS", str(corpus.folder))
        patch.setenv("SLBENCH_HOME", str(folder / "home"))
        made = Staged(corpus)
        made.train("pretrain-pose", made.folder / "one")
        yield made


def weights(output: Path, name: str = "last") -> dict[str, torch.Tensor]:
    return load_file(find_checkpoint(read_card(output / f"{name}.toml", ModelCard)).path)


def request(staged: Staged, output: Path, stage: str | None, **others) -> TrainingRequest:
    return TrainingRequest(
        str(staged.model), [str(staged.task)], output, device="cpu", stage=stage, checkpoint_seconds=0, **others
    )


def is_rgb(name: str) -> bool:
    return name.startswith(RGB_NAMES)


def test_the_first_stage_begins_with_the_language_model(staged: Staged, tmp_path: Path) -> None:
    training = TrainingRun(request(staged, tmp_path, "pretrain-pose"))
    saved = load_file(staged.mt5 / "model.safetensors")
    state = training.trainer.network.mt5_model.state_dict()
    assert all(torch.equal(state[name], value) for name, value in saved.items())
    assert (training.card.recipe.epochs, training.card.recipe.accumulate, training.trainer.steps) == (2, 2, 2)
    card = tomllib.loads((staged.folder / "one" / "best.toml").read_text())
    assert (card["inputs"], card["weights"]["stage"], card["recipe"]["accumulate"]) == ("pose", "pretrain-pose", 2)
    assert "--stage pretrain-pose" in card["weights"]["command"]
    assert "; stage pretrain-pose; epoch" in card["weights"]["trained_on"]
    assert "released" not in card or card["released"] == []


def test_all_three_stages(staged: Staged, tmp_path: Path) -> None:
    one, two, three = staged.folder / "one", tmp_path / "two", tmp_path / "three"
    videos = ("--videos", staged.videos)
    begun = TrainingRun(
        request(staged, tmp_path / "begun", "pretrain-rgb-pose", init=str(one / "last.toml"), videos=staged.videos)
    )
    start = {name: value.clone() for name, value in begun.trainer.network.state_dict().items()}
    first = weights(one)
    assert all(torch.equal(start[name], value) for name, value in first.items())
    assert {name for name in start if not is_rgb(name)} >= set(first)
    backbone = {name: value for name, value in start.items() if name.startswith("rgb_support_backbone.")}
    for name, value in torch.load(staged.backbone).items():
        assert torch.equal(backbone[f"rgb_support_backbone.0.{name.removeprefix('features.')}"], value)

    trainable = {name for name, _ in begun.trainer.network.named_parameters()} - {CANCELLED}
    undecayed = ("--set", "recipe.weight_decay=0")  # which moves weights that no gradient reaches
    staged.train("pretrain-rgb-pose", two, "--init", one / "last.toml", *videos, *undecayed)
    second = weights(two)
    assert unmoved(start, second, trainable) == UNUSED
    staged.train("finetune", three, "--init", two / "last.toml", "--modality", "rgb+pose", *videos, *undecayed)
    third = weights(three)
    assert unmoved(second, third, trainable) == UNUSED
    card = tomllib.loads((three / "last.toml").read_text())
    assert (card["inputs"], card["weights"]["stage"]) == ("rgb+pose", "finetune")
    words = shlex.split(card["weights"]["command"])
    assert words[words.index("--init") + 1] == str(two / "last.toml")
    assert words[words.index("--modality") + 1] == "rgb+pose"
    record = Run(
        RunRequest(str(three / "last.toml"), str(staged.task), output=tmp_path, device="cpu", videos=staged.videos)
    ).execute()
    assert (record.model.inputs, record.failed, record.model.selected_on) == ("rgb+pose", {}, "none")


def unmoved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor], names: set[str]) -> set[str]:
    """The tensors of these that have not learned."""
    return {name for name in names if torch.equal(before[name], after[name])}


def test_a_stage_resumes(staged: Staged, tmp_path: Path) -> None:
    def training(output: Path) -> TrainingRun:
        init = str(staged.folder / "one" / "last.toml")
        return TrainingRun(request(staged, output, "pretrain-rgb-pose", init=init, videos=staged.videos, resume=True))

    training(tmp_path / "whole").execute()
    for _ in range(2):
        killed_after(training(tmp_path / "cut"), 1)
    training(tmp_path / "cut").execute()
    assert digests(tmp_path / "cut") == digests(tmp_path / "whole")
    assert log_without_seconds(tmp_path / "cut") == log_without_seconds(tmp_path / "whole")


def test_stage_start_and_pretrained_parts_belong_to_a_training(staged: Staged, tmp_path: Path) -> None:
    first = str(staged.folder / "one" / "best.toml")
    killed_after(TrainingRun(request(staged, tmp_path / "a", "finetune", init=first)), 1)
    other = TrainingRun(request(staged, tmp_path / "a", "pretrain-pose", resume=True))
    with pytest.raises(OutputError) as raised:
        other.execute()
    lines = str(raised.value).splitlines()
    assert "stage: finetune there, pretrain-pose here" in lines
    keys = [line.partition(":")[0] for line in lines]
    assert {"init", "pretrained mt5_model", "recipe.epochs"} <= set(keys)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_stage_begins_with_a_file_of_weights(staged: Staged, tmp_path: Path, suffix: str) -> None:
    first = weights(staged.folder / "one")
    path = tmp_path / f"stage1{suffix}"
    save_released(first, path)
    training = TrainingRun(request(staged, tmp_path / "a", "finetune", init=str(path)))
    state = training.trainer.network.state_dict()
    assert all(torch.equal(state[name], value) for name, value in first.items())


def test_what_a_stage_cannot_begin_with(staged: Staged, tmp_path: Path) -> None:
    one, output = str(staged.folder / "one" / "last.toml"), tmp_path / "a"

    def refused(stage: str | None, message: str, **others) -> None:
        with pytest.raises((OptionError, ModelError), match=message):
            TrainingRun(request(staged, output, stage, **others))

    refused("warm-up", "--stage warm-up: staged has no such stage; known: pretrain-pose, pretrain-rgb-pose, finetune")
    refused("fine-tune", "did you mean finetune")
    refused("finetune", r"begins with weights of pretrain-pose or .*--init.*released are stage1.pth of them/theirs")
    refused("pretrain-pose", "comes from the stage pretrain-pose, but pretrain-pose begins with no other", init=one)
    refused("pretrain-pose", "--modality rgb.pose: the stage pretrain-pose looks at pose", modality="rgb+pose")
    refused("finetune", "looks at pose; finetune with rgb.pose begins with", init=one, modality="rgb+pose")
    refused("finetune", "--videos .*staged looks at poses alone", init=one, videos=staged.videos)
    refused("finetune", "there is no such file", init="absent.pth")
    refused("pretrain-pose", "write PART=FILE", pretrained=["mt5_model"])
    refused("pretrain-pose", "sizes under .config", pretrained=[f"mt5_model={staged.mt5}"],
            changes=("config.language_model.d_ff=24",))  # fmt: skip
    refused("pretrain-rgb-pose", "recipe.augmentation moves the keypoints away", init=one,
            changes=("recipe.augmentation.rotation=5",))  # fmt: skip
    assert not output.exists()


def test_pictures_must_be_somewhere(staged: Staged, tmp_path: Path) -> None:
    """Without videos, and with a folder that has none."""
    one = str(staged.folder / "one" / "last.toml")
    (tmp_path / "empty").mkdir()
    for videos, message in ((None, "without videos"), (tmp_path / "empty", "not one has a video there")):
        with pytest.raises(DataError, match=message):
            TrainingRun(request(staged, tmp_path / "a", "pretrain-rgb-pose", init=one, videos=videos))


def test_clips_without_a_video_are_left_out_and_counted(staged: Staged, tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    shutil.copytree(staged.videos, videos)
    (videos / "train" / "train-03.mp4").unlink()
    one = str(staged.folder / "one" / "last.toml")
    training = TrainingRun(request(staged, tmp_path / "a", "pretrain-rgb-pose", init=one, videos=videos))
    train = training.trainer.courses[0].train
    assert "train-03" not in {train[index].id for index in range(len(train))}
    assert len(train) == 7
    assert [line.partition(", since")[0] for line in training.warnings] == ["made-up, train: 1 of 8 clips are left out"]
    assert "; 7 of 8 clips of made-up-islr's train" in training.kept.trained_on
    assert "dev" not in training.kept.trained_on
    assert train.clip(3).id == "train-04"


def test_faults_of_a_stage_on_a_card(staged: Staged, tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    text = staged.model.read_text()
    for old, new, message in (
        ("accumulate = 2", "acumulate = 2", "stages.pretrain-pose.recipe.acumulate"),
        ('"pretrain-rgb-pose",\n]', '"rgb",\n]', "stages.finetune.after: there is no stage rgb"),
        ('stage = "pretrain-pose"', 'stage = "one"', "released.0.stage: there is no stage one"),
        ('    "rgb+pose",\n]', "]", "stages.pretrain-rgb-pose.inputs: rgb.pose is not among the modalities, pose$"),
        ('    "pose",\n    "rgb+pose",\n]', '    "rgb+pose",\n]', "inputs: pose is not among the modalities, rgb.pose"),
    ):
        assert old in text
        path.write_text(text.replace(old, new, 1))
        with pytest.raises(CardError, match=message):
            read_card(path, ModelCard)


@pytest.mark.parametrize(
    ("stage", "inputs", "clips", "epochs", "start"),
    [
        ("pretrain-pose", ("pose",), 16 * 4 * 8, 20, {"mt5_model"}),
        ("pretrain-rgb-pose", ("rgb+pose",), 4 * 4 * 8, 5, {"rgb_support_backbone"}),
        ("finetune", ("pose", "rgb+pose"), 8 * 4 * 1, 20, set()),
    ],
)
def test_the_paper_s_stages(stage: str, inputs: tuple, clips: int, epochs: int, start: set) -> None:
    """Batch x GPUs x batches that are added up, of the authors' scripts; the rest is the same in all."""
    card = catalog.get_model("uni-sign")
    recipe = card.recipe_of(stage)
    assert (card.stages[stage].inputs, recipe.batch_size * recipe.accumulate, recipe.epochs) == (inputs, clips, epochs)
    assert (recipe.learning_rate, recipe.weight_decay, recipe.adam_epsilon, recipe.warmup_epochs) == (
        3e-4,
        1e-4,
        1e-9,
        0,
    )
    assert (recipe.precision, recipe.augmentation) == ("bfloat16", Recipe().augmentation)
    assert set(card.stages[stage].pretrained) == start
    assert {one.stage for one in card.released} <= set(card.stages)


@pytest.mark.parametrize("name", catalog.names(TaskCard))
def test_the_first_score_of_each_family_is_that_which_chose_the_paper_s_epochs(name: str) -> None:
    task = catalog.get_task(name)
    (first, *_) = get_protocol(task.protocol, task.family, task.unit).score(
        [Answer("a b c d", "a b c d", ("a b c d",))]
    )
    expected = {"slt": ("BLEU-4", "higher"), "islr": ("top1-instance", "higher"), "cslr": ("WER", "lower")}
    assert (first.name, first.better) == expected[task.family]


def test_a_training_goes_on_with_the_same_pictures_only(staged: Staged, tmp_path: Path) -> None:
    """Not after a video has gone or is another; but where all of them lie elsewhere."""
    videos, moved = tmp_path / "videos", tmp_path / "moved"
    shutil.copytree(staged.videos, videos)
    one = str(staged.folder / "one" / "last.toml")

    def training(place: Path) -> TrainingRun:
        return TrainingRun(request(staged, tmp_path / "a", "pretrain-rgb-pose", init=one, videos=place, resume=True))

    killed_after(training(videos), 1)
    whole = (videos / "train" / "train-03.mp4").read_bytes()
    (videos / "train" / "train-03.mp4").unlink()
    with pytest.raises(OutputError, match=r"(?s)train clips of made-up-islr: .*train pictures of made-up-islr: "):
        training(videos).execute()
    shutil.copy(videos / "train" / "train-04.mp4", videos / "train" / "train-03.mp4")
    with pytest.raises(OutputError, match=r":\ntrain pictures of made-up-islr: [^\n]*\ngo back"):
        training(videos).execute()
    (videos / "train" / "train-03.mp4").write_bytes(whole)
    videos.rename(moved)
    assert training(moved).execute()


def fresh(gate: float) -> dict[str, torch.Tensor]:
    """Weights with pictures, whose gate is open by about so much for every joint."""
    state = UniSign(CONFIG, Setting("islr", "English", GLOSSES, inputs="rgb+pose")).network.state_dict()
    state["fusion_gate.2.weight"] *= gate
    state["fusion_gate.2.bias"].fill_(math.atanh(gate))
    return state


@pytest.mark.parametrize("gate", [0.0, 0.4])
def test_a_gate_that_is_shut_begins_anew_and_an_open_one_does_not(staged: Staged, tmp_path: Path, gate: float) -> None:
    saved = fresh(gate)
    save_released(saved, path := tmp_path / "two.pth")
    others = {"init": str(path), "modality": "rgb+pose", "videos": staged.videos}
    training = TrainingRun(request(staged, tmp_path / "out", "finetune", changes=("recipe.weight_decay=0",), **others))
    network = training.trainer.network
    start = {name: value.clone() for name, value in network.state_dict().items()}
    same = {name: torch.equal(value, saved[name]) for name, value in start.items()}
    assert all(holds for name, holds in same.items() if not name.startswith("fusion_gate."))
    assert same["fusion_gate.2.weight"] is same["fusion_gate.2.bias"] is same["fusion_gate.0.weight"] is (gate > 0)
    assert [line.partition(": ")[0] for line in training.warnings] == ([] if gate else ["--init"])
    assert ("; gate begun anew" in training.kept.trained_on) is (not gate)
    assert training.identity.get("gate") == (None if gate else "begun anew")
    next(training.trainer.run())
    gates = {name for name, _ in network.named_parameters() if name.startswith("fusion_gate.")}
    assert unmoved(start, network.state_dict(), gates) == set()
    assert len(gates) == 4


def test_a_stage_that_begins_with_poses_takes_no_weights_for_pictures(staged: Staged, tmp_path: Path) -> None:
    for name in ("all", "some"):
        state = fresh(0.1)
        if name == "some":
            state = {name: value for name, value in state.items() if not name.startswith("rgb_proj.")}
        save_released(state, path := tmp_path / f"{name}.pth")
        with pytest.raises(OptionError, match=r"looks at rgb.pose; pretrain-rgb-pose .* begins with .* looks at pose"):
            TrainingRun(request(staged, tmp_path / "a", "pretrain-rgb-pose", init=str(path), videos=staged.videos))


def test_a_damaged_video_ends_a_training_with_a_message(staged: Staged, tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    shutil.copytree(staged.videos, videos)
    video = videos / "train" / "train-03.mp4"
    video.write_bytes(video.read_bytes()[:-500])
    one = str(staged.folder / "one" / "last.toml")
    training = TrainingRun(request(staged, tmp_path / "a", "pretrain-rgb-pose", init=one, videos=videos))
    with pytest.raises(
        DataError, match=r"clip train-03: .*train-03.mp4.*--resume goes on; otherwise mend it, or take it away"
    ):
        training.execute()


def test_a_training_without_a_start_says_so(staged: Staged, tmp_path: Path) -> None:
    (line,) = TrainingRun(request(staged, tmp_path / "a", None)).warnings
    assert line.startswith("staged begins with random weights; name weights with --init, or one of its stages with")
    one = str(staged.folder / "one" / "last.toml")
    assert TrainingRun(request(staged, tmp_path / "a", None, init=one)).warnings == []
    assert TrainingRun(request(staged, tmp_path / "a", "finetune", init=one)).warnings == []


def test_released_weights_look_at_what_their_card_does(staged: Staged, tmp_path: Path) -> None:
    text = staged.model.read_text()
    (path := tmp_path / "card.toml").write_text(
        text[: text.index("[stages")].replace('    "pose",\n    "rgb+pose",\n]', '    "rgb+pose",\n]')
        .replace('\ninputs = "pose"\nmodalities', '\ninputs = "rgb+pose"\nmodalities')
    )  # fmt: skip
    with pytest.raises(CardError, match=r"released.0.inputs: pose is not among the modalities, rgb\+pose"):
        read_card(path, ModelCard)
