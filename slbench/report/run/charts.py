"""The pictures of a page: SVG whose text is text, the same bytes for the same values, told apart without red and green.

The ground is clear, and words have a grey that can be read on white and on black; `html` gives them the page's colour.
"""

import re
import warnings
from collections.abc import Callable, Sequence
from io import StringIO
from itertools import pairwise
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, PercentFormatter

from slbench.report.curves import INK
from slbench.report.curves import STYLE as CURVES
from slbench.report.markup import visible
from slbench.report.run.confusion import OTHER, Confusion
from slbench.report.run.glosses import GlossErrors
from slbench.report.run.groups import Grouping
from slbench.report.run.sentences import BINS, Lengths
from slbench.report.run.text import cut

BLUE, ORANGE, PURPLE = "#0072b2", "#d55e00", "#cc79a7"
"""Of the eight colours that people without red or green tell apart (Okabe and Ito 2008, jfly.uni-koeln.de/color)."""
STYLE: Any = CURVES | {"svg.fonttype": "none", "text.parse_math": False, "axes.axisbelow": True}
WIDTH = 3.7
"""Inches: what a phone shows without making it smaller."""
LINE, EDGES = 0.22, 0.75
"""Inches of a row, and of what is above and below all rows."""
CELL = 0.13
"""Inches of a cell of the matrix."""
LONGEST = 14
"""Characters of a name beside an axis."""
TAG = re.compile("<[^>]+>")
"""In matplotlib's SVG, where every other angle bracket is escaped."""
# From a quarter on, since its beginning is as dark as a dark page; few colours, since many make the bar a bitmap.
SHARES = LinearSegmentedColormap.from_list("cividis from 0.25", mpl.colormaps["cividis"](range(64, 256)), N=20)


@mpl.rc_context(STYLE)
def groups_chart(found: Grouping) -> str:
    """A dot a group, and its interval."""
    figure, axes = _figure(EDGES + LINE * len(found.groups))
    for row, group in enumerate(found.groups):
        if group.low is not None and group.high is not None:
            axes.plot([group.low, group.high], [row, row], color=BLUE, linewidth=2)
        axes.plot(group.value, row, "o", color=BLUE, markersize=6)
    _name_rows(axes, [group.name for group in found.groups])
    axes.set_xlim(left=0)
    axes.set_xlabel(f"{found.score}{', %' * (found.unit == '%')} ({found.better} is better)")
    axes.set_ylabel(found.by)
    axes.grid(axis="x", color=INK, alpha=0.25, linewidth=0.5)
    return _svg(figure)


@mpl.rc_context(STYLE)
def confusion_chart(found: Confusion) -> str:
    """A row a gloss that is asked for, a column an answer; colour is the share of the row's clips."""
    size = CELL * (len(found.glosses) + 1)
    figure, axes = _figure(max(size + 1.2, 2.4), max(size + 0.5, 2.4))
    shares = found.clips / found.clips.sum(axis=1, keepdims=True)
    cells = [(row, column) for row, column in zip(*shares.nonzero(), strict=True)]
    squares = [Rectangle((column - 0.5, row - 0.5), 1, 1) for row, column in cells]
    drawn = PatchCollection(squares, cmap=SHARES, edgecolor=INK, linewidth=0.4)
    drawn.set_array([shares[cell] for cell in cells])
    drawn.set_clim(0, 1)
    axes.add_collection(drawn)
    columns = [*found.glosses, OTHER]
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_aspect("equal")
    axes.set_xticks(range(len(columns)), [_label(name) for name in columns], rotation=90, fontsize=7)
    _name_rows(axes, found.glosses, fontsize=7)
    axes.tick_params(length=0)
    axes.set_xlabel("answer")
    axes.set_ylabel("reference")
    bar = figure.colorbar(drawn, ax=axes, location="bottom", shrink=0.6, format=PercentFormatter(1, decimals=0))
    bar.set_label("share of the row's clips")
    return _svg(figure)


@mpl.rc_context(STYLE)
def errors_chart(found: Sequence[GlossErrors]) -> str:
    """A bar a gloss, of its three kinds of errors."""
    figure, axes = _figure(EDGES + 0.3 + LINE * len(found))
    rows, left = range(len(found)), [0] * len(found)
    kinds = {
        "substituted": (ORANGE, [one.substituted for one in found]),
        "deleted": (BLUE, [one.deleted for one in found]),
        "inserted": (PURPLE, [one.inserted for one in found]),
    }
    for name, (colour, counts) in kinds.items():
        axes.barh(rows, counts, left=left, color=colour, label=name, height=0.7)
        left = [before + count for before, count in zip(left, counts, strict=True)]
    _name_rows(axes, [one.gloss for one in found])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("errors")
    axes.grid(axis="x", color=INK, alpha=0.25, linewidth=0.5)
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return _svg(figure)


@mpl.rc_context(STYLE)
def ratio_chart(found: Lengths) -> str:
    """A bar a bin of the length ratio."""
    figure, axes = _figure(2.4)
    axes.bar(range(len(found.bins)), found.bins, color=BLUE, width=0.85)
    axes.set_xticks(range(len(found.bins)), bin_names(), rotation=45, ha="right", rotation_mode="anchor")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("length of the answer by that of the reference")
    axes.set_ylabel("clips")
    axes.grid(axis="y", color=INK, alpha=0.25, linewidth=0.5)
    return _svg(figure)


def bin_names() -> list[str]:
    """Of the length ratio."""
    return [*(f"{low:g} – {high:g}" for low, high in pairwise(BINS[:-1])), f"from {BINS[-2]:g}"]


def _figure(height: float, width: float = WIDTH) -> tuple[Figure, Axes]:
    """Both in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _name_rows(axes: Axes, names: Sequence[str], **style: Any) -> None:
    """The first row on top."""
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), [_label(name) for name in names], **style)


def _label(name: str) -> str:
    return cut(visible(name), LONGEST)


def _svg(figure: Figure) -> str:
    """Without what comes before the root, and without metadata."""
    written = StringIO()
    with warnings.catch_warnings():
        # The reader's fonts show what the font that measures here lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    text = written.getvalue()
    root = re.sub(r"\s*<metadata>.*?</metadata>", "", text[text.index("<svg") :], count=1, flags=re.DOTALL)
    return in_tags(root, lambda tag: tag.replace("'DejaVu Sans'", "'DejaVu Sans', sans-serif"))


def in_tags(svg: str, change: Callable[[str], str]) -> str:
    """Change what stands in tags, and nothing that stands between them, which may be of the data."""
    return TAG.sub(lambda tag: change(tag[0]), svg)
