"""A made-up corpus with videos, and a tiny model whose card has Uni-Sign's three stages."""

from pathlib import Path

import tomli_w
import torch
from fakes import TINY, FakeCorpus
from filmed import film
from safetensors.torch import save_file
from told import ToldCorpus
from transformers import MT5Config, MT5ForConditionalGeneration

from slbench.cli.app import app
from slbench.modeling.base import Setting
from slbench.modeling.uni_sign.model import UniSign

RGB = {"crop_size": 64, "width": 0.25, "depth": 0.3, "heads": 2, "groups": 2, "share": 0.3, "stochastic_depth": 0.0}
CONFIG = TINY | {"rgb": RGB, "linear_std": 0.3}


class Staged:
    """What the three stages need.

    Attributes:
        task, model: cards.
        videos: folder; None while nothing was filmed.
        mt5, backbone: weights that the first two stages begin with.
    """

    def __init__(self, corpus: FakeCorpus, filmed: bool = True) -> None:
        self.folder, self.task = corpus.folder, corpus.task_path
        told = ToldCorpus(corpus)
        self.videos = self.folder / "videos"
        if filmed:
            film(told, self.videos)
        told.ingest()
        self.mt5, self.backbone = self.folder / "mt5", self.folder / "efficientnet.pth"
        self._write_parts()
        self.model = self.folder / "staged.toml"
        self.write_card()

    def _write_parts(self) -> None:
        sizes = {key: value for key, value in TINY["language_model"].items() if key != "tokenizer"}
        MT5ForConditionalGeneration(MT5Config(**sizes)).save_pretrained(self.mt5)
        backbone = UniSign(CONFIG, Setting("islr", "English", inputs="rgb+pose")).network.rgb_support_backbone
        state = backbone.state_dict().items()
        torch.save({f"features.{name.removeprefix('0.')}": value for name, value in state}, self.backbone)

    def write_card(self, **changes: object) -> None:
        recipe = {"epochs": 1, "learning_rate": 1e-2, "precision": "float32", "threads": 1}
        values = {
            "name": "staged", "title": "", "implementation": "slbench.modeling.uni_sign.model:UniSign", "paper": "",
            "families": ["islr"], "inputs": "pose", "modalities": ["pose", "rgb+pose"], "config": CONFIG,
            "recipe": recipe,
            "released": [{
                "repository": "them/theirs", "file": "stage1.pth", "size": "", "licence": "", "inputs": "pose",
                "stage": "pretrain-pose",
            }],
            "stages": {
                "pretrain-pose": {
                    "inputs": ["pose"], "pretrained": {"mt5_model": str(self.mt5)},
                    "recipe": {"epochs": 2, "batch_size": 2, "accumulate": 2},
                },
                "pretrain-rgb-pose": {
                    "inputs": ["rgb+pose"], "after": ["pretrain-pose"],
                    "pretrained": {"rgb_support_backbone": str(self.backbone)},
                    "recipe": {"batch_size": 2, "accumulate": 2},
                },
                "finetune": {
                    "inputs": ["pose", "rgb+pose"], "after": ["pretrain-pose", "pretrain-rgb-pose"],
                    "recipe": {"batch_size": 4},
                },
            },
        }  # fmt: skip
        self.model.write_text(tomli_w.dumps(values | changes))

    def train(self, stage: str, output: Path, *options: object) -> None:
        """By the command line; errors come through as they are."""
        words = ["train", "--model", self.model, "--task", self.task, "--stage", stage, "--output", output]
        app([str(word) for word in (*words, "--device", "cpu", *options)], standalone_mode=False)


def save_released(tensors: dict[str, torch.Tensor], path: Path) -> None:
    """As the authors save theirs, or as safetensors."""
    if path.suffix == ".pth":
        torch.save({"model": tensors}, path)
    else:
        save_file(tensors, path)
