"""From the files that Uni-Sign's authors release to a record, on a made-up CSL-Daily and with made-up small weights."""

import gzip
import json
import pickle
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import tomli_w
import torch
from fakes import TINY
from safetensors.torch import load_file
from torch import Tensor

from slbench import catalog
from slbench.cards import Modality, ModelCard
from slbench.cli import main
from slbench.data.clip import Clip
from slbench.data.rendered import RenderedHands, write_video
from slbench.engine.models import build_model, looking_at, setting_of
from slbench.files import file_digest
from slbench.modeling.uni_sign.fusion import RGB_NAMES
from slbench.records import RunRecord, parse_record

CLIPS = {"train": 3, "dev": 2, "test": 5}
FRAMES = 24
LOSSLESS = {"codec": "libx264rgb", "pixels": "rgb24", "options": {"qp": "0"}}
TEXTS = ("我想喝水。", "今天天气很好，你呢？", "他是老师。", "明天去学校吗？", "谢谢你！")


@dataclass(frozen=True)
class Released:
    """What a user has downloaded, and a home for slbench."""

    folder: Path

    @property
    def source(self) -> Path:
        return self.folder / "CSL_Daily"

    @property
    def model(self) -> Path:
        return self.folder / "small.toml"

    def checkpoint(self, modality: Modality) -> Path:
        return self.folder / f"csl_daily_{modality.replace('rgb+pose', 'rgb_pose')}_slt.pth"

    def slbench(self, *arguments: object) -> str:
        """What the command prints; it runs in this process, since importing torch takes longer than all the rest."""
        printed = StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed):
            patch.setenv("SLBENCH_HOME", str(self.folder / "home"))
            patch.setenv("COLUMNS", "200")
            patch.chdir(self.folder)
            patch.setattr(sys, "argv", ["slbench", *map(str, arguments)])
            with pytest.raises(SystemExit) as ended:
                main()
        assert ended.value.code == 0
        return printed.getvalue()

    def run(self, modality: Modality, checkpoint: Path, output: str, *options: object) -> tuple[RunRecord, list[str]]:
        """The record, and the hypotheses in task order."""
        self.slbench(
            "run", "--model", self.model, "--task", "csl-daily-slt", "--checkpoint", checkpoint, "--modality", modality,
            "--device", "cpu", "--output", output, *options,
        )  # fmt: skip
        (path,) = (self.folder / output / "csl-daily-slt" / "uni-sign-small").glob("test-????????.json")
        record = parse_record(path.read_text(encoding="utf-8"), path.name)
        text = path.with_suffix(".predictions.jsonl").read_text(encoding="utf-8")
        assert record.failed == {}
        return record, [json.loads(line)["hypothesis"] for line in text.splitlines()]


def poses(number: int) -> dict[str, list[np.ndarray]]:
    """As released: a list of frames, each of persons; scores go above 1, and are low where a hand is hardly seen."""
    t, j = np.arange(FRAMES + number)[:, None], np.arange(133)[None]
    x = 0.5 + 0.25 * np.sin(0.37 * j + number) + 0.05 * np.sin(0.11 * t + 0.29 * j)
    y = 0.5 + 0.25 * np.cos(0.53 * j + number) + 0.05 * np.cos(0.13 * t + 0.31 * j)
    scores = 0.7 + 0.45 * np.sin(0.7 * j + 0.05 * t + number)
    return {"keypoints": list(np.stack([x, y], axis=-1)[:, None]), "scores": list(scores[:, None])}


def drawn(number: int, dark: bool = False) -> RenderedHands:
    """Its pictures; dark: nobody in them."""
    frames = {name: np.concatenate(value).astype(np.float32) for name, value in poses(number).items()}
    return RenderedHands(frames["keypoints"], (not dark) * frames["scores"], (160, 120))


def write_corpus(folder: Path) -> None:
    """labels.* as gzipped pickles, pose_format/*.pkl, sentence-crop/*.mp4 of the test split."""
    (folder / "pose_format").mkdir(parents=True)
    for signer, (split, count) in enumerate(CLIPS.items()):
        names = [f"S{number:06}_P{signer:04}_T00" for number in range(count)]
        labels = {
            name: {"name": name, "gloss": ["我", "水"], "text": TEXTS[n], "video_path": f"{name}.mp4"}
            for n, name in enumerate(names)
        }
        (folder / f"labels.{split}").write_bytes(gzip.compress(pickle.dumps(labels)))
        for number, name in enumerate(names):
            (folder / "pose_format" / f"{name}.pkl").write_bytes(pickle.dumps(poses(number)))
            if split == "test":
                # Nothing is lost in this coding, so that the pictures are known.
                write_video(folder / "sentence-crop" / f"{name}.mp4", drawn(number), **LOSSLESS)


def write_card(path: Path) -> None:
    """The card of uni-sign, of small sizes and without a tokenizer that must be fetched."""
    card = catalog.get_model("uni-sign")
    sizes = card.config | TINY | {"language_model": TINY["language_model"] | {"d_model": 32}}
    small = card.model_copy(update={"name": "uni-sign-small", "config": sizes})
    path.write_text(tomli_w.dumps(small.model_dump(mode="json", exclude_none=True)))


def write_checkpoint(path: Path, card: ModelCard, modality: Modality) -> None:
    """`{"model": state}` in bfloat16, both hands under their own names, `lm_head` and embedding far apart."""
    torch.manual_seed(1)
    card = looking_at(card, modality)
    network = build_model(card, setting_of(catalog.get_task("csl-daily-slt"), inputs=card.inputs)).network
    for name, value in network.named_parameters():
        if value.dim() > 1:
            far = 3 if name.startswith(RGB_NAMES) else 1  # so that what is in the pictures decides some answers
            torch.nn.init.normal_(value, std=far * value[0].numel() ** -0.5)
    state = {k: v.bfloat16() if v.is_floating_point() else v for k, v in network.state_dict().items()}
    assert {"proj_linear.left.weight", "proj_linear.right.weight"} <= state.keys()
    torch.save({"model": state}, path)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Released]:
    made = Released(tmp_path_factory.mktemp("released"))
    write_corpus(made.source)
    write_card(made.model)
    for modality in ("pose", "rgb+pose"):
        write_checkpoint(made.checkpoint(modality), catalog.get_model(str(made.model)), modality)
    told = made.slbench("data", "prepare", "csl-daily", "--source", made.source, "--any-version", "--pose-source", "x")
    assert "test" in told
    return made


def answered_by_hand(released: Released, modality: Modality, dark: bool = False) -> list[str]:
    """The model, with weights put in by PyTorch alone, asked for one clip after another."""
    card, task = looking_at(catalog.get_model(str(released.model)), modality), catalog.get_task("csl-daily-slt")
    model = build_model(card, setting_of(task, inputs=card.inputs))
    state: dict[str, Tensor] = torch.load(released.checkpoint(modality), weights_only=True)["model"]
    model.network.load_state_dict({name: value.to(torch.float32) for name, value in state.items()})
    model.network.eval()
    texts = []
    for number in range(CLIPS["test"]):
        frames = {name: np.concatenate(value).astype(np.float32) for name, value in poses(number).items()}
        name, video = f"S{number:06}_P0002_T00", drawn(number, dark)
        clip = Clip(name, frames["keypoints"], frames["scores"], 0.0, text=TEXTS[number], video=video)
        with torch.no_grad():
            texts += [output.text for output in model.decode(model.encode([model.prepare(clip)]))]
    return texts


def test_poses_alone(released: Released) -> None:
    checkpoint = released.checkpoint("pose")
    record, texts = released.run("pose", checkpoint, "pose")
    assert texts == answered_by_hand(released, "pose")
    assert len(set(texts)) > 1
    assert record.model.inputs == "pose"
    assert record.model.weights_sha256 == file_digest(checkpoint)
    assert record.model.weights_from == f"{checkpoint.name}, a file of the user's"
    assert (record.task.dataset, record.task.clips) == ("csl-daily", CLIPS["test"])
    assert record.measures == {}
    assert any("no published version" in reason for reason in record.barred)


def test_pictures_and_poses(released: Released) -> None:
    checkpoint, videos = released.checkpoint("rgb+pose"), released.source / "sentence-crop"
    record, texts = released.run("rgb+pose", checkpoint, "both", "--videos", videos)
    expected = answered_by_hand(released, "rgb+pose")
    assert texts == expected
    assert record.model.inputs == "rgb+pose"
    assert record.model.weights_sha256 == file_digest(checkpoint)
    assert expected != answered_by_hand(released, "rgb+pose", dark=True)
    assert set(record.measures) == {"gate"}
    assert record.measures["gate"] > 0
    assert any("gate begins at a small positive bias" in line for line in record.model.deviations)


def test_a_converted_checkpoint_gives_the_same(released: Released) -> None:
    checkpoint, target = released.checkpoint("pose"), released.folder / "converted.safetensors"
    told = released.slbench("convert", checkpoint, "--model", released.model, "--output", target)
    assert file_digest(target) in told
    assert {value.dtype for value in load_file(target).values()} == {torch.bfloat16, torch.int64}
    _, texts = released.run("pose", target, "converted")
    assert texts == answered_by_hand(released, "pose")


def test_show(released: Released) -> None:
    words = {
        modality: " ".join(
            released.slbench("show", released.model, "--checkpoint", released.checkpoint(modality)).split()
        )
        for modality in ("pose", "rgb+pose")
    }
    for modality, text in words.items():
        assert f"fits the network, for --modality {modality}" in text
        assert file_digest(released.checkpoint(modality)) in text
        assert "csl_daily_rgb_pose_slt.pth (1.19 to 1.20 GB, rgb+pose): for csl-daily-slt" in text
    assert "mean opening" in words["rgb+pose"]
    assert "mean opening" not in words["pose"]


def test_the_page_has_the_table_of_the_card() -> None:
    text = (Path(__file__).parents[1] / "docs" / "uni-sign.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip(" `") for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| `")
    ]
    shown = {(row[0], inputs, file) for row in rows for inputs, file in zip(("pose", "rgb+pose"), row[1:], strict=True)}
    card = catalog.get_model("uni-sign")
    assert {cell for cell in shown if cell[2].endswith(".pth")} == {
        (task, one.inputs, one.file) for one in card.released for task in one.tasks
    }
    assert all(f"`{one.file}`" in text for one in card.released)
