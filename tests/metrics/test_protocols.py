import gzip
import math
import pickle
import re
from collections import Counter
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu import corpus_bleu
from shared import shared

from slbench.cards import Family
from slbench.errors import CardError
from slbench.metrics.base import Answer
from slbench.metrics.protocols import PROTOCOLS, get_protocol, protocols_for

TEN = tuple("ABCDEFGHIJ")
ANSWERS = [
    Answer("A B C D E loc-F", "A B C E", TEN),
    Answer("F G H I", "F G H I.", TEN),
    Answer("ein Haus", None),
]
EACH = pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda p: f"{p.name}-{p.family}-{p.unit}")


def values(name: str, answers, family: Family = "slt", unit="words") -> dict[str, float]:
    return {score.name: score.value for score in get_protocol(name, family, unit).score(answers)}


@EACH
def test_signatures_tell_scores_apart_and_have_each_key_once(protocol) -> None:
    found = protocol.score(ANSWERS)
    assert len({s.signature for s in found}) == len({s.name for s in found}) == len(found)
    for score in found:
        keys = [pair.split(":", 1)[0] for pair in score.signature.split("|")]
        assert keys[:3] == ["protocol", "refs", "hyps"]
        assert len(set(keys)) == len(keys)
        assert score.parts
        assert score.low <= score.value <= score.high or protocol.family == "islr"


@EACH
def test_a_protocol_says_where_its_rules_were_read(protocol) -> None:
    assert protocol.name == "slbench" or re.search(
        r"github\.com/[\w.-]+/[\w.-]+@[0-9a-f]{7}|sacrebleu", protocol.source
    )


def test_every_protocol_is_there_once_and_every_family_has_ours() -> None:
    keys = [(p.name, p.family, p.unit) for p in PROTOCOLS]
    assert len(set(keys)) == len(keys)
    assert all(get_protocol("slbench", family).name == "slbench" for family in get_args(Family))
    asked = {"uni-sign", "slt", "two-stream", "gfslt", "ssvp-slt", "glofe", "how2sign-wicv", "phoenix-2014", "slbench"}
    assert asked | {"phoenix-2014-both", "phoenix-2014t", "nla-slr"} <= {p.name for p in PROTOCOLS}
    assert all(get_protocol("uni-sign", family) for family in get_args(Family))


def test_characters_are_a_unit_of_their_own() -> None:
    assert get_protocol("uni-sign", "slt", "characters") is not get_protocol("uni-sign", "slt", "words")
    assert get_protocol("slbench", "cslr", "characters") is get_protocol("slbench", "cslr", "words")
    assert "sltunet" not in {p.name for p in protocols_for("slt", "words")}


def test_unknown_protocols_and_families() -> None:
    with pytest.raises(CardError, match="no protocol 'uni-sgin'; did you mean uni-sign"):
        get_protocol("uni-sgin", "slt")
    with pytest.raises(CardError, match="'glofe' does not score islr; it scores slt of words"):
        get_protocol("glofe", "islr")
    with pytest.raises(CardError, match="'glofe' does not score slt of characters"):
        get_protocol("glofe", "slt", "characters")


def test_a_failed_clip_is_an_empty_answer_and_stays_a_failure() -> None:
    failed = Answer("你好", None)
    assert get_protocol("uni-sign", "slt", "characters").normalised(failed) == Answer("你 好", None)
    for protocol in PROTOCOLS:
        if protocol.family != "islr" and protocol.name != "phoenix-2014":  # there an empty answer is a gloss, [EMPTY]
            pair = [[s.value for s in protocol.score([Answer("a b c d", x)])] for x in (None, "")]
            assert pair[0] == pytest.approx(pair[1], nan_ok=True)


def test_accuracy_is_left_out_where_rankings_are_too_short() -> None:
    names = ["top1-instance", "top1-class", "top5-instance", "top5-class", "top10-instance", "top10-class"]
    for length, expected in ((10, 6), (9, 4), (4, 2), (0, 2)):
        found = get_protocol("nla-slr", "islr").score([Answer("A", "A", TEN[:length])])
        assert [s.name for s in found] == names[:expected]
    assert list(values("uni-sign", ANSWERS, "islr")) == names[:2]
    mixed = [Answer("A", "A", TEN), Answer("B", "B"), Answer("C", None)]
    assert list(values("nla-slr", mixed, "islr")) == names[:2]
    assert values("nla-slr", [mixed[0], mixed[2]], "islr")["top10-instance"] == 50


def test_ours_joins_compatibility_forms_on_both_sides() -> None:
    wide, ascii_ = "你好，吗？！", "你好,吗?!"
    for answer in (Answer(wide, ascii_), Answer(ascii_, wide)):
        assert values("slbench", [answer], "slt", "characters")["BLEU-4"] == pytest.approx(100)
    assert values("slbench", [Answer("Ａ", "A", ("Ａ", *TEN))], "islr")["top5-instance"] == 100
    assert values("slbench", [Answer("A Ｂ", "Ａ B")], "cslr")["WER"] == 0
    assert values("uni-sign", [Answer("Ａ", "A")], "islr")["top1-instance"] == 0


def test_ours_counts_no_spaces_among_characters() -> None:
    spaced = values("slbench", [Answer("new york city", "newyorkcit")], "slt", "characters")
    assert spaced["CER"] == pytest.approx(100 / 11)
    assert spaced == values("slbench", [Answer("newyorkcity", "new york cit")], "slt", "characters")


def test_uni_sign_maps_two_marks_of_the_references_only() -> None:
    def right(reference: str, hypothesis: str) -> float:
        return values("uni-sign", [Answer(reference, hypothesis)], "slt", "characters")["BLEU-1"]

    assert right("好，吗？", "好,吗?") == pytest.approx(100)
    assert right("好！", "好!") == pytest.approx(50)
    assert right("好,", "好，") == pytest.approx(50)
    assert right("我 今 天", "我今\n天") == pytest.approx(100)


def test_slt_lower_cases_and_glofe_does_so_with_references() -> None:
    text = "Heute Regen im Norden"
    assert values("slt", [Answer(text, text.upper())])["BLEU-4"] == pytest.approx(100)
    assert values("two-stream", [Answer(text, text.upper())])["BLEU-4"] == 0
    assert values("glofe", [Answer(text, text.lower())])["BLEU-4"] == pytest.approx(100)
    assert values("glofe", [Answer(text.lower(), text)])["BLEU-4"] == 0


def glofe_by_hand(pairs, order: int) -> float:
    """Papineni's formula over words between single spaces, after the authors' changes; nothing is smoothed."""
    cut = [[re.sub(r"[ \n]+", " ", t.strip().replace(".", "")).split(" ") for t in (r.lower(), h)] for r, h in pairs]
    logs = []
    for n in range(1, order + 1):
        grams = [[Counter(tuple(t[i : i + n]) for i in range(len(t) - n + 1)) for t in pair] for pair in cut]
        right, count = sum((r & h).total() for r, h in grams), sum(h.total() for _, h in grams)
        if not right:
            return 0.0
        logs.append(math.log(right / count))
    length = [sum(len(pair[side]) for pair in cut) for side in (0, 1)]
    return 100 * math.exp(sum(logs) / order + min(0.0, 1 - length[0] / length[1]))


@given(st.lists(st.tuples(*[st.text("aB. ", max_size=24)] * 2), min_size=1, max_size=6))
def test_glofe_against_the_formula(pairs) -> None:
    found = values("glofe", [Answer(*pair) for pair in pairs])
    for order in (1, 2, 3, 4):
        assert found[f"BLEU-{order}"] == pytest.approx(glofe_by_hand(pairs, order), abs=1e-9)


WICV = [
    Answer("And then you fold it, twice.", "Then you fold the paper, twice."),
    Answer("This is the aileron of an old airplane.", "The rudder of an old red airplane."),
    Answer("So this is it.", "Hello everybody out in the world."),
    Answer("My name was Megan the golfer.", ""),
    Answer("Was it a good swing after all?", "It was a good swing after all."),
]
"""In the third nothing remains of the reference; the fourth has no answer. Both are left out of every score."""


def test_reduced_bleu_by_hand() -> None:
    """Without ASCII punctuation and frequent words; `Was` is missing from the authors' list, `was` is on it."""
    reduced = [
        ("fold paper twice", "fold twice"),
        ("rudder old red airplane", "aileron old airplane"),
        ("good swing after", "Was good swing after"),
    ]
    hypotheses, references = zip(*reduced, strict=True)
    found = values("how2sign-wicv", WICV)
    assert found["rBLEU-4"] == pytest.approx(corpus_bleu(hypotheses, [references]).score, abs=1e-9)
    kept = [WICV[i] for i in (0, 1, 4)]
    whole = corpus_bleu([a.hypothesis for a in kept], [[a.reference for a in kept]])
    assert found["BLEU-4"] == pytest.approx(whole.score, abs=1e-9)


def test_reduced_bleu_keeps_answers_of_frequent_words_alone() -> None:
    """The authors' script skips a pair whose answer is empty, not one whose answer becomes so."""
    one = Answer("red airplane landing safely", "red airplane landing safely")
    assert values("how2sign-wicv", [one, Answer("blue boats sail", "the")])["rBLEU-4"] < 100
    assert values("how2sign-wicv", [one, Answer("blue boats sail", "")])["rBLEU-4"] == pytest.approx(100)


def test_phoenix_protocols_clean_one_side_or_both() -> None:
    """A point in space and a repeat in the reference: the official script does not see references."""
    answer = Answer("REGEN REGEN loc-NORD", "REGEN NORD")
    assert values("phoenix-2014", [answer], "cslr")["WER"] == pytest.approx(200 / 3)
    assert values("phoenix-2014-both", [answer], "cslr")["WER"] == 0
    assert values("phoenix-2014t", [answer], "cslr")["WER"] == 0
    assert values("uni-sign", [answer], "cslr")["WER"] == pytest.approx(200 / 3)
    assert values("phoenix-2014", [Answer("Regen NORD", "regen nord")], "cslr")["WER"] == 0  # sclite ignores case
    assert values("phoenix-2014", [Answer("REGEN NORD", "REGEN loc-NORD cl-NORD")], "cslr")["WER-ins"] == 50


def test_sacrebleu_is_its_command_line() -> None:
    found = values("sacrebleu", [Answer("The house is red, yes.", "The house was red, yes!")])
    assert list(found) == ["BLEU-4", "BLEU-1", "BLEU-2", "BLEU-3", "chrF2", "TER"]
    assert found["BLEU-4"] == pytest.approx(
        corpus_bleu(["The house was red, yes!"], [["The house is red, yes."]]).score, abs=1e-9
    )


def official(split: str) -> list[Answer]:
    """The authors' released predictions with the corpus's own references, full-width marks and all."""
    mark = ", prediction: "
    lines = shared(f"predictions/uni-sign/csl-daily.{split}.pres.txt").read_text(encoding="utf-8").splitlines()
    hypotheses = dict(line.removeprefix("sample: ").split(mark) for line in lines)
    labels = pickle.loads(gzip.decompress(shared(f"corpora/csl-daily/labels.{split}").read_bytes()))
    return [Answer(labels[name]["text"], hypothesis) for name, hypothesis in hypotheses.items()]


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("dev", (53.295070, 40.558279, 31.652884, 25.267627, 54.302414)),
        ("test", (53.869801, 40.994839, 32.086560, 25.698568, 55.003543)),
    ],
)
def test_uni_sign_on_the_corpus_itself_gives_the_authors_figures(split, expected) -> None:
    found = values("uni-sign", official(split), "slt", "characters")
    assert [found[name] for name in ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE-L")] == pytest.approx(
        expected, abs=1e-6
    )


def test_punctuation_moves_the_same_predictions() -> None:
    """What three rules for the same outputs give, to the two digits in which it was measured elsewhere."""
    answers = official("test")
    raw, ours = (values(name, answers, "slt", "characters") for name in ("two-stream", "slbench"))
    assert (round(raw["BLEU-1"], 2), round(raw["BLEU-4"], 2)) == (50.88, 22.59)
    assert (round(ours["BLEU-1"], 2), round(ours["BLEU-4"], 2)) == (53.87, 25.70)
