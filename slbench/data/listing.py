"""Which published list of a corpus a list is: counts differ between sources, and so do the scores on them."""

from collections.abc import Collection, Iterator

from slbench.cards import DatasetCard, Digest
from slbench.errors import DataError
from slbench.files import ids_digest

OWNERS = "the owners' list"
OPEN_ENDED = "any clips, as the corpus is open-ended"


def check_listing(card: DatasetCard, split: str, ids: Collection[str], exact: bool = False) -> str | None:
    """Whose list of a split this is, as the dataset card has them; None: nobody's.

    Args:
        exact: whether anything but the card's own count is an error.

    Raises:
        DataError: the count is another one than must be.
    """
    if card.open_ended:
        return OPEN_ENDED
    found = next((source for source, count, digest in _known(card, split) if _is(ids, count, digest)), None)
    if found is None and exact:
        raise DataError(
            f"{card.name}: {split} has {len(ids)} clips, its card ({card.path}) says {card.splits[split]}; "
            f"get the corpus as the card says: {card.obtain}"
        )
    return found


def source_of_count(card: DatasetCard, split: str, count: int) -> str | None:
    """Who counts so many clips in a split, where nothing but their number is known; None: nobody."""
    return next((source for source, known, _ in _known(card, split) if known == count), None)


def unknown_listing(card: DatasetCard, split: str, ids: Collection[str]) -> str:
    """What to say of a list that is nobody's."""
    known = "; ".join(f"{count:,} clips in {source}" for source, count, _ in _known(card, split)) or "no clips"
    same = any(count == len(ids) for _, count, _ in _known(card, split))
    return (
        f"{card.name}: {split} has {len(ids):,} clips{' with other ids' if same else ''}, "
        f"which is no published version (known: {known})"
    )


def _known(card: DatasetCard, split: str) -> Iterator[tuple[str, int, Digest | None]]:
    if split in card.splits:
        yield OWNERS, card.splits[split], card.ids.get(split)
    for other in card.other_listings:
        if split in other.splits:
            yield other.source, other.splits[split], other.ids.get(split)


def _is(ids: Collection[str], count: int, digest: Digest | None) -> bool:
    return len(ids) == count and digest in (None, ids_digest(ids))
