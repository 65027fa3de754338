"""What is found in a run, against other libraries, whole corpora and counts by hand."""

from pathlib import Path

import jiwer
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_runs import COMMITTED, ROOT, make_run, predicted

from slbench.metrics.alignment import weighted_edits
from slbench.metrics.base import Answer, scores
from slbench.metrics.wer import ErrorRate
from slbench.report.run.analysis import analyse
from slbench.report.run.confusion import MOST, confusion
from slbench.report.run.finding import load_run
from slbench.report.run.glosses import Substitution, gloss_errors
from slbench.report.run.groups import FEWEST, Scored
from slbench.report.run.groups import MOST as MOST_GROUPS
from slbench.report.run.sentences import BINS, sentences

SENTENCE = st.lists(st.sampled_from("ABCD"), max_size=8).map(" ".join)
PAIRS = st.lists(st.tuples(SENTENCE.filter(bool), st.none() | SENTENCE), min_size=1, max_size=8)


def scored_pairs(count: int) -> tuple[Scored, list[Answer]]:
    chance = np.random.default_rng(1)
    texts = [" ".join(chance.choice(list("ABC"), chance.integers(1, 9))) for _ in range(2 * count)]
    answers = [Answer(asked, told) for asked, told in zip(texts[:count], texts[count:], strict=True)]
    metric = ErrorRate("words")
    return Scored(tuple(f"{at:03}" for at in range(count)), metric, metric.statistics(answers)), answers


def test_a_group_scores_as_a_corpus_of_its_own() -> None:
    scored, answers = scored_pairs(90)
    names = {clip_id: "odd" if int(clip_id) % 2 else "even" for clip_id in scored.ids if clip_id != "000"}
    found = scored.by_name("kind", names)
    assert [group.name for group in found.groups] == ["even", "odd"]
    assert found.left_out == 1
    for group, members in zip(found.groups, (answers[2::2], answers[1::2]), strict=True):
        whole = scores(ErrorRate("words"), members)[0]
        assert (group.value, group.low, group.high) == (whole.value, whole.low, whole.high)
        wer = jiwer.wer([one.reference for one in members], [one.hypothesis for one in members])
        assert group.value == pytest.approx(100 * wer)


def test_few_clips_have_no_interval() -> None:
    scored, _ = scored_pairs(2 * FEWEST - 1)
    names = {clip_id: "ab"[at >= FEWEST] for at, clip_id in enumerate(scored.ids)}
    large, small = scored.by_name("kind", names).groups
    assert large.low is not None
    assert small.low is small.high is None


def test_many_names_are_cut_and_nobody_is_lost() -> None:
    scored, _ = scored_pairs(100)
    found = scored.by_name("signer", {clip_id: f"s{int(clip_id) % 40:02}" for clip_id in scored.ids})
    assert len(found.groups) == MOST_GROUPS
    assert found.groups[0].clips == 3
    assert found.groups[-1].name == f"{40 - MOST_GROUPS + 1} others"
    assert sum(group.clips for group in found.groups) == 100
    assert found.left_out == 0


def test_one_group_is_none() -> None:
    scored, _ = scored_pairs(8)
    assert scored.by_name("signer", dict.fromkeys(scored.ids, "one")) is None
    assert scored.by_name("signer", {}) is None
    assert scored.by_length("frames", dict.fromkeys(scored.ids, 7)) is None
    assert scored.by_length("frames", {}) is None


@given(st.lists(st.integers(1, 30), min_size=2, max_size=40))
def test_quarters_by_length_hold_every_clip_once_in_order(lengths: list[int]) -> None:
    metric = ErrorRate("words")
    ids = tuple(f"{at:02}" for at in range(len(lengths)))
    scored = Scored(ids, metric, metric.statistics([Answer("A", "B")] * len(ids)))
    found = scored.by_length("frames", dict(zip(ids, lengths, strict=True)))
    if found is None:
        assert 2 * max(map(lengths.count, lengths)) > len(lengths) or len(set(lengths)) == 1
        return
    spans = [[int(word) for word in group.name.split(" – ")] for group in found.groups]
    assert len(spans) <= 4
    assert [span[0] for span in spans[1:]] > [span[-1] for span in spans[:-1]]
    for group, span in zip(found.groups, spans, strict=True):
        assert group.clips == sum(span[0] <= length <= span[-1] for length in lengths)
    assert sum(group.clips for group in found.groups) == len(lengths)


def test_quarters_of_different_lengths_are_equal() -> None:
    scored, _ = scored_pairs(40)
    found = scored.by_length("frames", {clip_id: 10 + int(clip_id) for clip_id in scored.ids})
    assert [(group.name, group.clips) for group in found.groups] == [
        ("10 – 19", 10), ("20 – 29", 10), ("30 – 39", 10), ("40 – 49", 10)
    ]  # fmt: skip


def test_confusions_by_hand() -> None:
    told = [("A", "A"), ("A", "B"), ("A", "B"), ("B", "B"), ("B", "Z"), ("C", None)]
    found = confusion([Answer(*pair) for pair in told])
    assert found.glosses == ("A", "B", "C")
    assert found.clips.tolist() == [[1, 2, 0, 0], [0, 1, 0, 1], [0, 0, 0, 1]]
    assert [(one.reference, one.hypothesis, one.clips, one.of) for one in found.pairs] == [
        ("A", "B", 2, 3), ("C", None, 1, 1), ("B", "Z", 1, 2)
    ]  # fmt: skip
    assert (found.right, found.total) == (2, 6)


def test_of_many_glosses_those_with_errors_are_shown() -> None:
    names = [f"g{at:02}" for at in range(MOST + 10)]
    answers = [Answer(name, name) for name in names] + [Answer("g39", "g38"), Answer("g37", "g38")]
    found = confusion(answers)
    assert len(found.glosses) == MOST
    assert {"g37", "g38", "g39"} < set(found.glosses)
    assert list(found.glosses) == sorted(found.glosses)
    assert found.known == MOST + 10


def test_gloss_errors_by_hand() -> None:
    told = [("A B C", "A X C"), ("A B", "A"), ("A", "A D D"), ("B", None)]
    found = gloss_errors([Answer(*pair) for pair in told])
    errors = {one.gloss: (one.asked, one.substituted, one.deleted, one.inserted) for one in found.errors}
    assert errors == {"B": (3, 1, 2, 0), "D": (0, 0, 0, 2)}
    assert found.errors[0].gloss == "B"
    assert found.confused == (Substitution("B", "X", 1, 3),)
    assert found.asked == 7


@given(PAIRS)
def test_errors_of_glosses_are_those_of_the_corpus(pairs) -> None:
    found = gloss_errors([Answer(*pair) for pair in pairs])
    edits = weighted_edits([asked.split() for asked, _ in pairs], [(told or "").split() for _, told in pairs])
    assert [found.substituted, found.deleted, found.inserted] == edits[:, :3].sum(axis=0).tolist()
    assert sum(one.times for one in found.confused) == found.substituted


@given(PAIRS, st.sampled_from(["words", "characters"]))
def test_a_diff_has_both_texts_whole(pairs, unit: str) -> None:
    predictions = predicted(*pairs)
    texts = {one.id: one for one in predictions}
    found = sentences(predictions, unit)
    joint = " " if unit == "words" else ""
    shown = [*found.best, *found.worst]
    assert len({one.id for one in shown}) == len(shown)
    for one in shown:
        for pieces, text in ((one.reference, texts[one.id].reference), (one.hypothesis, texts[one.id].hypothesis)):
            assert joint.join(piece.text for piece in pieces) == text
        same = [joint.join(piece.text for piece in part if piece.same) for part in (one.reference, one.hypothesis)]
        assert same[0].split() == same[1].split() if unit == "words" else same[0] == same[1]
        assert (one.errors == 0) == (texts[one.id].reference.split() == texts[one.id].hypothesis.split())


def test_best_and_worst_and_lengths_by_hand() -> None:
    told = [("a b", "a b"), ("a b c", "a b c"), ("a b", "a"), ("a", "b c d e f"), ("a", None), ("a b c d", "")]
    found = sentences(predicted(*told), "words")
    assert [one.id for one in found.best] == ["a01", "a00", "a02"]
    assert [(one.id, one.errors) for one in found.worst] == [("a03", 500.0), ("a05", 100.0)]
    assert found.exact == 2
    lengths = found.lengths
    assert (lengths.clips, lengths.ratio) == (5, 11 / 12)
    assert lengths.quartiles == (0.5, 1, 1)
    where = {BINS[at]: count for at, count in enumerate(lengths.bins) if count}
    assert where == {0.0: 1, 0.5: 1, 0.9: 2, 4.0: 1}


def test_spaces_between_characters_are_no_errors() -> None:
    [one] = sentences(predicted(("a b", "ab")), "characters").best
    assert one.errors == 0


def test_nobody_answered() -> None:
    assert sentences(predicted(("a", None)), "words").lengths is None


def test_a_run_of_a_corpus_at_hand() -> None:
    """Sixteen alphabets, of which four are in test; clips of 26 letters each."""
    pytest.importorskip("spoken_to_signed")
    found = analyse(load_run(str(ROOT / "results" / f"{COMMITTED['islr']}.json")))
    assert found.clips.why_not == ""
    assert [(group.name, group.clips) for group in found.by_language.groups] == [
        ("ase", 26), ("mfs", 26), ("sgg", 26), ("svk", 26)
    ]  # fmt: skip
    assert found.by_length.by == "frames"
    assert sum(group.clips for group in found.by_length.groups) == 104
    assert found.by_signer is None
    assert found.unlike == ()
    assert found.confusion.right == found.run.record.scores[0].parts["right"] == 68


def test_a_corpus_that_is_another_says_nothing_of_frames() -> None:
    pytest.importorskip("spoken_to_signed")
    run = load_run(str(ROOT / "results" / f"{COMMITTED['cslr']}.json"))
    task = run.record.task.model_copy(update={"data_digest": "0" * 64})
    other = type(run)(run.path, run.record.model_copy(update={"task": task}), run.predictions)
    found = analyse(other)
    assert "is not the data of the run" in found.clips.why_not
    assert found.by_length.by == "glosses of the reference"
    assert len(found.by_language.groups) == 10


def test_scores_that_are_not_those_of_the_predictions_are_named(tmp_path: Path) -> None:
    path = make_run(tmp_path, "cslr", predicted(("A B", "A C")))
    run = load_run(str(path))
    wrong = run.record.scores[0].model_copy(update={"value": 1.0})
    record = run.record.model_copy(update={"scores": (wrong, *run.record.scores[1:])})
    assert analyse(run).unlike == ()
    assert analyse(type(run)(run.path, record, run.predictions)).unlike == ("WER of slbench",)
