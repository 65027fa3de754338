"""`slbench report`: one page about one run."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """What the page is written as."""

    html = "html"
    markdown = "markdown"


def report(
    run: Annotated[
        str, typer.Argument(help="A record, its file of predictions, or <task>/<model>/<run> below results/.")
    ],
    output: Annotated[
        Path | None, typer.Option(help="A file (.html or .md), or a folder; by default beside the record.")
    ] = None,
    page_format: Annotated[
        Format | None, typer.Option("--format", help="HTML in one file, or Markdown with its pictures beside it.")
    ] = None,
) -> None:
    """Write a page about a run: scores, where they come from, what was confused, the best and the worst answers."""
    from slbench.cli.console import out, quiet_libraries, status

    quiet_libraries()
    with status("looking into the run"):
        from slbench.report.run.finding import load_run
        from slbench.report.run.writing import write_report

        written = write_report(load_run(run), output, page_format)
    out().print(f"report  {written}", soft_wrap=True)
