"""Comparisons of two runs, as tables and as JSON."""

import json
import textwrap
from collections.abc import Iterator
from dataclasses import asdict

from rich.table import Table

from slbench.metrics.paired import Change
from slbench.report.markup import visible
from slbench.report.tables import COMPOSED, simple_table
from slbench.scoring.compare import FileComparison

HEADINGS = ("protocol", "score", "A", "B", "B - A", "95 % interval", "p", "p bootstrap")
LONGEST = 160
"""Characters of a text that a table shows; the JSON has it whole."""
EXPLAINED = (
    "adds: what the sample adds to B - A; p: paired approximate randomisation, two-sided; "
    "p bootstrap: paired bootstrap, as sacrebleu computes it"
)


def comparison_tables(found: FileComparison) -> Iterator[Table]:
    """The samples that the second improved most, those that it spoilt most, and the scores."""
    name = found.changes.name
    for heading, samples in (("better in B", found.changes.gains), ("worse in B", found.changes.losses)):
        if samples:
            yield _changes(f"{name}: what changed most, {heading}", samples)
    yield _scores(found)


def _scores(found: FileComparison) -> Table:
    composed = [COMPOSED] if found.a.plan.composed else []
    count = found.compared[0].comparisons[0].samples
    several = len(found.compared) > 1
    protocol = [] if several else [f"protocol {found.compared[0].protocol.name}"]
    title = ", ".join([f"{count:,} samples", *composed, *protocol])
    table = simple_table(title, HEADINGS if several else HEADINGS[1:], numbers=HEADINGS[2:])
    for compared in found.compared:
        for one in compared.comparisons:
            arrow = " ↓" if one.better == "lower" else ""
            table.add_row(
                *([compared.protocol.name] if several else []),
                f"{one.name}{arrow}", f"{one.a:.2f}", f"{one.b:.2f}", f"{one.difference:+.2f}",
                f"{one.low:+.2f} – {one.high:+.2f}", f"{one.p_randomisation:.4f}", f"{one.p_bootstrap:.4f}",
            )  # fmt: skip
    return table


def comparison_notes(found: FileComparison) -> list[str]:
    """What the tables mean, a line each."""
    files = [f"{side}: {loaded.request.predictions}" for side, loaded in (("A", found.a), ("B", found.b))]
    return [*files, EXPLAINED, *found.notes]


def _changes(title: str, samples: tuple[Change, ...]) -> Table:
    table = simple_table(title, ("sample", "adds", "", "text"), numbers=("adds",))
    for sample in samples:
        table.add_row(sample.id, f"{sample.influence:+.3f}", "ref", _shown(sample.reference))
        table.add_row("", "", "A", _shown(sample.hypothesis_a))
        table.add_row("", "", "B", _shown(sample.hypothesis_b))
    return table


def _shown(text: str | None) -> str:
    if text is None:
        return "(failed)"
    return visible(textwrap.shorten(text, LONGEST, placeholder=" ...")) or "(empty)"


def comparison_json(found: FileComparison) -> str:
    """Everything, with signatures."""
    values = {
        "a": str(found.a.request.predictions),
        "b": str(found.b.request.predictions),
        "samples": found.compared[0].comparisons[0].samples,
        "composed": found.a.plan.composed,
        "notes": found.notes,
        "protocols": [
            {"protocol": compared.protocol.name, "comparisons": [asdict(one) for one in compared.comparisons]}
            for compared in found.compared
        ],
        "changes": asdict(found.changes),
    }
    return json.dumps(values, indent=1, ensure_ascii=False)
