"""Readers: one module a corpus, from its official layout to clips."""

from slbench.data.readers.base import Entry, Listed, Lists, Reader, Recording

__all__ = ["Entry", "Listed", "Lists", "Reader", "Recording"]
