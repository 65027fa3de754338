"""Text that comes from data, as a page may show it."""

LONGEST = 400
"""Characters of one text on a page; a decoder that never stops gets no more room than that."""


def cut(text: str, longest: int = LONGEST) -> str:
    """The beginning of a text that is too long."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def named(text: str | None) -> str:
    """An answer, or why there is none to see."""
    if text is None:
        return "(failed)"
    return cut(text) if text.strip() else "(empty)"


def plural(count: int, what: str) -> str:
    """`1 clip`, `1,200 clips`."""
    return f"{count:,} {what if count == 1 else f'{what}s'}"


def closed(text: str) -> str:
    """A sentence with its full stop."""
    return text if text.endswith((".", "!", "?")) else f"{text}."
