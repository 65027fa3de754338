"""The clean-ups of PHOENIX-2014 and PHOENIX-2014T glosses that come before an error rate, one sentence at a time.

Sources: `preprocess.sh` of PHOENIX-2014, as github.com/VIPL-SLP/VAC_CSLR@71f3e03 carries it, and
signjoey/phoenix_utils/phoenix_cleanup.py of github.com/neccam/slt@9058882.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple


class Rule(NamedTuple):
    """A substitution: every match of the pattern from left to right, all that as often as `times` says."""

    pattern: str
    replacement: str
    times: int = 1


LETTERS = (
    Rule(r"^([A-Z]) ([A-Z][+ ])", r"\1+\2"),  # a sentence begins with spelling: `A B ` is `A+B `
    Rule(r"[ +]([A-Z]) ([A-Z]) ", r" \1+\2 "),  # two letters further on; a `+` before them is lost
    Rule(r"([ +][A-Z]) ([A-Z][ +])", r"\1+\2", times=3),  # longer spellings, some letters each time
    Rule(r"([ +]SCH) ([A-Z][ +])", r"\1+\2"),  # SCH has a hand shape of its own
    Rule(r"([ +]NN) ([A-Z][ +])", r"\1+\2"),  # a double N before a letter
    Rule(r"([ +][A-Z]) (NN[ +])", r"\1+\2"),  # and after one
    Rule(r"([ +][A-Z]) ([A-Z])$", r"\1+\2"),  # a sentence ends with spelling
)
"""Spelled letters are one gloss, joined by `+`."""

SQUEEZE = Rule(" +", " ")
REPEATS = Rule(r"(?<![\w-])([A-Z]+)(?![\w-]) \1(?![\w-])", r"\1", times=4)
"""A gloss that is repeated at once counts once. `+` ends a gloss here, so that `S+H H` becomes `S+H`."""

RULES_2014 = (
    Rule("loc-", ""),  # signed at a place; these five anywhere, also inside a gloss
    Rule("cl-", ""),  # classifier
    Rule("qu-", ""),  # question
    Rule("poss-", ""),  # possessive
    Rule("lh-", ""),  # left hand
    Rule("S0NNE", "SONNE"),  # a slip of the annotators
    Rule("HABEN2", "HABEN"),  # a variant
    Rule("__EMOTION__", ""),  # not glosses
    Rule("__PU__", ""),
    Rule("__LEFTHAND__", ""),
    Rule("WIE AUSSEHEN", "WIE-AUSSEHEN"),  # one sign
    Rule("ZEIGEN ", "ZEIGEN-BILDSCHIRM "),  # one sign, whatever was written; this is also the end of longer glosses
    Rule("ZEIGEN$", "ZEIGEN-BILDSCHIRM"),
    *LETTERS,
    Rule("([A-Z][A-Z])RAUM", r"\1"),  # a region: NORDRAUM is NORD, and TRAUM stays
    Rule("-PLUSPLUS", ""),  # a sign made more than once
    SQUEEZE,
    REPEATS,
)

RULES_2014T = (
    Rule("__LEFTHAND__", ""),  # not glosses
    Rule("__EPENTHESIS__", ""),
    Rule("__EMOTION__", ""),
    Rule(r"\b__[^_ ]*__\b", ""),  # nor any other such mark: __ON__, __OFF__, __PU__
    Rule(r"\bloc-([^ ]*)\b", r"\1"),  # signed at a place
    Rule(r"\bcl-([^ ]*)\b", r"\1"),  # classifier
    Rule(r"\b([^ ]*)-PLUSPLUS\b", r"\1"),  # a sign made more than once
    Rule(r"\b([A-Z][A-Z]*)RAUM\b", r"\1"),  # a region; here TRAUM does not stay
    Rule("WIE AUSSEHEN", "WIE-AUSSEHEN"),  # one sign
    *LETTERS,
    SQUEEZE,
    REPEATS,
)

DROPPED = ("__LEFTHAND__", "__EPENTHESIS__", "__EMOTION__")
"""What makes `preprocess.sh` drop the whole line, that is the gloss."""

EMPTY = "[EMPTY]"
"""What `preprocess.sh` and `mergectmstm.py` answer for a clip without glosses; sclite counts it as a gloss like any."""


def clean_2014(sentence: str) -> str:
    """PHOENIX-2014 by neccam's Python port, on references and hypotheses alike in slt and TwoStream.

    The port works on the sentence, so rules reach over glosses, and at the end glosses that stand twice in a row count
    once, whatever they hold. It stops on `__EPENTHESIS__`, which no reference of PHOENIX-2014 holds; here that stays.
    """
    return _deduplicated(_applied(RULES_2014, sentence.strip()))


def clean_2014_official(sentence: str) -> str:
    """PHOENIX-2014 by the official `preprocess.sh` as VAC and CorrNet run it, on hypotheses only.

    Those write a line a gloss, `clip 1 start end GLOSS`, and the script goes line by line. So every gloss is cleaned
    for itself: no rule joins two, and repeats stay. An empty answer becomes `[EMPTY]`. That makes as many errors as no
    answer, one of them a substitution, but an insertion where the reference is empty too.
    """
    return " ".join(_kept(sentence.split())) or EMPTY


def clean_2014t(sentence: str) -> str:
    """PHOENIX-2014T by neccam's slt, on references and hypotheses alike in slt, TwoStream and MSKA."""
    return _deduplicated(_applied(RULES_2014T, sentence.strip()))


def _applied(rules: Iterable[Rule], text: str) -> str:
    for rule in rules:
        for _ in range(rule.times):
            text = re.sub(rule.pattern, rule.replacement, text)
    return text


def _deduplicated(sentence: str) -> str:
    return " ".join(gloss for gloss, _ in groupby(sentence.split()))


def _kept(glosses: Iterable[str]) -> Iterable[str]:
    cleaned = (_official_gloss(gloss) for gloss in glosses)
    return (gloss for gloss in cleaned if gloss and not any(mark in gloss for mark in DROPPED))


@lru_cache(maxsize=4096)
def _official_gloss(gloss: str) -> str:
    """One vocabulary entry; rules with a space in them can't match."""
    return _applied(RULES_2014, gloss)
