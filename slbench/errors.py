"""What can go wrong, as one tree.

    SlbenchError                 one clear message, exit code 2, no traceback
    ├── CardError                a task, model or dataset card is wrong or unknown
    ├── MissingExtraError        a package of an optional extra is not installed
    ├── DataError                a corpus cannot be read or prepared
    ├── ModelError               a model cannot be built or its weights do not fit
    ├── OptionError              an option or its value makes no sense here
    └── OutputError              results cannot be read or written
    ClipError                    one clip is unusable; the run records it and goes on

Every message says what is wrong, where, and what to do next.
"""

import difflib
from collections.abc import Sequence


def near(name: str, known: Sequence[str]) -> str:
    """How a message about an unknown name ends: what is near, or else all that is known."""
    folded = {one.casefold(): one for one in known}
    similar = difflib.get_close_matches(name.casefold(), list(folded), n=3, cutoff=0.5)
    if similar:
        return f"; did you mean {' or '.join(folded[one] for one in similar)}?"
    return f"; known: {', '.join(known)}" if known else ""


def some(names: Sequence[str], shown: int = 10) -> str:
    """The first names, and how many more there are."""
    more = f", ... and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


class SlbenchError(Exception):
    """A mistake that is found before work is lost; the command line prints its message and exits with 2."""


class CardError(SlbenchError):
    """A card is malformed, incomplete, unknown or defined twice."""


class MissingExtraError(SlbenchError):
    """Something needs a package that an optional extra installs."""

    def __init__(self, need: str, extra: str) -> None:
        super().__init__(need, extra)  # what an error is made of again in another process

    def __str__(self) -> str:
        """What needs which extra, and how to install it."""
        need, extra = self.args
        return f'{need} needs the extra "{extra}": pip install "slbench[{extra}]"'


class DataError(SlbenchError):
    """A corpus is absent, differs from its card, or cannot be prepared."""


class ModelError(SlbenchError):
    """A model cannot be built from its card, or its weights do not fit it."""


class OptionError(SlbenchError):
    """An option's value is impossible on this machine or for this task."""


class OutputError(SlbenchError):
    """A result file cannot be read, or an output folder cannot be written."""


class ClipError(Exception):
    """One clip cannot be used (truncated file, NaN, no frames); never ends a run."""
