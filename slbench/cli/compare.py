"""`slbench compare`: is one system better than another, or is it chance?"""

from pathlib import Path
from typing import Annotated

import typer

from slbench.cli.listing import Format
from slbench.cli.score import (
    AllowMissing,
    BleurtWeights,
    FamilyName,
    ProtocolName,
    References,
    Split,
    Task,
    UnitName,
    asked_of,
)

RunFile = Annotated[Path, typer.Argument(help="A run's record, or a file of predictions as `slbench score` takes.")]


def compare(
    run_a: RunFile,
    run_b: RunFile,
    metric: Annotated[str | None, typer.Option(help="A score of the protocol, e.g. BLEU-1, or `all`.")] = None,
    task: Task = None,
    references: References = None,
    protocol: ProtocolName = None,
    family: FamilyName = None,
    unit: UnitName = None,
    split: Split = None,
    allow_missing: AllowMissing = False,
    bleurt: BleurtWeights = None,
    changes: Annotated[int, typer.Option(min=0, help="Samples to show that changed most, in each direction.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Of the resampling.")] = 0,
    output_format: Annotated[Format, typer.Option("--format", help="Table for people, JSON for programs.")] = (
        Format.table
    ),
) -> None:
    """Compare two runs on the same samples: difference, interval, two paired tests, and what changed most."""
    from slbench.cli.console import out, quiet_libraries, show, status
    from slbench.report.comparison import comparison_json, comparison_notes, comparison_tables
    from slbench.scoring.compare import compare_files
    from slbench.scoring.load import Request

    asked = asked_of(task, protocol, family, unit, split)
    a, b = (Request(run, references, asked, allow_missing, bleurt) for run in (run_a, run_b))
    quiet_libraries()
    with status("comparing"):
        found = compare_files(a, b, metric, changes, seed)
    if output_format is Format.json:
        typer.echo(comparison_json(found))
    else:
        for table in comparison_tables(found):
            show(table)
        out().print("\n".join(comparison_notes(found)), soft_wrap=True)
