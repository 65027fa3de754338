import pytest

from slbench.errors import CardError
from slbench.metrics.base import Answer
from slbench.metrics.protocols import PROTOCOLS, get_protocol

ANSWERS = [Answer("A B C D E", "A B C E", ("A",)), Answer("F G H I", "F G H I", ("F",)), Answer("A B", None)]


def test_characters_on_glosses() -> None:
    found = get_protocol("characters", "cslr").score("cslr", ANSWERS)
    assert [s.name for s in found] == ["WER", "WER-sub", "WER-del", "WER-ins"]
    assert found[0].value == pytest.approx(100 * 3 / 11)
    assert found[0].better == "lower"


def test_characters_on_text() -> None:
    found = get_protocol("characters", "slt").score("slt", ANSWERS)
    assert [s.name for s in found] == ["BLEU-4", "chrF2", "CER", "CER-sub", "CER-del", "CER-ins"]
    assert [s.better for s in found] == ["higher"] * 2 + ["lower"] * 4
    assert "|tok:char|" in found[0].signature


@pytest.mark.parametrize(("name", "family"), [(p.name, f) for p in PROTOCOLS.values() for f in p.metrics])
def test_signatures_tell_scores_apart_and_have_each_key_once(name, family) -> None:
    found = get_protocol(name, family).score(family, ANSWERS)
    assert len({s.signature for s in found}) == len({s.name for s in found}) == len(found)
    for score in found:
        keys = [pair.split(":", 1)[0] for pair in score.signature.split("|")]
        assert keys[0] == "protocol"
        assert len(set(keys)) == len(keys)


def test_unknown_protocols_and_families() -> None:
    with pytest.raises(CardError, match="no protocol 'letters'; known: uni-sign, characters"):
        get_protocol("letters", "slt")
    with pytest.raises(CardError, match="'characters' does not score islr; it scores cslr, slt"):
        get_protocol("characters", "islr")
