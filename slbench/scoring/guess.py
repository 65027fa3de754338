"""What family a file seems to be of, where neither a task nor a protocol says it."""

import json
from dataclasses import replace
from pathlib import Path

from slbench.cards import Family
from slbench.scoring.columns import GLOSSES, canonical
from slbench.scoring.files import read
from slbench.scoring.jsonlines import is_json
from slbench.scoring.sclite import sclite_format
from slbench.scoring.source import Source, load
from slbench.scoring.tables import delimiter_of, header


def family_of(path: Path) -> Family:
    """Recognition where the file is sclite's, has rankings or names its texts glosses; else translation.

    Glosses are of isolated signs where none of them has a space in it.

    Raises:
        DataError: the file cannot be read.
    """
    source = load(path, "references", "cslr")
    names = _names(source)
    if sclite_format(source) is not None and not names:
        return "cslr"
    if "top_k" in names:
        return "islr"
    if not names & GLOSSES:
        return "slt"
    texts = [sample.text or "" for sample in read(source).samples]
    return "cslr" if any(" " in text.strip() for text in texts) else "islr"


def _names(source: Source) -> set[str]:
    """Of the columns, or of the keys of the first object."""
    if is_json(source):
        try:
            values = json.loads(source.first)
        except ValueError:
            return set()  # reading it says what is wrong
        return {canonical(key) for key in values} if isinstance(values, dict) else set()
    delimiter = delimiter_of(replace(source, family="slt"))
    return {canonical(name) for name in header(source, delimiter)} if delimiter else set()
