"""What `slbench check` found: text for a terminal, and JSON, JUnit XML and Markdown for CI."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from io import StringIO
from xml.etree import ElementTree as ET

from rich.console import Console
from rich.table import Table

from slbench.checking.verdicts import Checked, Moved
from slbench.report.markup import markdown, visible
from slbench.report.tables import COMPOSED, simple_table

WIDTH = 120
"""Columns of a text that is written to a file."""
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write, section 2.2."""


def check_tables(found: Sequence[Checked], count: int) -> Iterator[Table]:
    """A table of verdicts for each baseline, and one of `count` clips that moved, the worst first."""
    for one in found:
        table = simple_table(visible(_title(one)), ("", "checked", "found"))
        for verdict in one.verdicts:
            table.add_row(verdict.status, verdict.name, visible(verdict.told))
        if one.changed:
            table.caption, table.caption_justify = visible(_not_the_same(one)), "left"
        yield table
        if one.moved and count:
            yield _moved_table(one, count)


def _title(one: Checked) -> str:
    composed = [COMPOSED] if one.baseline.task.composed else []
    clips = f"{one.comparison.samples} clips"
    return ", ".join([one.name, clips, *composed, "failed" if one.failed else "passed"])


def _not_the_same(one: Checked) -> str:
    return f"Not as in the baseline: {', '.join(one.changed)}."


def check_summary(found: Sequence[Checked]) -> str:
    """How many baselines were checked, and what failed; nothing of one alone, whose title says it."""
    if len(found) == 1:
        return ""
    failed = [
        f"{one.name} ({', '.join(v.name for v in one.verdicts if v.status == 'failed')})" for one in found if one.failed
    ]
    told = f"{len(failed)} failed: {'; '.join(failed)}" if failed else "none failed"
    return f"{len(found)} baselines checked, {told}"


def _moved_table(one: Checked, count: int) -> Table:
    shown = one.moved[:count]
    table = simple_table(f"{_how_many(one, shown)}, the worst first", ("sample", "adds", "", "text"), numbers=("adds",))
    for moved in shown:
        table.add_row(visible(moved.id), f"{moved.influence:+.3f}", "ref", visible(moved.reference))
        table.add_row("", "", "before", visible(_text(moved.before)))
        table.add_row("", "", "after", visible(_text(moved.after)))
    return table


def _how_many(one: Checked, shown: Sequence[Moved]) -> str:
    return f"{len(shown)} of {len(one.moved)} clips that moved" if len(shown) < len(one.moved) else "clips that moved"


def _text(hypothesis: str | None) -> str:
    return "(failed)" if hypothesis is None else hypothesis or "(empty)"


def check_text(found: Sequence[Checked], count: int) -> str:
    """The tables as text."""
    text = StringIO()
    console = Console(width=WIDTH, file=text, markup=False, emoji=False, highlight=False)
    for table in check_tables(found, count):
        console.print(table)
    summary = check_summary(found)
    return text.getvalue() + (f"{visible(summary)}\n" if summary else "")


def check_json(found: Sequence[Checked]) -> str:
    """Everything, with all clips that moved."""
    values = [
        {
            "name": one.name,
            "baseline": str(one.baseline_path),
            "baseline_run": one.baseline.run,
            "run": one.run.run,
            "composed": one.baseline.task.composed,
            "failed": one.failed,
            "changed": one.changed,
            "verdicts": [asdict(verdict) for verdict in one.verdicts],
            "comparison": asdict(one.comparison),
            "moved": [asdict(moved) for moved in one.moved],
        }
        for one in found
    ]
    return json.dumps(values, indent=1, ensure_ascii=False) + "\n"


def check_markdown(found: Sequence[Checked], count: int) -> str:
    """A section a baseline; all that comes from data is escaped."""
    summary = check_summary(found)
    heading = [f"# {markdown(summary)}", ""] if summary else []
    return "\n".join([*heading, *(line for one in found for line in _section(one, count))])


def _section(one: Checked, count: int) -> Iterator[str]:
    yield from (f"## {markdown(_title(one))}", "", "| | checked | found |", "| --- | --- | --- |")
    yield from (f"| {v.status} | {v.name} | {markdown(v.told)} |" for v in one.verdicts)
    yield ""
    if one.changed:
        yield from (markdown(_not_the_same(one)), "")
    if one.moved and count:
        shown = one.moved[:count]
        yield from (f"{markdown(_how_many(one, shown))}, the worst first:", "")
        yield from ("| sample | adds | reference | before | after |", "| --- | ---: | --- | --- | --- |")
        for moved in shown:
            texts = map(markdown, (moved.reference, _text(moved.before), _text(moved.after)))
            yield f"| {markdown(moved.id)} | {moved.influence:+.3f} | {' | '.join(texts)} |"
        yield ""


def check_junit(found: Sequence[Checked], count: int) -> str:
    """A suite a baseline, a case a verdict; what can't be compared is skipped."""
    failures = sum(verdict.status == "failed" for one in found for verdict in one.verdicts)
    cases = sum(len(one.verdicts) for one in found)
    root = ET.Element("testsuites", name="slbench check", tests=str(cases), failures=str(failures))
    for one in found:
        _suite(root, one, count)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=False).join(
        ['<?xml version="1.0" encoding="UTF-8"?>\n', "\n"]
    )


def _suite(root: ET.Element, one: Checked, count: int) -> None:
    counts = {status: sum(v.status == status for v in one.verdicts) for status in ("failed", "not compared")}
    suite = ET.SubElement(
        root, "testsuite", name=_xml(one.name), tests=str(len(one.verdicts)), failures=str(counts["failed"]),
        skipped=str(counts["not compared"]),
    )  # fmt: skip
    if one.changed:
        properties = ET.SubElement(suite, "properties")
        ET.SubElement(properties, "property", name="changed", value=_xml(", ".join(one.changed)))
    for verdict in one.verdicts:
        case = ET.SubElement(suite, "testcase", classname=_xml(one.name), name=verdict.name)
        if verdict.status == "failed":
            ET.SubElement(case, "failure", message=_xml(verdict.told)).text = _xml(_clips(one, count))
        elif verdict.status == "not compared":
            ET.SubElement(case, "skipped", message=_xml(verdict.told))
        else:
            ET.SubElement(case, "system-out").text = _xml(verdict.told)


def _clips(one: Checked, count: int) -> str:
    moved = one.moved[:count]
    return "\n".join(f"{m.id}: {m.reference!r}: {_quoted(m.before)} → {_quoted(m.after)}" for m in moved)


def _quoted(hypothesis: str | None) -> str:
    return "(failed)" if hypothesis is None else repr(hypothesis)


def _xml(text: str) -> str:
    """The text with `�` for characters that XML cannot hold; ElementTree escapes the rest."""
    return _NOT_XML.sub("�", text)
