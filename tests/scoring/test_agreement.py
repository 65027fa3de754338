"""`slbench score --against`: which hypotheses of two files are the same."""

import json
from pathlib import Path

import pytest
from shared import shared
from typer.testing import CliRunner

from slbench.cli.app import app
from slbench.errors import DataError, OptionError
from slbench.scoring.agreement import Agreement, Difference, agreement
from slbench.scoring.load import Request
from slbench.scoring.plan import Asked
from slbench.scoring.score import score

TEXTS = {"a": "今天", "b": "明天，好", "c": "你好", "d": ""}
ASKED = Asked(family="slt", protocol="uni-sign", unit="characters")
RESULTS = Path(__file__).parents[2] / "results" / "fingerspelling-islr" / "uni-sign-mini"


def lines(path: Path, texts: dict[str, str | None], **more: dict[str, str]) -> Path:
    rows = [
        {"id": name, "hypothesis": text, **{key: of[name] for key, of in more.items()}} for name, text in texts.items()
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def compared(here: Path, there: Path, count: int = 5, **changes) -> Agreement:
    return agreement(Request(here, **{"asked": ASKED} | changes), there, count)


def counts(found: Agreement) -> dict[str, int]:
    return {one.texts: one.count for one in found.identical}


def test_the_same_texts_in_another_order_and_format(tmp_path: Path) -> None:
    here = lines(tmp_path / "a.jsonl", TEXTS)
    there = tmp_path / "b.txt"
    there.write_text("".join(f"sample: x/{name}.mp4, prediction: {text}\n" for name, text in reversed(TEXTS.items())))
    found = compared(here, there)
    assert (found.compared, counts(found), found.differences) == (4, {"as they are": 4}, ())


def test_spaces_are_another_text_but_not_under_the_protocol(tmp_path: Path) -> None:
    here = lines(tmp_path / "a.jsonl", TEXTS)
    there = lines(tmp_path / "b.jsonl", {name: " ".join(text) for name, text in TEXTS.items()})
    found = compared(here, there)
    assert counts(found) == {"as they are": 1, "uni-sign": 4}
    assert [one.id for one in found.differences] == ["a", "b", "c"]
    assert found.different == "as they are"


def test_differences_are_those_that_the_protocol_leaves(tmp_path: Path) -> None:
    here = lines(tmp_path / "a.jsonl", TEXTS, reference=dict.fromkeys(TEXTS, "参考"))
    there = lines(tmp_path / "b.jsonl", TEXTS | {"a": "今 天", "c": "你们 好", "d": None})
    found = compared(here, there)
    assert counts(found) == {"as they are": 1, "uni-sign": 2}
    assert found.different == "uni-sign"
    assert found.differences == (Difference("c", "你好", "你们 好", "参考"), Difference("d", "", None, "参考"))
    assert len(compared(here, there, count=1).differences) == 1


def test_samples_of_one_side_are_listed_and_not_compared(tmp_path: Path) -> None:
    here = lines(tmp_path / "a.jsonl", {name: TEXTS[name] for name in "abc"})
    there = lines(tmp_path / "b.jsonl", {name: TEXTS[name] for name in "bcd"})
    found = compared(here, there)
    assert (found.compared, found.only_here, found.only_there) == (2, ("a",), ("d",))


def test_plain_lines_are_compared_by_number(tmp_path: Path) -> None:
    here, there, references = (tmp_path / name for name in ("a.txt", "b.txt", "r.txt"))
    here.write_text("one\ntwo\n")
    there.write_text("one\nthree\n")
    references.write_text("eins\nzwei\n")
    asked = Asked(family="slt", protocol="sacrebleu", unit="words")
    found = compared(here, there, asked=asked, references=references)
    assert found.differences == (Difference("line 2", "two", "three", "zwei"),)
    there.write_text("one\n")
    with pytest.raises(DataError, match="matched by their number"):
        compared(here, there, asked=asked)
    with pytest.raises(DataError, match="read as plain lines, without ids"):
        compared(here, lines(tmp_path / "c.jsonl", TEXTS), asked=asked)


def test_a_run_says_itself_how_it_is_scored() -> None:
    record = next(RESULTS.glob("*[0-9a-f].json"))
    predictions = record.with_suffix(".predictions.jsonl")
    for here, there in ((record, predictions), (predictions, record)):
        found = compared(here, there, asked=Asked())
        assert found.compared == 104
        assert counts(found) == {"as they are": 104}


def test_the_record_may_be_on_the_other_side(tmp_path: Path) -> None:
    record = next(RESULTS.glob("*[0-9a-f].json"))
    predictions = [json.loads(line) for line in record.with_suffix(".predictions.jsonl").read_text().splitlines()]
    released = lines(tmp_path / "theirs.jsonl", {line["id"]: line["hypothesis"].lower() for line in predictions})
    found = compared(released, record, asked=Asked())
    assert counts(found) == {"as they are": 0, "slbench": 0}
    assert found.differences[0].reference == predictions[0]["reference"]


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        ('{"id": "x", "hypothesis": "A"}\n', "no id of .* is in"),
        ('{"id": "a", "hypothesis": "A"}\n{"id": "a", "hypothesis": "B"}\n', "1 ids more than once: a"),
        ("", "is empty"),
    ],
)
def test_bad_files(tmp_path: Path, texts: str, problem: str) -> None:
    here, there = lines(tmp_path / "a.jsonl", TEXTS), tmp_path / "b.jsonl"
    there.write_text(texts)
    with pytest.raises(DataError, match=problem):
        compared(here, there)


def test_bad_requests(tmp_path: Path) -> None:
    here = lines(tmp_path / "a.jsonl", TEXTS)
    with pytest.raises(DataError, match="there is no such file"):
        compared(here, tmp_path / "nothing.jsonl")
    with pytest.raises(OptionError, match="leave --overlap and --bleurt out"):
        compared(here, here, overlap=here)
    with pytest.raises(OptionError, match="drop --allow-missing"):
        compared(here, here, allow_missing=True)
    with pytest.raises(OptionError, match="--differences 3: from what"):
        app(["score", str(here), "--family", "slt", "--differences", "3"], standalone_mode=False)


def test_without_a_protocol_texts_are_compared_as_they_are(tmp_path: Path) -> None:
    here = lines(tmp_path / "a.jsonl", TEXTS)
    there = lines(tmp_path / "b.jsonl", TEXTS | {"a": "今 天"})
    found = compared(here, there, asked=Asked(family="slt"))
    assert (counts(found), found.different) == ({"as they are": 3}, "as they are")
    assert [one.id for one in found.differences] == ["a"]
    with pytest.raises(OptionError, match="--protocol: name one"):
        score(Request(here, here, Asked(family="slt")))


def test_the_command_shows_texts_as_they_are(tmp_path: Path) -> None:
    here = lines(tmp_path / "a.jsonl", {"a": "[red]x[/red]", "b": "y", "c": "z  z"})
    there = lines(tmp_path / "b.jsonl", {"a": "[/]\u3000\x1b", "b": "y", "c": "z z", "d": "w"})
    command = ["score", str(here), "--against", str(there), "--family", "slt", "--protocol", "sacrebleu"]
    shown = CliRunner().invoke(app, command)
    assert shown.exit_code == 0
    for text in (
        "[red]x[/red]",
        "[/]\\u3000\\x1b",
        '"z  z"',
        '"z z"',
        "33.33",
        "only there, not compared: 1 samples: d",
    ):
        assert text in shown.output
    written = json.loads(CliRunner().invoke(app, [*command, "--format", "json", "--differences", "1"]).output)
    assert (written["compared"], written["only_there"], written["only_here"]) == (3, ["d"], [])
    assert [(one["texts"], one["count"]) for one in written["identical"]] == [("as they are", 1), ("sacrebleu", 1)]
    assert written["differences"] == [{"id": "a", "here": "[red]x[/red]", "there": "[/]\u3000\x1b", "reference": None}]


def test_released_predictions_of_uni_sign(tmp_path: Path) -> None:
    """Their files put spaces between characters; a run of ours does not, and is the same under their protocol."""
    released = shared("predictions/uni-sign/csl-daily.test.pres.txt")
    rows = [line.removeprefix("sample: ").split(", prediction: ") for line in released.read_text().splitlines()]
    ours = {name: text.replace(" ", "") for name, text in rows}
    first = rows[0][0]
    here = lines(tmp_path / "ours.jsonl", ours | {first: "别的"})
    found = compared(here, released, references=shared("predictions/uni-sign/csl-daily.test.refs.txt"))
    assert found.compared == 1176
    assert counts(found)["uni-sign"] == 1175
    assert counts(found)["as they are"] == sum(" " not in text for _, text in rows[1:])
    [only] = found.differences
    assert (only.id, only.here, only.there, only.reference) == (first, "别的", rows[0][1], "他 今 年 四 岁 。")
