from dataclasses import replace

import numpy as np
import pytest
from fakes import GLOSSES, made_up_clip
from interface import answers
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from slbench.data.clip import Clip
from slbench.errors import ModelError
from slbench.modeling.base import Examples, Setting
from slbench.modeling.baselines.logreg_hands import FEATURES, LogregHands, pooled

TRAIN = [made_up_clip(f"t{seed}", 2 + seed % 9, seed) for seed in range(30)]
TEST = [made_up_clip(f"q{seed}", 1 + seed, 100 + seed) for seed in range(11)]


def fitted(targets: list[str], glosses: tuple[str, ...] = GLOSSES, clips: list[Clip] = TRAIN) -> LogregHands:
    model = LogregHands({"C": 0.3}, Setting("islr", "English", glosses))
    model.fit([Examples("islr", targets, [model.prepare(clip) for clip in clips])])
    return model


@pytest.mark.parametrize("shown", [("SIGN", "HELP"), ("WORLD", "SIGN", "HELP")])
def test_the_same_as_scikit_learn(shown: tuple[str, ...]) -> None:
    """Two classes, which scikit-learn scores otherwise, and more; the glosses are in another order than its own."""
    targets = [shown[number % len(shown)] for number in range(30)]
    model = fitted(targets, shown)
    features = [model.prepare(clip)["pooled"].astype(np.float64) for clip in TRAIN]
    theirs = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=1000)).fit(features, targets)
    wanted = theirs.predict_log_proba([model.prepare(clip)["pooled"].astype(np.float64) for clip in TEST])
    found = answers(model, TEST, 4)
    order = [shown.index(gloss) for gloss in theirs.classes_]
    np.testing.assert_allclose(np.array([one.log_likelihoods for one in found])[:, order], wanted, atol=2e-4)
    assert [one.text for one in found] == [theirs.classes_[row.argmax()] for row in wanted]


def test_a_gloss_without_clips_is_the_last() -> None:
    found = answers(fitted(["HELP", "SIGN"] * 15), TEST, 3)
    assert all(np.isfinite(one.log_likelihoods).all() for one in found)
    assert {int(np.argmin(one.log_likelihoods)) for one in found} == {GLOSSES.index("WORLD")}


def test_all_bits_for_any_batch_size() -> None:
    model = fitted([GLOSSES[number % 3] for number in range(30)])
    alone = answers(model, TEST, 1)
    for size in (2, 3, 11):
        assert answers(model, TEST, size) == alone


def test_what_is_pooled() -> None:
    hands = np.random.default_rng(0).normal(size=(7, 2, 21, 2)).astype(np.float32)
    mean, deviation, first, second, third = pooled(hands).reshape(5, 2, 21, 2)
    np.testing.assert_allclose(mean, hands.mean(0), rtol=1e-5)
    np.testing.assert_allclose(deviation, hands.std(0), rtol=1e-5)
    for found, frames in ((first, hands[:2]), (second, hands[2:4]), (third, hands[4:])):
        np.testing.assert_allclose(found, frames.mean(0), rtol=1e-5)
    for frames in (1, 2, 3):
        assert pooled(hands[:frames]).shape == (FEATURES,)
        assert np.isfinite(pooled(hands[:frames])).all()


def test_what_cannot_be_learned_is_refused() -> None:
    with pytest.raises(ModelError, match="show none but HELP; `majority` does such a task"):
        fitted(["HELP"] * 30)
    with pytest.raises(ModelError, match="no train clip shows one"):
        fitted(["HELP", "SIGN"] * 15, clips=[replace(clip, scores=0 * clip.scores) for clip in TRAIN])
    hidden = [replace(clip, scores=0 * clip.scores) if number < 5 else clip for number, clip in enumerate(TRAIN)]
    assert len(answers(fitted(["HELP", "SIGN"] * 15, clips=hidden), TEST, 3)) == 11
