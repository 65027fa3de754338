"""The page itself: what it says, that nothing in it comes alive, the same bytes for the same run."""

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from made_runs import COMMITTED, ROOT, make_run, predicted
from markdown_it import MarkdownIt
from matplotlib.colors import to_rgb

from slbench.records import read_record, record_text
from slbench.report.markup import markdown as escaped
from slbench.report.markup import visible
from slbench.report.run import charts
from slbench.report.run.analysis import analyse
from slbench.report.run.finding import load_run
from slbench.report.run.html import page_html
from slbench.report.run.markdown import page_markdown, picture_files
from slbench.report.run.page import page_of

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "![x](https://example.com/x.svg)",
    "a | b `c` **d** _e_ ~~f~~",
    "</td></table></svg></style>]]>--><b>g</b>",
    "https://example.com <https://example.com>",
    "&lt;b&gt; &amp; \" onload='x'",
    "{{ 7 * 7 }}{% raw %}",
    "# h\n- i\r\n\t1. j\u202ek\u2028l\x00\x1b",
    "$\\frac{1}{2}$ \\",
    'q" id="w url(#x href="#y #767676',
    "世界 😀",
)
VOID = {"meta", "br", "img", "hr", "input", "link"}
STRUCTURE = {"h1", "h2", "p", "ul", "li", "table", "thead", "tbody", "tr", "th", "td"}
MARKDOWN_TAGS = STRUCTURE | {"blockquote", "strong", "img"}
PICTURE_TAGS = {"svg", "defs", "style", "g", "path", "use", "text", "clippath", "rect", "tspan"}
FRAME = {"html", "head", "meta", "title", "body", "main", "section", "div", "figure", "caption", "del", "ins"}
HTML_TAGS = STRUCTURE | PICTURE_TAGS | FRAME


class Seen(HTMLParser):
    """Tags, attributes and text; and whether all that is opened is closed in turn."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        self.texts.append(data)

    def handle_comment(self, data) -> None:
        raise AssertionError(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)


def both(path: Path) -> tuple[str, str]:
    page = page_of(analyse(load_run(str(path))))
    return page_html(page), page_markdown(page, "p")


def rendered(markdown: str) -> Seen:
    return Seen(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown))


def squeezed(text: str) -> str:
    return "".join(text.split())


def hostile_run(folder: Path, family: str) -> Path:
    """Every place that data gets to holds something hostile."""
    predictions = [
        one.model_copy(update={"id": f"{HOSTILE[at]}{at}"})
        for at, one in enumerate(predicted(*zip(HOSTILE, reversed(HOSTILE), strict=True)))
    ]
    predictions[0] = predictions[0].model_copy(update={"hypothesis": None, "error": HOSTILE[1]})
    path = make_run(folder, family, predictions, "characters", model=HOSTILE[0], notes=HOSTILE, barred=HOSTILE)
    record = read_record(path)
    task = {"name": HOSTILE[1], "split": HOSTILE[2], "pose_source": HOSTILE[3], "dataset": HOSTILE[4]}
    model = {"deviations": HOSTILE, "trained_by": HOSTILE[5], "weights_from": HOSTILE[6]}
    changed = {"task": record.task.model_copy(update=task), "model": record.model.model_copy(update=model)}
    path.write_text(record_text(record.model_copy(update=changed)))
    return path


def test_hostile_texts_come_out_as_text(tmp_path: Path) -> None:
    for family in ("islr", "cslr", "slt"):
        html, markdown = both(hostile_run(tmp_path, family))
        page, other = Seen(html), rendered(markdown)
        assert page.tags <= HTML_TAGS
        assert other.tags <= MARKDOWN_TAGS
        for name, value in (*page.attributes, *other.attributes):
            assert not name.startswith("on"), (name, value)
            if name in ("src", "href", "xlink:href"):
                assert re.fullmatch(r"#\S+|p\.[a-z]+\.svg", str(value)), (name, value)
        for text in HOSTILE:
            assert visible(text) in page.text
            assert squeezed(visible(text)) in squeezed(other.text)
        assert "49" not in re.findall(r"\b\d+\b", page.text.partition("Scores")[0])


def test_pictures_of_hostile_texts_are_xml_with_text(tmp_path: Path) -> None:
    page = page_of(analyse(load_run(str(hostile_run(tmp_path, "islr")))))
    for name, picture in picture_files(page, "p").items():
        root = ET.fromstring(picture.svg)
        tags = {element.tag.rpartition("}")[2].lower() for element in root.iter()}
        assert tags <= PICTURE_TAGS, name
        assert not [key for element in root.iter() for key in element.attrib if key.startswith("on")]
    svg = next(picture.svg for name, picture in picture_files(page, "p").items() if "confusion" in name)
    texts = {element.text for element in ET.fromstring(svg).iter() if element.tag.endswith("}text")}
    assert {f"{visible(text)[:13]}…" if len(visible(text)) > 14 else visible(text) for text in HOSTILE} <= texts


@example("1) a")
@example("12. a")
@example("- a")
@example("+ a")
@example("===")
@example("www.example.com http://example.com")
@given(st.text() | st.sampled_from(HOSTILE) | st.text("|\\`*_<>[]()!#&;~-+=1.: \na"))
def test_escaped_text_is_read_as_it_was_written(text: str) -> None:
    wanted = visible(text).strip()
    cell = rendered(f"| a | b |\n| --- | --- |\n| {escaped(text)} | {escaped(text)}x |\n")
    assert cell.tags <= MARKDOWN_TAGS
    assert cell.text.replace("\n", "") == f"ab{wanted}{wanted}x"
    for line, tags in ((f"{escaped(text)}\n", {"p"}), (f"- {escaped(text)}\n", {"ul", "li"})):
        seen = rendered(line)
        assert seen.tags <= tags
        assert seen.text.strip("\n").rstrip() == wanted


@pytest.mark.parametrize("family", COMMITTED)
def test_a_page_has_what_the_issue_asks_for(family: str) -> None:
    pytest.importorskip("spoken_to_signed")
    path = ROOT / "results" / f"{COMMITTED[family]}.json"
    html, markdown = both(path)
    seen = Seen(html)
    record = read_record(path)
    score = record.scores[0]
    own = {
        "islr": ["Confusions", "Most confused", "68 of 104 answers are right"],
        "cslr": [
            "Gloss errors",
            "Most deleted",
            "Most inserted",
            "Best",
            "Worst",
            "Length of answers",
            "Composed clips:",
        ],
        "slt": ["Best", "Worst", "Length of answers", "of the reference's characters", "Composed clips:"],
    }
    for words in (
        "By clip length", "By signed language", f"{score.value:.1f}", f"{score.low:.1f} – {score.high:.1f}",
        score.signature, record.run, record.predictions_sha256[:12], "uni-sign", *own[family],
    ):  # fmt: skip
        assert words in seen.text
        assert escaped(words) in markdown
    assert seen.text.count("By ") >= 2
    ids = [value for name, value in seen.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    used = {str(value)[1:] for name, value in seen.attributes if name.endswith("href")}
    used |= set(re.findall(r"url\(#([^)]+)\)", html))
    assert used <= set(ids)
    assert all(value for name, value in seen.attributes if name == "aria-label")
    assert both(path) == (html, markdown)


def test_every_figure_of_a_picture_stands_in_a_table(tmp_path: Path) -> None:
    """So HTML and Markdown say the same to those who see no picture."""
    _, markdown = both(make_run(tmp_path, "cslr", predicted(("A B", "A C"), ("A", "B B"), ("C", "C"))))
    for row in (
        "| B | 1 | 1 | 0 | 1 |",
        "| A | 2 | 1 | 0 | 0 |",
        "| A | B | 1 | 2 |",
        "| 2 – 4 | 1 |",
        "| 1 | 100.0 |",
    ):
        assert row in markdown


def test_a_diff_marks_what_differs(tmp_path: Path) -> None:
    path = make_run(tmp_path, "slt", predicted(("good morning all", "good evening all of you"), ("x", None)))
    html, markdown = both(path)
    assert "good <del>morning</del> all" in html
    assert "good <ins>evening</ins> all <ins>of you</ins>" in html
    text = rendered(markdown).text
    assert "good [-morning-] all" in text
    assert "good {+evening+} all {+of you+}" in text


def test_what_must_be_known_first_comes_first(tmp_path: Path) -> None:
    run = make_run(tmp_path, "slt", predicted(("a b", "a"), ("c", None)), barred=("--limit: 2 of 9 clips", "mock"))
    record = read_record(run)
    options = record.options.model_copy(update={"mock": True})
    task = record.task.model_copy(update={"composed": True})
    run.write_text(record_text(record.model_copy(update={"options": options, "task": task})))
    for text in (Seen(both(run)[0]).text, rendered(both(run)[1]).text):
        first = text.partition("Scores")[0]
        for words in ("Mock run:", "Composed clips:", "1 clip of 2 failed", "Not for a leaderboard: --limit: 2 of 9"):
            assert words in first
        assert "the clips were made up." in text
        assert "By length of the reference" in text
        assert "broken" in text.partition("Clips that failed")[2]


def test_a_run_without_one_answer_has_a_page(tmp_path: Path) -> None:
    for family in ("islr", "cslr", "slt"):
        html, _ = both(make_run(tmp_path, family, predicted(("a", None))))
        assert "1 clip of 1 failed" in html


def test_an_answer_that_never_ends_is_cut(tmp_path: Path) -> None:
    html, markdown = both(make_run(tmp_path, "slt", predicted(("a", "b " * 5000), ("c", "c"))))
    assert len(html) < 60_000
    assert len(markdown) < 10_000
    assert "…" in markdown


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", [charts.BLUE, charts.ORANGE, charts.PURPLE])
def test_bars_stand_out_from_white_and_from_the_dark_ground(colour: str) -> None:
    dark = luminance("#14171a")
    assert 1.05 / (luminance(colour) + 0.05) >= 2.8
    assert (luminance(colour) + 0.05) / (dark + 0.05) >= 3


def test_pictures_have_words_as_text_and_no_date() -> None:
    page = page_of(analyse(load_run(str(ROOT / "results" / f"{COMMITTED['cslr']}.json"))))
    for picture in picture_files(page, "p").values():
        assert "<metadata>" not in picture.svg
        assert "<image" not in picture.svg
        assert "<text" in picture.svg
        assert "fill: #000000" not in picture.svg
