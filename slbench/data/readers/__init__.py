"""Readers: one module a corpus, from its official layout to clips."""

from slbench.data.readers.base import Entry, Reader

__all__ = ["Entry", "Reader"]
