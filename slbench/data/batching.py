"""Batches of clips of similar length."""

from collections.abc import Sequence


def length_buckets(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """Indices in batches of neighbouring lengths, longest first.

    The longest batch comes first so that too little memory shows at once and the time left
    is never under-estimated. Clips of one length keep their order.
    """
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
