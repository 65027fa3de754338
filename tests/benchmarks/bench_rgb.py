"""What pictures are for: RGB+pose against pose where the keypoints of the test are corrupted. Takes about ten minutes.

`pytest tests/benchmarks/bench_rgb.py` makes a corpus of made-up hand shapes (see `handshapes`), trains a small Uni-Sign
three times with pictures and three times without, all by `slbench`'s own commands, and writes the record
`rgb_against_pose.json` beside this file. Clips of train have keypoints of every quality, those of test bad ones; the
pictures are always true. Of the same models a test with clean keypoints is recorded as well.
"""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from handshapes import HandShapes

from slbench.engine.provenance import environment

RECORD = Path(__file__).with_name("rgb_against_pose.json")
CARD = Path(__file__).with_name("rgb_against_pose.toml")
COUNTS, CORRUPTION, SEEDS = {"train": 768, "dev": 80, "test": 240}, 0.8, (0, 1, 2)
ABOUT = (
    "Made-up hand shapes with drawn videos, no signing: it shows what prior-guided fusion is for, not how good a model "
    "is. top1-instance in % on 240 test clips with 95 % bootstrap intervals; epoch chosen on dev, corrupted like test."
)


@dataclass(frozen=True)
class Place:
    """Where everything of this benchmark is, and the two corpora in it."""

    folder: Path

    def slbench(self, *words: object) -> None:
        """A command; what it prints is shown where it fails."""
        environment = os.environ | {"SLBENCH_HOME": str(self.folder / "home"), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, "-m", "slbench", *map(str, words)], capture_output=True, text=True, env=environment
        )
        assert done.returncode == 0, done.stderr

    def prepared(self, name: str, counts: dict[str, int], corruption: float) -> Path:
        """The task card of a corpus, which is prepared with crops."""
        made = HandShapes(self.folder / name, counts, dict.fromkeys(counts, corruption), name)
        self.slbench("data", "prepare", made.dataset_path, "--source", made.folder, "--crops")
        return made.task_path

    def trained(self, task: Path, clean: Path, modality: str, seed: int) -> dict[str, Any]:
        """Train once and score on both tests."""
        start, name = time.perf_counter(), f"{modality.replace('+', '-')}-{seed}"
        output = self.folder / name
        choices = ("--modality", modality, "--device", "cpu")
        self.slbench("train", "--model", CARD, "--task", task, "--output", output, "--seed", seed, *choices)
        seconds = round(time.perf_counter() - start)
        scores = {kind: self._score(output, one, choices) for kind, one in (("corrupted", task), ("clean", clean))}
        return {"inputs": modality, "seed": seed, "training_seconds": seconds, **scores}

    def _score(self, output: Path, task: Path, choices: tuple[str, ...]) -> dict[str, Any]:
        results = output / "results"
        self.slbench("run", "--model", output / "best.toml", "--task", task, "--output", results, *choices)
        folder = next(path for path in results.iterdir() if task.parent.name in path.name and path.is_dir())
        record = json.loads(next(folder.rglob("test-????????.json")).read_text())
        score = {key: round(record["scores"][0][key], 1) for key in ("value", "low", "high")}
        return score | record["measures"]


@pytest.mark.slow
def test_pictures_help_where_keypoints_are_bad(tmp_path: Path) -> None:
    start, place = time.perf_counter(), Place(tmp_path)
    corrupted = place.prepared("corrupted", COUNTS, CORRUPTION)
    clean = place.prepared("clean", {"test": COUNTS["test"]}, 0.0)
    jobs = [(modality, seed) for modality in ("rgb+pose", "pose") for seed in SEEDS]
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda job: place.trained(corrupted, clean, *job), jobs))
    means = {
        f"{modality}, {kind}": round(float(np.mean([r[kind]["value"] for r in runs if r["inputs"] == modality])), 1)
        for kind in ("corrupted", "clean") for modality in ("pose", "rgb+pose")
    }  # fmt: skip
    record = {
        "about": ABOUT, "clips": COUNTS, "corruption": CORRUPTION, "means": means, "runs": runs,
        "minutes": round((time.perf_counter() - start) / 60, 1),
        "environment": environment(torch.device("cpu")).model_dump(exclude={"accelerator", "dirty"}),
    }  # fmt: skip
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    with_pictures, without = (
        [run["corrupted"]["value"] for run in runs if run["inputs"] == inputs] for inputs in ("rgb+pose", "pose")
    )
    assert min(with_pictures) > max(without)
