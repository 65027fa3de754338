"""Checkpoints of every form, good and bad, against the tensors that they were made of."""

import argparse
import math
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from fakes import TINY
from safetensors.torch import load_file, save_file
from torch import Tensor

from slbench.cards import Modality, ModelCard
from slbench.engine.inspection import converted, inspected
from slbench.engine.models import Checkpoint, build_model, load_weights, save_weights
from slbench.engine.weights import read_tensors
from slbench.errors import ModelError, OptionError
from slbench.files import file_digest
from slbench.modeling.base import Setting
from slbench.modeling.uni_sign.fusion import RGB_NAMES
from slbench.report.cards import checkpoint_rows

HEAD = "mt5_model.lm_head.weight"
EMBEDDING = "mt5_model.shared.weight"
COPY = "mt5_model.encoder.embed_tokens.weight"
CARD = ModelCard(
    name="tiny", title="Tiny", implementation="slbench.modeling.uni_sign.model:UniSign",
    families=("slt",), inputs="pose", modalities=("pose", "rgb+pose"), paper="", config=TINY,
)  # fmt: skip
State = dict[str, Tensor]


def fresh(seed: int = 0, inputs: Modality = "pose"):
    torch.manual_seed(seed)
    model = build_model(CARD, Setting("slt", "Chinese", inputs=inputs))
    model.network.eval()
    return model


def released_state(seed: int = 1, inputs: Modality = "pose") -> State:
    """As the released files: every name, in bfloat16, with an `lm_head` that differs from the embedding."""
    network = fresh(seed, inputs).network
    for name, value in network.named_buffers():
        if name.endswith("num_batches_tracked"):
            value += 7
    halved: dict[int, Tensor] = {}
    state = {}
    for name, value in network.state_dict(keep_vars=True).items():
        cast = value.detach().bfloat16() if value.is_floating_point() else value
        state[name] = halved.setdefault(id(value), cast)
    return state


def load(path: Path, inputs: Modality = "pose", **options: object):
    model = fresh(inputs=inputs)
    load_weights(model, Checkpoint(path, file_digest(path)), **options)
    return model


def assert_loaded(model, state: State) -> None:
    found = model.network.state_dict()
    assert found.keys() == state.keys()
    assert [name for name in state if not torch.equal(found[name], state[name].to(found[name].dtype))] == []
    assert found[HEAD].dtype == torch.float32


def one_hand(state: State) -> State:
    return {name: value for name, value in state.items() if ".right." not in name}


def plain(state: State, path: Path) -> None:
    torch.save(state, path)


def wrapped(state: State, path: Path) -> None:
    torch.save({"model": state}, path)


def with_more(state: State, path: Path) -> None:
    torch.save({"model": state, "epoch": 3, "optimizer": {"state": {}}}, path)


def old_form(state: State, path: Path) -> None:
    torch.save({"model": state}, path, _use_new_zipfile_serialization=False)


def distributed(state: State, path: Path) -> None:
    torch.save({"model": {f"module.{name}": value for name, value in state.items()}}, path)


def cast_whole(state: State, path: Path) -> None:
    torch.save({name: value.bfloat16() for name, value in state.items()}, path)


def copies(state: State, path: Path) -> None:
    torch.save({name: value.clone() for name, value in state.items()}, path)


def left_alone(state: State, path: Path) -> None:
    torch.save({"model": one_hand(state)}, path)


def right_alone(state: State, path: Path) -> None:
    torch.save({"model": {name: value for name, value in state.items() if ".left." not in name}}, path)


def as_safetensors(state: State, path: Path) -> None:
    save_file({name: value.clone() for name, value in state.items()}, path)


@pytest.mark.parametrize(
    "write",
    [plain, wrapped, with_more, old_form, distributed, cast_whole, copies, left_alone, right_alone, as_safetensors],
)
def test_every_form_is_loaded(write: Callable[[State, Path], None], tmp_path: Path) -> None:
    state = released_state()
    write(state, path := tmp_path / "any.pth")
    assert_loaded(load(path), state)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_every_precision_is_loaded(dtype: torch.dtype, tmp_path: Path) -> None:
    state = {name: value.to(dtype) if value.is_floating_point() else value for name, value in released_state().items()}
    copies(state, path := tmp_path / "any.pth")
    assert_loaded(load(path), state)


def test_archives_are_mapped_and_not_copied(tmp_path: Path) -> None:
    """Writing into the file shows through the tensors that were read from it."""
    wrapped({"a": torch.zeros(1 << 12)}, path := tmp_path / "a.pth")
    tensors = read_tensors(path)
    data = bytearray(path.read_bytes())
    data[data.index(bytes(1 << 12)) + (1 << 12)] = 1
    with path.open("r+b") as file:
        file.write(data)
    assert tensors["a"].any()


def test_head_and_embedding_stay_two_tensors(tmp_path: Path) -> None:
    """transformers 5 ties them in every model that is built from a configuration."""
    state = released_state()
    assert not torch.equal(state[HEAD], state[EMBEDDING])
    assert torch.equal(state[COPY], state[EMBEDDING])
    wrapped(state, path := tmp_path / "a.pth")
    model = load(path)
    model.network.eval()
    model.decode(model.encode([{name: torch.zeros(3, points, 3).numpy() for name, points in PARTS.items()}]))
    assert_loaded(model, state)
    digest = save_weights(model.network, again := tmp_path / "again.safetensors")
    assert digest == file_digest(again)
    assert_loaded(load(again), state)
    converted(CARD, path, third := tmp_path / "third.safetensors")
    assert_loaded(load(third), state)
    assert not torch.equal(load_file(third)[HEAD], load_file(third)[EMBEDDING])


INT, FLOAT = torch.int64, torch.float32
PARTS = {"body": 9, "left": 21, "right": 21, "face_all": 18}


def test_names_of_one_tensor_that_differ_are_refused(tmp_path: Path) -> None:
    state = released_state()
    state[COPY] = state[COPY] + 1
    state["proj_linear.right.bias"] = state["proj_linear.left.bias"] + 1
    wrapped(state, path := tmp_path / "a.pth")
    with pytest.raises(ModelError, match="2 that hold different values, though they are names of one tensor") as raised:
        load(path)
    assert f"{EMBEDDING} and {COPY}" in str(raised.value)
    assert "proj_linear.left.bias and proj_linear.right.bias" in str(raised.value)


def test_everything_that_does_not_fit_is_listed_and_nothing_loaded(tmp_path: Path) -> None:
    state = {name: value.clone() for name, value in released_state().items()}
    lacking = [name for name in state if name.startswith("fusion_gcn_modules.body.")]
    assert len(lacking) > 10
    for name in (*lacking, HEAD):
        del state[name]
    state |= {f"extra.{number:02}": torch.zeros(1) for number in range(12)}
    state["pose_proj.weight"] = state["pose_proj.weight"].T
    state["pose_proj.bias"] = state["pose_proj.bias"].long()
    state["part_para"][0] = torch.nan
    wrapped(state, path := tmp_path / "a.pth")
    model, before = fresh(), fresh().network.state_dict()
    with pytest.raises(ModelError) as raised:
        load_weights(model, Checkpoint(path, ""))
    lines = str(raised.value).splitlines()
    shown = ", ".join(lacking[:3])
    shape = tuple(before["pose_proj.weight"].shape)
    assert lines[0].startswith(
        f"{path}: does not fit the network (UniSign): name weights of a network with the [config]"
    )
    assert lines[1:] == [
        f"{len(lacking) + 1} missing: {shown}, ... and {len(lacking) - 2} more",
        f"12 unexpected: {', '.join(f'extra.{n:02}' for n in range(3))}, ... and 9 more",
        f"1 of another shape: pose_proj.weight {shape[::-1]} there, {shape} in the network",
        f"2 not usable as weights: part_para (not a number), pose_proj.bias ({INT} there, {FLOAT} in the network)",
    ]
    assert all(torch.equal(value, before[name]) for name, value in model.network.state_dict().items())


def test_the_card_of_the_weights_is_named_where_it_lies_beside_them(tmp_path: Path) -> None:
    """As a training writes them; its card may have other sizes than the one that was asked for."""
    state = released_state()
    del state["part_para"]
    wrapped(state, path := tmp_path / "best-1234.pth")
    (tmp_path / "last.toml").write_text('file = "last-5678.pth"\n', encoding="utf-8")
    (tmp_path / "own.toml").write_text('file = "best-1234.pth"\n', encoding="utf-8")
    with pytest.raises(ModelError, match=f"a card that names this file: --model {tmp_path / 'own.toml'}\n"):
        load_weights(fresh(), Checkpoint(path, ""))


def test_what_may_be_lacking_stays_as_it_is(tmp_path: Path) -> None:
    state = released_state()
    kept = ("pose_proj.", "part_para")
    wrapped({name: value for name, value in state.items() if not name.startswith(kept)}, path := tmp_path / "a.pth")
    with pytest.raises(ModelError, match="3 missing: part_para, pose_proj.weight, pose_proj.bias"):
        load(path)
    model, own = load(path, may_lack=kept), fresh().network.state_dict()
    assert_loaded(model, state | {name: own[name] for name in own if name.startswith(kept)})
    with pytest.raises(ModelError, match="1 missing: part_para"):
        load(path, may_lack=("pose_proj.",))
    wrapped({name: value for name, value in state.items() if name != "pose_proj.bias"}, path)
    with pytest.raises(ModelError, match="1 missing: pose_proj.bias"):  # all of them or none
        load(path, may_lack=kept)


class Evil:
    def __reduce__(self):
        return os.mkdir, ("ran",)


def write_bytes(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


def cut(fraction: float, **options: object) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        torch.save({"model": released_state()}, path, **options)
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * fraction)])

    return write


def cut_safetensors(path: Path) -> None:
    as_safetensors(released_state(), path)
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: None, "cannot be read (No such file or directory); name a file of weights"),
        (lambda path: path.mkdir(), "cannot be read (Is a directory)"),
        (write_bytes(b""), "is empty"),
        (write_bytes(b"\n<!DOCTYPE html><html>"), "is a web page instead of the file"),
        (write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:"), "is a pointer of git LFS"),
        (write_bytes(b"some text, and no weights at all"), "is no file of weights"),
        (write_bytes(b"PK\x03\x04" + bytes(200)), "is cut off"),
        (write_bytes(pickle.dumps({"a": 1})), "is a pickle that torch.save has not written"),
        (cut(0.5), "is cut off"),
        (cut(0.999), "is cut off"),
        (cut(0.5, _use_new_zipfile_serialization=False), "cannot be read"),
        (cut_safetensors, "cannot be read as weights"),
        (lambda path: torch.save({"model": {"a": Evil()}}, path), "asks for posix.mkdir, which is code and no tensor"),
        (
            lambda path: torch.save({"model": {}, "args": argparse.Namespace(a=1)}, path),
            "asks for argparse.Namespace, which is code and no tensor",
        ),
        (lambda path: torch.save([torch.zeros(1)], path), "holds a list instead of tensors by name"),
        (lambda path: torch.save({"model": {}}, path), "holds no tensors"),
        (lambda path: torch.save({"state_dict": {"a": torch.zeros(1)}, "epoch": 1}, path), "holds state_dict, epoch"),
        (
            lambda path: torch.save({"shared.weight": torch.zeros(1)}, path),
            "is not a checkpoint of UniSign: has shared",
        ),
    ],
)
def test_other_files_say_what_they_are(
    write: Callable[[Path], object], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(path := tmp_path / "some.pth")
    with pytest.raises(ModelError) as raised:
        load_weights(fresh(), Checkpoint(path, ""))
    assert message in str(raised.value)
    assert str(path) in str(raised.value)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("precision", "dtype"), [(None, torch.bfloat16), ("float32", torch.float32)])
def test_converted_weights_are_the_same(precision: str | None, dtype: torch.dtype, tmp_path: Path) -> None:
    state = released_state()
    wrapped(state, path := tmp_path / "a.pth")
    done = converted(CARD, path, target := tmp_path / "new" / "b.safetensors", precision=precision)
    assert (done.sha256, done.modality) == (file_digest(target), "pose")
    written = load_file(target)
    assert len(written) == len({id(value) for value in state.values()})
    assert {value.dtype for value in written.values()} == {dtype, torch.int64}
    assert_loaded(load(target), state)


def test_what_does_not_fit_is_not_converted(tmp_path: Path) -> None:
    target = tmp_path / "b.safetensors"
    target.write_text("before")
    wrapped({"a": torch.zeros(1)}, path := tmp_path / "a.pth")
    with pytest.raises(ModelError, match="is not a checkpoint of UniSign"):
        converted(CARD, path, target)
    assert target.read_text() == "before"
    with pytest.raises(OptionError, match="must end in .safetensors"):
        converted(CARD, path, tmp_path / "b.pth")
    with pytest.raises(OptionError, match="is the checkpoint itself"):
        converted(CARD, target, tmp_path / "." / "b.safetensors")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.pth", "b.safetensors"]


def test_a_checkpoint_is_described(tmp_path: Path) -> None:
    state = released_state()
    wrapped(state, path := tmp_path / "a.pth")
    found = inspected(CARD, path)
    assert found.sha256 == file_digest(path)
    assert found.modality == "pose"
    assert found.parameters == sum(value.numel() for value in fresh().network.parameters())
    assert found.precisions.keys() == {"bfloat16", "int64"}
    assert sum(found.precisions.values()) == len({id(value) for value in state.values()})
    assert found.gate is None


def test_pictures_have_weights_of_their_own(tmp_path: Path) -> None:
    """What a file is for is said, and a checkpoint with pictures is not cut down to poses."""
    both, poses = tmp_path / "both.pth", tmp_path / "poses.pth"
    wrapped(state := released_state(inputs="rgb+pose"), both)
    wrapped(released_state(), poses)
    assert_loaded(load(both, "rgb+pose"), state)
    with pytest.raises(ModelError, match=r"it is a checkpoint for --modality rgb\+pose"):
        load(both)
    with pytest.raises(ModelError, match="as a pose-only checkpoint does: use --modality pose"):
        load(poses, "rgb+pose")
    assert_loaded(
        load(poses, "rgb+pose", may_lack=RGB_NAMES),
        fresh(inputs="rgb+pose").network.state_dict() | released_state(),
    )
    assert [inspected(CARD, path).modality for path in (both, poses)] == ["rgb+pose", "pose"]
    done = converted(CARD, both, target := tmp_path / "both.safetensors")
    assert done.modality == "rgb+pose"
    assert_loaded(load(target, "rgb+pose"), state)
    with pytest.raises(ModelError, match="--modality pose"):
        converted(CARD, poses, target, modality="rgb+pose")


def test_the_gate_of_a_checkpoint_is_looked_at(tmp_path: Path) -> None:
    """As the released code starts, both convolutions 0, nothing passes; a large bias opens it all the way."""
    state = {name: value.clone() for name, value in released_state(inputs="rgb+pose").items()}
    last = max(name for name in state if name.startswith("fusion_gate.") and name.endswith("bias"))
    shown = {}
    for bias in (0, 0.5, 9):
        state |= {name: 0 * value for name, value in state.items() if name.startswith("fusion_gate.")}
        state[last] += bias
        wrapped(state, path := tmp_path / "a.pth")
        found = inspected(CARD, path)
        shown[bias] = checkpoint_rows(path, found)["gate"]
        assert found.gate == pytest.approx(math.tanh(bias), abs=1e-5)
    assert "the RGB branch does nothing" in shown[0]
    assert "0.4621; at 0 the RGB branch would do nothing" in shown[0.5]
