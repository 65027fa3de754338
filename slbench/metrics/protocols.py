"""Scoring protocols, as a table: who scores what how."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from slbench.cards import Family
from slbench.errors import CardError
from slbench.metrics.accuracy import ClassAccuracy, InstanceAccuracy
from slbench.metrics.base import Answer, Metric, Score, scores
from slbench.metrics.bleu import Bleu
from slbench.metrics.chrf import Chrf
from slbench.metrics.wer import ErrorRate


@dataclass(frozen=True)
class Protocol:
    """How a family of tasks is scored; the first score of the first metric ranks models."""

    name: str
    source: str
    metrics: dict[Family, tuple[Metric, ...]]

    def score(self, family: Family, answers: Sequence[Answer]) -> list[Score]:
        """Every metric's scores; signatures begin with the protocol's name."""
        found = [score for metric in self.metrics[family] for score in scores(metric, answers)]
        return [replace(score, signature=f"protocol:{self.name}|{score.signature}") for score in found]


PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "uni-sign",
            "github.com/ZechengLi19/Uni-Sign@2c9028f: the generated gloss must equal the label; "
            "top 5 by log-likelihood is ours",
            {"islr": (InstanceAccuracy(), ClassAccuracy(), InstanceAccuracy(5))},
        ),
        Protocol(
            "characters",
            "slbench: for spelling tasks; each gloss is a letter",
            {
                "cslr": (ErrorRate("words"),),
                "slt": (Bleu("char", orders=(4,)), Chrf(), ErrorRate("characters")),
            },
        ),
    )
}


def get_protocol(name: str, family: Family) -> Protocol:
    """The protocol with this name.

    Raises:
        CardError: unknown, or it does not score this family.
    """
    protocol = PROTOCOLS.get(name)
    if protocol is None:
        raise CardError(f"there is no protocol {name!r}; known: {', '.join(PROTOCOLS)}")
    if family not in protocol.metrics:
        raise CardError(f"protocol {name!r} does not score {family}; it scores {', '.join(protocol.metrics)}")
    return protocol
