"""Scoring protocols, as a table: who scores what how.

A protocol is what one lab's code does to references and to hypotheses, and what it then computes. The same predictions
score differently under each, so a number without its protocol says little.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from slbench.cards import Family, TextUnit
from slbench.errors import CardError, near
from slbench.metrics.accuracy import ClassAccuracy, InstanceAccuracy, can_rank
from slbench.metrics.base import Answer, Metric, Score, scores
from slbench.metrics.bleu import Bleu
from slbench.metrics.changed import Changed
from slbench.metrics.chrf import Chrf
from slbench.metrics.phoenix import clean_2014, clean_2014_official, clean_2014t
from slbench.metrics.reduced import SOURCE, reduced, scored
from slbench.metrics.rouge import RougeL
from slbench.metrics.ter import Ter
from slbench.metrics.text import (
    ASCII_COMMAS,
    ASCII_UPPER,
    LOWER,
    NFKC,
    NO_SPACES,
    SPACED,
    Step,
    Steps,
    changed,
    glofe_words,
    named,
)
from slbench.metrics.wer import ErrorRate

ORDERS = (4, 1, 2, 3)
"""BLEU-4 first, since the first score of a protocol ranks."""


@dataclass(frozen=True)
class Protocol:
    """How one lab scores one family of tasks; the first score of the first metric ranks models."""

    name: str
    family: Family
    unit: TextUnit | None
    """SLT: what one token of the text is; None where that makes no difference."""
    references: Steps
    """What is done to references first."""
    hypotheses: Steps
    """What is done to hypotheses, and to glosses of a ranking, first."""
    metrics: tuple[Metric, ...]
    source: str
    """Where the rules were read, and what about them cannot be done here."""
    bleurt: bool = False
    """Whether BLEURT-20 belongs to it, which needs weights of 2 GB."""

    def score(self, answers: Sequence[Answer], extra: Sequence[Metric] = ()) -> list[Score]:
        """Every metric's scores; signatures begin with the protocol, and what it does to either side.

        Accuracy at top k is left out where the answers have no ranking of k glosses.
        """
        seen = [self.normalised(answer) for answer in answers]
        found = [score for metric in (*self.computable(answers), *extra) for score in scores(metric, seen)]
        return [replace(score, signature=f"{self.rules}|{score.signature}") for score in found]

    @property
    def rules(self) -> str:
        """How the signature of each of its scores begins."""
        return f"protocol:{self.name}|refs:{named(self.references)}|hyps:{named(self.hypotheses)}"

    def normalised(self, answer: Answer) -> Answer:
        """The answer as the metrics see it; a failed clip stays without a hypothesis."""
        hypothesis = None if answer.hypothesis is None else changed(answer.hypothesis, self.hypotheses)
        ranking = tuple(changed(gloss, self.hypotheses) for gloss in answer.ranking)
        return Answer(changed(answer.reference, self.references), hypothesis, ranking)

    def left_out(self, answers: Sequence[Answer]) -> int:
        """Most answers that one of its metrics leaves out."""
        changing = [metric for metric in self.metrics if isinstance(metric, Changed)]
        seen = [self.normalised(answer) for answer in answers] if changing else []
        return max((metric.left_out(seen) for metric in changing), default=0)

    def computable(self, answers: Sequence[Answer]) -> list[Metric]:
        """Its metrics without those that need a longer ranking than the answers have."""
        return [metric for metric in self.metrics if can_rank(metric, answers)]


def _accuracy(*tops: int) -> tuple[Metric, ...]:
    return tuple(metric(top) for top in tops for metric in (InstanceAccuracy, ClassAccuracy))


def _spaced(answer: Answer) -> Answer:
    return Answer(SPACED.apply(answer.reference), SPACED.apply(answer.hypothesis or ""))


def _glofe(answer: Answer) -> Answer:
    return Answer(glofe_words(answer.reference), glofe_words(answer.hypothesis or ""))


_OURS = {
    "islr": "slbench: compatibility forms are one on both sides",
    "cslr": "slbench: compatibility forms are one on both sides; errors cost one each, so WER is the smallest there is",
    "slt": "slbench: compatibility forms are one on both sides, since whether a tokenizer writes full-width or ASCII "
    "punctuation is worth 3 BLEU on CSL-Daily and says nothing about signing",
}
_UNI_SIGN = "github.com/ZechengLi19/Uni-Sign@2c9028f, fine_tuning.py and SLRT_metrics.py"
_SLT = "github.com/neccam/slt@9058882, signjoey/metrics.py"
_SLRT = "github.com/FangyunWei/SLRT@38a4f7b, TwoStreamNetwork/utils; github.com/sutwangyan/MSKA@e7d5610 does the same"
_GFSLT = (
    "github.com/zhoubenjia/GFSLT-VLP@91ba953, train_slt.py: BLEU and ROUGE-L as nlg-eval's compute_metrics, as its "
    "README prints them; sacreBLEU-4 is the one of training. There references come back from token ids and lose "
    "characters that the vocabulary lacks; here they are whole"
)
_SLTUNET = "github.com/bzhangGo/sltunet@b1d1d0e, eval/metrics.py"
_SSVP = (
    "github.com/facebookresearch/ssvp_slt@7ed332b; its ROUGE-L is the median of resampled means, here it is the mean"
)
_GLOFE = "github.com/HenryLittle/GloFE@0e82b50, train_how2_pose_DDP_inter_VN.py and utils/mutils.py"
_SACREBLEU = "sacrebleu's defaults, as its command line prints them"
_OFFICIAL = (
    "the corpus's own preprocess.sh, on hypotheses only and one gloss a line, then sclite, as "
    "github.com/VIPL-SLP/VAC_CSLR@71f3e03 and hulianyuyy/CorrNet@c5f903c run it; they print one decimal"
)
_PORT = "github.com/neccam/slt@9058882, signjoey/phoenix_utils/phoenix_cleanup.py; SLRT and MSKA do the same"
_NLA = "github.com/FangyunWei/SLRT@38a4f7b, NLA-SLR; test settings origin and 3x_pad differ in crops, not in scoring"

_RAW: Steps = ()
_FORMS: Steps = (NFKC,)
_LETTERS: Steps = (NFKC, NO_SPACES)
_SPACED: Steps = (SPACED,)
_CLEAN_2014: Steps = (Step("p14-sentence", clean_2014),)
_CLEAN_2014_OFFICIAL: Steps = (Step("p14-official", clean_2014_official), ASCII_UPPER)
_CLEAN_2014T: Steps = (Step("p14t", clean_2014t),)

_13A, _CHAR = Bleu("13a", ORDERS), Bleu("char", ORDERS)
_LINEAGE = Bleu("none", ORDERS, smoothing="floor", floor=0.0, effective_order=True)
"""raw_corpus_bleu of the sacrebleu 1.4 that neccam/slt and SLRT carry: its floor is 0, so nothing is smoothed."""
_UNSMOOTHED = Bleu("none", ORDERS, smoothing="none")
_WITHOUT_STOPS = Changed(_UNSMOOTHED, _glofe, "words:no-full-stops")
_EDITS, _SCLITE = ErrorRate("words"), ErrorRate("words", costs="3-3-4")
_PYPI, _MSCOCO, _TF = RougeL("rouge"), RougeL("mscoco"), RougeL("tf_seq2seq")
_GOOGLE, _GOOGLE_ASCII = RougeL("rouge_score"), RougeL("rouge_score", "ascii")
_NLG_EVAL = (_UNSMOOTHED, _MSCOCO, Changed(Bleu("13a", (4,)), lambda answer: answer, "of:training", "sacre"))
_WICV = (
    Changed(_13A, scored, "left-out:nothing-reduced"),
    Changed(Bleu("13a", (4,)), reduced, "words:infrequent", "r"),
    Changed(Chrf(word_order=2), scored, "left-out:nothing-reduced"),
)

PROTOCOLS: tuple[Protocol, ...] = (
    # name, family, unit, references, hypotheses, metrics, source
    Protocol("slbench", "islr", None, _FORMS, _FORMS, _accuracy(1, 5, 10), _OURS["islr"]),
    Protocol("slbench", "cslr", None, _FORMS, _FORMS, (_EDITS,), _OURS["cslr"]),
    Protocol("slbench", "slt", "words", _FORMS, _FORMS, (_13A, Chrf(word_order=2), _GOOGLE), _OURS["slt"], bleurt=True),
    Protocol(
        "slbench", "slt", "characters", _LETTERS, _LETTERS,
        (_CHAR, Chrf(), Changed(_GOOGLE, _spaced, "token:character"), ErrorRate("characters")), _OURS["slt"],
    ),
    Protocol("uni-sign", "islr", None, _RAW, _RAW, _accuracy(1), _UNI_SIGN),
    Protocol("uni-sign", "cslr", None, _RAW, _RAW, (_SCLITE,), _UNI_SIGN),
    Protocol("uni-sign", "slt", "words", _RAW, _RAW, (_13A, _PYPI), _UNI_SIGN, bleurt=True),
    Protocol("uni-sign", "slt", "characters", (ASCII_COMMAS, SPACED), _SPACED, (_13A, _PYPI), _UNI_SIGN),
    Protocol("nla-slr", "islr", None, _RAW, _RAW, _accuracy(1, 5, 10), _NLA),
    Protocol("phoenix-2014", "cslr", None, (ASCII_UPPER,), _CLEAN_2014_OFFICIAL, (_SCLITE,), _OFFICIAL),
    Protocol("phoenix-2014-both", "cslr", None, _CLEAN_2014, _CLEAN_2014, (_SCLITE,), _PORT),
    Protocol("phoenix-2014t", "cslr", None, _CLEAN_2014T, _CLEAN_2014T, (_SCLITE,), _PORT),
    Protocol("slt", "slt", "words", (LOWER,), (LOWER,), (_LINEAGE, _MSCOCO, Chrf()), _SLT),
    Protocol("two-stream", "slt", "words", _RAW, _RAW, (_LINEAGE, _TF), _SLRT),
    Protocol("two-stream", "slt", "characters", _SPACED, _SPACED, (_LINEAGE, _TF), _SLRT),
    Protocol("gfslt", "slt", "words", _RAW, _RAW, _NLG_EVAL, _GFSLT),
    Protocol("gfslt", "slt", "characters", _SPACED, _SPACED, _NLG_EVAL, _GFSLT),
    Protocol("sltunet", "slt", "characters", _SPACED, _SPACED, (_13A, _MSCOCO), _SLTUNET),
    Protocol("ssvp-slt", "slt", "words", _RAW, _RAW, (_13A, _GOOGLE_ASCII), _SSVP, bleurt=True),
    Protocol("glofe", "slt", "words", (LOWER,), _RAW, (_WITHOUT_STOPS,), _GLOFE, bleurt=True),
    Protocol("how2sign-wicv", "slt", "words", _RAW, _RAW, _WICV, SOURCE),
    Protocol("sacrebleu", "slt", "words", _RAW, _RAW, (_13A, Chrf(), Ter()), _SACREBLEU),
)  # fmt: skip


def get_protocol(name: str, family: Family, unit: TextUnit = "words") -> Protocol:
    """The protocol with this name, for a family, and for SLT a unit of text.

    Raises:
        CardError: unknown, or it does not score this.
    """
    found = {protocol.name: protocol for protocol in protocols_for(family, unit)}
    if name in found:
        return found[name]
    known = sorted({protocol.name for protocol in PROTOCOLS})
    if name not in known:
        raise CardError(f"there is no protocol {name!r}{near(name, known)}")
    kinds = ", ".join(_kind(protocol.family, protocol.unit) for protocol in PROTOCOLS if protocol.name == name)
    raise CardError(f"protocol {name!r} does not score {_kind(family, unit)}; it scores {kinds}")


def protocols_for(family: Family, unit: TextUnit = "words") -> list[Protocol]:
    """Every protocol that scores this family, and for SLT this unit, in the table's order."""
    return [protocol for protocol in PROTOCOLS if protocol.family == family and protocol.unit in (None, unit)]


def _kind(family: Family, unit: TextUnit | None) -> str:
    return f"{family} of {unit}" if family == "slt" else family
