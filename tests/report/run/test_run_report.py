"""A page about a run: its figures against other ways to count them, and whatever a text holds as text."""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from edited import edit_record
from markdown_it import MarkdownIt

from slbench.errors import OutputError
from slbench.files import file_digest
from slbench.metrics.protocols import get_protocol
from slbench.records import Prediction, parse_predictions, predictions_text, read_record
from slbench.report.run.analysis import (
    by_group,
    by_length,
    confusions,
    difference,
    gloss_errors,
    length_ratio,
    ordered_by_likeness,
)
from slbench.report.run.charts import confusion_chart, matrix_glosses
from slbench.report.run.loaded import LoadedRun, load_run, record_path
from slbench.report.run.sections import sections
from slbench.report.run.written import report_html, write_report

RESULTS = Path(__file__).parents[3] / "results"
HOSTILE = [
    "<script>alert(1)</script>", "</svg><img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "a | b",
    "`code` *b*",     "$x^2$ \\frac", "\x00\x1b[31m", "你好，世界",
]  # fmt: skip


def committed(family: str, model: str = "uni-sign-mini") -> Path:
    return next((RESULTS / f"fingerspelling-{family}" / model).glob("test-????????.json"))


def made(answers: list[tuple[str, str | None]], family: str, unit: str = "words") -> LoadedRun:
    """A run of these (reference, hypothesis) pairs."""
    run = load_run(committed(family))
    task = run.record.task.model_copy(update={"unit": unit})
    predictions = [
        Prediction(id=f"{n:03}", reference=there, hypothesis=here, error=None if here is not None else "gone")
        for n, (there, here) in enumerate(answers)
    ]
    record = run.record.model_copy(update={"task": task})
    return replace(
        run,
        record=record,
        predictions=tuple(predictions),
        protocol=get_protocol("slbench", family, unit),
        clips={},
        groups={},
    )


@pytest.mark.parametrize("family", ["islr", "cslr", "slt"])
def test_parts_are_all_clips_once_and_average_to_the_whole(family: str) -> None:
    run = load_run(committed(family))
    unit, quarters = by_length(run)
    assert unit == "frames"
    for parts in (quarters, by_group(run)):
        assert sum(part.score.samples for part in parts) == run.record.task.clips
        assert len(parts) >= 2
    if family == "islr":
        whole = sum(part.score.value * part.score.samples for part in quarters) / 104
        assert whole == pytest.approx(run.record.scores[0].value)
    frames = [run.clips[one.id].frames for one in run.predictions]
    edges = [tuple(map(int, part.name.split(" – "))) for part in quarters]
    assert (edges[0][0], edges[-1][-1]) == (min(frames), max(frames))
    counted = [sum(edge[0] <= frame <= edge[-1] for frame in frames) for edge in edges]
    assert counted == [part.score.samples for part in quarters]


def test_signed_languages_are_those_of_the_ids() -> None:
    run = load_run(committed("islr"))
    assert run.grouped_by == "signed language"
    right = Counter(one.id[:3] for one in run.predictions if one.hypothesis == one.reference)
    assert {part.name: round(part.score.value * 26 / 100) for part in by_group(run)} == right


def test_without_the_corpus_lengths_are_those_of_references() -> None:
    run = made([("A B", "A"), ("A B C D", "A"), ("A", "A")], "cslr")
    unit, parts = by_length(run)
    assert unit == "words of the reference"
    assert [(part.name, part.score.samples) for part in parts] == [("1 – 2", 2), ("3 – 4", 1)]
    assert by_length(made([("ab c", "x"), ("d", "d")], "slt", "characters"))[0] == "characters of the reference"


def test_confusions_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import confusion_matrix

    run = load_run(committed("islr"))
    found, glosses = confusions(run), matrix_glosses(confusions(run))
    theirs = confusion_matrix(
        [one.reference for one in run.predictions], [one.hypothesis for one in run.predictions], labels=glosses
    )
    assert [[found.get((there, here), 0) for here in glosses] for there in glosses] == theirs.tolist()


def test_of_many_glosses_the_matrix_has_those_with_the_most_errors() -> None:
    found = {(f"g{n:03}", f"g{n:03}"): 9 for n in range(100)} | {("g050", "g099"): 3}
    glosses = matrix_glosses(found)
    assert len(glosses) == 40
    assert {"g050", "g099"} <= set(glosses)


def test_errors_by_gloss_add_up_to_the_record() -> None:
    run = load_run(committed("cslr"))
    found = gloss_errors(run)
    counted = [sum(count for _, count in errors) for errors in (found.confused, found.deleted, found.inserted)]
    wer = 100 * sum(counted) / sum(found.asked.values())
    assert wer == pytest.approx(run.record.scores[0].value)


def test_errors_by_gloss_are_named() -> None:
    found = gloss_errors(made([("A B C", "A X C D"), ("A B", "A"), ("", "Z"), ("B", None)], "cslr"))
    assert found.confused == [(("B", "X"), 1)]
    assert found.deleted == [("B", 2)]
    assert sorted(found.inserted) == [("D", 1), ("Z", 1)]
    assert found.asked == {"A": 2, "B": 3, "C": 1}


@pytest.mark.parametrize(("there", "here"), [("a b c", "a x c"), ("", "a"), ("a", ""), ("a b", "b a"), ("a  b", "a b")])
@pytest.mark.parametrize("unit", ["words", "characters"])
def test_a_difference_holds_both_texts(there: str, here: str, unit: str) -> None:
    run = made([(there or "x", here)], "slt", unit)
    pieces = difference(run, Prediction(id="1", reference=there, hypothesis=here))

    def joined(kinds: set[str]) -> str:
        return "".join("".join(piece.text.split()) for piece in pieces if piece.kind in kinds)

    assert joined({"same", "missing"}) == "".join(there.split())
    assert joined({"same", "added"}) == "".join(here.split())


def test_length_ratios_and_likeness() -> None:
    run = made([("a b", "a b"), ("a b c d", "a"), ("a", "a b c"), ("a b", None)], "slt")
    ratio = length_ratio(run)
    assert ratio.whole == pytest.approx(6 / 9)
    assert ratio.each == [1, 0.25, 3, 0]
    assert ratio.empty == 1
    ordered = [one.id for _, one in ordered_by_likeness(run)]
    assert (ordered[0], ordered[-1]) == ("000", "003")


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: Counter[str] = Counter()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements[tag] += 1
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(params=HOSTILE)
def hostile(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, dict[str, LoadedRun]]:
    """Runs of every family whose ids, references, answers, model and notes are this text."""
    text = request.param
    runs = {}
    for family in ("islr", "cslr", "slt"):
        run = made([(text, f"{text} too"), (f"{text} there", text), ("plain", "plain")], family)
        model = run.record.model.model_copy(update={"name": text})
        predictions = tuple(one.model_copy(update={"id": f"{text}{one.id}"}) for one in run.predictions)
        record = run.record.model_copy(update={"model": model, "notes": (text,), "barred": (text,)})
        runs[family] = replace(run, record=record, predictions=predictions)
    return text, runs


def test_markup_in_a_text_is_text_in_html(hostile: tuple[str, dict[str, LoadedRun]]) -> None:
    text, runs = hostile
    for run in runs.values():
        page = Page(report_html(run))
        assert page.elements["script"] == page.elements["img"] == page.elements["a"] == 0
        assert not {name for name in page.attributes if name.startswith("on")}
        assert text in page.texts or "\x00" in text
        assert any(text in one for one in page.texts if "Not for a leaderboard" in one) or "\x00" in text


def test_markup_in_a_text_is_text_in_markdown(hostile: tuple[str, dict[str, LoadedRun]], tmp_path: Path) -> None:
    text, runs = hostile
    for family, run in runs.items():
        path = write_report(run, "markdown", tmp_path / f"{family}.md")
        tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(path.read_text())
        inside = [child for token in tokens for child in token.children or []]
        assert not {token.type for token in (*tokens, *inside)} & {
            "html_inline",
            "html_block",
            "link_open",
            "code_inline",
        }
        images = [child.attrs["src"] for child in inside if child.type == "image"]
        assert images
        assert all((tmp_path / str(image)).is_file() for image in images)
        shown = {"".join(child.content for child in token.children or []) for token in tokens}
        assert " ".join(text.split()) in shown or "\x00" in text


def test_pictures_are_xml_whatever_a_gloss_is(hostile: tuple[str, dict[str, LoadedRun]]) -> None:
    text, runs = hostile
    root = ET.fromstring(confusion_chart(confusions(runs["islr"])))
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert not names & {"script", "img", "image"} - {"image"}
    if text.isprintable() and len(text) <= 18 and "$" not in text:
        assert f"{text} too" in {element.text for element in root.iter()}


@pytest.mark.parametrize("family", ["islr", "cslr", "slt"])
def test_a_report_is_the_same_bytes_twice_and_needs_no_network(family: str) -> None:
    run = load_run(committed(family))
    page = report_html(run)
    assert page == report_html(load_run(committed(family)))
    assert not re.search(
        r'(?:src|href)="(?!#|data:,)', page.replace('xlink:href="#', "").replace('xlink:href="data:', "")
    )
    titles = [section.title for section in sections(run)]
    assert titles[0] == "Scores"
    assert {"islr": "Confusions", "cslr": "Most inserted glosses", "slt": "Worst answers"}[family] in titles


def test_composed_clips_and_bars_are_said() -> None:
    assert "composed clips" in report_html(load_run(committed("cslr")))
    assert "composed clips" not in report_html(load_run(committed("islr")))


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    source = committed("islr", "knn-dtw")
    place = tmp_path / "fingerspelling-islr" / "knn-dtw"
    shutil.copytree(source.parent, place)
    return place / source.name


def test_runs_are_found_by_record_predictions_and_name(copied: Path) -> None:
    results = copied.parents[2]
    predictions = copied.with_suffix(".predictions.jsonl")
    for name in (str(copied), str(predictions), f"fingerspelling-islr/knn-dtw/{copied.stem}"):
        assert record_path(name, results) == copied
    with pytest.raises(OutputError, match="nowhere: there is no such record"):
        record_path("nowhere", results)


def test_predictions_must_be_those_of_the_record(copied: Path) -> None:
    predictions = copied.with_suffix(".predictions.jsonl")
    text = predictions.read_text()
    predictions.write_text(text + "\n")
    with pytest.raises(OutputError, match="is not the file that was scored"):
        load_run(copied)
    predictions.unlink()
    with pytest.raises(OutputError, match="the predictions of a run lie beside its record"):
        load_run(copied)
    predictions.write_text("")
    edit_record(copied, predictions_sha256=file_digest(predictions))
    with pytest.raises(OutputError, match="holds no prediction"):
        load_run(copied)


def test_failed_clips_are_listed(copied: Path) -> None:
    answers = parse_predictions(copied.with_suffix(".predictions.jsonl").read_text(), "")
    gone = answers[0].model_copy(update={"hypothesis": None, "error": "it has no frames", "top_k": ()})
    predictions = copied.with_suffix(".predictions.jsonl")
    predictions.write_text(predictions_text([gone, *answers[1:]]))
    edit_record(copied, failed={gone.id: "it has no frames"}, predictions_sha256=file_digest(predictions))
    page = Page(report_html(load_run(copied)))
    assert "it has no frames" in page.texts
    assert "(nothing)" in page.texts


def test_the_command_writes_beside_the_record_and_no_board_trips_over_it(copied: Path) -> None:
    for output_format in ("html", "markdown"):
        command = [sys.executable, "-m", "slbench", "report", str(copied), "--format", output_format]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert Path(done.stdout.split(maxsplit=1)[1].strip()).parent == copied.parent
    board = [sys.executable, "-m", "slbench", "leaderboard", "--results", str(copied.parents[2]), "--alone"]
    done = subprocess.run([*board, "--format", "json"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(json.loads(done.stdout)[0]["rows"]) == 1
    refused = subprocess.run([*command[:3], "report", "nowhere"], capture_output=True, text=True)
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr
    assert read_record(copied).run in done.stdout
