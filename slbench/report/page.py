"""The board as one page of HTML."""

from slbench.report.gathering import Gathered


def board_page(found: Gathered) -> str:
    """The whole page; it needs no network."""
    raise NotImplementedError(found)
