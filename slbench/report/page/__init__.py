"""The board as one page of HTML that needs no network: everything it shows is in it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from slbench.metrics.protocols import PROTOCOLS
from slbench.report.boards import figure, heading, legend, name, origin, place, within
from slbench.report.entries import Entry
from slbench.report.gathering import Gathered
from slbench.report.page.charts import Bar, Chart, bars, score_against_speed, score_against_year
from slbench.report.published import UNKNOWN
from slbench.report.rules import Rules
from slbench.report.standings import FAMILIES, Placed, Standing

FOLDER = Path(__file__).parent
TITLES = {
    "islr": "Isolated signs",
    "cslr": "Continuous signing",
    "slt": "Translation",
    "other": "Other tasks",
}
KINDS = {"measured": "measured", "scored": "scored from released predictions", "published": "published"}


@dataclass(frozen=True)
class Line:
    """One row of a table, as the template shows it."""

    id: str
    entry: Entry
    place: str
    apart: str
    name: str
    figure: str
    within: str
    origin: str
    bar: Bar
    facts: tuple[tuple[str, str, str], ...]
    """What opens when the number is chosen: label, text, and where it leads, if anywhere."""


@dataclass(frozen=True)
class Table:
    """One standing."""

    id: str
    standing: Standing
    heading: str
    lines: tuple[Line, ...]
    legend: tuple[str, ...]
    charts: tuple[Chart, ...]


def board_page(found: Gathered) -> str:
    """The whole page: tabs by family, a table for each standing, charts, and where every number is from."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    tables = [_table(f"t{number}", standing, found.rules) for number, standing in enumerate(found.standings)]
    families = {family: [table for table in tables if _family(table) == family] for family in TITLES}
    entries = [line.entry for table in tables for line in table.lines]
    return environment.get_template("page.html.jinja").render(
        families={family: of for family, of in families.items() if of},
        titles=TITLES,
        kinds=KINDS,
        protocols=sorted({entry.protocol for entry in entries}),
        inputs=sorted({entry.modality for entry in entries}),
        sources=[(one.name, one.family, one.unit or "", one.source) for one in PROTOCOLS],
        script=Markup((FOLDER / "page.js").read_text(encoding="utf-8")),
        style=Markup((FOLDER / "page.css").read_text(encoding="utf-8")),
    )


def _family(table: Table) -> str:
    family = table.standing.task.rpartition("-")[2]
    return family if family in FAMILIES else "other"


def _table(table_id: str, standing: Standing, rules: Rules) -> Table:
    numbers = count()
    found = bars(line.entry for line in standing.lines)
    lines = tuple(
        _line(f"{table_id}r{next(numbers)}", line, bar, rules) for line, bar in zip(standing.lines, found, strict=True)
    )
    dots = [(line.id, line.entry) for line in lines]
    charts = (score_against_year(dots), score_against_speed(dots))
    shown = tuple(chart for chart in charts if chart is not None)
    return Table(table_id, standing, heading(standing), lines, tuple(legend(standing, rules)), shown)


def _line(line_id: str, line: Placed, bar: Bar, rules: Rules) -> Line:
    entry = line.entry
    return Line(
        line_id, entry, place(line), line.apart, name(entry), figure(entry), within(entry), origin(entry), bar,
        tuple((label, text, _address(label, text)) for label, text in _facts(line, rules) if text),
    )  # fmt: skip


def _address(label: str, text: str) -> str:
    """Of a protocol on this page, of a repository or of a paper; empty where there is none to be sure of."""
    if label == "protocol" and text != UNKNOWN:
        return f"#protocol-{text}"
    if label != "source":
        return ""
    if found := re.match(r"github\.com/([\w.-]+/[\w.-]+)(?:@(\w+)|/issues/(\d+))", text):
        repository, commit, issue = found.groups()
        return f"https://github.com/{repository}/{f'tree/{commit}' if commit else f'issues/{issue}'}"
    if found := re.search(r"arXiv (\d{4}\.\d{4,5})", text):
        return f"https://arxiv.org/abs/{found[1]}"
    return ""


def _facts(line: Placed, rules: Rules) -> Iterable[tuple[str, str]]:
    entry = line.entry
    yield from (("source", source) for source in entry.source.split(" | "))
    yield "kind", KINDS[entry.kind] + (f": {rules.by[entry.by]}" if entry.by in rules.by else "")
    yield "place", f"comparable with no other row: {line.apart}" if line.apart else ""
    yield "protocol", entry.protocol
    yield "version", entry.data
    yield "poses", entry.poses
    yield "95 % interval", within(entry)
    yield "clips", f"{entry.clips:,}" if entry.clips else ""
    yield "seeds", str(entry.seeds) if entry.seeds else ""
    yield "hardware", entry.hardware
    yield "clips a second", f"{entry.clips_per_second:.1f}" if entry.clips_per_second else ""
    yield from ((mark, rules.marks[mark].text) for mark in entry.marks if mark in rules.marks)
    yield "note", entry.note
