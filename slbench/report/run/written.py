"""A report as files: one page of HTML, or Markdown with its pictures beside it."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from slbench.files import write_text
from slbench.report.markup import markdown
from slbench.report.run.loaded import LoadedRun
from slbench.report.run.sections import Cell, Section, sections, title_of

SUFFIXES = {"html": ".report.html", "markdown": ".report.md"}


def write_report(run: LoadedRun, output_format: str, target: Path | None = None) -> Path:
    """Write the report and say where it is.

    Args:
        output_format: `html` or `markdown`.
        target: file, or an existing folder; None: beside the record.

    Raises:
        OutputError: it cannot be written.
    """
    name = f"{run.path.stem}{SUFFIXES[output_format]}"
    path = run.path.with_name(name) if target is None else target / name if target.is_dir() else target
    if output_format == "html":
        write_text(path, report_html(run))
        return path
    found = sections(run)
    pictures = {section.title: f"{path.stem}.{_slug(section.title)}.svg" for section in found if section.picture}
    for section in found:
        if section.picture:
            write_text(path.with_name(pictures[section.title]), section.picture)
    write_text(path, report_markdown(run, found, pictures))
    return path


def report_html(run: LoadedRun) -> str:
    """One self-contained page."""
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    between = "" if run.record.task.unit == "characters" and run.record.task.family == "slt" else " "
    page = environment.get_template("page.html.jinja")
    return page.render(title=title_of(run), sections=sections(run), between=between)


def report_markdown(run: LoadedRun, found: Sequence[Section], pictures: dict[str, str]) -> str:
    """The same sections; pictures are files of these names beside it."""
    lines = [f"# {markdown(title_of(run))}", ""]
    for section in found:
        lines += _lines(section, pictures.get(section.title, ""))
    return "\n".join(lines)


def _lines(section: Section, picture: str) -> Iterator[str]:
    yield from (f"## {section.title}", "")
    for note in section.notes:
        yield from (markdown(note), "")
    if picture:
        yield from (f"![{markdown(section.told)}](<{picture}>)", "")
    if section.columns and not section.rows:
        yield from ("None.", "")
    if section.rows:
        yield _row(section.columns)
        yield _row(["---:" if column in section.numbers else "---" for column in section.columns])
        yield from (_row(map(_cell, row)) for row in section.rows)
        yield ""


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    """Struck through what is missing, in bold what was added."""
    if isinstance(cell, str):
        return markdown(cell)
    marks = {"same": "", "missing": "~~", "added": "**"}
    return " ".join(f"{marks[one.kind]}{markdown(one.text)}{marks[one.kind]}" for one in cell if one.text.strip())


def _slug(title: str) -> str:
    return title.lower().replace(" ", "-")
