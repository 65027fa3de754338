"""A page about a run, as a file."""

from pathlib import Path

from slbench.errors import OptionError, OutputError
from slbench.files import write_text
from slbench.report.run.analysis import analyse
from slbench.report.run.finding import LoadedRun
from slbench.report.run.html import page_html
from slbench.report.run.markdown import page_markdown, picture_files
from slbench.report.run.page import page_of

SUFFIXES = {"html": ".html", "markdown": ".md"}
"""What a page is written as -> how its file ends."""
ENDING = ".report"
"""How a page's name ends, before its suffix; nothing that looks for records or predictions finds it."""


def write_report(run: LoadedRun, output: Path | None = None, page_format: str | None = None) -> Path:
    """Write the page of a run; the same run gives the same bytes.

    Args:
        output: a file, or a folder that is there; None: beside the record.
        page_format: one of `SUFFIXES`; None: as the file's name says, or else HTML.
            The pictures of Markdown get files beside it.

    Returns:
        The file that was written.

    Raises:
        OptionError: the name of the file says another format.
        OutputError: the folder is absent, or cannot be written.
        CardError: the run's protocol is not known.
    """
    target = _target(run, output, page_format)
    page = page_of(analyse(run))
    if target.suffix == SUFFIXES["html"]:
        write_text(target, page_html(page))
        return target
    for name, picture in picture_files(page, target.stem).items():
        write_text(target.with_name(name), picture.svg)
    write_text(target, page_markdown(page, target.stem))
    return target


def _target(run: LoadedRun, output: Path | None, page_format: str | None) -> Path:
    """Where the page goes, before any work is done."""
    named = next((one for one, suffix in SUFFIXES.items() if output is not None and output.suffix == suffix), None)
    if output is not None and named is not None and not output.is_dir():
        if page_format not in (None, named):
            raise OptionError(f"--output {output}: ends as {named} does, and --format says {page_format}")
        if not output.parent.is_dir():
            raise OutputError(f"--output {output}: there is no folder {output.parent}; make it first")
        return output
    folder = run.path.parent if output is None else output
    if not folder.is_dir():
        raise OutputError(
            f"--output {output}: there is no such folder; make it first, or name a file that ends in "
            f"{' or '.join(SUFFIXES.values())}"
        )
    return folder / f"{run.path.stem}{ENDING}{SUFFIXES[page_format or 'html']}"
