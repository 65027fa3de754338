from dataclasses import replace

import numpy as np
import pytest
import torch
from fakes import GLOSSES, made_up_clip
from interface import answers

from slbench.data.clip import Clip
from slbench.data.skeleton import LEFT_HAND
from slbench.errors import ModelError
from slbench.modeling.base import Examples, Setting
from slbench.modeling.baselines import knn_dtw
from slbench.modeling.baselines.hands import normalised_hands
from slbench.modeling.baselines.knn_dtw import UNSEEN, KnnDtw, spaced

CONFIG = {"max_length": 16, "band": 0.2}


def clip_of(name: str, frames: int, seed: int) -> Clip:
    """Its right hand leads without a doubt."""
    clip = made_up_clip(name, frames, seed)
    clip.scores[:, LEFT_HAND] = 0
    return clip


CLIPS = [clip_of(f"c{number}", 3 + 5 * number % 23, number) for number in range(9)]


def fitted(targets: list[str], setting: Setting, clips: list[Clip] = CLIPS) -> KnnDtw:
    model = KnnDtw(CONFIG, setting)
    inputs = [model.prepare(clip) for clip in clips]
    model.fit([Examples(setting.family, targets, inputs)])
    return model


def islr(glosses: tuple[str, ...] = GLOSSES) -> Setting:
    return Setting("islr", "English", glosses)


def noisy(clip: Clip, seed: int) -> Clip:
    keypoints = clip.keypoints + np.random.default_rng(seed).normal(0, 0.002, clip.keypoints.shape)
    return replace(clip, id=f"{clip.id}-noisy", keypoints=keypoints.astype(np.float32))


@pytest.mark.parametrize("family", ["islr", "cslr", "slt"])
def test_answers_as_the_clip_that_looks_alike(family: str) -> None:
    targets = [GLOSSES[n % 3] for n in range(9)] if family == "islr" else [f"SENTENCE {n}" for n in range(9)]
    model = fitted(targets, Setting(family, "English", GLOSSES if family == "islr" else ()))
    found = answers(model, [noisy(clip, seed) for seed, clip in enumerate(CLIPS)], 4)
    assert [output.text for output in found] == targets
    assert {len(output.log_likelihoods) for output in found} == {3 if family == "islr" else 0}
    vocabulary = {"islr": GLOSSES, "cslr": tuple(sorted({"SENTENCE", *map(str, range(9))})), "slt": ()}
    assert model.network.vocabulary.texts == vocabulary[family]


def test_likelihoods_are_of_the_nearest_clip_of_each_gloss() -> None:
    """Against distances of each clip alone and a softmax in numpy; no clip shows the last gloss."""
    targets = ["HELP", "WORLD", "HELP", "WORLD", "WORLD", "HELP", "WORLD", "HELP", "HELP"]
    model = fitted(targets, islr())
    query = made_up_clip("q", 9, 99)
    distances = [
        float(fitted([target], islr(), [clip]).encode([model.prepare(query)])[0][0])
        for target, clip in zip(targets, CLIPS, strict=True)
    ]
    nearest = [min(d for d, t in zip(distances, targets, strict=True) if t == gloss) for gloss in ("HELP", "WORLD")]
    wanted = -np.array([*nearest, UNSEEN])
    [found] = answers(model, [query], 1)
    np.testing.assert_allclose(found.log_likelihoods, wanted - np.logaddexp.reduce(wanted), atol=1e-4)
    assert found.text == targets[int(np.argmin(distances))]


def test_of_equally_near_clips_the_first_answers() -> None:
    twice = [CLIPS[3], CLIPS[5], replace(CLIPS[5], id="again"), CLIPS[1]]
    for targets in (["HELP", "WORLD", "SIGN", "HELP"], ["HELP", "SIGN", "WORLD", "HELP"]):
        [found] = answers(fitted(targets, islr(), twice), [CLIPS[5]], 1)
        assert found.text == targets[1]


def test_all_bits_for_any_batch_size() -> None:
    model = fitted([GLOSSES[n % 3] for n in range(9)], islr())
    queries = [made_up_clip(f"q{seed}", 1 + 7 * seed % 31, 50 + seed) for seed in range(12)]
    alone = answers(model, queries, 1)
    for size in (2, 3, 5, 12):
        assert answers(model, queries, size) == alone


def test_train_clips_may_be_compared_in_parts(monkeypatch) -> None:
    model = fitted([f"S {n}" for n in range(9)], Setting("slt", "English"))
    [whole] = model.encode([model.prepare(made_up_clip("q", 9, 99))])
    monkeypatch.setattr(knn_dtw, "AT_ONCE", 2)
    [parts] = model.encode([model.prepare(made_up_clip("q", 9, 99))])
    assert torch.equal(whole, parts)


def test_long_clips_are_thinned_out_evenly() -> None:
    frames = np.arange(100, dtype=np.float32)[:, None]
    assert spaced(frames, 4)[:, 0].tolist() == [0, 33, 66, 99]
    assert spaced(frames, 100) is frames
    assert KnnDtw(CONFIG, islr()).prepare(made_up_clip("long", 90, 0))["hands"].shape == (16, 84)


def unseen(clip: Clip) -> Clip:
    return replace(clip, scores=0 * clip.scores)


def test_clips_without_hands() -> None:
    """Some do no harm; where all are so, there is nothing to look at."""
    assert not normalised_hands(unseen(CLIPS[0]), True).any()
    mixed = fitted(["HELP", "WORLD"], islr(), [unseen(CLIPS[0]), CLIPS[1]])
    assert [one.text for one in answers(mixed, [noisy(CLIPS[1], 0), unseen(CLIPS[2])], 2)] == ["WORLD", "HELP"]
    with pytest.raises(ModelError, match="no train clip shows one: a hand needs its wrist, point 112 or 91"):
        fitted(["HELP", "WORLD"], islr(), [unseen(clip) for clip in CLIPS[:2]])


def test_weights_of_other_glosses_or_another_model_are_refused() -> None:
    tensors = fitted([GLOSSES[n % 3] for n in range(9)], islr()).network.state_dict()
    with pytest.raises(ModelError, match=r"answers with 3 glosses, the task has 2; it lacks TREE and has SIGN, WORLD"):
        KnnDtw(CONFIG, islr(("HELP", "TREE"))).make_room(tensors)
    with pytest.raises(ModelError, match="holds no vocabulary, so it is not of this model; has weight"):
        KnnDtw(CONFIG, islr()).make_room({"weight": torch.zeros(2)})
    with pytest.raises(ModelError, match="has no lengths_k"):
        KnnDtw(CONFIG, islr()).make_room({name: value for name, value in tensors.items() if name != "lengths_k"})


def test_in_closed_decoding_of_sentences_nothing_is_ranked() -> None:
    model = fitted([f"A {n}" for n in range(9)], Setting("cslr", "English", ("A", "B"), decoding="closed"))
    [found] = answers(model, CLIPS[:1], 1)
    assert (found.text, found.log_likelihoods) == ("A 0", ())
