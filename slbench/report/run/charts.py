"""Pictures of a run, as SVG; the same run gives the same bytes. Every picture's numbers are in a table beside it."""

import warnings
from collections.abc import Sequence
from io import StringIO
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from slbench.report.curves import INK, SCORE, STYLE
from slbench.report.run.analysis import Confusions, Part

LARGEST = 40
"""Glosses of a confusion matrix."""


def parts_chart(parts: Sequence[Part], label: str) -> str:
    """Scores with their intervals, one above the other."""
    with mpl.rc_context(_style()):
        figure = Figure(figsize=(6, 0.8 + 0.32 * len(parts)), layout="constrained")
        axes = figure.subplots()
        at = range(len(parts))
        values = [part.score.value for part in parts]
        errors = [
            [max(part.score.value - part.score.low, 0) for part in parts],
            [max(part.score.high - part.score.value, 0) for part in parts],
        ]
        axes.errorbar(values, list(at), xerr=errors, fmt="o", color=SCORE, capsize=3)
        axes.set_yticks(list(at), [_plain(part.name) for part in parts])
        axes.invert_yaxis()
        axes.set_xlabel(f"{parts[0].score.name}{', %' * (parts[0].score.unit == '%')}, 95 % interval")
        axes.set_ylabel(label)
        axes.grid(color=INK, alpha=0.25, linewidth=0.5, axis="x")
        return _svg(figure)


def confusion_chart(found: Confusions) -> str:
    """Shares of each gloss's clips; of many glosses those with the most errors."""
    glosses = matrix_glosses(found)
    shares = np.array([[found.get((there, here), 0) for here in glosses] for there in glosses], float)
    clips = np.array([sum(count for (there, _), count in found.items() if there == gloss) for gloss in glosses], float)
    shares /= np.maximum(clips, 1)[:, None]
    with mpl.rc_context(_style()):
        side = 1.5 + 0.17 * len(glosses)
        figure = Figure(figsize=(side + 0.7, side), layout="constrained")
        axes = figure.subplots()
        image = axes.imshow(shares, cmap="cividis", vmin=0, vmax=1)
        names = list(map(_plain, glosses))
        axes.set_xticks(range(len(glosses)), names, rotation=90, fontsize=7)
        axes.set_yticks(range(len(glosses)), names, fontsize=7)
        axes.set_xlabel("answer")
        axes.set_ylabel("reference")
        figure.colorbar(image, ax=axes, shrink=0.7, label="share of the reference's clips")
        return _svg(figure)


def matrix_glosses(found: Confusions) -> list[str]:
    """The glosses of the matrix: all that are asked or answered, or of many those with the most errors, by name."""
    errors: dict[str, int] = {}
    for (there, here), count in found.items():
        for gloss in (there, here):
            if gloss:
                errors[gloss] = errors.get(gloss, 0) + count * (there != here)
    return sorted(sorted(errors, key=lambda gloss: (-errors[gloss], gloss))[:LARGEST])


def ratio_chart(ratios: Sequence[float]) -> str:
    """How many clips are answered at which length; the last bar holds all that are longer."""
    shown = np.minimum(ratios, 3)
    with mpl.rc_context(_style()):
        figure = Figure(figsize=(6, 2.4), layout="constrained")
        axes = figure.subplots()
        axes.hist(shown, bins=list(np.arange(0, 3.2, 0.1)), color=SCORE)
        axes.axvline(1, color=INK, linewidth=1)
        axes.set_xlabel("length of the answer / length of the reference; 3 and more in the last bar")
        axes.set_ylabel("clips")
        return _svg(figure)


def _style() -> Any:
    """Text as text: the reader's own fonts have the letters of every script."""
    return {**STYLE, "svg.fonttype": "none"}


def _plain(text: str) -> str:
    """Without what matplotlib reads as mathematics or XML cannot hold, and at most 24 characters."""
    shown = "".join(letter if letter.isprintable() else "�" for letter in text)
    return (shown if len(shown) <= 24 else f"{shown[:23]}…").replace("$", r"\$")


def _svg(figure: Figure) -> str:
    text = StringIO()
    with warnings.catch_warnings():
        # It only measures with its own font, which lacks the letters of some scripts.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]
