"""`slbench report`: a page about one run."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How the report is written."""

    html = "html"
    markdown = "markdown"


def report(
    run: Annotated[str, typer.Argument(help="Record, its predictions, or <task>/<model>/<run> under results.")],
    output: Annotated[
        Path | None, typer.Option(help="File or folder to write to; by default beside the record.")
    ] = None,
    output_format: Annotated[
        Format, typer.Option("--format", help="One page of HTML, or Markdown with its pictures beside it.")
    ] = Format.html,
) -> None:
    """Write a page about a run: scores by length and signer, confusions, errors by gloss, best and worst answers."""
    from slbench.cli.console import out, quiet_libraries, status

    quiet_libraries()
    with status("reading"):
        from slbench.report.run.loaded import load_run, record_path
        from slbench.report.run.written import write_report

        path = write_report(load_run(record_path(run)), output_format.value, output)
    out().print(f"report  {path}", soft_wrap=True)
