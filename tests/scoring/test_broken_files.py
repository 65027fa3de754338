"""Broken files say what is wrong, where, and what to do; no text whatever ends in a traceback."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slbench.errors import DataError
from slbench.scoring import source
from slbench.scoring.files import read_predictions, read_references
from slbench.scoring.source import Table


def predictions(folder: Path, content: str | bytes, family="slt") -> Table:
    path = folder / "p.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_predictions(path, family)


BROKEN = [
    ("", "slt", ["p.txt: is empty; it should hold predictions"]),
    (b"\xef\xbb\xbf", "slt", ["p.txt: is empty"]),
    (b"a\r\nb\rc\n\xff\n", "slt", ["p.txt:4: is not text in UTF-8; save it as UTF-8"]),
    ("A\nB".encode("utf-16"), "slt", ["p.txt:1: is not text in UTF-8"]),
    (b"a\nb\0\n", "slt", ["p.txt:2: holds a NUL byte"]),
    ('{"id": "a", "pred": "b"}\n\n{"id": }\n', "slt", ["p.txt:3: is not valid JSON (Expecting value, column 8)"]),
    ('{"id": "a", "pred": "b"}\n[1]\n', "slt", ["p.txt:2: is not a JSON object; each line must be one"]),
    ('[{"id": "a", "pred": "b"}]\n', "slt", ["p.txt:1: is not a JSON object"]),
    ('[\n{"id": "a", "pred": "b"}\n]\n', "slt", ["p.txt:1: is not valid JSON", "each line must be one whole object"]),
    ('{"a":' * 100_000, "slt", ["p.txt:1: is not valid JSON"]),
    ('{"id": "a", "pred": "b"}\n{"id": "b"}\n', "slt", ["p.txt:2: has no 'pred', which other lines have"]),
    ('{"id": "a", "pred": ["b"]}\n', "slt", ["""p.txt:1: 'pred' is not text but ["b"]"""]),
    ('{"id": "a", "pred": "\\ud800"}\n', "slt", ["p.txt:1: 'pred' holds half of a surrogate pair"]),
    ('{"id": null, "pred": "b"}\n', "slt", ["p.txt:1: the sample has no id"]),
    ('{"id": true, "pred": "b"}\n', "slt", ["p.txt:1: 'id' is not text but true"]),
    (
        '{"id": "a", "pred": "b", "top_k": [7]}\n',
        "islr",
        ["p.txt:1: 'top_k' is neither a list of glosses, best first, nor of objects"],
    ),
    ("id,hypothesis\na,b\nc,d,e\n", "slt", ["p.txt:3: columns here: 3, in the header: 2; quote a text that holds ','"]),
    ("id\thypothesis\na\n", "slt", ["p.txt:2: columns here: 1, in the header: 2"]),
    ("id,hypothesis\n ,b\n", "slt", ["p.txt:2: the sample has no id"]),
    ('id,hypothesis\na,"b\nc,d\n', "slt", ["p.txt:3: is not CSV: ", "is a quote left open?"]),
    ("id,hypothesis\n", "slt", ["p.txt: holds no samples (read as CSV)"]),
    (
        "name|video|start\na|b|c\n",
        "slt",
        ["its columns are 'name', 'video', 'start'", "call them 'id' and 'hypothesis'"],
    ),
    ("id,hypothesis,pred\na,b,c\n", "slt", ["'hypothesis', 'pred' could each be the column to read"]),
    ("id,sentence,translation\na,b,c\n", "slt", ["'sentence', 'translation' could each be the column to read"]),
    ("id,ID,gloss\na,b,c\n", "cslr", ["two columns have the same name"]),
    ("id,gloss\na,b\n", "slt", ["its columns are 'id', 'gloss'", "(slt)"]),
    ("id,translation\na,b\n", "cslr", ["its columns are 'id', 'translation'", "(cslr)"]),
    ("name|split\na|train\n", "slt", ["its columns are 'name', 'split'"]),
    ("02_0001,text\n02_0002,A B\n", "cslr", ["its columns are '02_0001', 'text'"]),
    ("a\tA B\nb\tC\n", "cslr", ["p.txt:1: looks like a table", "its columns are 'a', 'A B'", "'id'", "'hypothesis'"]),
    ("ase-A,A\nase-B,B, C\n", "cslr", ["p.txt:1: looks like a table", "'ase-A', 'A'"]),
    ("take,answer,other\na,b,c\n", "cslr", ["p.txt:1: looks like a table", "'take', 'answer', 'other'"]),
    ("sample: a, prediction: b\nc\n", "slt", ["p.txt:2: is not 'sample: ID, prediction: TEXT'"]),
    (
        "sample: a, prediction: b\nsample: a, ground-truth: b\n",
        "slt",
        ["p.txt:2: is a ground-truth among lines of pred"],
    ),
    ("sample: , prediction: b\n", "slt", ["p.txt:1: the sample has no id"]),
    ("a 1 0 1 A\na 1 1 1 B\na 1 x 1 C\n", "cslr", ["p.txt:3: is not 'id channel start duration word [confidence]'"]),
    ("a 1 0 1 A\na 1 1 1 B\na 1 2 1 C D\n", "cslr", ["p.txt:3: is not 'id channel start duration word [confidence]'"]),
    ("a 1 0 1 A\na 2 1 1 B\n", "cslr", ["p.txt:2: a has words on channels 1 and 2; keep one"]),
    ("a 1 s 0 1 A\nb 1 s 0 1 B\nc 1 s 1 0 C\n", "cslr", ["p.txt:3: is not 'id channel speaker start end"]),
    ("a 1 s 0 1 A\nb 1 s 0 1 B\na 1 s 1 2 C\n", "cslr", ["p.txt:3: a has a segment in line 1 already; several segm"]),
    ("a 1 s 0 1 { A / B }\n", "cslr", ["p.txt:1: '{': alternations { a / b }", "not supported"]),
    ("a 1 s 0 1 A (B)\n", "cslr", ["p.txt:1: '(B)': alternations", "optional (words)"]),
    (
        "a 1 s 0 1 IGNORE_TIME_SEGMENT_IN_SCORING\n",
        "cslr",
        ["p.txt:1: 'IGNORE_TIME_SEGMENT_IN_SCORING'", "not supported"],
    ),
    ("Hypothesis\nA\nB\n", "slt", ["p.txt:1: 'Hypothesis' looks like a header"]),
    ("id gloss\na b\n", "cslr", ["p.txt:1: 'id gloss' looks like a header"]),
    ("02_0001 A B\n02_0002 A\n02_0003\n", "cslr", ["p.txt: every line begins with what looks like an id", "02_0001"]),
]


@pytest.mark.parametrize(("content", "family", "parts"), BROKEN)
def test_broken_files_say_what_where_and_what_to_do(folder, content, family, parts) -> None:
    with pytest.raises(DataError) as error:
        predictions(folder, content, family)
    assert str(error.value).startswith(str(folder))
    for part in parts:
        assert part in str(error.value)


def test_what_cannot_be_opened(folder) -> None:
    with pytest.raises(DataError, match=r"none\.txt: cannot be read \(No such file"):
        read_references(folder / "none.txt", "slt")
    with pytest.raises(DataError, match=r"cannot be read \(Is a directory"):
        read_references(folder, "slt")


PIECES = [
    "id",
    "pred",
    "gloss",
    "a",
    "1",
    "0.5",
    " ",
    ",",
    "\t",
    "|",
    ";",
    '"',
    "\n",
    "\r",
    "{",
    "}",
    "[",
    ":",
    "sample: ",
    ", ",
]


@given(st.lists(st.sampled_from([*PIECES, "prediction: ", "a 1 0 1 b\n", "a 1 s 0 1 b\n", '{"id": "a"}']), max_size=30))
def test_any_text_is_a_table_or_one_clear_error(folder, pieces) -> None:
    with suppress(DataError):
        table = predictions(folder, "".join(pieces), "cslr")
        assert all((sample.id is None) == (table.format == "plain lines") for sample in table.samples)
        assert all(sample.id is None or sample.id == sample.id.strip() != "" for sample in table.samples)


def test_errors_need_no_line(tmp_path) -> None:
    found = source.Source(tmp_path / "x", "predictions", "slt", ("a",))
    assert str(found.error("is odd")) == f"{tmp_path / 'x'}: is odd"
    assert str(found.error("is odd", 3)) == f"{tmp_path / 'x'}:3: is odd"
