"""Lines of text: with the ids of Uni-Sign's released files, and without any."""

import re

from slbench.scoring.columns import ANY_TEXT, GLOSSES, HYPOTHESES, IDS, KNOWN, REFERENCES, TEXTS, canonical
from slbench.scoring.source import Sample, Source, Table

RELEASED = re.compile(r"sample: (.*?), (prediction|ground-truth): ?(.*)")
PREDICTED, TRUTH = "Uni-Sign predictions", "Uni-Sign ground-truth"
"""Names of the released format."""
TRN = re.compile(r"\S\s+\([^()\s]+[-_][^()\s]+\)\s*$")
"""How a line of sclite's trn format ends."""
FIRST_WORD = re.compile(r"(?=\S*[0-9])([A-Za-z0-9_./:-]{4,})(?:[ \t]|$)")
"""What an id looks like at the head of a line: letters, digits and marks of ASCII, at least one digit."""
ROLES = {"prediction": "predictions", "ground-truth": "references"}


def is_released(source: Source) -> bool:
    """Whether the first line is one of `sample: ID, prediction: …`."""
    return RELEASED.fullmatch(source.first) is not None


def read_released(source: Source) -> Table:
    """Lines `sample: ID, prediction: …` or `sample: ID, ground-truth: …`, as Uni-Sign writes them.

    Raises:
        DataError: a line is another, or both kinds are there.
    """
    samples: list[Sample] = []
    kinds: list[str] = []
    for number, line in source.filled:
        found = RELEASED.fullmatch(line)
        if not found:
            raise source.error("is not 'sample: ID, prediction: TEXT' or 'sample: ID, ground-truth: TEXT'", number)
        if found[2] != (kinds or [found[2]])[0]:
            raise source.error(f"is a {found[2]} among lines of {kinds[0]}; put them in two files", number)
        kinds.append(found[2])
        samples.append(Sample(source.sample_id(found[1], number), found[3]))
    swapped = ROLES[kinds[0]] != source.role
    notes = [f"its lines say {kinds[0]!r}, but it was given as {source.role}"] if swapped else []
    return source.table(TRUTH if kinds[0] == "ground-truth" else PREDICTED, samples, notes)


def read_plain(source: Source) -> Table:
    """A sample a line, empty ones too, without ids.

    Raises:
        DataError: the first line is a header, or every line begins or ends with an id.
    """
    if _is_header(source):
        raise source.error(
            f"{source.first.strip()!r} looks like a header, but columns need a tab, a comma or a pipe between them, "
            f"and plain lines have no header; add an 'id' column, or remove this line",
            source.filled[0][0],
        )
    words = [found[1] for _, line in source.filled if (found := FIRST_WORD.match(line))]
    if len(source.filled) > 2 and len(set(words)) == len(source.lines):
        raise source.error(
            f"every line begins with what looks like an id (first: {words[0]}), which would be scored as text; "
            f"put a tab after the ids and a header 'id<tab>{source.role.removesuffix('s')}' above"
        )
    if source.filled and all(TRN.search(line) for _, line in source.filled):
        raise source.error(
            "every line ends in '(id)', as in sclite's trn, which is not read; write a CTM, or a CSV of id and text"
        )
    return source.table("plain lines", [Sample(None, line) for line in source.lines])


def _is_header(source: Source) -> bool:
    """Whether the first line has only names of columns; an isolated sign may be `text` or `gold`."""
    first, *others = re.split(r"[\s,;|]+", source.first.strip())
    if others:
        return canonical(first) in IDS and all(canonical(word) in KNOWN for word in others)
    texts = HYPOTHESES | REFERENCES | GLOSSES | TEXTS[source.family]
    return canonical(first) in (texts - {"gold", "output"} if source.family == "islr" else texts | ANY_TEXT)
