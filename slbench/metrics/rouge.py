"""ROUGE-L (Lin, 2004) as four implementations in use compute it; no two agree."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from importlib.metadata import version
from itertools import product
from typing import Literal

import numpy as np
from rapidfuzz.distance import LCSseq

from slbench.metrics.base import Answer, Better, Statistics, Unit

Form = Literal["rouge", "mscoco", "tf_seq2seq", "rouge_score"]
Words = Literal["unicode", "ascii"]
Overlap = tuple[int, int, int]
"""Words in common, words of the reference, words of the hypothesis."""

BETA = 1.2
"""Weight of recall in mscoco's form."""

SIGNATURES: dict[Form, str] = {
    "rouge": "beta:1|eps:1e-8|words:distinct|sentences:full-stop|empty:0",
    "mscoco": f"beta:{BETA}|words:space",
    "tf_seq2seq": "beta:p/r|eps:1e-12|words:white-space",
    "rouge_score": "beta:1|stem:no|case:lc",
}


class RougeL:
    """`ROUGE-L`: F-score of the longest common subsequence of words, in points; the mean over sentences.

    With l words in common, recall R = l / words of the reference and precision P = l / words of the hypothesis:

    `rouge`, the PyPI package 1.0.1, `get_scores(..., avg=True)["rouge-l"]["f"]`, as Uni-Sign reports it: both sides
        are cut into sentences at every full stop, and counts are of distinct words; l is the number of distinct words
        that lie on the common subsequence of any sentence of one side with any of the other (`common_words`).
        F = 2PR / (P + R + 1e-8). What lies between two full stops, or behind the last, is a sentence even if it is
        only white space, and then holds the empty word. The package raises an error where a side is empty or only
        full stops, and on long sentences; here the first scores 0, the second what the definition says.
    `mscoco`, coco-caption's, copied by neccam/slt: F = (1 + 1.2²) P R / (R + 1.2² P).
    `tf_seq2seq`, copied by FangyunWei/SLRT: beta = P / (R + 1e-12), F = (1 + beta²) P R / (R + beta² P + 1e-12).
    `rouge_score`, Google's package without its stemmer: F = 2PR / (P + R). Its own tokenizer `ascii` knows a-z and 0-9
        only, so Chinese has no words at all; `unicode` takes runs of letters and digits of any script, after NFKC, and
        gives nearly the same on English. The package's aggregator, which Hugging Face's `evaluate` uses unless told
        otherwise, reports the median of 1,000 resampled means instead of the mean: on How2Sign another value within
        about 0.03 points at each call.

    `mscoco` splits at each single space, so that two in a row hold an empty word, and no other white space splits;
    `tf_seq2seq`, in the code that calls it, at any run of white space. For both an empty text is one empty word, and
    two of them agree. A failed clip counts as an empty answer.

    Statistics: F, P, R, 1.
    """

    better: Better = "higher"
    unit: Unit = "points"

    def __init__(self, form: Form, tokenizer: Words = "unicode") -> None:
        """Take a form; the tokenizer is only for `rouge_score`."""
        self._overlap, self._f = _overlap_of(form, tokenizer), F_SCORES[form]
        words = f"|tok:{tokenizer}" if form == "rouge_score" else ""
        library = "" if form == "rouge" else f"|rapidfuzz:{version('rapidfuzz')}"
        rules = f"rouge:l|form:{form}|{SIGNATURES[form]}{words}|mean:sentences|failed:empty{library}"
        self.signatures = {"ROUGE-L": rules}

    def statistics(self, answers: Sequence[Answer]) -> Statistics:
        """(n, 4)."""
        return np.array([self._sentence(answer.reference, answer.hypothesis or "") for answer in answers], np.float64)

    def _sentence(self, reference: str, hypothesis: str) -> tuple[float, float, float, int]:
        common, of_reference, of_hypothesis = self._overlap(reference, hypothesis)
        if not common:
            return 0.0, 0.0, 0.0, 1
        precision, recall = common / of_hypothesis, common / of_reference
        return self._f(precision, recall), precision, recall, 1

    def reduce(self, totals: Statistics) -> Statistics:
        """Mean of F."""
        scores: Statistics = 100 * totals[..., :1] / totals[..., 3:]
        return scores

    def parts(self, totals: Statistics) -> dict[str, float]:
        """Means over sentences, in points."""
        precision, recall = 100 * totals[1:3] / totals[3]
        return {"precision": float(precision), "recall": float(recall)}


def common_words(reference: Sequence[str], hypothesis: Sequence[str]) -> set[str]:
    """The words of the longest common subsequence that `rouge` 1.0.1 finds.

    There may be several of that length. The package goes back from both ends: equal words are taken, otherwise the
    last word of the reference is dropped where that leaves a longer subsequence than to drop that of the hypothesis,
    and that of the hypothesis in all other cases.

    The table of lengths is kept a row a number: bit j is 0 where word j of the hypothesis makes the subsequence one
    longer (Hyyrö, 2004). Where the words differ, that is also where the reference's word is the one to drop.
    """
    rows = _rows(reference, hypothesis)
    found = set()
    i, j = len(reference), len(hypothesis)
    while i and j:
        if reference[i - 1] == hypothesis[j - 1]:
            found.add(reference[i - 1])
            i, j = i - 1, j - 1
        elif rows[i - 1] >> (j - 1) & 1:
            j -= 1
        else:
            i -= 1
    return found


def _rows(reference: Sequence[str], hypothesis: Sequence[str]) -> list[int]:
    places: dict[str, int] = {}
    for place, word in enumerate(hypothesis):
        places[word] = places.get(word, 0) | 1 << place
    every = (1 << len(hypothesis)) - 1
    rows, row = [], every
    for word in reference:
        equal = row & places.get(word, 0)
        row = (row + equal | row - equal) & every
        rows.append(row)
    return rows


def _distinct_overlap(reference: str, hypothesis: str) -> Overlap:
    ours, theirs = _sentences(hypothesis), _sentences(reference)
    common = set[str]().union(*(common_words(r, h) for r, h in product(theirs, ours)))
    return len(common), len({word for s in theirs for word in s}), len({word for s in ours for word in s})


def _sentences(text: str) -> list[list[str]]:
    return [_words(sentence) for sentence in text.split(".") if sentence]


def _overlap_of(form: Form, tokenizer: Words) -> Callable[[str, str], Overlap]:
    if form == "rouge":
        return _distinct_overlap
    split = SPLITS.get(form, TOKENIZERS[tokenizer])

    def overlap(reference: str, hypothesis: str) -> Overlap:
        theirs, ours = split(reference), split(hypothesis)
        return LCSseq.similarity(theirs, ours), len(theirs), len(ours)

    return overlap


def _words(text: str) -> list[str]:
    return text.split() or [""]


def _between_spaces(text: str) -> list[str]:
    return text.split(" ")


def _ascii_words(text: str) -> list[str]:
    return re.findall("[a-z0-9]+", text.lower())


def _unicode_words(text: str) -> list[str]:
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).lower())


def _weighted(precision: float, recall: float, beta: float, eps: float = 0) -> float:
    return (1 + beta**2) * recall * precision / (recall + beta**2 * precision + eps)


SPLITS: dict[Form, Callable[[str], list[str]]] = {"mscoco": _between_spaces, "tf_seq2seq": _words}
TOKENIZERS: dict[Words, Callable[[str], list[str]]] = {"unicode": _unicode_words, "ascii": _ascii_words}
F_SCORES: dict[Form, Callable[[float, float], float]] = {
    "rouge": lambda p, r: 2 * (p * r / (p + r + 1e-8)),
    "mscoco": lambda p, r: _weighted(p, r, BETA),
    "tf_seq2seq": lambda p, r: _weighted(p, r, p / (r + 1e-12), 1e-12),
    "rouge_score": lambda p, r: 2 * p * r / (p + r),
}
