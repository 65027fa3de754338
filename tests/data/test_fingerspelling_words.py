import csv
import hashlib
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from slbench import catalog
from slbench.data.readers.fingerspelling import LANGUAGES, FingerspellingReader
from slbench.data.readers.fingerspelling_words import PLANS, FingerspelledWordsReader
from slbench.errors import ClipError, DataError

WORD_LIST = FingerspelledWordsReader.word_list


@pytest.fixture(scope="module")
def reader() -> FingerspelledWordsReader:
    return FingerspelledWordsReader()


def rows() -> list[dict[str, str]]:
    with WORD_LIST.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_word_list_has_600_entries_and_shares_no_word_between_splits() -> None:
    words = defaultdict(set)
    for row in rows():
        words[row["split"]] |= set(row["text"].lower().split())
    assert len({row["text"].lower() for row in rows()}) == len(rows()) >= 600
    assert set(words) == {"train", "dev", "test"}
    assert sum(map(len, words.values())) == len(set.union(*words.values()))


def test_splits_are_as_the_card_says(reader: FingerspelledWordsReader) -> None:
    seen, ids = defaultdict(set), set()
    for split, clips in catalog.get_dataset("fingerspelling-words").splits.items():
        entries = list(reader.entries(split))
        assert len(entries) == clips
        for entry in entries:
            language = entry.id.removeprefix(f"{split}-").split("-")[1]
            assert language in LANGUAGES[PLANS[split].alphabets]
            assert entry.gloss.replace(" ", "") == entry.text.upper().replace(" ", "")
            seen[split] |= set(entry.text.lower().split())
            ids.add(entry.id)
    assert len(ids) == sum(catalog.get_dataset("fingerspelling-words").splits.values())
    for held_out in ("dev", "dev-unseen", "test", "test-unseen"):
        assert not seen["train"] & seen[held_out]
    assert seen["test"] == seen["test-unseen"]
    assert not seen["dev"] & seen["test"]


def test_alphabets_that_lack_a_letter_are_not_asked_for_it(reader: FingerspelledWordsReader) -> None:
    for split in PLANS:
        for entry in reader.entries(split):
            language = entry.id.removeprefix(f"{split}-").split("-")[1]
            assert set(entry.gloss.split()) <= reader.alphabets[language]


def test_same_clip_every_time_in_any_order(reader: FingerspelledWordsReader) -> None:
    entries, again = list(reader.entries("test")), list(FingerspelledWordsReader().entries("test"))
    for number in (7, 3, 250):
        first, second = entries[number].load(), again[number].load()
        np.testing.assert_array_equal(first.keypoints, second.keypoints)
        first.check()


def test_composition_is_what_the_records_were_made_with(reader: FingerspelledWordsReader) -> None:
    """A change of the clips makes scores incomparable: raise the version of both tasks, and make the records again."""
    digest = hashlib.sha256()
    for split in PLANS:
        clip = list(reader.entries(split))[5].load()
        digest.update(f"{clip.id} {clip.frames} {clip.keypoints.mean():.4f} {clip.scores.mean():.4f}\n".encode())
    assert digest.hexdigest()[:16] == "80b5c89cd3a4b338"


@pytest.mark.parametrize(
    ("text", "complaint"), [("Müller", "'Ü'"), ("route66", "'6'"), ("", "nothing to spell"), ("a-b", "'-'")]
)
def test_words_that_cannot_be_spelled_are_named(text: str, complaint: str, tmp_path: Path) -> None:
    class Mine(FingerspelledWordsReader):
        word_list = tmp_path / "mine.csv"

    Mine.word_list.write_text(f"split,text\ntest,fine\ntest,{text}\n", encoding="utf-8")
    with pytest.raises(DataError, match=complaint) as error:
        list(Mine().entries("test"))
    assert "mine.csv:3" in str(error.value)


def test_word_list_that_is_not_one_is_named(tmp_path: Path) -> None:
    class Mine(FingerspelledWordsReader):
        word_list = tmp_path / "mine.csv"

    Mine.word_list.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"mine\.csv"):
        list(Mine().entries("test"))


def test_damaged_letter_spoils_only_its_clips(tmp_path: Path) -> None:
    reader = FingerspelledWordsReader()
    letters = FingerspellingReader()
    broken = tmp_path / "broken.pose"
    broken.write_bytes(b"not a pose")
    letters.letters[("svk", "Z")] = broken
    reader.letters = letters
    entries = [entry for entry in reader.entries("test-unseen") if "-svk-" in entry.id]
    with_z = next(entry for entry in entries if "Z" in entry.gloss)
    with pytest.raises(ClipError, match="svk-Z"):
        with_z.load()
    next(entry for entry in entries if "Z" not in entry.gloss).load().check()
