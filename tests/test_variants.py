"""Cards that have other sizes and recipes for some corpora."""

from pathlib import Path

import pytest
import tomli_w

from slbench import catalog
from slbench.cards import ModelCard, read_card
from slbench.engine.stages import sized_for
from slbench.errors import CardError

CARD = {
    "name": "varied", "title": "", "implementation": "fakes:Gated", "families": ["islr", "cslr"], "inputs": "pose",
    "paper": "", "config": {"width": 512, "inputs": {"max_length": 256, "trim_rest": False}},
    "recipe": {"epochs": 40, "augmentation": {"rotation": 10.0, "scale": 0.1}},
}  # fmt: skip
LAPTOP = {
    "datasets": ["fingerspelling", "fingerspelling-words"], "config": {"width": 32, "inputs": {"trim_rest": True}},
    "recipe": {"epochs": 3, "augmentation": {"rotation": 25.0}},
}  # fmt: skip


def card_with(folder: Path, *variants: dict[str, object]) -> ModelCard:
    path = folder / "varied.toml"
    path.write_text(tomli_w.dumps(CARD | {"variants": list(variants)}))
    return read_card(path, ModelCard)


def tasks(*names: str):
    return [catalog.get_task(name) for name in names]


def test_a_variant_changes_what_it_names_and_keeps_the_rest(tmp_path: Path) -> None:
    sized = sized_for(card_with(tmp_path, LAPTOP), tasks("fingerspelling-islr"))
    assert sized.config == {"width": 32, "inputs": {"max_length": 256, "trim_rest": True}}
    assert (sized.recipe.epochs, sized.recipe.batch_size) == (3, 8)
    assert (sized.recipe.augmentation.rotation, sized.recipe.augmentation.scale) == (25.0, 0.1)
    assert sized.path == tmp_path / "varied.toml"


def test_it_holds_where_all_corpora_are_its_own(tmp_path: Path) -> None:
    card = card_with(tmp_path, LAPTOP, {"datasets": ["fingerspelling-words", "wlasl100"], "recipe": {"epochs": 7}})
    cases = {
        ("fingerspelling-islr", "fingerspelling-cslr"): 3,
        ("fingerspelling-slt",): 3,
        ("fingerspelling-cslr", "wlasl100-islr"): 7,
        ("wlasl100-islr",): 7,
        ("fingerspelling-islr", "wlasl100-islr"): 40,
        ("wlasl300-islr",): 40,
    }
    assert {names: sized_for(card, tasks(*names)).recipe.epochs for names in cases} == cases


@pytest.mark.parametrize(
    ("variant", "place"),
    [
        (LAPTOP | {"recipe": {"epoch": 3}}, r"variants\.1\.recipe\.epoch: Extra inputs"),
        (LAPTOP | {"recipe": {"epochs": "3"}}, r"variants\.1\.recipe\.epochs: Input should be a valid integer"),
        (LAPTOP | {"recipe": {"augmentation": {"turn": 1}}}, r"variants\.1\.recipe\.augmentation\.turn: Extra inputs"),
        (LAPTOP | {"recipes": {}}, r"variants\.1\.recipes: "),
        ({"config": {}}, r"variants\.1\.datasets: "),
        ({"datasets": []}, r"variants\.1\.datasets: "),
    ],
)
def test_a_fault_is_told_with_its_place(tmp_path: Path, variant: dict[str, object], place: str) -> None:
    with pytest.raises(CardError, match=place) as told:
        card_with(tmp_path, LAPTOP, variant)
    assert str(told.value).startswith(str(tmp_path / "varied.toml"))
