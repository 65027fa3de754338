"""A page as Markdown (CommonMark with tables), with its pictures in files beside it."""

from collections.abc import Iterator
from urllib.parse import quote

from slbench.report.markup import markdown
from slbench.report.run.blocks import Cell, Page, Picture, Section, Table

AROUND = {"del": ("[-", "-]"), "ins": ("{+", "+}")}
"""What a diff is marked with, as wdiff does it: no emphasis ends where one wants it to in any text."""
LEGEND = "[-x-]: what the answer lacks; {+x+}: what the reference lacks."


def page_markdown(page: Page, pictures: str) -> str:
    """The file.

    Args:
        pictures: how the names of the pictures' files begin; see `picture_files`.
    """
    lines = [f"# {markdown(page.title)}", "", markdown(page.subtitle), ""]
    lines += [line for text in page.warnings for line in (f"> **{markdown(text)}**", "")]
    lines += [f"- {markdown(text)}" for text in page.notes]
    for section in page.sections:
        lines += ["", f"## {markdown(section.title)}", *_section(section, pictures)]
    return "\n".join(lines) + "\n"


def picture_files(page: Page, pictures: str) -> dict[str, Picture]:
    """Name of a file -> what it shows."""
    found = [section.picture for section in page.sections if section.picture is not None]
    return {_file(picture, pictures): picture for picture in found}


def _file(picture: Picture, pictures: str) -> str:
    return f"{pictures}.{picture.name}.svg"


def _section(section: Section, pictures: str) -> Iterator[str]:
    for text in section.texts:
        yield from ("", markdown(text))
    if any(table.is_wide for table in section.tables):
        yield from ("", markdown(LEGEND))
    if section.picture is not None:
        place = quote(_file(section.picture, pictures))
        yield from ("", f"![{markdown(section.picture.says)}]({place})")
    for table in section.tables:
        yield from _table(table)


def _table(table: Table) -> Iterator[str]:
    if table.title:
        yield from ("", f"**{markdown(table.title)}**")
    yield from ("", _row(table.columns))
    yield f"| {' | '.join('---:' if column in table.numbers else '---' for column in table.columns)} |"
    yield from map(_row, table.rows)


def _row(cells: tuple[Cell, ...]) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(cell: Cell) -> str:
    if isinstance(cell, str):
        return markdown(cell)
    begin, end = AROUND[cell.as_what]
    return markdown(cell.joint.join(piece.text if piece.same else f"{begin}{piece.text}{end}" for piece in cell.pieces))
