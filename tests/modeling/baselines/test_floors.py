"""Floors score what counting says they must."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slbench import catalog
from slbench.data.prepare import prepare
from slbench.engine.evaluate import Run, RunRequest
from slbench.engine.training import TrainingRequest, TrainingRun
from slbench.errors import ModelError
from slbench.modeling.base import Examples, Output, Setting
from slbench.modeling.baselines.floors import Majority, RandomTrain

LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def fitted(model: type[Majority], targets: list[str], seed: int = 0, glosses: tuple[str, ...] = LETTERS) -> Majority:
    made = model({}, Setting("islr", "English", glosses, seed=seed))
    made.fit([Examples("islr", targets, [])])
    return made


def drawn(targets: list[str], ids: list[str], seed: int) -> list[Output]:
    """Answers of `random-train` to clips of which it is told the ids."""
    model = fitted(RandomTrain, targets, seed)
    clips = [type("Named", (), {"id": clip}) for clip in ids]
    return model.decode(model.encode([model.prepare(clip) for clip in clips]))


@given(st.lists(st.sampled_from("ABCDE"), min_size=1, max_size=30))
def test_majority_is_the_most_frequent(targets: list[str]) -> None:
    glosses = tuple("EDCBA")
    [output, again] = fitted(Majority, targets, glosses=glosses).decode([1, 2])
    assert output == again
    counts = [sum(target == gloss for target in targets) for gloss in "ABCDE"]
    assert output.text == "ABCDE"[counts.index(max(counts))]
    found = np.exp(output.log_likelihoods)[::-1]
    np.testing.assert_allclose(found, np.array(counts) / len(targets), atol=1e-8)


@pytest.fixture(scope="module")
def letters() -> tuple[list[str], list[str], list[str]]:
    """Letters of fingerspelling's train, ids and letters of its test."""
    store = prepare(catalog.get_dataset("fingerspelling"), ["train", "test"])
    train, test = store.split("train"), store.split("test")
    rows = [test[index] for index in range(len(test))]
    return [train[index].gloss for index in range(len(train))], [row.id for row in rows], [row.gloss for row in rows]


def test_random_train_is_near_chance(letters: tuple[list[str], list[str], list[str]]) -> None:
    """Over 8 seeds within four standard errors of the share of train clips that have the right letter, near 1/26."""
    train, ids, wanted = letters
    hits = [
        [one.text == gloss for one, gloss in zip(drawn(train, ids, seed), wanted, strict=True)] for seed in range(8)
    ]
    counts = Counter(train)
    shares = np.array([counts[gloss] / len(train) for gloss in wanted])
    error = math.sqrt((shares * (1 - shares)).mean() / np.size(hits))
    assert abs(np.mean(hits) - shares.mean()) < 4 * error
    assert shares.mean() == pytest.approx(1 / 26, rel=0.02)
    assert len({tuple(row) for row in hits}) == 8


def test_random_train_draws_by_clip_and_seed_alone() -> None:
    targets, ids = list("AABC"), [f"clip {number}" for number in range(40)]
    first = drawn(targets, ids, 0)
    assert drawn(targets, ids[::-1], 0) == first[::-1]
    assert drawn(targets, ids, 1) != first
    assert all(one.text == LETTERS[int(np.argmax(one.log_likelihoods))] for one in first)
    assert all(math.isclose(sum(map(math.exp, one.log_likelihoods)), 1) for one in first)


def test_random_train_draws_as_often_as_training_has_it() -> None:
    ids = [f"clip {number}" for number in range(1000)]
    found = Counter(one.text for one in drawn(list("AAAB"), ids, 0))
    assert set(found) == {"A", "B"}
    assert abs(found["A"] / 1000 - 3 / 4) < 4 * math.sqrt(3 / 16 / 1000)


@pytest.mark.parametrize("model", [Majority, RandomTrain])
@pytest.mark.parametrize(("family", "vocabulary"), [("cslr", ("A", "B", "C")), ("slt", ())])
def test_sentences(model: type[Majority], family: str, vocabulary: tuple[str, ...]) -> None:
    made = model({}, Setting(family, "English", ("A", "B") if family == "cslr" else (), decoding="closed"))
    made.fit([Examples(family, ["B A", "C", "B A"], [])])
    outputs = made.decode(list(range(50)))
    assert {one.text for one in outputs} == ({"B A"} if model is Majority else {"B A", "C"})
    assert {one.log_likelihoods for one in outputs} == {()}
    assert made.network.vocabulary.texts == vocabulary
    other = model({}, Setting(family, "English"))
    other.make_room(made.network.state_dict())
    other.network.load_state_dict(made.network.state_dict())
    assert other.decode(list(range(50))) == outputs


def test_answers_of_another_family_are_refused() -> None:
    """Also where the glosses are the same ones."""
    model = Majority({}, Setting("cslr", "English"))
    model.fit([Examples("cslr", ["A", "B"], [])])
    tensors = model.network.state_dict()
    Majority({}, Setting("cslr", "English")).make_room(tensors)
    for other in (Setting("slt", "English"), Setting("islr", "English", ("A", "B"))):
        with pytest.raises(ModelError, match=f"has the answers of cslr training clips, and the task is {other.family}"):
            Majority({}, other).make_room(tensors)


def test_one_task_at_a_time() -> None:
    one = Examples("slt", ["a"], [])
    with pytest.raises(ModelError, match="the answers of one task, and there are 2"):
        Majority({}, Setting("slt", "English")).fit([one, one])


def test_majority_on_fingerspelling_is_four_of_104(tmp_path: Path) -> None:
    """By construction: every letter has four test clips, one an alphabet."""
    TrainingRun(TrainingRequest("majority", ["fingerspelling-islr"], tmp_path / "a", device="cpu")).execute()
    request = RunRequest(str(tmp_path / "a" / "best.toml"), "fingerspelling-islr", output=tmp_path, device="cpu")
    scores = {score.name: score.value for score in Run(request).execute().scores}
    assert scores["top1-instance"] == pytest.approx(100 * 4 / 104)
