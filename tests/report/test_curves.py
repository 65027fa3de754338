"""The picture of a training: the same bytes for the same log, what it shows, legible on any ground."""

import xml.etree.ElementTree as ET
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.colors import to_rgb

from slbench.engine.events import Epoch, Step, merit_of
from slbench.engine.log import TrainingLog
from slbench.errors import OutputError
from slbench.metrics.base import Score
from slbench.report import curves


def log_of(path: Path, values: list[float], better: str = "higher", tasks: tuple[str, ...] = ("spell",)) -> Path:
    log, best = TrainingLog(path), None
    for epoch, value in enumerate(values, 1):
        log.append(Step(epoch, 1, 1, 3.0 / epoch, 1e-3, 0.5))
        score = Score("WER", value, value - 5, value + 5, 10, "", better)
        merit = merit_of({"spell": (score,)})
        log.append(Epoch(epoch, 3.0 / epoch, dict.fromkeys(tasks, (score,)), best is None or merit > best, 1.0))
        best = merit if best is None else max(best, merit)
    return path


def drawn(path: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The picture, with words as text rather than outlines."""
    monkeypatch.setitem(curves.STYLE, "svg.fonttype", "none")
    curves.draw_curves(log, path)
    return path.read_text()


@pytest.mark.parametrize(("better", "expected"), [("higher", "40.0 at epoch 2"), ("lower", "20.0 at epoch 3")])
def test_it_names_metric_unit_and_best_epoch(tmp_path: Path, monkeypatch, better: str, expected: str) -> None:
    log = log_of(tmp_path / "log", [30.0, 40.0, 20.0], better)
    text = drawn(tmp_path / "curves.svg", log, monkeypatch)
    for words in (f"best {expected} ({better} is better)", "dev WER, %", "training loss, mean of the epoch", "epoch"):
        assert words in text


def test_a_panel_a_task(tmp_path: Path, monkeypatch) -> None:
    log = log_of(tmp_path / "log", [30.0, 20.0], tasks=("spell", "read"))
    text = drawn(tmp_path / "curves.svg", log, monkeypatch)
    assert text.count("dev WER, %") == 2
    for task in ("spell", "read"):
        assert f"{task}<" in text


def test_same_log_same_bytes_and_no_date(tmp_path: Path) -> None:
    log = log_of(tmp_path / "log", [30.0])
    for name in ("a.svg", "b.svg"):
        curves.draw_curves(log, tmp_path / name)
    content = (tmp_path / "a.svg").read_bytes()
    assert content == (tmp_path / "b.svg").read_bytes()
    assert b"dc:date" not in content
    assert ET.fromstring(content).tag.endswith("svg")
    assert mpl.rcParams["svg.hashsalt"] is None


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(("colour", "least"), [(curves.INK, 4.5), (curves.LOSS, 4), (curves.SCORE, 4)])
def test_it_is_legible_on_white_and_black(tmp_path: Path, colour: str, least: float) -> None:
    assert 1.05 / (luminance(colour) + 0.05) >= least
    assert (luminance(colour) + 0.05) / 0.05 >= least
    curves.draw_curves(log_of(tmp_path / "log", [30.0]), tmp_path / "a.svg")
    content = (tmp_path / "a.svg").read_text().lower()
    assert colour in content
    assert "fill: #ffffff" not in content


def test_a_log_without_epochs(tmp_path: Path) -> None:
    TrainingLog(tmp_path / "log").append(Step(1, 1, 2, 3.0, 1e-3, 0.5))
    with pytest.raises(OutputError, match="nothing to draw"):
        curves.draw_curves(tmp_path / "log", tmp_path / "a.svg")


def test_a_log_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be read"):
        curves.draw_curves(tmp_path / "log", tmp_path / "a.svg")
    assert not (tmp_path / "a.svg").exists()
