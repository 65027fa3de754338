"""`slbench score`: predictions from anywhere, under any protocol."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slbench.cli.listing import Format
from slbench.errors import OptionError

if TYPE_CHECKING:
    from slbench.scoring.load import Request
    from slbench.scoring.plan import Asked
    from slbench.scoring.score import Report

SHOWN = 5
"""Samples that differ."""


class FamilyOption(StrEnum):
    """As on task cards."""

    islr = "islr"
    cslr = "cslr"
    slt = "slt"


class UnitOption(StrEnum):
    """As on task cards."""

    words = "words"
    characters = "characters"


Predictions = Annotated[
    Path, typer.Argument(help="JSON lines, CSV, TSV, plain lines, `sample: ID, prediction: TEXT`, or CTM.")
]
Task = Annotated[str | None, typer.Option(help="Task card: says family, unit and protocols.")]
References = Annotated[Path | None, typer.Option(help="In any of these formats, or STM; else those in PREDICTIONS.")]
ProtocolName = Annotated[str | None, typer.Option(help="A protocol, or `all`; by default the task's.")]
FamilyName = Annotated[
    FamilyOption | None,
    typer.Option("--family", help="Where neither task nor protocol says it, and the files look like another."),
]
UnitName = Annotated[UnitOption | None, typer.Option("--unit", help="Tokens of a text; by default as it is written.")]
Split = Annotated[str | None, typer.Option(help="Split of the task; by default test, or that of the run.")]
BleurtWeights = Annotated[
    str | None, typer.Option("--bleurt", metavar="FOLDER", help="BLEURT-20's weights, a folder or a name on the hub.")
]
AllowMissing = Annotated[bool, typer.Option("--allow-missing", help="Score what is there; never for a leaderboard.")]


def score(
    predictions: Predictions,
    task: Task = None,
    references: References = None,
    protocol: ProtocolName = None,
    family: FamilyName = None,
    unit: UnitName = None,
    split: Split = None,
    allow_missing: AllowMissing = False,
    overlap: Annotated[
        Path | None, typer.Option(metavar="TRAIN", help="Training texts: score also without those repeated in them.")
    ] = None,
    bleurt: BleurtWeights = None,
    against: Annotated[
        Path | None, typer.Option(metavar="OTHER", help="Other predictions: say how many are the same, and no scores.")
    ] = None,
    differences: Annotated[
        int | None, typer.Option(min=0, help=f"Samples to show that differ from those of OTHER, by default {SHOWN}.")
    ] = None,
    release: Annotated[
        Path | None, typer.Option(help="Where PREDICTIONS were released (TOML, see CONTRIBUTING).")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="File to write the scores to, for a leaderboard; never the predictions.")
    ] = None,
    output_format: Annotated[Format, typer.Option("--format", help="Table for people, JSON for programs.")] = (
        Format.table
    ),
) -> None:
    """Score a file of predictions exactly as a published protocol does, or under all of them."""
    from slbench.cli.console import quiet_libraries
    from slbench.scoring.load import Request

    asked = asked_of(task, protocol, family, unit, split)
    request = Request(predictions, references, asked, allow_missing, bleurt, overlap)
    quiet_libraries()
    if (release is None) != (record is None):
        raise OptionError("--record and --release go together: scores for a leaderboard need their source")
    if record is not None and against is not None:
        raise OptionError("--against compares texts and scores nothing; leave --record and --release out")
    if against is not None:
        _compare_texts(request, against, SHOWN if differences is None else differences, output_format)
    elif differences is None:
        _score(request, output_format, release, record)
    else:
        raise OptionError(f"--differences {differences}: from what? Name the other predictions with --against")


def _score(request: "Request", output_format: Format, release: Path | None, record: Path | None) -> None:
    from slbench.cli.console import out, show, status
    from slbench.report.scores import score_json, score_notes, score_table, score_title
    from slbench.scoring.score import score as scored

    with status("scoring"):
        report = scored(request)
    if release is not None and record is not None:
        _write_record(report, release, record)
    if output_format is Format.json:
        typer.echo(score_json(report))
    else:
        out().print(score_title(report), style="bold", soft_wrap=True)
        show(score_table(report))
        out().print("\n".join(score_notes(report)), soft_wrap=True)


def _write_record(report: "Report", release: Path, record: Path) -> None:
    from slbench.files import write_text
    from slbench.scored import read_release, scored_record, scored_text

    write_text(record, scored_text(scored_record(read_release(release), report)))


def _compare_texts(request: "Request", against: Path, differences: int, output_format: Format) -> None:
    from slbench.cli.console import out, show, status
    from slbench.report.agreement import agreement_json, agreement_notes, agreement_tables
    from slbench.scoring.agreement import agreement

    with status("comparing"):
        found = agreement(request, against, differences)
    if output_format is Format.json:
        typer.echo(agreement_json(found))
    else:
        for table in agreement_tables(found):
            show(table)
        out().print("\n".join(agreement_notes(found)), soft_wrap=True)


def asked_of(
    task: str | None, protocol: str | None, family: FamilyOption | None, unit: UnitOption | None, split: str | None
) -> "Asked":
    """What decides how a file is scored, as far as it was given."""
    from slbench.scoring.plan import Asked

    return Asked(task, protocol, family.value if family else None, unit.value if unit else None, split)
