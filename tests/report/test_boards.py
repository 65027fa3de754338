"""What a board's formats make of whatever a name holds, and whether they hold the same rows."""

import csv
import json
import re
from dataclasses import replace
from io import StringIO

import pytest
from boarded import rules
from markdown_it import MarkdownIt

from slbench.report.board_data import board_csv, board_json
from slbench.report.boards import COLUMNS, WIDE, board_latex, board_markdown
from slbench.report.entries import NO_POSES, Entry
from slbench.report.markup import visible
from slbench.report.standings import standings

ONE = Entry(
    "published", "M", (), "wlasl2000-islr", "test", "top1-instance", "higher", "%", "uni-sign", "rgb", NO_POSES, "",
    50.0, by="authors", year=2024, source="here", clips=None,
)  # fmt: skip
HOSTILE = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "![x](x.png)",
    "a | b | c", "`code`", "*bold* _it_", "line\nbreak", "# head", "&lt;b&gt;", "back\\slash\\|", "$x$ ~y~",
    "</td></table>",
]  # fmt: skip


def page(entries: list[Entry]) -> str:
    return board_markdown(standings(entries, rules()), rules())


@pytest.mark.parametrize("text", HOSTILE)
def test_markup_in_a_name_is_text_in_markdown(text: str) -> None:
    """Read by another program, which lets HTML pass: the cell holds the text, and nothing but text."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    entry = replace(ONE, kind="measured", model=text, settings=(text,), hardware=text, poses=text, source=text)
    tokens = parser.parse(page([entry]))
    rows = [index for index, token in enumerate(tokens) if token.type == "tr_open"]
    cells = [token for token in tokens[rows[1] :] if token.type == "inline"]
    assert len(rows) == 2
    assert cells[1].content is not None
    kinds = {child.type for cell in cells for child in cell.children or []} | {token.type for token in tokens}
    assert not kinds & {
        "html_inline",
        "html_block",
        "link_open",
        "image",
        "code_inline",
        "em_open",
        "strong_open",
        "s_open",
    }
    shown = "".join(child.content for child in cells[1].children or [])
    assert shown == visible(f"{text} ({text})")
    assert len(cells) >= len(COLUMNS + WIDE)


def test_every_row_of_markdown_has_every_column() -> None:
    lines = [line for line in page([ONE, replace(ONE, model="a|b")]).splitlines() if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {len(COLUMNS + WIDE) + 1}


def test_latex_escapes_what_it_would_read_as_a_command() -> None:
    text = board_latex(standings([replace(ONE, model="a_b & 5 % \\input{x} #1 $y$ {z} ~ ^")], rules()), rules())
    row = next(line for line in text.splitlines() if "a\\_b" in line)
    assert row.startswith(
        r"A 1 & a\_b \& 5 \% \textbackslash{}input\{x\} \#1 \$y\$ \{z\} \textasciitilde{} \textasciicircum{} & 50.00 &"
    )
    assert row.endswith("\\\\")
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 1


def test_csv_and_json_hold_the_same_rows() -> None:
    entries = [ONE, replace(ONE, model='x, "y"\n', marks=("oracle", "uncertain")), replace(ONE, split="dev", value=1.5)]
    found = standings(entries, rules())
    whole = json.loads(board_json(found, rules()))
    lines = list(csv.DictReader(StringIO(board_csv(found))))
    told = [(board["split"], row["model"], row["value"], row["marks"]) for board in whole for row in board["rows"]]
    assert told == [
        (r["split"], r["model"], float(r["value"]), [m for m in r["marks"].split("; ") if m]) for r in lines
    ]
    assert sorted(row["model"] for row in lines) == sorted(entry.model for entry in entries)


def test_nothing_is_an_empty_board() -> None:
    assert board_csv([]) == ""
    assert json.loads(board_json([], rules())) == []
    assert "\n## " not in page([])


def test_marks_and_hands_are_explained_where_they_stand() -> None:
    text = page([replace(ONE, marks=("best-head",))])
    assert f"- best-head: {rules().marks['best-head'].text}." in text
    assert f"- authors: published; {rules().by['authors']}." in text
    assert "shrunk-test" not in text
