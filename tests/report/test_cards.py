from io import StringIO

import pytest
from fakes import FakeCorpus
from rich.console import Console
from rich.table import Table

from slbench import catalog
from slbench.cards import DatasetCard, Released, Stage, Variant, read_card
from slbench.errors import CardError
from slbench.report.cards import card_table, card_values, detail_table


def words(table: Table) -> str:
    console = Console(width=80, file=StringIO(), markup=False)
    console.print(table)
    return " ".join(console.file.getvalue().split())


def cards(corpus: FakeCorpus) -> list:
    return [catalog.get_task(str(corpus.task_path)), read_card(corpus.dataset_path, DatasetCard)]


def test_composed_clips_are_named_wherever_cards_are(corpus: FakeCorpus) -> None:
    corpus.edit_card(corpus.dataset_path, 'title = "Random points"', 'title = "Random points"\ncomposed = true')
    for card in cards(corpus):
        assert f"composed clips: {card.title}" in words(card_table([card]))
        assert "composed true" in words(detail_table(card, {}))
        assert card_values(card)["composed"] is True


def test_recorded_clips_are_not_called_composed(corpus: FakeCorpus) -> None:
    for card in cards(corpus):
        assert "composed" not in words(card_table([card]))
        assert "composed false" in words(detail_table(card, {}))
        assert card_values(card)["composed"] is False


@pytest.mark.parametrize("fault", ["[", "reader = 3"])
def test_a_faulty_dataset_card_does_not_end_a_list_of_tasks(corpus: FakeCorpus, fault: str) -> None:
    name = 'name = "made-up"\n'
    corpus.edit_card(corpus.dataset_path, name, f"{name}{fault}\n")
    task = catalog.get_task(str(corpus.task_path))
    with pytest.raises(CardError):
        catalog.get_dataset(task.dataset, task)
    assert "(dataset card cannot be read) Random" in words(card_table([task]))
    assert card_values(task)["composed"] is None


def test_models_are_never_composed(corpus: FakeCorpus) -> None:
    card = catalog.get_model(str(corpus.model_path))
    assert "composed" not in words(card_table([card])) + words(detail_table(card, {}))
    assert "composed" not in card_values(card)


def test_released_weights_and_stages_are_readable(corpus: FakeCorpus) -> None:
    released = Released(
        repository="a/b", file="c.pth", size="1 GB", licence="free", inputs="pose", tasks=("x-slt",), selected_on="test"
    )
    first = Stage(inputs=("pose",), pretrained={"mt5_model": "google/mt5-base"}, recipe={"epochs": 7})
    stages = {"one": first, "two": Stage(inputs=("pose", "rgb+pose"), after=("one",))}
    start = released.model_copy(update={"file": "d.pth", "tasks": (), "stage": "one", "selected_on": "dev"})
    plain = catalog.get_model(str(corpus.model_path))
    card = plain.model_copy(update={"released": (released, start), "stages": stages, "weights": None})
    shown = words(detail_table(card, {}))
    assert "a/b on the Hugging Face hub, free c.pth (1 GB, pose): for x-slt; epoch chosen on test" in shown
    assert "d.pth (1 GB, pose): from the stage one, to begin a training with" in shown
    assert "one (pose; mt5_model from google/mt5-base): epochs 7 two (pose or rgb+pose; after one)" in shown
    assert " released " in words(card_table([card]))
    assert "released" not in words(detail_table(plain, {}))


def test_variants_commands_and_deviations_are_readable(corpus: FakeCorpus) -> None:
    variant = Variant(datasets=("made-up",), config={"point_dim": 2}, recipe={"augmentation": {"speed": 0.5}})
    news = {"variants": (variant,), "commands": ("slbench train", "slbench run"), "deviations": ("one", "two")}
    console = Console(width=80, file=StringIO(), markup=False)
    console.print(detail_table(catalog.get_model(str(corpus.model_path)).model_copy(update=news), {}))
    shown = [line.split("   ")[-1].strip() for line in map(str.rstrip, console.file.getvalue().splitlines())]
    start = shown.index("trained on made-up alone:")
    assert shown[start + 1 : start + 3] == ["config.point_dim = 2", "recipe.augmentation = speed 0.5"]
    assert [line for line in shown if line.startswith(("- ", "slbench "))] == [
        "- one", "- two", "slbench train", "slbench run",
    ]  # fmt: skip
