"""Text that comes from data, as text: whatever it holds, no format takes it for markup."""

import re

_MARKDOWN = re.compile(r"([\\`*_\[\]#|~$])")
_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
}  # fmt: skip


def markdown(text: str) -> str:
    """For one line or one cell of Markdown: punctuation escaped, HTML as entities, line breaks as spaces."""
    entities = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\1", " ".join(entities.split()))


def latex(text: str) -> str:
    """For running text of LaTeX; letters are kept, so the document must read UTF-8."""
    return "".join(_LATEX.get(letter, letter) for letter in " ".join(text.split()))
