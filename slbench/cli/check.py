"""`slbench check`: did anything break since a baseline?"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slbench.errors import OptionError

if TYPE_CHECKING:
    from slbench.checking.verdicts import Checked, Limits
    from slbench.engine.request import RunRequest

REPORTS = (".json", ".xml", ".md", ".txt")


@dataclass(frozen=True)
class Cards:
    """What is run in place of the catalog's cards; None: those."""

    model: str | None
    task: str | None


class Format(StrEnum):
    """How the result is written."""

    text = "text"
    json = "json"
    junit = "junit"
    markdown = "markdown"


def check(
    baseline: Annotated[
        list[Path], typer.Option(help="Record to compare with, or a folder of them. May be given again.")
    ],
    run: Annotated[
        Path | None, typer.Option(help="Record of the new run; by default the baseline's command is run again.")
    ] = None,
    significance: Annotated[
        float, typer.Option(min=0, max=1, help="A drop fails if chance explains it less often than this.")
    ] = 0.05,
    tolerance: Annotated[
        float | None, typer.Option(min=0, help="A larger drop than this fails, in points of the score.")
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Other predictions fail where card, weights and code are the same.")
    ] = False,
    slower: Annotated[
        float | None, typer.Option(min=0, metavar="RATIO", help="Fail below this share of the baseline's clips/s.")
    ] = None,
    calibrated: Annotated[
        bool,
        typer.Option("--calibrated", help="Compare speeds by a calibration in each run, as on other hardware."),
    ] = False,
    model: Annotated[str | None, typer.Option(help="Card to run in place of the catalog's.")] = None,
    task: Annotated[str | None, typer.Option(help="Card of the task in place of the catalog's.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the new run's record; by default one that is deleted.")
    ] = None,
    changes: Annotated[int, typer.Option(min=0, help="Clips to show that are answered otherwise.")] = 10,
    output_format: Annotated[Format, typer.Option("--format", help="What is printed.")] = Format.text,
    report: Annotated[
        list[Path] | None,
        typer.Option(help="File to write besides: .json, .xml (JUnit), .md or .txt. May be given again."),
    ] = None,
) -> None:
    """Compare a run with a baseline; exit code 1 if quality, predictions or speed fell, 2 if they can't be compared."""
    from slbench.checking.verdicts import Limits
    from slbench.cli.console import out, show
    from slbench.files import write_text
    from slbench.report.checks import check_summary, check_tables
    from slbench.report.markup import visible

    for file in report or ():
        if file.suffix not in REPORTS:
            raise OptionError(f"--report {file}: must end in {', '.join(REPORTS)}")
    limits = Limits(significance, tolerance, exact, slower, calibrated)
    found = _checked(_records(baseline), run, limits, Cards(model, task), output)
    for file in report or ():
        write_text(file, _written(file.suffix, found, changes))
    if output_format is Format.text:
        for table in check_tables(found, changes):
            show(table)
        if summary := check_summary(found):
            out().print(visible(summary), soft_wrap=True)
    else:
        suffixes = {Format.json: ".json", Format.junit: ".xml", Format.markdown: ".md"}
        typer.echo(_written(suffixes[output_format], found, changes), nl=False)
    if any(one.failed for one in found):
        raise typer.Exit(1)


def _records(baselines: list[Path]) -> list[Path]:
    """The records of folders, and those that are named.

    Raises:
        OptionError: a folder holds none.
    """
    found: list[Path] = []
    for path in baselines:
        records = sorted(path.rglob("*.json")) if path.is_dir() else [path]
        if not records:
            raise OptionError(f"--baseline {path}: the folder holds no record (*.json)")
        found += records
    return found


def _checked(
    baselines: list[Path], run: Path | None, limits: "Limits", cards: Cards, output: Path | None
) -> "list[Checked]":
    from slbench.checking.verdicts import checked

    if run is not None:
        if len(baselines) > 1:
            raise OptionError(f"--run {run}: is one run, but there are {len(baselines)} baselines; name its own")
        return [checked(baselines[0], run, limits)]
    return _run_again(baselines, limits, cards, output)


def _run_again(baselines: list[Path], limits: "Limits", cards: Cards, output: Path | None) -> "list[Checked]":
    """Each baseline's command again, in a folder that is kept if it was named; all are looked at before one runs."""
    import tempfile

    from slbench.cli.console import quiet_libraries

    for path in baselines:
        if output is not None and path.resolve().is_relative_to(output.resolve()):
            raise OptionError(f"--output {output}: holds the baseline {path}, which no run may replace; name another")
    quiet_libraries()
    from slbench.checking.rerun import request_of
    from slbench.checking.verdicts import checked
    from slbench.records import read_run

    with tempfile.TemporaryDirectory(prefix="slbench-check-") as temporary:
        folder = output or Path(temporary)
        requests = [request_of(read_run(path)[0], folder, cards.model, cards.task) for path in baselines]
        return [checked(path, _run(request), limits) for path, request in zip(baselines, requests, strict=True)]


def _run(request: "RunRequest") -> Path:
    """The record of the run."""
    from slbench.cli.console import errors, stoppable
    from slbench.cli.progress import clip_progress
    from slbench.engine.evaluate import Run

    run = Run(request, lambda line: errors().print(line, soft_wrap=True))
    with stoppable("nothing was compared"), clip_progress() as report:
        run.execute(report)
    return run.record_path


def _written(suffix: str, found: "list[Checked]", count: int) -> str:
    from slbench.report.checks import check_json, check_junit, check_markdown, check_text

    match suffix:
        case ".json":
            return check_json(found)
        case ".xml":
            return check_junit(found, count)
        case ".md":
            return check_markdown(found, count)
        case _:
            return check_text(found, count)
