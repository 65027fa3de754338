"""Comparisons of two runs, as tables and as JSON."""

import json
from collections.abc import Iterator
from dataclasses import asdict

from rich.table import Table

from slbench.metrics.paired import Change
from slbench.report.tables import simple_table
from slbench.scoring.compare import FileComparison

HEADINGS = ("score", "A", "B", "B - A", "95 % interval", "p", "p bootstrap")
EXPLAINED = (
    "p: paired approximate randomisation, two-sided; p bootstrap: paired bootstrap, as sacrebleu computes it.",
)


def comparison_tables(found: FileComparison) -> Iterator[Table]:
    """The scores, then the samples that the second improved most, then those that it spoilt most."""
    yield _scores(found)
    name = found.changes.name
    for heading, samples in (("better in B", found.changes.gains), ("worse in B", found.changes.losses)):
        if samples:
            yield _changes(f"{name}: what changed most, {heading}", samples)


def _scores(found: FileComparison) -> Table:
    count = len(found.a.matched.answers)
    table = simple_table(f"{count:,} samples", HEADINGS, numbers=HEADINGS[1:])
    for compared in found.compared:
        for one in compared.comparisons:
            name = one.name if len(found.compared) == 1 else f"{compared.protocol.name} {one.name}"
            arrow = " ↓" if one.better == "lower" else ""
            table.add_row(
                f"{name}{arrow}", f"{one.a:.2f}", f"{one.b:.2f}", f"{one.difference:+.2f}",
                f"{one.low:+.2f} – {one.high:+.2f}", f"{one.p_randomisation:.4f}", f"{one.p_bootstrap:.4f}",
            )  # fmt: skip
    files = [f"{side}: {loaded.request.predictions}" for side, loaded in (("A", found.a), ("B", found.b))]
    protocols = ", ".join(compared.protocol.name for compared in found.compared)
    table.caption = "\n".join([*files, f"Protocol: {protocols}.", *EXPLAINED, *found.notes])
    table.caption_justify = "left"
    return table


def _changes(title: str, samples: tuple[Change, ...]) -> Table:
    table = simple_table(title, ("sample", "adds", "reference / A / B"), numbers=("adds",))
    for sample in samples:
        texts = (sample.reference, sample.hypothesis_a, sample.hypothesis_b)
        table.add_row(sample.id, f"{sample.influence:+.3f}", "\n".join(map(_shown, texts)))
    return table


def _shown(text: str | None) -> str:
    return "(failed)" if text is None else text or "(empty)"


def comparison_json(found: FileComparison) -> str:
    """Everything, with signatures."""
    values = {
        "a": str(found.a.request.predictions),
        "b": str(found.b.request.predictions),
        "samples": len(found.a.matched.answers),
        "notes": found.notes,
        "protocols": [
            {"protocol": compared.protocol.name, "comparisons": [asdict(one) for one in compared.comparisons]}
            for compared in found.compared
        ],
        "changes": asdict(found.changes),
    }
    return json.dumps(values, indent=1, ensure_ascii=False)
