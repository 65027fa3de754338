"""A page as one HTML file that asks the network for nothing and runs nothing."""

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from slbench.report.curves import INK
from slbench.report.markup import visible
from slbench.report.run.blocks import Marked, Page, Picture
from slbench.report.run.charts import in_tags

TEMPLATE = "page.html.jinja"
IDS = re.compile(r'( id="|url\(#|href="#)')
"""What comes before an id in a tag of matplotlib's SVG."""


def page_html(page: Page) -> str:
    """The file; the same page gives the same bytes."""
    text = _environment().get_template(TEMPLATE).render(page=page)
    return text if text.endswith("\n") else f"{text}\n"


def _environment() -> Environment:
    """One that escapes all that it is given, and shows what would not be seen."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters["inline"] = _inline
    environment.tests["marked"] = lambda cell: isinstance(cell, Marked)
    return environment


def _shown(value: Any) -> Any:
    """A text as it may be seen; what is markup already stays as it is."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else visible(value)


def _inline(picture: Picture) -> Markup:
    """The SVG in the page: ids that no other picture has, words in the page's colour, hidden from screen readers.

    What comes from data was escaped when it was drawn.
    """
    svg = in_tags(picture.svg, lambda tag: IDS.sub(rf"\g<1>{picture.name}-", tag).replace(INK, "currentColor"))
    return Markup(svg.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1))
