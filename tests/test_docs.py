"""The how-to pages are carried out as they stand: their files written, their commands run."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from slbench import catalog
from slbench.cards import DatasetCard, ModelCard, read_card
from slbench.data.prepare import prepare
from slbench.errors import DataError
from slbench.metrics.protocols import PROTOCOLS
from slbench.records import RunRecord, parse_record

TESTS = Path(__file__).parent
ROOT = TESTS.parent
BLOCK = re.compile(r"(?:^`(?P<name>[\w.-]+)`:\n\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
LONGEST_MODEL = 60


@dataclass(frozen=True)
class Page:
    """A page's files, by name, and its commands, line by line."""

    files: dict[str, str]
    commands: list[str]
    text: str


def read_page(name: str) -> Page:
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) == text.count("```") / 2
    files = {block["name"]: block["text"] for block in blocks if block["name"]}
    commands = [line for block in blocks if block["language"] == "sh" for line in block["text"].splitlines()]
    return Page(files, commands, text)


def environment(*extra: Path) -> dict[str, str]:
    """`python` is this one, and slbench is found as it is here; the helpers of tests are found only if asked for."""
    paths = [path for path in os.environ["PYTHONPATH"].split(os.pathsep) if Path(path) != TESTS]
    return os.environ | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([*map(str, extra), *paths]),
        "COLUMNS": "100",
    }


def write_files(page: Page, folder: Path) -> None:
    for name, text in page.files.items():
        (folder / name).write_text(text, encoding="utf-8")


def follow(page: Page, folder: Path) -> dict[str, str]:
    """Do what the page says in an empty folder; what each command printed."""
    write_files(page, folder)
    printed = {}
    for command in page.commands:
        done = subprocess.run(command, shell=True, cwd=folder, env=environment(), capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        printed[command] = done.stdout
    return printed


def records(folder: Path) -> dict[bool, RunRecord]:
    """The mock run's record under True, the real one's under False."""
    found = [parse_record(path.read_text(encoding="utf-8"), path.name) for path in folder.glob("results/*/*/*.json")]
    assert len(found) == 2
    return {record.options.mock: record for record in found}


@pytest.mark.slow
def test_add_a_model(tmp_path: Path) -> None:
    page = read_page("add-a-model.md")
    printed = follow(page, tmp_path)
    made = records(tmp_path)
    assert made[True].model.weights_sha256 == "untrained"
    assert "made-up clips" in printed[page.commands[0]]
    assert made[False].barred == ()
    for score in made[False].scores:
        shown = re.search(rf"^ *{score.name} +([\d.]+)", page.text, re.MULTILINE)
        assert shown
        assert score.value == pytest.approx(float(shown[1]), abs=8), "the page shows another figure"
    assert made[False].scores[0].value > 100 / 26 * 5


def test_the_pages_model_passes_every_check(tmp_path: Path) -> None:
    write_files(read_page("add-a-model.md"), tmp_path)
    command = [sys.executable, "-m", "interface", "./hand-mean.toml"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(TESTS), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout + done.stderr == ""


def test_a_model_is_one_short_file() -> None:
    python = {name: text for name, text in read_page("add-a-model.md").files.items() if name.endswith(".py")}
    assert list(python) == ["hand_mean.py"]
    assert len(python["hand_mean.py"].splitlines()) <= LONGEST_MODEL


@pytest.mark.slow
def test_add_a_task(tmp_path: Path) -> None:
    page = read_page("add-a-task.md")
    printed = follow(page, tmp_path)
    made = records(tmp_path)
    assert "--mock" in page.commands[0]
    assert page.commands[1] == "python make_recordings.py"
    assert made[True].task.dataset == "mock"
    assert made[False].task.dataset == "one-five"
    assert made[False].scores[0].samples == 20
    assert made[False].scores[0].value >= 90
    assert made[False].failed == {}
    assert made[False].barred == ()
    assert "Two signs" in printed[page.commands[-1]]


def test_the_pages_reader_says_how_to_get_the_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(read_page("add-a-task.md"), tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    task = catalog.get_task("task.toml")
    with pytest.raises(DataError, match="there are no recordings; make them with: python make_recordings.py"):
        prepare(catalog.get_dataset(task.dataset, task))


def test_score(tmp_path: Path) -> None:
    """Every figure that the page shows is what its commands print."""
    page = read_page("score.md")
    printed = "\n".join(follow(page, tmp_path).values())
    shown = [block["text"] for block in BLOCK.finditer(page.text) if not block["name"] and not block["language"]]
    lines = {" ".join(line.split()) for line in printed.splitlines()}
    expected = [" ".join(line.split()) for text in shown for line in text.splitlines()]
    assert len(expected) > 12
    signature, rows = expected[6], expected[:6] + expected[7:]
    assert signature in printed
    assert [row for row in rows if row not in lines] == []


@pytest.mark.slow
def test_train(tmp_path: Path) -> None:
    follow(read_page("train.md"), tmp_path)
    (path,) = tmp_path.glob("results/*/*/*.json")
    assert parse_record(path.read_text(encoding="utf-8"), path.name).barred == ()
    coarse, fine = (read_card(tmp_path / "runs" / name / "best.toml", ModelCard) for name in ("coarse", "fine"))
    assert (coarse.recipe.epochs, coarse.recipe.accumulate, coarse.weights.stage) == (1, 2, "coarse")
    assert (fine.recipe.epochs, fine.recipe.accumulate, fine.weights.stage) == (2, 1, "fine")


def test_the_stages_on_the_page_are_those_of_the_card() -> None:
    card = catalog.get_model("uni-sign")
    rows = re.findall(r"^\| `([\w-]+)` \|.*\| (\d+) \| (\d+) x (\d+) \|$", read_page("train.md").text, re.MULTILINE)
    found = {name: tuple(map(int, numbers)) for name, *numbers in rows}
    recipes = {name: card.recipe_of(name) for name in card.stages}
    assert found == {name: (r.epochs, r.batch_size, r.accumulate) for name, r in recipes.items()}


def test_the_python_of_the_score_page_runs() -> None:
    (code,) = [block["text"] for block in BLOCK.finditer(read_page("score.md").text) if block["language"] == "python"]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["BLEU-4", "BLEU-1", "BLEU-2", "BLEU-3", "ROUGE-L"]


def test_score_names_every_protocol() -> None:
    text = read_page("score.md").text
    assert [protocol.name for protocol in PROTOCOLS if f"`{protocol.name}`" not in text] == []


@pytest.mark.slow
def test_corpora(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLBENCH_HOME", str(tmp_path / "home"))
    page = read_page("corpora.md")
    write_files(page, tmp_path)
    printed = {}
    for command in page.commands:
        done = subprocess.run(command, shell=True, cwd=tmp_path, env=environment(), capture_output=True, text=True)
        assert done.returncode == (1 if " verify " in command else 0), f"{command}\n{done.stdout}{done.stderr}"
        printed[command.split()[2] if "slbench data" in command else command.split()[1]] = done.stdout + done.stderr
    assert "train-1.npz" in printed["prepare"]
    assert "no published version" in printed["prepare"]
    assert "videos of 4 of 5 clips are in" in printed["prepare"]
    assert re.search(r"train +3 +1 +120 ", printed["prepare"])
    assert re.search(r"phoenix14t +partial +4 of 5 ", printed["status"])
    assert "made up" in printed["status"]
    assert "cannot be read" in printed["verify"]
    assert "no published version" in printed["run"]
    assert {path.name for path in (tmp_path / "exported").iterdir()} == {"train.parquet", "dev.parquet", "test.parquet"}


def test_the_corpora_page_names_every_corpus() -> None:
    text = read_page("corpora.md").text
    told = [card.name for name in catalog.names(DatasetCard) if (card := catalog.get_dataset(name)).needs_source]
    assert len(told) == 15
    assert [name for name in told if f"`{name}`" not in text] == []
