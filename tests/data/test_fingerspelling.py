import string
from pathlib import Path

import numpy as np
import pytest

from slbench import catalog
from slbench.data.readers.fingerspelling import LANGUAGES, FingerspellingReader, read_pose
from slbench.errors import ClipError, MissingExtraError


@pytest.fixture(scope="module")
def reader() -> FingerspellingReader:
    return FingerspellingReader()


def test_splits_hold_what_the_card_says(reader: FingerspellingReader) -> None:
    card = catalog.get_dataset("fingerspelling")
    ids = {split: [entry.id for entry in reader.entries(split)] for split in card.splits}
    assert {split: len(found) for split, found in ids.items()} == card.splits
    assert len(set(sum(ids.values(), []))) == 410
    assert sorted(sum(LANGUAGES.values(), ())) == list(card.signed_languages)


def test_labels_are_letters(reader: FingerspellingReader) -> None:
    task = catalog.get_task("fingerspelling-islr")
    assert list(task.glosses) == list(string.ascii_uppercase)
    for split in LANGUAGES:
        for entry in reader.entries(split):
            assert entry.gloss in task.glosses
            assert entry.id == f"{entry.id[:3]}-{entry.gloss}"


def test_clips_are_whole(reader: FingerspellingReader) -> None:
    for entry in list(reader.entries("test"))[::10]:
        clip = entry.load()
        clip.check()
        assert 15 < clip.frames < 50
        assert clip.scores.max() <= 1
        assert 24 <= clip.fps <= 30


def test_known_defects(reader: FingerspellingReader) -> None:
    """The card's defects, on the recordings: a left-handed signer, and body wrists that were never found."""
    entries = {entry.id: entry for split in LANGUAGES for entry in reader.entries(split)}
    italian = entries["ise-A"].load()
    assert italian.scores[:, 91:112].any()
    assert not italian.scores[:, 112:133].any()
    american = entries["ase-A"].load()
    assert not american.scores[:, 9].any()
    assert not american.keypoints[:, 9].any()


@pytest.mark.parametrize("keep", [0, 7, 2000, 100_000])
def test_truncated_file(reader: FingerspellingReader, tmp_path: Path, keep: int) -> None:
    whole = next(iter(reader.letters.values())).read_bytes()
    path = tmp_path / "cut.pose"
    path.write_bytes(whole[:keep])
    with pytest.raises(ClipError, match="cut.pose"):
        read_pose(path, "ase-A", "A")


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r'pip install "slbench\[demo\]"'):
        list(FingerspellingReader().sources())


def test_both_hands_are_mapped_to_their_side(reader: FingerspellingReader) -> None:
    """Wherever a body wrist was found, the hand of that side hangs on it."""
    entries = {entry.id: entry for entry in reader.entries("train")}
    clip = entries["cse-B"].load()
    for wrist, hand in ((9, 91), (10, 112)):
        seen = (clip.scores[:, wrist] > 0.5) & (clip.scores[:, hand] > 0.5)
        assert seen.any()
        assert np.abs(clip.keypoints[seen, wrist] - clip.keypoints[seen, hand]).mean() < 0.05
