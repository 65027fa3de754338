"""The ablations are trainings that the card allows, and a stopped run of them goes on."""

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from ablations import RECORD, STAGES, TASKS, VARIANTS, Ablation, page, record_of

from slbench import catalog
from slbench.engine.changes import changed_card
from slbench.engine.models import build_model, count_parameters, setting_of

LEARNED_GRAPH = 3 * 2 * (9**2 + 21**2 + 18**2)
"""Blocks, hops, pairs of points of body, hand (both share one) and face."""
RESULTS = Path(__file__).parents[2] / "results"


class Told(Ablation):
    """Leaves in place of each command what it would leave; `told` are the commands."""

    told: ClassVar[list[tuple[str, ...]]] = []

    def _slbench(self, *words: object) -> None:
        self.told.append(tuple(map(str, words)))
        if words[0] == "train":
            output = Path(str(words[words.index("--output") + 1]))
            output.mkdir(parents=True)
            (output / "training.json").touch()
            (output / "metrics.jsonl").write_text('{"event": "epoch", "seconds": 90.0}\n{"event": "step"}\n')
            return
        task, split, results = (str(words[words.index(key) + 1]) for key in ("--task", "--split", "--output"))
        (source,) = RESULTS.glob(f"{task}/uni-sign-mini/test-????????.json")
        target = Path(results) / task / "uni-sign-mini" / f"{split}-00000000.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source.read_text())


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    monkeypatch.setattr(Told, "told", [])
    return Told("body alone", {"parts": ("body",)}, tmp_path / "variant")


def changed(changes: dict[str, Any]) -> Any:
    card = catalog.get_model("uni-sign-mini")
    return changed_card(card, [f"config.{key}={json.dumps(value)}" for key, value in changes.items()])


@pytest.mark.parametrize("name", VARIANTS)
def test_the_card_takes_every_variant(name: str) -> None:
    card = changed(dict(VARIANTS[name]))
    for stage in STAGES.values():
        changed_card(card, stage)
    model = build_model(card, setting_of(catalog.get_task(TASKS[0])))
    lacking = 0 if VARIANTS[name].get("graph", True) else LEARNED_GRAPH
    assert count_parameters(model.network) == 818_613 - lacking


def test_variants_differ_from_the_paper_in_one_thing() -> None:
    paper, *others = VARIANTS.values()
    assert all(sum(paper.get(key) != other.get(key) for key in paper | other) == 1 for other in others)


def test_what_is_done_is_not_done_again(told: Told) -> None:
    first = told.done()
    trainings = [words for words in told.told if words[0] == "train"]
    assert [words.count("--init") for words in trainings] == [0, 1]
    assert len(told.told) == 2 + 4
    assert all('config.parts=["body"]' in words for words in trainings)
    told.told.clear()
    (told.folder / "results" / TASKS[1] / "uni-sign-mini" / "test-00000000.json").unlink()
    assert told.done() == first
    assert [words[0] for words in told.told] == ["run"]


def test_the_page_has_the_figures_with_their_intervals(told: Told) -> None:
    text = page(record_of([told.done()]))
    row = next(line for line in text.splitlines() if line.startswith("| body alone"))
    assert [cell.strip() for cell in row.split("|")[2:-1]] == [
        "65.4 (55.8 to 74.0)", "65.4", "28.2 (22.3 to 34.1)", "28.2", "3.0",
    ]  # fmt: skip
    assert "in 3 minutes of training" in " ".join(text.split())


@pytest.mark.skipif(
    not RECORD.is_file(), reason="the ablations have not been run; python tests/benchmarks/ablations.py"
)
def test_the_committed_page_is_that_of_the_committed_record() -> None:
    record = json.loads(RECORD.read_text())
    assert (RECORD.parents[2] / "docs" / "ablations.md").read_text() == page(record)
    assert [run["variant"] for run in record["runs"]] == list(VARIANTS)
