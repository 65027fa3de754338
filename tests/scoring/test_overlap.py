import gzip
import pickle
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared import shared

from slbench.errors import DataError
from slbench.scoring.overlap import normalised, overlap

TEXTS = st.text("aAäß .!ａ\u0301\u200b你，", max_size=4)


def labels(corpus: str, split: str) -> dict[str, str]:
    with gzip.open(shared(f"corpora/{corpus}/labels.{split}"), "rb") as file:
        return {id_: sample["text"] for id_, sample in pickle.load(file).items()}


@pytest.mark.parametrize(
    ("corpus", "split", "samples", "exact", "folded", "inside"),
    [
        ("csl-daily", "test", 1176, 2, 2, 378),
        ("csl-daily", "dev", 1077, 2, 2, 280),
        ("phoenix14t", "test", 642, 32, 32, 12),
        ("phoenix14t", "dev", 519, 25, 25, 10),
        ("how2sign", "test", 2349, 71, 77, 419),
    ],
)
def test_published_counts(corpus, split, samples, exact, folded, inside) -> None:
    """Repeats of CSL-Daily, PHOENIX-2014T and How2Sign in the label files of Uni-Sign and GFSLT-VLP."""
    references = labels(corpus, split)
    found = overlap(references, labels(corpus, "train").values())
    assert (len(found.ids), len(found.exact), len(found.normalised)) == (samples, exact, folded)
    assert len(found.inside) == inside == samples - len(set(references.values()))
    assert found.share(found.exact) == pytest.approx(100 * exact / samples)
    assert len(found.rest(found.exact)) == samples - exact


@given(st.lists(TEXTS, min_size=1), st.lists(TEXTS, min_size=1))
def test_repeats_are_those_that_a_search_finds(tests, train) -> None:
    references = {f"clip-{i}": text for i, text in enumerate(tests)}
    found = overlap(references, iter(train))
    for form, repeats, inside in (
        (str, found.exact, found.inside),
        (normalised, found.normalised, found.inside_normalised),
    ):
        forms = [form(text) for text in tests]
        in_train = [i for i, text in enumerate(forms) if any(text == form(other) for other in train)]
        before = [i for i, text in enumerate(forms) if text in forms[:i]]
        assert repeats == tuple(f"clip-{i}" for i in in_train)
        assert inside == tuple(f"clip-{i}" for i in before)
        assert sorted(repeats + found.rest(repeats)) == sorted(references)
    assert set(found.exact) <= set(found.normalised)
    assert set(found.inside) <= set(found.inside_normalised)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("Hi!", " hi "),
        ("Straße", "STRASSE"),
        ("你好，吗？", "你 好 , 吗 ?"),
        ("ＡＢＣ １２", "abc12"),
        ("caf\u00e9", "cafe\u0301"),
        ("İstanbul", "i̇stanbul"),
        ("a\u200bb", "ab"),
        ("don't", "DON’T"),
        ("e-mail\tit", "email it\n"),
    ],
)
def test_the_same_words(text, same) -> None:
    assert normalised(text) == normalised(same)
    found = overlap({"1": text}, [same])
    assert (found.exact, found.normalised) == ((), ("1",))


@pytest.mark.parametrize(
    ("text", "other"),
    [("Hi!", "Hi you!"), ("?", "!"), ("", "."), ("5 €", "5 $"), ("कि", "की"), ("schon", "schön"), ("他", "她")],
)
def test_other_words(text, other) -> None:
    assert normalised(text) != normalised(other)
    assert overlap({"1": text}, [other]).normalised == ()


@given(st.text(max_size=6))
def test_normalising_again_changes_nothing(text) -> None:
    once = normalised(text)
    assert normalised(once) == once
    assert unicodedata.is_normalized("NFKC", once)


def test_ids_and_shares() -> None:
    references = {"a": "One.", "b": "two", "c": "two", "d": "Two!", "e": "three"}
    found = overlap(references, ["one", "three", "three"])
    assert (found.ids, found.exact, found.normalised) == (tuple("abcde"), ("e",), ("a", "e"))
    assert (found.inside, found.inside_normalised) == (("c",), ("c", "d"))
    assert (found.share(found.exact), found.share(found.normalised)) == (20, 40)
    assert found.rest(found.normalised) == ("b", "c", "d")


@pytest.mark.parametrize(("references", "train"), [({}, ["a"]), ({"1": "a"}, [])])
def test_nothing_to_look_for_is_an_error(references, train) -> None:
    with pytest.raises(DataError, match=f"{len(references)} references and {len(train)} different training texts"):
        overlap(references, train)
