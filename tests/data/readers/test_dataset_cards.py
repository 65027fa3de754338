"""The cards of corpora that slbench must be told the place of, and what the readers find in the real lists."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from shared import shared

from slbench import catalog
from slbench.cards import DatasetCard
from slbench.catalog import resolve
from slbench.data.pickles import read_pickle
from slbench.data.readers import Lists
from slbench.data.readers.uni_sign import UniSignLists
from slbench.files import ids_digest

SPLITS = ("train", "dev", "test")
SOURCED = [name for name in catalog.names(DatasetCard) if catalog.get_dataset(name).needs_source]


def test_every_corpus_has_a_card() -> None:
    wlasl = [f"wlasl{size}" for size in (100, 300, 1000, 2000)]
    msasl = [f"msasl{size}" for size in (100, 200, 500, 1000)]
    others = ["csl-daily", "csl-news", "how2sign", "openasl", "phoenix14", "phoenix14t", "youtube-asl"]
    assert sorted(SOURCED) == sorted(wlasl + msasl + others)


@pytest.mark.parametrize("name", SOURCED)
def test_a_card_fits_its_reader(name: str, tmp_path: Path) -> None:
    """A file with one of the names on the card is found where the card says it is."""
    card = catalog.get_dataset(name)
    lists_class = resolve(str(card.reader), card)
    for file in (one for one in card.files if not one.endswith("/")):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("aaaaaaaaaaa")
    if name == "youtube-asl":
        (tmp_path / "captions").mkdir()
        (tmp_path / "captions/aaaaaaaaaaa.vtt").touch()
    lists: Lists = lists_class(tmp_path, card.subset)
    assert lists.layout == "official"
    assert all(lists.files(split) for split in card.splits)
    assert [lists.files(split) for split in set(SPLITS) - set(card.splits)] in ([], [[]], [[], []])
    assert (card.subset is None) == (not name.startswith(("wlasl", "msasl")))
    assert card.languages


def digests(lists: Lists, splits: Iterable[str]) -> dict[str, tuple[int, str]]:
    return {split: _digest([clip.id for clip in lists.listed(split)]) for split in splits}


def _digest(ids: list[str]) -> tuple[int, str]:
    return len(ids), ids_digest(ids)


def on_card(card: DatasetCard) -> dict[str, tuple[int, str]]:
    return {split: (card.splits[split], digest) for split, digest in card.ids.items()}


def listing(card: DatasetCard, source: str) -> dict[str, tuple[int, str]]:
    (found,) = [one for one in card.other_listings if one.source.startswith(source)]
    return {split: (found.splits[split], digest) for split, digest in found.ids.items()}


@pytest.mark.parametrize("name", [name for name in SOURCED if name.startswith("wlasl")])
def test_wlasl(name: str) -> None:
    card = catalog.get_dataset(name)
    folder = shared(f"corpora/wlasl/{card.files[0]}").parent
    assert on_card(card) == digests(resolve(str(card.reader), card)(folder, card.subset), SPLITS)
    if card.subset == 2000:
        assert listing(card, "Uni-Sign") == digests(UniSignLists(folder, 2000), SPLITS)


@pytest.mark.parametrize("name", [name for name in SOURCED if name.startswith("msasl")])
def test_msasl(name: str, tmp_path: Path) -> None:
    card = catalog.get_dataset(name)
    for split in ("train", "val", "test"):
        (tmp_path / f"MSASL_{split}.json").symlink_to(shared(f"corpora/msasl/MS_ASL_SI_ASL1000_{split}.json"))
    found = digests(resolve(str(card.reader), card)(tmp_path, card.subset), SPLITS)
    assert listing(card, "AI4Bharat/OpenHands") == found
    assert card.splits == {split: count for split, (count, _) in found.items()}


def test_csl_daily() -> None:
    card = catalog.get_dataset("csl-daily")
    path = shared("corpora/csl-daily/split_1.txt")
    rows = [line.split("|") for line in path.read_text().splitlines()[1:]]
    assert on_card(card) == {split: _digest([name for name, one in rows if one == split]) for split in SPLITS}
    assert on_card(card) == digests(UniSignLists(path.parent, None), SPLITS)
    assert {
        split: of_stm(f"corpora/csl-daily/CSL-Daily-groundtruth-{split}.stm") for split in ("dev", "test")
    } == listing(card, "hulianyuyy/CorrNet")


def of_stm(name: str) -> tuple[int, str]:
    return _digest([line.split(" ", 1)[0] for line in shared(name).read_text(encoding="utf-8").splitlines()])


def test_phoenix14() -> None:
    card = catalog.get_dataset("phoenix14")
    assert on_card(card) == {
        split: of_stm(f"corpora/phoenix14/phoenix2014-groundtruth-{split}.stm") for split in SPLITS
    }
    theirs = {split: read_pickle(shared(f"corpora/phoenix14/twostream.{split}")) for split in SPLITS}
    assert listing(card, "papers") == {
        split: _digest([row["folder"].split("/")[0] for row in rows]) for split, rows in theirs.items()
    }


def test_phoenix14t() -> None:
    card = catalog.get_dataset("phoenix14t")
    folder = shared("corpora/phoenix14t/labels.train").parent
    assert on_card(card) == digests(UniSignLists(folder, None), SPLITS)
    for split in ("dev", "test"):
        assert on_card(card)[split] == of_stm(f"corpora/phoenix14t/phoenix2014-T-groundtruth-{split}.stm")


def test_how2sign() -> None:
    card = catalog.get_dataset("how2sign")
    folder = shared("corpora/how2sign/how2sign_realigned_test.csv").parent
    assert on_card(card) == digests(resolve(str(card.reader), card)(folder, None), ["test"])
    assert listing(card, "Uni-Sign") == digests(UniSignLists(folder, None), ["train", "test"])
    assert len({tuple(sorted(one.splits.items())) for one in (card, *card.other_listings)}) == 5


def test_openasl() -> None:
    card = catalog.get_dataset("openasl")
    folder = shared("corpora/openasl/labels.dev").parent
    assert listing(card, "Uni-Sign") == digests(UniSignLists(folder, None), ["dev", "test"])


def test_csl_news_is_cut_as_its_reader_cuts_it() -> None:
    splits = catalog.get_dataset("csl-news").splits
    assert splits["train"] == int(sum(splits.values()) * 0.99)
    assert sum(splits.values()) == 722711
