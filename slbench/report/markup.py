"""Text that comes from data, as text: whatever it holds, no format takes it for markup."""

import re

_MARKDOWN = re.compile(r"[\\`*_\[\]{}<>&|!~$#@^]|:(?=\S)|(?<=www)\.|(?<=\d)[.)](?=\s|$)|^[-+=]", re.IGNORECASE)
"""What begins something else than text: in Markdown, in GitHub's, or (the last two) at the beginning of a line."""
_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
}  # fmt: skip


def visible(text: str) -> str:
    """Line ends, control characters, odd spaces and what turns the direction of writing, as escapes."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def markdown(text: str) -> str:
    """A text that is seen as it is: no tag, link, emphasis, entity, table cell, list or heading begins in it.

    Any ASCII punctuation mark may have a backslash before it (CommonMark 0.31, section 2.4).
    """
    return _MARKDOWN.sub(lambda mark: f"\\{mark[0]}", visible(text).strip())


def latex(text: str) -> str:
    """For running text of LaTeX; letters are kept, so the document must read UTF-8."""
    return "".join(_LATEX.get(letter, letter) for letter in " ".join(text.split()))
