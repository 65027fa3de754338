"""What the parts of Uni-Sign's pose encoder are worth on fingerspelling, as in the paper's ablations.

`python tests/benchmarks/ablations.py` trains `uni-sign-mini` once for each variant, all by slbench's own commands and
by one recipe, and writes the record `ablations.json` beside this file and the page `docs/ablations.md`. Everything
else goes to `runs/ablations`. Stopped, it goes on when it is started again: trainings resume, and what is scored
stays.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from slbench.engine.provenance import environment
from slbench.files import write_text
from slbench.records import RunRecord, read_record

ROOT = Path(__file__).parents[2]
RECORD = Path(__file__).with_name("ablations.json")
PAGE = ROOT / "docs" / "ablations.md"
TASKS = ("fingerspelling-islr", "fingerspelling-cslr")
SPLITS = ("dev", "test")
AT_ONCE = 2
SEED = 0
FOUR = ("body", "left", "right", "face_all")
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "all four parts, as in the paper": {"parts": FOUR},
    "without the body's features for hands and face": {"parts": FOUR, "body_features": False},
    "without graph: no joint sees another": {"parts": FOUR, "graph": False},
    "body alone": {"parts": ("body",)},
    "left hand alone": {"parts": ("left",)},
    "right hand alone (`uni-sign-mini`)": {"parts": ("right",)},
    "face alone": {"parts": ("face_all",)},
}
STAGES = {
    "pose": ("config.ctc_only=true", "config.max_new_tokens=1", "recipe.clip_norm=1.0",
             "recipe.epochs=2", "recipe.repeats.fingerspelling-islr=16"),
    "text": ("recipe.epochs=1",),
}  # fmt: skip
"""Stage -> what differs from the card's recipe. In the first nothing reads the text, so one token of it is enough."""
SCORED = {"fingerspelling-islr": ("text", "best.toml"), "fingerspelling-cslr": ("pose", "last.toml")}
"""Recognition is what CTC spells: in so short a training the language model does not learn to copy."""
COMMON = ("recipe.warmup_epochs=0",)
ABOUT = """\
# Ablations of uni-sign-mini

Each row is one training of [`uni-sign-mini`](../models/uni-sign-mini.toml) on `fingerspelling-islr` and
`fingerspelling-cslr`, with one seed ({seed}), all by one recipe: two epochs of CTC alone, then one with the language
model. It is much shorter than that of the weights that come with slbench, so compare rows with each other and not with
theirs. CSLR is what the CTC layer spells after the first part (`ctc_only`), since one epoch is too little for the
language model to learn to write words. ISLR is the likeliest gloss by the language model.

Clips whose left hand signs are mirrored, so "right" is the hand that leads. "Without graph" has 5,076 trainable values
fewer than all four parts; without the body's features there are as many. Accuracy is top1-instance; intervals are 95 %
bootstrap intervals over clips, and say nothing of what another seed would give. The clips of CSLR are composed: letters
of real recordings put one after another, and those of test are the very recordings of training.
"""
HOW = """
Made by `python tests/benchmarks/ablations.py` in {minutes:.0f} minutes of training, added up over the variants,
{at_once} at a time on {processor} ({threads} thread each), torch {torch}, slbench {slbench}. Every figure is in
[`ablations.json`](../tests/benchmarks/ablations.json).
"""


@dataclass(frozen=True)
class Ablation:
    """One variant: where it is, and how it is trained and scored.

    Attributes:
        changes: of the card's [config], in both stages.
        extra: `--set` of both stages, for a trial.
    """

    name: str
    changes: Mapping[str, Any]
    folder: Path
    extra: tuple[str, ...] = ()

    def done(self) -> dict[str, Any]:
        """Train and score, as far as that is not done yet; the scores."""
        before: Path | None = None
        for stage, changes in STAGES.items():
            self._train(stage, changes, before)
            before = self.folder / stage / "last.toml"
        records = {task: {split: self._scored(task, split) for split in SPLITS} for task in TASKS}
        scores = {task: {split: _score(record) for split, record in found.items()} for task, found in records.items()}
        return {"variant": self.name, "config": dict(self.changes), "training_seconds": self._seconds(), **scores}

    def _train(self, stage: str, changes: tuple[str, ...], before: Path | None) -> None:
        output = self.folder / stage
        if (output / "training.json").is_file():
            return
        config = (f"config.{key}={json.dumps(value)}" for key, value in self.changes.items())
        sets = (word for change in (*config, *COMMON, *changes, *self.extra) for word in ("--set", change))
        begin = ("--init", before) if before else ()
        tasks = (word for task in TASKS for word in ("--task", task))
        self._slbench(
            "train", "--model", "uni-sign-mini", *tasks, "--output", output, *begin, "--seed", SEED,
            "--device", "cpu", "--resume", *sets,
        )  # fmt: skip

    def _scored(self, task: str, split: str) -> RunRecord:
        results = self.folder / "results"
        found = list(results.glob(f"{task}/*/{split}-????????.json"))
        if not found:
            chosen = ("--model", self.folder.joinpath(*SCORED[task]), "--device", "cpu")
            self._slbench("run", *chosen, "--task", task, "--split", split, "--output", results)
            found = list(results.glob(f"{task}/*/{split}-????????.json"))
        (path,) = found
        return read_record(path)

    def _seconds(self) -> float:
        """Of all epochs, however often they were stopped."""
        logs = [(self.folder / stage / "metrics.jsonl").read_text().splitlines() for stage in STAGES]
        events = [json.loads(line) for lines in logs for line in lines]
        return round(sum(event["seconds"] for event in events if event["event"] == "epoch"))

    def _slbench(self, *words: object) -> None:
        begun = time.perf_counter()
        command = [sys.executable, "-m", "slbench", *map(str, words)]
        alone = os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            command, cwd=ROOT, env=alone, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        if done.returncode:
            raise SystemExit(f"{self.name}: {' '.join(command)}\n{done.stderr}")
        print(f"{self.name}: {words[0]} {time.perf_counter() - begun:.0f} s", file=sys.stderr)  # noqa: T201


def _score(record: RunRecord) -> dict[str, Any]:
    score = record.scores[0]
    interval = {"low": score.low, "high": score.high}
    return {"score": score.name, "value": score.value, **interval, "clips": score.samples, "run": record.run}


def page(record: Mapping[str, Any]) -> str:
    """The record as Markdown."""
    lines = [
        ABOUT.format(seed=SEED),
        "| pose encoder | ISLR accuracy %, test | dev | CSLR WER % ↓, test | dev | minutes |",
    ]
    lines += ["|---|---:|---:|---:|---:|---:|", *map(_row, record["runs"])]
    minutes = sum(run["training_seconds"] for run in record["runs"]) / 60
    place = record["environment"]
    told = {"processor": place["processor"], "slbench": place["slbench"], "torch": place["packages"]["torch"]}
    return "\n".join(lines) + "\n" + HOW.format(minutes=minutes, at_once=AT_ONCE, threads=place["threads"], **told)


def _row(run: Mapping[str, Any]) -> str:
    cells = [cell for task in TASKS for cell in _cells(run[task])]
    minutes = f"{run['training_seconds'] / 60:.1f}"
    return f"| {' | '.join([run['variant'], *cells, minutes])} |"


def _cells(scores: Mapping[str, Any]) -> Iterator[str]:
    test, dev = scores["test"], scores["dev"]
    yield f"{test['value']:.1f} ({test['low']:.1f} to {test['high']:.1f})"
    yield f"{dev['value']:.1f}"


def record_of(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Of all variants."""
    place = environment(torch.device("cpu")).model_dump(exclude={"accelerator"})
    return {"about": __doc__, "seed": SEED, "stages": STAGES, "common": COMMON, "runs": runs, "environment": place}


def main() -> None:
    """Do what is not done yet; all variants by the recipe leave record and page, a trial is printed alone."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "runs" / "ablations", help="for trainings and runs")
    parser.add_argument("--only", type=int, choices=range(len(VARIANTS)), help="a trial of one variant, by its number")
    parser.add_argument("--set", action="append", default=[], help="a trial with another recipe, as of slbench train")
    asked = parser.parse_args()
    torch.set_num_threads(1)  # which the card fixes for the trainings, and OMP_NUM_THREADS for the runs
    jobs = [
        Ablation(name, changes, asked.folder / f"variant-{number}", tuple(asked.set))
        for number, (name, changes) in enumerate(VARIANTS.items())
        if asked.only in (None, number)
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        record = record_of(list(pool.map(Ablation.done, jobs)))
    text = page(record)
    if asked.only is None and not asked.set:
        write_text(RECORD, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
        write_text(PAGE, text)
    print(text, end="")  # noqa: T201


if __name__ == "__main__":
    main()
