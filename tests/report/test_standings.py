"""Places on a board, against tests done by hand."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from boarded import rules

from slbench.metrics.protocols import get_protocol
from slbench.records import Prediction, predictions_text
from slbench.report.entries import NO_POSES, Answered, Entry
from slbench.report.standings import Standing, standings

ISLR = get_protocol("uni-sign", "islr")
ONE = Entry(
    "published", "M", (), "wlasl2000-islr", "test", "top1-instance", "higher", "%", "uni-sign", "rgb", NO_POSES, "",
    50.0, by="authors",
)  # fmt: skip


def measured(folder: Path, model: str, right: str, **changes: object) -> Entry:
    """A run that answers the clips rightly where `right` has a 1."""
    path = folder / f"{model}.predictions.jsonl"
    answers = [
        Prediction(id=f"{n:03}", reference="a", hypothesis="a" if one == "1" else "b") for n, one in enumerate(right)
    ]
    path.write_text(predictions_text(answers))
    value = 100 * right.count("1") / len(right)
    entry = replace(ONE, kind="measured", model=model, value=value, by="", data="1.0", answered=Answered(path, ISLR))
    return replace(entry, **changes)


def places(standing: Standing) -> dict[str, tuple[str, int | None]]:
    return {line.entry.model: (line.group.letter if line.group else "", line.rank) for line in standing.lines}


def test_runs_that_no_test_tells_apart_share_a_place(tmp_path: Path) -> None:
    """Of 12 clips 3 differ, all one way: p is 2 / 2**3, an exact 0.25. Where 6 or 9 differ it is below 0.05."""
    entries = [measured(tmp_path, model, "1" * n + "0" * (12 - n)) for model, n in (("a", 12), ("b", 9), ("c", 3))]
    [standing] = standings(entries, rules())
    assert places(standing) == {"a": ("A", 1), "b": ("A", 1), "c": ("A", 3)}
    assert standing.groups[0].tested


def exact_p(right_a: str, right_b: str) -> float:
    """Two-sided, over all ways to swap the answers."""
    differences = [int(a) - int(b) for a, b in zip(right_a, right_b, strict=True) if a != b]
    observed = abs(sum(differences))
    trials = [
        abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
        for signs in product((1, -1), repeat=len(differences))
    ]
    return sum(trial >= observed for trial in trials) / len(trials)


@pytest.mark.parametrize(
    ("right_a", "right_b"), [("1111111100", "0000000011"), ("1111110000", "0000000001"), ("1111100", "0000000")]
)
def test_ties_are_those_of_the_exact_test(tmp_path: Path, right_a: str, right_b: str) -> None:
    p = exact_p(right_a, right_b)
    assert abs(p - 0.05) > 0.01, "too close for sampled trials"
    [standing] = standings([measured(tmp_path, "a", right_a), measured(tmp_path, "b", right_b)], rules())
    assert places(standing)["b"] == ("A", 2 if p < 0.05 else 1)


def test_more_pairs_than_the_rules_allow_are_ranked_by_value(tmp_path: Path) -> None:
    entries = [measured(tmp_path, model, right) for model, right in (("a", "11"), ("b", "10"), ("c", "00"))]
    [standing] = standings(entries, rules().model_copy(update={"most_tests": 2}))
    assert places(standing) == {"a": ("A", 1), "b": ("A", 2), "c": ("A", 3)}
    assert not standing.groups[0].tested


def test_runs_of_other_samples_are_ranked_by_value(tmp_path: Path) -> None:
    """Records say that they are of the same data; their predictions are not."""
    entries = [measured(tmp_path, "a", "111"), measured(tmp_path, "b", "1100"), measured(tmp_path, "c", "100")]
    [standing] = standings(entries, rules())
    assert places(standing) == {"a": ("A", 1), "b": ("A", 2), "c": ("A", 2)}


def test_equal_published_values_share_a_place_and_the_next_is_third() -> None:
    entries = [replace(ONE, model=model, value=value) for model, value in (("a", 50.0), ("b", 50.0), ("c", 49.9))]
    [standing] = standings(entries, rules())
    assert places(standing) == {"a": ("A", 1), "b": ("A", 1), "c": ("A", 3)}


def test_the_lowest_error_rate_is_first() -> None:
    wer = replace(ONE, task="phoenix14-cslr", metric="WER", better="lower", protocol="phoenix-2014")
    [standing] = standings([replace(wer, model="a", value=20.0), replace(wer, model="b", value=19.0)], rules())
    assert [(line.entry.model, line.rank) for line in standing.lines] == [("b", 1), ("a", 2)]


@pytest.mark.parametrize(
    ("change", "apart"),
    [
        ({"protocol": "unknown"}, "protocol unknown"),
        ({"modality": "pose", "poses": ""}, "poses not stated"),
        ({"marks": ("oracle",)}, "reads the true glosses"),
        ({"marks": ("wrong-cell", "uncertain")}, "in the wrong cell"),
    ],
)
def test_what_cannot_be_compared_has_no_place_and_says_why(change: dict[str, object], apart: str) -> None:
    [standing] = standings([ONE, replace(ONE, model="other", value=60.0, **change)], rules())
    first, second = standing.lines
    assert (first.entry.model, first.rank, first.group) == ("other", None, None)
    assert apart in first.apart
    assert (second.rank, second.apart) == (1, "")


@pytest.mark.parametrize("change", [{"protocol": "nla-slr"}, {"modality": "pose", "poses": "RTMPose"}, {"data": "1.1"}])
def test_another_protocol_poses_or_version_is_another_group(tmp_path: Path, change: dict[str, object]) -> None:
    best, other = measured(tmp_path, "a", "11"), measured(tmp_path, "b", "10", **change)
    [standing] = standings([best, other], rules())
    assert {(letter, rank) for letter, rank in places(standing).values()} == {("A", 1), ("B", 1)}


def test_other_splits_and_scores_are_other_standings() -> None:
    entries = [ONE, replace(ONE, split="dev"), replace(ONE, metric="top1-class"), replace(ONE, task="msasl100-islr")]
    assert len(standings(entries, rules())) == 4


def test_a_published_figure_stands_beside_measured_ones_where_there_is_one_version(tmp_path: Path) -> None:
    run = measured(tmp_path, "run", "10")
    [standing] = standings([run, replace(ONE, value=60.0)], rules())
    assert places(standing) == {"M": ("A", 1), "run": ("A", 2)}
    newer = measured(tmp_path, "newer", "11", data="2.0")
    [standing] = standings([run, newer, replace(ONE, value=60.0)], rules())
    assert len({letter for letter, _ in places(standing).values()}) == 3


def test_a_row_is_not_told_apart_by_a_test_that_points_the_other_way(tmp_path: Path) -> None:
    """The mean over seeds says one thing, the run that is tested another."""
    worse = measured(tmp_path, "a", "0" * 12, value=90.0, deviation=1.0, seeds=2)
    better = measured(tmp_path, "b", "1" * 12, value=80.0, deviation=1.0, seeds=2)
    [standing] = standings([worse, better], rules())
    assert places(standing) == {"a": ("A", 1), "b": ("A", 1)}
