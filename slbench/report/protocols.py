"""The table of protocols as people and programs read it."""

import json
import re

from rich.table import Table

from slbench.metrics.protocols import PROTOCOLS, Protocol
from slbench.metrics.text import named
from slbench.report.tables import simple_table

PART = re.compile(r"-(\d|sub|del|ins|instance|class)$")


def protocol_table() -> Table:
    """A row a protocol: what it does to either side, and what it computes; where that was read is in the JSON."""
    table = simple_table(None, ("name", "scores", "does to texts first", "computes"))
    for protocol in PROTOCOLS:
        table.add_row(protocol.name, _scope(protocol), _changes(protocol), ", ".join(_names(protocol)))
    table.caption = "Where each was read: --format json."
    table.caption_justify = "left"
    return table


def protocols_json() -> str:
    """All of every protocol, with the signature of each score."""
    values = [
        {
            "name": protocol.name,
            "family": protocol.family,
            "unit": protocol.unit,
            "references": named(protocol.references),
            "hypotheses": named(protocol.hypotheses),
            "scores": {name: rules for metric in protocol.metrics for name, rules in metric.signatures.items()},
            "bleurt": protocol.bleurt,
            "source": protocol.source,
        }
        for protocol in PROTOCOLS
    ]
    return json.dumps(values, indent=1, ensure_ascii=False)


def _scope(protocol: Protocol) -> str:
    return protocol.family if protocol.unit is None else f"{protocol.family}, {protocol.unit}"


def _changes(protocol: Protocol) -> str:
    references, hypotheses = (named(steps).replace("+", " + ") for steps in (protocol.references, protocol.hypotheses))
    return references if references == hypotheses else f"references: {references}; hypotheses: {hypotheses}"


def _names(protocol: Protocol) -> list[str]:
    """Names of scores without their orders and parts: `BLEU` for BLEU-1 to BLEU-4."""
    found = [PART.sub("", name) for metric in protocol.metrics for name in metric.signatures]
    return list(dict.fromkeys([*found, "BLEURT"] if protocol.bleurt else found))
