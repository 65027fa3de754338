"""Where text goes: results to stdout, everything else to stderr."""

import logging
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import TYPE_CHECKING

import typer
from rich.console import Console

if TYPE_CHECKING:
    from rich.table import Table


@cache
def out() -> Console:
    """Results."""
    return Console(markup=False, emoji=False, highlight=False)


@cache
def errors() -> Console:
    """Progress, notices and failures."""
    return Console(stderr=True, markup=False, emoji=False, highlight=False)


def show(table: "Table") -> None:
    """Print a table whose figures and names are whole: it is rather wider than the terminal, or the 80 of a pipe."""
    from slbench.report.tables import narrowest

    Console(markup=False, emoji=False, highlight=False, width=max(out().width, narrowest(table))).print(table)


def status(text: str) -> AbstractContextManager[object]:
    """A spinner with a word, on a terminal only."""
    return errors().status(text)


@contextmanager
def stoppable(kept: str) -> Iterator[None]:
    """Turn Ctrl-C into a sentence that says what is kept, and exit code 130."""
    try:
        yield
    except KeyboardInterrupt:
        errors().print(f"stopped; {kept}", soft_wrap=True)
        raise typer.Exit(130) from None


def quiet_libraries() -> None:
    """Keep the progress bars and advice of libraries off the screen; must be called before they are imported."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    logging.getLogger("torch").setLevel(logging.ERROR)
