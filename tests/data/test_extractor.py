"""Who made poses, in one line and in a file."""

import hashlib
import json
from pathlib import Path

import pytest

from slbench.data.extractor import Extractor, extractor_of, read_extractor, write_extractor

MADE = Extractor(
    name="rtmlib Wholebody performance",
    version="0.0.16",
    weights={"det": "ab" * 32, "pose": "cd" * 32},
    settings={"pose input": "288x384", "person": "the largest box"},
)


def test_the_label_says_who_and_ends_in_a_digest_of_everything() -> None:
    written = json.dumps(
        {"name": MADE.name, "version": MADE.version, "weights": MADE.weights, "settings": MADE.settings}, sort_keys=True
    )
    digest = hashlib.sha256(written.encode()).hexdigest()[:8]
    assert MADE.label() == f"rtmlib Wholebody performance 0.0.16 (det abababab, pose cdcdcdcd) #{digest}"


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {"pose input": "192x256", "person": "the largest box"}},
        {"settings": {"pose input": "288x384", "person": "the first box"}},
        {"weights": {"det": "ab" * 32, "pose": "cd" * 31 + "ee"}},
        {"version": "0.0.17"},
    ],
)
def test_another_extractor_has_another_label(change: dict) -> None:
    assert MADE.model_copy(update=change).label() != MADE.label()


def test_what_does_not_change_poses_does_not_change_the_label() -> None:
    turned = dict(reversed(MADE.settings.items()))
    assert MADE.model_copy(update={"files": ("a.zip",), "settings": turned}).label() == MADE.label()
    assert Extractor(name="somebody").label() == "somebody"


def test_commits_are_short_in_labels() -> None:
    commit = "0123456789abcdef" * 2 + "01234567"
    made = Extractor(name="released", version=f"{commit}, {commit}", settings={"a.zip": "ab" * 32})
    assert made.label()[:-8] == "released 0123456789ab, 0123456789ab #"


def test_a_file_of_a_folder_is_its_makers(tmp_path: Path) -> None:
    place = tmp_path / "train" / "a.npz"
    assert extractor_of(place, [place]) is None
    write_extractor(tmp_path, MADE)
    assert extractor_of(place, [place]) == read_extractor(tmp_path) == MADE
    write_extractor(tmp_path, MADE.model_copy(update={"files": ("train/b.npz",)}))
    assert extractor_of(place, [place]) is None
