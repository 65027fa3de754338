"""Every format: made-up files come back as they were meant."""

import csv
import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slbench.errors import DataError
from slbench.records import Prediction, Ranked, predictions_text
from slbench.scoring.files import read_predictions, read_references
from slbench.scoring.source import Sample, Table

WORDS = st.lists(st.sampled_from(["HAUS", "ß", "é", "你好", '"', '"x"', "a,b", "x|y", "ich", "\u2028"]), max_size=4)
TEXTS = WORDS.map(" ".join)
CORPORA = st.dictionaries(st.from_regex(r"[a-z]{2}_[0-9]{3}", fullmatch=True), TEXTS, min_size=1, max_size=8)


def predictions(folder: Path, content: str | bytes, family="slt", name="p.txt") -> Table:
    return read_predictions(written(folder, content, name), family)


def references(folder: Path, content: str | bytes, family="slt", name="r.txt") -> Table:
    return read_references(written(folder, content, name), family)


def written(folder: Path, content: str | bytes, name: str) -> Path:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder / name


def texts(table: Table) -> dict[str | None, str | None]:
    return {sample.id: sample.text for sample in table.samples}


@given(CORPORA)
def test_json_lines_come_back(folder, corpus) -> None:
    lines = "".join(json.dumps({"video": i, "pred": t}, ensure_ascii=False) + "\n" for i, t in corpus.items())
    table = predictions(folder, lines)
    assert (table.format, texts(table)) == ("JSON lines", corpus)
    assert len(table.notes) == 1
    assert "ids are from 'video', predictions from 'pred'" in table.notes[0]


@given(CORPORA)
def test_csv_that_python_writes_comes_back(folder, corpus) -> None:
    with (folder / "p.csv").open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows([("id", "hypothesis"), *corpus.items()])
    table = read_predictions(folder / "p.csv", "slt")
    assert (table.format, texts(table), table.notes) == ("CSV", corpus, ())


@pytest.mark.parametrize(
    ("delimiter", "name"), [("\t", "TSV"), ("|", "pipe-separated table"), (";", "CSV with semicolons")]
)
@given(corpus=CORPORA)
def test_tables_that_pandas_writes_come_back(folder, corpus, delimiter, name) -> None:
    """As long as no text holds the delimiter: pandas quotes it, and cells of such tables are not split by quotes."""
    corpus = {i: t.replace("|", "") for i, t in corpus.items()}
    frame = pd.DataFrame({"SENTENCE_NAME": corpus.keys(), "start": 0, "SENTENCE": corpus.values()})
    frame.to_csv(folder / "p.txt", sep=delimiter, index=False)
    table = read_references(folder / "p.txt", "slt")
    assert (table.format, texts(table)) == (name, corpus)


def test_a_text_may_begin_with_a_quote(folder) -> None:
    table = predictions(folder, 'id\thypothesis\n1\t"Yes" he said\n2\t"Yes, ""you"""\n3\t"open\n')
    assert texts(table) == {"1": '"Yes" he said', "2": 'Yes, "you"', "3": '"open'}


def test_spaces_around_delimiters_of_the_header_are_around_those_of_rows_too(folder) -> None:
    assert texts(predictions(folder, 'id, hypothesis\n1, A B\n2, "C, D"\n')) == {"1": "A B", "2": "C, D"}
    assert texts(predictions(folder, "id | hypothesis\n1 | A B\n")) == {"1": "A B"}
    assert texts(predictions(folder, "id|hypothesis\n1 |  A\n")) == {"1": "  A"}


def test_cells_may_hold_line_ends(folder) -> None:
    assert texts(predictions(folder, 'id,hypothesis\r\n\r\n1,"A\r\nB"\r\n2,C\r\n')) == {"1": "A\nB", "2": "C"}


@given(CORPORA)
def test_released_format_comes_back(folder, corpus) -> None:
    lines = "".join(f"sample: {i}, prediction: {t}\n" for i, t in corpus.items())
    table = predictions(folder, lines)
    assert (table.format, texts(table), table.notes) == ("Uni-Sign predictions", corpus, ())
    table = references(folder, lines.replace(", prediction: ", ", ground-truth: "))
    assert (table.format, texts(table), table.notes) == ("Uni-Sign ground-truth", corpus, ())


def test_released_format_given_as_the_other_kind_is_noted(folder) -> None:
    assert "say 'ground-truth', but it was given as pred" in predictions(folder, "sample: a, ground-truth: b").notes[0]
    assert "say 'prediction', but it was given as ref" in references(folder, "sample: a, prediction: b").notes[0]


def test_own_predictions_come_back_whole(folder) -> None:
    own = [
        Prediction(id="a", reference="x\u2028", hypothesis="", top_k=(Ranked(gloss="x", log_likelihood=-1.5),)),
        Prediction(id="b", reference="y", error="no frames"),
        Prediction(id="c", reference="z", hypothesis=" z"),
    ]
    table = predictions(folder, predictions_text(own))
    assert table.format == "slbench predictions"
    assert table.samples == (Sample("a", "", "x\u2028", ("x",)), Sample("b", None, "y"), Sample("c", " z", "z"))
    assert texts(references(folder, predictions_text(own))) == {"a": "x\u2028", "b": "y", "c": "z"}


def test_rankings_are_best_first(folder) -> None:
    ranked = [{"gloss": "a", "log_likelihood": -3}, {"gloss": "b", "log_likelihood": -1.0}]
    table = predictions(folder, json.dumps({"id": 7, "hypothesis": None, "top_k": ranked}))
    assert table.samples == (Sample("7", None, None, ("b", "a")),)


def test_words_of_a_ctm_are_in_the_order_of_their_start_times(folder) -> None:
    ctm = ";; made up\na 1 0.10 0.20 B 0.9\nb 1 0 1 D\na 1 0.00 0.10 A NA\na 1 10 0.1 E 1\na 1 9 .1 C 1e-3\n"
    table = predictions(folder, ctm, "cslr")
    assert (table.format, texts(table)) == ("CTM", {"a": "A B C E", "b": "D"})
    assert table.notes[0].endswith("words were put in the order of their start times in 1 of 2 samples")


def test_a_ctm_in_order_needs_no_note_and_equal_times_keep_the_order_of_the_file(folder) -> None:
    table = predictions(folder, "a 1 0.00 0.01 Z\na 1 0.00 0.01 A\na 1 0.01 0.02 B\n", "cslr")
    assert (texts(table), table.notes) == ({"a": "Z A B"}, ())


def test_segments_of_an_stm(folder) -> None:
    stm = ";; made up\na 1 Signer04 0.0 1.79769e+308 NORD  SUED\nb 1 s 0 2 <o,f0,male> WEST\u00a0OST\nc A s 0 2\n"
    table = references(folder, stm, "cslr")
    assert (table.format, texts(table)) == ("STM", {"a": "NORD SUED", "b": "WEST\u00a0OST", "c": ""})


@pytest.mark.parametrize(("suffix", "name"), [("stm", "STM"), ("ctm", "CTM"), ("txt", "CTM")])
def test_the_name_decides_what_both_formats_fit(folder, suffix, name) -> None:
    assert references(folder, "a 1 0 0 1 7\n", "cslr", f"r.{suffix}").format == name


@given(st.lists(TEXTS.map(lambda text: text.replace("|", "")), min_size=1, max_size=6))
def test_plain_lines_come_back(folder, lines) -> None:
    table = predictions(folder, "".join(f"{line}\n" for line in lines))
    assert table.format == "plain lines"
    assert table.samples == tuple(Sample(None, line) for line in lines)


def test_only_the_last_line_end_makes_no_line(folder) -> None:
    assert [s.text for s in predictions(folder, "A\n\nB\n\n").samples] == ["A", "", "B", ""]
    assert [s.text for s in predictions(folder, "A\n\nB").samples] == ["A", "", "B"]


def test_numbers_in_spaced_characters_are_neither_ctm_nor_stm(folder) -> None:
    lines = "她 今 年 5 0 岁 。\n我 有 2 0 个\n他 a 1 2 岁\n"
    assert predictions(folder, lines).format == "plain lines"


def test_sentences_with_commas_are_no_table(folder) -> None:
    assert predictions(folder, "Name, please.\nText, sir\n").format == "plain lines"
    assert predictions(folder, "今天,我去\n明天,他来\n").format == "plain lines"


FILES = {
    "JSON": '{"id": "a", "hypothesis": "A B"}\n{"id": "b", "hypothesis": "C"}\n',
    "CSV": "id,hypothesis\na,A B\nb,C\n",
    "TSV": "id\thypothesis\na\tA B\nb\tC\n",
    "Uni-Sign": "sample: a, prediction: A B\nsample: b, prediction: C\n",
    "CTM": "a 1 0 1 A\na 1 1 1 B\nb 1 0 1 C\n",
    "STM": "a 1 s 0 1 A B\nb 1 s 0 1 C\n",
}


@pytest.mark.parametrize("kind", FILES)
@given(
    ends=st.lists(st.sampled_from(["\n", "\r\n", "\r"]), min_size=3, max_size=3), bom=st.booleans(), last=st.booleans()
)
def test_line_ends_and_the_byte_order_mark_change_nothing(folder, kind, ends, bom, last) -> None:
    lines = FILES[kind].splitlines()
    text = "".join(line + end for line, end in zip(lines, ends, strict=False))
    text = text if last else text.rstrip("\r\n")
    found = predictions(folder, text.encode("utf-8-sig" if bom else "utf-8"), "cslr")
    assert [s.text for s in found.samples] == ["A B", "C"]
    assert [s.id for s in found.samples] == ["a", "b"]


def test_plain_lines_of_mixed_ends(folder) -> None:
    found = predictions(folder, "\ufeffA\r\nB\rC\u2028\x0b\x85\n\nD")
    assert [s.text for s in found.samples] == ["A", "B", "C\u2028\x0b\x85", "", "D"]


@pytest.mark.parametrize("start", ["", '{"id": "a", "hypothesis": "', "id,hypothesis\na,", "sample: a, prediction: "])
def test_a_line_of_ten_megabytes(folder, start) -> None:
    limit = csv.field_size_limit()
    text = "wort " * 2_000_000
    found = predictions(folder, start + text + ('"}' if start.startswith("{") else ""))
    assert [s.text for s in found.samples] == [text]
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize(
    ("family", "header", "expected"),
    [
        ("cslr", "name|video|start|end|speaker|orth|translation", ("name", "orth", None)),
        ("slt", "name|video|start|end|speaker|orth|translation", ("name", "translation", None)),
        ("slt", "VIDEO_ID|VIDEO_NAME|SENTENCE_ID|SENTENCE_NAME|SENTENCE", ("SENTENCE_NAME", "SENTENCE", None)),
        ("cslr", "gloss|text|id", ("id", "gloss", None)),
        ("slt", "gloss|text|id", ("id", "text", None)),
        ("slt", "gloss|text|id|pred", ("id", "pred", "text")),
        ("cslr", "gloss|text|Sample ID|Hypothesis", ("Sample ID", "Hypothesis", "gloss")),
        ("islr", "label|reference|id|hypothesis", ("id", "hypothesis", "reference")),
        ("slt", "id|sentence|translation|pred|ref", ("id", "pred", "ref")),
        ("slt", "|id|hypothesis|", ("id", "hypothesis", None)),
        ("islr", "id|gloss", ("id", "gloss", None)),
        ("cslr", "recording|gloss", ("recording", "gloss", None)),
        ("cslr", "id|answer", ("id", "answer", None)),
        ("slt", "reference|id", ("id", "reference", None)),
    ],
)
def test_columns_of_predictions(folder, family, header, expected) -> None:
    names = header.split("|")
    values = [f"<{name}>" for name in names]
    tables = {
        "pipes": f"{header}\n{'|'.join(values)}\n",
        "JSON": json.dumps({name: value for name, value in zip(names, values, strict=True) if name}),
    }
    for content in tables.values():
        sample = predictions(folder, content, family).samples[0]
        assert (sample.id, sample.text, sample.reference) == tuple(name and f"<{name}>" for name in expected)


def test_columns_of_references(folder) -> None:
    assert texts(references(folder, "id,hypothesis,gloss,text\n1,a,b,c\n", "cslr")) == {"1": "b"}
    assert texts(references(folder, "id,hypothesis,gloss,text\n1,a,b,c\n", "slt")) == {"1": "c"}
    assert texts(references(folder, "id,gt,gloss\n1,a,b\n", "cslr")) == {"1": "a"}
    swapped = references(folder, "id,hypothesis\n1,a\n")
    assert texts(swapped) == {"1": "a"}
    assert "references from 'hypothesis'" in swapped.notes[0]


def test_names_of_files_help(folder) -> None:
    with pytest.raises(DataError, match=r"p\.csv:1: looks like a table.*its columns are 'Well', ' then'"):
        predictions(folder, "Well, then\nGo\n", name="p.csv")
    with pytest.raises(DataError, match=r"p\.ctm:1: is not 'id channel start"):
        predictions(folder, "A B C\n", name="p.ctm")
    assert predictions(folder, "A B C\nD\n", name="p.csv").format == "plain lines"
    assert predictions(folder, "id|hypothesis\na|b\n", name="p.json").format == "pipe-separated table"


def test_an_isolated_sign_may_be_called_like_a_column(folder) -> None:
    assert predictions(folder, "text\nsentence\ngold\n", "islr").format == "plain lines"
