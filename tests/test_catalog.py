import json
import re
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest
from fakes import FakeCorpus

from slbench import catalog
from slbench.cards import DatasetCard, ModelCard, TaskCard, read_card
from slbench.catalog import resolve
from slbench.engine.evaluate import Run, RunRequest
from slbench.engine.models import build_model, setting_of
from slbench.errors import CardError
from slbench.metrics.protocols import get_protocol

MODEL = """
name = "m"
title = "A model"
implementation = "slbench.modeling.uni_sign.model:UniSign"
families = ["islr"]
inputs = "pose"
paper = ""
"""


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "m.toml"
    path.write_text(MODEL)
    return path


def test_every_card_is_whole() -> None:
    for listing in catalog.listings():
        assert catalog.get(listing.name, listing.card_type).digest()
    assert catalog.broken_plugins() == []
    assert {"fingerspelling-islr"} <= set(catalog.names(TaskCard))
    assert {"uni-sign", "uni-sign-mini"} <= set(catalog.names(ModelCard))


@pytest.mark.parametrize("name", catalog.names(TaskCard))
def test_every_task_has_its_dataset_and_protocol(name: str) -> None:
    task = catalog.get_task(name)
    dataset = catalog.get_dataset(task.dataset)
    assert set(task.splits) <= set(dataset.splits)
    assert dataset.reader is None or resolve(dataset.reader, dataset)
    assert all(get_protocol(protocol, task.family, task.unit) for protocol in (task.protocol, *task.also))


@pytest.mark.parametrize("name", catalog.names(ModelCard))
def test_every_model_config_is_accepted_by_its_class(name: str) -> None:
    card = catalog.get_model(name)
    resolve(card.implementation, card).Config.model_validate_json(json.dumps(card.config))


def test_a_card_survives_a_round_trip(model_file: Path) -> None:
    card = read_card(model_file, ModelCard)
    assert card.path == model_file
    again = ModelCard.model_validate_json(card.model_dump_json())
    assert again.model_dump() == card.model_dump()
    assert again.digest() == card.digest()


def test_layout_and_comments_do_not_change_the_digest(model_file: Path) -> None:
    before = read_card(model_file, ModelCard).digest()
    lines = MODEL.strip().splitlines()
    model_file.write_text("# a comment\n" + "\n\n".join(reversed(lines)))
    assert read_card(model_file, ModelCard).digest() == before
    model_file.write_text(MODEL.replace("A model", "Another"))
    assert read_card(model_file, ModelCard).digest() != before


def test_all_faults_are_reported_at_once(model_file: Path) -> None:
    model_file.write_text(MODEL.replace("title", "titel") + "extra = 1\n[recipe]\nepochs = 'ten'\nspeed = 2\n")
    with pytest.raises(CardError) as caught:
        read_card(model_file, ModelCard)
    message = str(caught.value)
    assert len(message.splitlines()) == 5
    for fault in (
        "titel: unknown key",
        "title: this key is missing",
        "extra: unknown key",
        "recipe.epochs: ",
        "recipe.speed: unknown key",
    ):
        assert f"{model_file}: {fault}" in message


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("name = ", "is not valid TOML"),
        (MODEL.replace('["islr"]', '["dance"]'), "families.0"),
        (MODEL.replace('"m"', '"My Model"'), "name: "),
        (
            MODEL
            + '[weights]\nfile = "no.safetensors"\nsha256 = "'
            + "0" * 64
            + '"\ncommand = ""\ntrained_on = ""\nseed = 0\n',
            "weights.file: there is no file",
        ),
    ],
)
def test_one_fault(model_file: Path, text: str, fault: str) -> None:
    model_file.write_text(text)
    with pytest.raises(CardError, match=fault):
        read_card(model_file, ModelCard)


def test_absent_file() -> None:
    with pytest.raises(CardError, match=r"nowhere\.toml: cannot be read"):
        catalog.get_task("nowhere.toml")


def test_unknown_name_says_what_is_near() -> None:
    with pytest.raises(CardError, match="did you mean fingerspelling-islr"):
        catalog.get_task("fingerspeling-isrl")
    with pytest.raises(CardError, match="did you mean uni-sign"):
        catalog.get_model("unisign")
    with pytest.raises(CardError, match="no task, model or dataset"):
        catalog.find("zzzzzz")


def test_name_defined_twice_names_both_owners(monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine.toml").write_text(MODEL.replace('"m"', '"uni-sign"'))
    own = catalog.builtin_root()
    monkeypatch.setattr(catalog, "roots", lambda: iter([("slbench", own), ("their-plugin", tmp_path)]))
    catalog.listings.cache_clear()
    try:
        with pytest.raises(CardError, match=r"defined twice: by slbench \(.*\) and their-plugin"):
            catalog.get_model("uni-sign")
        assert catalog.get_model("uni-sign-mini")
    finally:
        monkeypatch.undo()
        catalog.listings.cache_clear()


def test_a_task_file_finds_the_dataset_beside_it(corpus: FakeCorpus) -> None:
    task = catalog.get_task(str(corpus.task_path))
    dataset = catalog.get_dataset(task.dataset, task)
    assert isinstance(dataset, DatasetCard)
    assert dataset.path == corpus.dataset_path


def test_a_plugin_that_is_not_there_is_named(monkeypatch) -> None:
    points = EntryPoints([EntryPoint("theirs", "no_such_package_anywhere", catalog.GROUP)])
    monkeypatch.setattr(catalog, "entry_points", lambda group: points.select(group=group))
    assert [owner for owner, _ in catalog.roots()] == ["slbench"]
    (said,) = catalog.broken_plugins()
    assert said.startswith("plug-in 'theirs': there is no package 'no_such_package_anywhere' with cards")


def test_a_vocabulary_names_each_gloss_once(corpus: FakeCorpus) -> None:
    corpus.task_path.write_text(re.sub(r"(?s)glosses = \[.*?\]", 'glosses = ["A", "A"]', corpus.task_path.read_text()))
    with pytest.raises(CardError, match="glosses: some occur more than once"):
        catalog.get_task(str(corpus.task_path))


def test_a_run_of_isolated_recognition_needs_a_vocabulary(corpus: FakeCorpus) -> None:
    corpus.task_path.write_text(re.sub(r"(?s)glosses = \[.*?\]", "glosses = []", corpus.task_path.read_text()))
    with pytest.raises(CardError, match=r"glosses: isolated recognition \(islr\) needs its vocabulary here"):
        Run(RunRequest(str(corpus.model_path), str(corpus.task_path)))


def test_faulty_config_names_file_and_key(model_file: Path, corpus: FakeCorpus) -> None:
    model_file.write_text(MODEL + "[config]\npoint_dim = 0\nwidth = 3\ntemporal_kernel = 4\nprompt = '{x}'\n")
    card = read_card(model_file, ModelCard)
    with pytest.raises(CardError) as caught:
        build_model(card, setting_of(catalog.get_task(str(corpus.task_path))))
    assert f"{model_file}: config.point_dim" in str(caught.value)
    assert f"{model_file}: config.width" in str(caught.value)
    assert f"{model_file}: config.temporal_kernel: Value error, 4 is even" in str(caught.value)
    assert f"{model_file}: config.prompt: Value error, only {{language}}" in str(caught.value)


def test_code_that_cannot_be_imported(model_file: Path) -> None:
    model_file.write_text(MODEL.replace("slbench.modeling.uni_sign.model:UniSign", "no_such_package.model:Net"))
    card = read_card(model_file, ModelCard)
    with pytest.raises(
        CardError, match=r"m\.toml: 'no_such_package.model:Net' cannot be imported: ModuleNotFoundError"
    ):
        resolve(card.implementation, card)
