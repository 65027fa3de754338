"""Where the dots, ticks and bars of the page go; the template draws them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from slbench.report.boards import figure, name
from slbench.report.entries import Entry

WIDTH, HEIGHT = 360, 200
LEFT, BOTTOM, TOP, RIGHT = 40, 30, 12, 12
BAR = 120
"""Width of an interval's picture."""
EDGE = 0.05
"""Of the range of values, left free at either end."""
Dots = Sequence[tuple[str, Entry]]
"""Id of the row, and the row."""


@dataclass(frozen=True)
class Bar:
    """A score and its interval, in pixels of `BAR`."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Tick:
    """A place on an axis."""

    at: float
    text: str


@dataclass(frozen=True)
class Dot:
    """A row as a dot."""

    row: str
    x: float
    y: float
    kind: str
    told: str


@dataclass(frozen=True)
class Chart:
    """A picture of rows."""

    title: str
    x_label: str
    y_label: str
    dots: tuple[Dot, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


def bars(entries: Iterable[Entry]) -> list[Bar]:
    """Every score on one scale, so that intervals can be compared by eye."""
    found = [(entry.value, *_interval(entry)) for entry in entries]
    scale = _Scale([value for values in found for value in values], 2, BAR - 2)
    return [Bar(*map(scale.at, values)) for values in found]


def _interval(entry: Entry) -> tuple[float, float]:
    """95 % interval, or one deviation to either side, or nothing but the value."""
    if entry.deviation is not None:
        return entry.value - entry.deviation, entry.value + entry.deviation
    return (
        entry.value if entry.low is None else entry.low,
        entry.value if entry.high is None else entry.high,
    )


def score_against_year(rows: Dots) -> Chart | None:
    """None where there is only one year."""
    dots = [(row, entry, float(entry.year)) for row, entry in rows if entry.year]
    if len({x for _, _, x in dots}) < 2:
        return None
    years = sorted({int(x) for _, _, x in dots})
    shown = years if len(years) <= 6 else range(years[0], years[-1] + 1, math.ceil((years[-1] - years[0]) / 5))
    return _chart(dots, "Score against year", "year", [(float(year), str(year)) for year in shown])


def score_against_speed(rows: Dots) -> Chart | None:
    """Of measured rows, on a logarithmic axis; None where there are fewer than two."""
    dots = [(row, entry, math.log10(entry.clips_per_second)) for row, entry in rows if entry.clips_per_second]
    if len(dots) < 2:
        return None
    low, high = min(x for _, _, x in dots), max(x for _, _, x in dots)
    powers = range(math.floor(low), math.ceil(high) + 1)
    return _chart(dots, "Score against speed", "clips a second, logarithmic", [(p, f"{10.0**p:g}") for p in powers])


def _chart(
    dots: Sequence[tuple[str, Entry, float]], title: str, x_label: str, x_ticks: Sequence[tuple[float, str]]
) -> Chart:
    across = _Scale([*(x for _, _, x in dots), *(x for x, _ in x_ticks)], LEFT + 6, WIDTH - RIGHT)
    values = [entry.value for _, entry, _ in dots]
    upwards = _Scale(values, HEIGHT - BOTTOM, TOP)
    return Chart(
        title, x_label, dots[0][1].metric,
        tuple(Dot(row, across.at(x), upwards.at(one.value), one.kind, _told(one)) for row, one, x in dots),
        tuple(Tick(across.at(x), text) for x, text in x_ticks),
        tuple(Tick(upwards.at(value), f"{value:g}") for value in _round_values(min(values), max(values))),
    )  # fmt: skip


def _told(entry: Entry) -> str:
    speed = f", {entry.clips_per_second:.0f} clips/s" if entry.clips_per_second else ""
    return f"{name(entry)}: {entry.metric} {figure(entry)}, {entry.year}{speed}, {entry.kind}"


def _round_values(low: float, high: float) -> list[float]:
    """At most five round numbers between two values."""
    step = 10.0 ** math.floor(math.log10(max(high - low, 1e-6)))
    step = next(step * factor for factor in (0.2, 0.5, 1, 2, 5) if (high - low) / (step * factor) <= 5)
    first = math.ceil(low / step)
    return [round(number * step, 6) for number in range(first, math.floor(high / step) + 1)]


class _Scale:
    """From values to pixels; a single value is in the middle."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        low, high = (min(values), max(values)) if values else (0.0, 1.0)
        margin = EDGE * (high - low) or 1.0
        self.low, self.span = low - margin, high - low + 2 * margin
        self.start, self.end = start, end

    def at(self, value: float) -> float:
        """The pixel, with one decimal."""
        return round(self.start + (value - self.low) / self.span * (self.end - self.start), 1)
