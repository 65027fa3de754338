"""Predictions find their references by id, whatever the order, and nothing is lost in silence."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slbench.errors import DataError
from slbench.metrics.base import Answer
from slbench.scoring.files import read_predictions, read_references
from slbench.scoring.matching import match
from slbench.scoring.source import Sample, Table

NAMES = st.from_regex(r"[a-z]{1,3}_[0-9]{1,2}", fullmatch=True)


def table(texts: dict[str | None, str | None], path="p", format="made up") -> Table:
    return Table(Path(path), format, tuple(Sample(*item) for item in texts.items()), ())


def plain(texts: list[str], path="p") -> Table:
    return Table(Path(path), "plain lines", tuple(Sample(None, text) for text in texts), ())


def refused(*arguments) -> str:
    with pytest.raises(DataError) as error:
        match(*arguments)
    return str(error.value)


@given(st.data(), st.dictionaries(NAMES, st.tuples(st.text("AB ", max_size=5), st.just("A")), min_size=1))
def test_a_shuffle_of_lines_changes_nothing(tmp_path_factory, data, corpus) -> None:
    folder = tmp_path_factory.mktemp("shuffled")
    lines = [json.dumps({"id": name, "hypothesis": text[0]}) for name, text in corpus.items()]
    (folder / "r.csv").write_text("id,gloss\n" + "".join(f"{name},{text[1]}\n" for name, text in corpus.items()))
    references = read_references(folder / "r.csv", "cslr")
    found = []
    for order in (lines, data.draw(st.permutations(lines))):
        (folder / "p.jsonl").write_text("\n".join(order))
        found.append(match(read_predictions(folder / "p.jsonl", "cslr"), references))
    assert found[0] == found[1]
    assert found[0].ids == tuple(corpus)
    assert found[0].answers == tuple(Answer(right, text) for text, right in corpus.values())


def test_missing_extra_and_repeated_ids_are_one_error() -> None:
    wanted = table({f"r{n}": "x" for n in range(30)}, "r")
    samples = [Sample(f"r{n}", "x") for n in range(18)] + [Sample("r3", "x"), Sample("odd", "x"), Sample("odd", "y")]
    found = Table(Path("p"), "made up", tuple(samples), ())
    assert refused(found, wanted).split("\n") == [
        "the ids of p and r do not match:",
        "  12 missing in p: r18, r19, r20, r21, r22, r23, r24, r25, r26, r27, ... and 2 more",
        "  1 only in p: odd",
        "  2 more than once in p: r3, odd",
        "  --allow-missing scores those in both; remove what is there more than once",
    ]
    twice = Table(Path("r"), "made up", (*wanted.samples, Sample("r0", "x")), ())
    assert refused(found, twice, True).split("\n") == [
        "the ids of p and r do not match:",
        "  2 more than once in p: r3, odd",
        "  1 more than once in r: r0",
        "  remove what is there more than once",
    ]


def test_allow_missing_scores_what_is_in_both_and_says_so() -> None:
    found = match(table({"c": "C", "x": "X", "a": "A"}), table({"a": "1", "b": "2", "c": "3"}, "r"), True)
    assert (found.ids, found.answers) == (("a", "c"), (Answer("1", "A"), Answer("3", "C")))
    assert (found.missing, found.extra) == (("b",), ("x",))
    assert found.notes == (
        "1 without a prediction, left out: b",
        "1 without a reference, ignored: x",
    )


@pytest.mark.parametrize("allow_missing", [False, True])
def test_nothing_in_common(allow_missing) -> None:
    message = refused(table(dict.fromkeys("abcd", "x")), table(dict.fromkeys("efgh", "x"), "r"), allow_missing)
    assert "no id of p is in r: p begins with a, b, c; r begins with e, f, g" in message


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ("a.mp4", "a"),
        ("a", "a.MKV"),
        ("a.avi", "a.webm"),
        ("test/a", "a"),
        ("a.mov", "phoenix/test/a"),
        ("test/a", "phoenix/test/a"),
        ("test\\a", "test/a"),
    ],
)
def test_video_suffixes_and_folders_in_front_are_ignored_and_noted(found, wanted) -> None:
    done = match(table({found: "x", "b": "y"}), table({"b": "1", wanted: "2"}, "r"))
    assert (done.ids, done.answers) == (("b", wanted), (Answer("1", "y"), Answer("2", "x")))
    assert done.notes == (
        f"video suffixes and folders in ids were ignored in 1 of 2 samples (first: {found} is {wanted})",
    )


@pytest.mark.parametrize(
    ("found", "wanted"), [("dev/a", "test/a"), ("a.mp3", "a"), ("a.mp4.x", "a"), ("xa", "a"), ("A", "a")]
)
def test_other_differences_of_ids_count(found, wanted) -> None:
    message = refused(table({found: "x", "b": "y"}), table({"b": "1", wanted: "2"}, "r"))
    assert f"1 missing in p: {wanted}\n" in message
    assert f"1 only in p: {found}\n" in message


def test_suffixes_and_folders_count_where_samples_differ_by_nothing_else() -> None:
    folders = {"s1/a": "1", "s2/a": "2"}
    assert match(table(folders), table(folders, "r")).answers == (Answer("1", "1"), Answer("2", "2"))
    mixed = match(table({"s1/a.mp4": "1", "s2/a.mp4": "2"}), table(folders, "r"))
    assert mixed.answers == (Answer("1", "1"), Answer("2", "2"))
    assert "no id of p is in r" in refused(table({"s1/b": "1", "s2/b": "2"}), table({"b": "x"}, "r"))
    suffixes = {"a": "1", "a.mp4": "2"}
    assert match(table(suffixes), table(suffixes, "r")).answers == (Answer("1", "1"), Answer("2", "2"))


def test_own_references() -> None:
    samples = (Sample("a", "A", "1", ("A", "B")), Sample("b", None, "2"))
    own = Table(Path("p"), "made up", samples, ("p: read oddly",))
    found = match(own, None)
    assert found.answers == (Answer("1", "A", ("A", "B")), Answer("2", None))
    assert found.notes == ("p: read oddly", "hypotheses failed, counted as empty: 1 of 2")
    some = Table(Path("p"), "made up", (*samples, Sample("c", "x")), ())
    assert "p: 1 without a reference: c; give all with --references FILE" in refused(some, None)
    assert "p: holds no references; give them with --references FILE" in refused(table({"a": "x"}), None)
    assert "p: holds no references; give them with --references FILE" in refused(plain(["x"]), None)
    assert "the ids of p do not match:\n  1 more than once in p: a" in refused(
        Table(Path("p"), "made up", samples[:1] * 2, ()), None
    )


def test_a_file_of_references_wins_over_own_ones_and_a_note_counts_the_differences() -> None:
    own = Table(Path("p"), "made up", (Sample("a", "A", "1"), Sample("b", "B", "2"), Sample("c", "C")), ())
    found = match(own, table({"a": "1", "b": "3", "c": "4"}, "r"))
    assert [answer.reference for answer in found.answers] == ["1", "3", "4"]
    assert found.notes == ("references in p differ in 1 of 3 samples; r counts",)


@pytest.mark.parametrize("empty", ["", " \u2028"])
def test_nothing_is_scored_on_empty_references(empty) -> None:
    wanted = table({"a": "x", "b": empty}, "r")
    assert "r: 1 empty references: b; nothing can be scored" in refused(table({"a": "x", "b": "x"}), wanted)
    assert match(table({"a": "x"}), wanted, True).ids == ("a",)
    assert "r: 1 empty references: line 2" in refused(plain(["a", "b"]), plain(["x", empty], "r"))


def test_empty_and_failed_hypotheses_are_counted() -> None:
    found = match(table({"a": "", "b": " ", "c": None}), table(dict.fromkeys("abc", "x"), "r"))
    assert [answer.hypothesis for answer in found.answers] == ["", " ", None]
    assert found.notes == (
        "hypotheses failed, counted as empty: 1 of 3",
        "hypotheses empty: 2 of 3",
    )


def test_plain_lines_are_matched_by_number() -> None:
    found = match(plain(["A", "", "C"]), plain(["1", "2", "3"], "r"))
    assert found.ids == ("line 1", "line 2", "line 3")
    assert found.answers == (Answer("1", "A"), Answer("2", ""), Answer("3", "C"))
    message = refused(plain(["A", "B"]), plain(["1", "2", "3"], "r"), True)
    assert "p has 2 and r has 3" in message


def test_plain_lines_do_not_match_ids() -> None:
    message = refused(plain(["A"]), table({"a": "x"}, "r"))
    assert "p was read as plain lines, without ids, but r has ids (made up); give p the same ids" in message
    message = refused(table({"a": "x"}), plain(["A"], "r"))
    assert "r was read as plain lines, without ids, but p has ids (made up); give r the same ids" in message


def test_a_sample_without_a_line_in_a_ctm_has_no_words() -> None:
    """As for sclite; a CTM has no other way to say so."""
    wanted = table({"a": "x", "b": "y"}, "r")
    found = match(table({"b": "y"}, format="CTM"), wanted)
    assert (found.ids, found.answers) == (("a", "b"), (Answer("x", ""), Answer("y", "y")))
    assert found.missing == ()
    assert "1 without a line in the CTM, scored as empty as sclite does: a" in found.notes
    assert "1 only in p: c" in refused(table({"b": "y", "c": "z"}, format="CTM"), wanted)
    assert "no id of p is in r" in refused(table({"c": "z"}, format="CTM"), wanted)


def test_a_file_scores_itself(tmp_path) -> None:
    for name, text in {
        "gloss.csv": "id,gloss\na,A\nb,B C\n",
        "gt.txt": "sample: a, ground-truth: A\nsample: b, ground-truth: B C\n",
        "r.jsonl": '{"id": "a", "reference": "A"}\n{"id": "b", "reference": "B C"}\n',
        "plain.txt": "A\nB C\n",
        "r.stm": "a 1 s 0 1 A\nb 1 s 0 1 B C\n",
    }.items():
        (tmp_path / name).write_text(text)
        predictions, references = (read(tmp_path / name, "cslr") for read in (read_predictions, read_references))
        assert match(predictions, references).answers == (Answer("A", "A"), Answer("B C", "B C"))
        with pytest.raises(DataError, match="holds no references"):
            match(predictions, None)
