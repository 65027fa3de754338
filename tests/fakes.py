"""A made-up corpus on disk, its reader and its cards."""

import os
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import tomli_w

from slbench import catalog
from slbench.cards import ModelCard, Weights
from slbench.data.clip import Clip
from slbench.data.readers import Entry
from slbench.engine.models import build_model, save_weights, setting_of
from slbench.errors import ClipError
from slbench.modeling.uni_sign.model import UniSign

GLOSSES = ("HELP", "WORLD", "SIGN")
SPLITS = {"train": 8, "dev": 4, "test": 12}
TINY = {
    "point_dim": 4,
    "spatial_dims": [4, 8],
    "temporal_dims": [8, 8],
    "max_new_tokens": 6,
    "rgb": {"width": 0.1, "depth": 0.1, "crop_size": 64},
    "language_model": {
        "tokenizer": "byt5", "vocab_size": 384, "d_model": 16, "d_kv": 4, "d_ff": 16,
        "num_layers": 1, "num_decoder_layers": 1, "num_heads": 2, "dropout_rate": 0.0,
    },
}  # fmt: skip
TINY_BASELINES = {"hidden_size": 16}
"""Sizes that other models know by these names."""


def made_up_clip(clip_id: str, frames: int, seed: int, gloss: str = "HELP") -> Clip:
    """Random points that look like nothing, all of them seen."""
    chance = np.random.default_rng(seed)
    keypoints = chance.uniform(0.2, 0.8, (frames, 133, 2)).astype(np.float32)
    scores = chance.uniform(0.2, 1.0, (frames, 133)).astype(np.float32)
    return Clip(clip_id, keypoints, scores, 25.0, text=gloss.lower(), gloss=gloss)


def read(path: Path) -> Clip:
    """One clip from a .npz file."""
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            return Clip(path.stem, arrays["keypoints"], arrays["scores"], 25.0, "", str(arrays["gloss"]))
    except Exception as error:  # numpy and zipfile raise all sorts on a damaged file
        raise ClipError(f"clip {path.stem}: {path} cannot be read ({error!r})") from error


class FakeReader:
    """Clips <folder>/<split>/<id>.npz."""

    folder = property(lambda self: Path(os.environ["FAKE_CORPUS"]) / "clips")

    def sources(self) -> dict[str, Path]:
        return {path.relative_to(self.folder).as_posix(): path for path in sorted(self.folder.rglob("*.npz"))}

    def entries(self, split: str) -> Iterator[Entry]:
        for number, path in enumerate(sorted((self.folder / split).glob("*.npz"))):
            yield Entry(path.stem, "", GLOSSES[number % len(GLOSSES)], partial(read, path))


class RepeatingReader(FakeReader):
    """Lists every clip twice."""

    def entries(self, split: str) -> Iterator[Entry]:
        yield from super().entries(split)
        yield from super().entries(split)


class SentenceReader(FakeReader):
    """Two glosses a clip; those of the test are not all in train."""

    def entries(self, split: str) -> Iterator[Entry]:
        for entry in super().entries(split):
            yield replace(entry, gloss=f"{entry.gloss} {'UNSEEN' if split == 'test' else 'AGAIN'}")


class Gated(UniSign):
    """Says how far a gate was open, for the clips that have more than ten frames."""

    def encode(self, batch):
        return super().encode(batch), [len(inputs["body"]) for inputs in batch]

    def decode(self, encoded):
        heard, lengths = encoded
        return [
            replace(output, measures={"gate": 1 / frames} if frames > 10 else {})
            for output, frames in zip(super().decode(heard), lengths, strict=True)
        ]


class FakeCorpus:
    """Writes clips and cards; `clip_file` is where a test spoils a clip."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for split, count in SPLITS.items():
            for number in range(count):
                gloss = GLOSSES[number % len(GLOSSES)]
                self.write(made_up_clip(f"{split}-{number:02}", 5 + 7 * number % 31, number, gloss), split)
        self.dataset_path = self._card("dataset.toml", {
            "name": "made-up", "title": "Random points", "owner": "nobody", "licence": "none", "homepage": "",
            "obtain": "tests make it", "signed_languages": [], "pose_source": "random", "splits": SPLITS,
            "reader": "fakes:FakeReader",
        })  # fmt: skip
        self.task_path = self._card("task.toml", {
            "name": "made-up-islr", "title": "Random", "version": "1.0", "family": "islr", "dataset": "made-up",
            "language": "English", "protocol": "uni-sign", "glosses": list(GLOSSES),
        })  # fmt: skip
        self.model_path = self._card("model.toml", self._model_values())

    def _card(self, name: str, values: dict[str, object]) -> Path:
        path = self.folder / name
        path.write_text(tomli_w.dumps(values))
        return path

    def _model_values(self) -> dict[str, object]:
        card = ModelCard(
            name="tiny", title="Tiny", implementation="slbench.modeling.uni_sign.model:UniSign",
            families=("islr",), inputs="pose", paper="", config=TINY,
        )  # fmt: skip
        model = build_model(card, setting_of(catalog.get_task(str(self.task_path))))
        digest = save_weights(model.network, self.folder / "tiny.safetensors")
        weights = Weights(file="tiny.safetensors", sha256=digest, command="none", trained_on="nothing", seed=0)
        recipe = {"epochs": 2, "batch_size": 4, "learning_rate": 1e-3, "precision": "float32"}
        return card.model_copy(update={"weights": weights}).model_dump(mode="json", exclude_none=True) | {
            "recipe": recipe
        }

    def clip_file(self, clip_id: str) -> Path:
        return self.folder / "clips" / clip_id.partition("-")[0] / f"{clip_id}.npz"

    def write(self, clip: Clip, split: str = "test") -> None:
        path = self.folder / "clips" / split / f"{clip.id}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, keypoints=clip.keypoints, scores=clip.scores, gloss=clip.gloss)

    def edit_card(self, path: Path, old: str, new: str) -> None:
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def arguments(self, output: Path) -> list[str]:
        """Of `slbench run`."""
        return [
            "run",
            "--model",
            str(self.model_path),
            "--task",
            str(self.task_path),
            "--output",
            str(output),
            "--device",
            "cpu",
        ]
