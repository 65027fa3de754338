"""Plug-ins: a whole one is installed and used; broken ones are named, and harm nobody who does not ask for them."""

import itertools
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from slbench import catalog
from slbench.cli import main
from slbench.errors import CardError
from slbench.records import parse_record

PLUGIN = Path(__file__).parent / "plugin"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which the package of `tests/plugin` is installed, by pip and in a folder of its own."""
    target = tmp_path_factory.mktemp("installed")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(PLUGIN)], check=True)
    paths = os.pathsep.join([str(target), os.environ["PYTHONPATH"]])
    return os.environ | {"PYTHONPATH": paths, "COLUMNS": "100"}


def readme_commands() -> list[str]:
    text = (PLUGIN / "README.md").read_text(encoding="utf-8")
    install, run = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert install == "pip install --no-deps .\n"
    return run.splitlines()


@pytest.mark.slow
def test_the_readme_of_the_plugin(installed: dict[str, str], tmp_path: Path) -> None:
    """Lists, shows, tries, trains, runs and scores: its task, its reader, its model."""
    printed = []
    for command in readme_commands():
        program, *arguments = shlex.split(command)
        assert program == "slbench"
        command_line = [sys.executable, "-m", "slbench", *arguments]
        done = subprocess.run(command_line, cwd=tmp_path, env=installed, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        printed.append(done.stdout)
    assert "plug-in semaphore" in printed[0]
    assert "fingerspelling-islr" in printed[0]
    assert re.search(r"plug-in +semaphore", printed[1])
    records = [parse_record(path.read_text(), path.name) for path in sorted(tmp_path.glob("results/*/*/*.json"))]
    mock, real = records
    assert mock.options.mock
    assert (real.task.dataset, real.task.clips, real.barred) == ("semaphore", 28, ())
    assert real.scores[0].value == 100


def test_the_plugins_model_passes_every_check(installed: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "interface", "arm-directions"]
    done = subprocess.run(command, cwd=tmp_path, env=installed, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


MODEL = """
name = "{name}"
title = "Theirs"
implementation = "{package}.code:Net"
families = ["islr"]
inputs = "pose"
paper = ""
"""
DATASET = """
name = "{name}-data"
title = "Theirs"
owner = "they"
licence = ""
obtain = "ask them"
homepage = ""
signed_languages = []
pose_source = ""
reader = "{package}.code:Reader"
splits = {{ test = 1 }}
"""
TASK = """
name = "{name}-task"
title = "Theirs"
version = "1.0"
family = "islr"
dataset = "{name}-data"
language = "English"
protocol = "uni-sign"
splits = ["test"]
glosses = ["A", "B"]
"""
CARDS = {"models/m.toml": MODEL, "tasks/t/dataset.toml": DATASET, "tasks/t/islr.toml": TASK}
NUMBERS = itertools.count()


class Offered(NamedTuple):
    """A plug-in's name on the list, and its package."""

    name: str
    package: str


@pytest.fixture
def offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Lay a plug-in out as pip would, on the path of this process; each has a package of its own."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")

    def make(code: str = "", cards: dict[str, str] = CARDS, value: str = "{package}", name: str = "") -> Offered:
        package = f"package{next(NUMBERS)}"
        plugin = Offered(name or f"theirs-{package}", package)
        for place, text in cards.items():
            path = tmp_path / package / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.format(name=plugin.name, package=package), encoding="utf-8")
        (tmp_path / package).mkdir(exist_ok=True)
        (tmp_path / package / "__init__.py").write_text("import pathlib\npathlib.Path(__file__ + '.ran').touch()\n")
        (tmp_path / package / "code.py").write_text(code, encoding="utf-8")
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{catalog.GROUP}]\n{plugin.name} = {value.format(package=package)}\n")
        catalog.listings.cache_clear()
        return plugin

    yield make
    monkeypatch.undo()
    catalog.listings.cache_clear()


class Printed(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def slbench(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., Printed]:
    """The command line, in this process."""

    def call(*arguments: str) -> Printed:
        monkeypatch.setattr(sys, "argv", ["slbench", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return Printed(int(ended.value.code or 0), *capfd.readouterr())

    monkeypatch.chdir(tmp_path)
    return call


def others_work(slbench: Callable[..., Printed]) -> None:
    for kind, name in (("tasks", "fingerspelling-islr"), ("models", "uni-sign-mini"), ("datasets", "fingerspelling")):
        done = slbench("list", kind)
        assert done.code == 0
        assert name in done.out
        assert slbench("show", name).code == 0


def test_nothing_is_imported_to_list_and_show(offer, slbench, tmp_path: Path) -> None:
    plugin = offer(code="raise RuntimeError")
    others_work(slbench)
    assert plugin.name in slbench("list", "models").out
    for name in (plugin.name, f"{plugin.name}-data", f"{plugin.name}-task"):
        done = slbench("show", name)
        assert done.code == 0
        assert re.search(rf"plug-in +{plugin.name}\b", done.out)
    assert not list(tmp_path.rglob("*.ran"))
    assert plugin.package not in sys.modules


def test_json_says_whose_a_card_is(offer, slbench) -> None:
    plugin = offer()
    cards = {card["name"]: card["plugin"] for card in json.loads(slbench("list", "models", "--format", "json").out)}
    assert cards["uni-sign-mini"] is None
    assert cards[plugin.name] == plugin.name


def test_without_plugins_nothing_is_headed(slbench) -> None:
    assert "plug-in" not in slbench("list", "models").out


TROUBLE = {
    "raise ValueError('boom')": "ValueError: boom",
    "def (": "SyntaxError: ",
    "import no_such_package": "ModuleNotFoundError: No module named 'no_such_package'",
    "import sys; sys.exit('bye')": "SystemExit: bye",
    "class Odd(BaseException): pass\nraise Odd('odd')": "Odd: odd",
    "raise GeneratorExit": "GeneratorExit",
    "raise StopIteration": "StopIteration",
    "class Mute(Exception):\n  def __str__(self): raise ValueError\nraise Mute": "Mute: <exception str() failed>",
    "def f(): f()\nf()": "RecursionError: maximum recursion depth exceeded",
    "Other = 1": "AttributeError: module '{package}.code' has no attribute",
}


@pytest.mark.parametrize("code", TROUBLE)
def test_a_plugin_that_cannot_be_imported(offer, slbench, code: str) -> None:
    plugin = offer(code)
    others_work(slbench)
    for command in (
        ("run", "--model", plugin.name, "--task", "fingerspelling-islr", "--mock"),
        ("train", "--model", plugin.name, "--task", "fingerspelling-islr", "--output", "trained"),
        ("run", "--model", "uni-sign-mini", "--task", f"{plugin.name}-task"),
    ):
        done = slbench(*command)
        assert done.code == 2
        assert f"plug-in '{plugin.name}': " in done.err
        assert TROUBLE[code].format(package=plugin.package) in done.err
        assert "Traceback" not in done.err
        assert not Path("results").exists()
        assert not Path("trained").exists()


def test_ctrl_c_while_importing_is_not_caught(offer) -> None:
    card = catalog.get_model(offer("raise KeyboardInterrupt").name)
    with pytest.raises(KeyboardInterrupt):
        catalog.resolve(card.implementation, card)


BAD_CLASSES = """
class Net:
    Config = prepare = encode = decode = None
    def __init__(self, config, setting): raise SystemExit("no licence")
class Reader:
    def __init__(self): raise RuntimeError("no disk")
"""


def test_a_plugin_whose_classes_cannot_be_built(offer, slbench) -> None:
    plugin = offer(BAD_CLASSES)
    tried = slbench("run", "--model", plugin.name, "--task", "fingerspelling-islr", "--mock")
    read = slbench("run", "--model", "uni-sign-mini", "--task", f"{plugin.name}-task")
    for done, trouble in ((tried, "'{}.code:Net' cannot be built: SystemExit: no licence"), (read, "no disk")):
        assert done.code == 2
        assert f"plug-in '{plugin.name}': " in done.err
        assert trouble.format(plugin.package) in done.err


@pytest.mark.parametrize(
    ("value", "cards"),
    [
        ("no_such_package_at_all", {}),
        ("{package}", {}),
        ("{package}.inner", CARDS),
        ("{package}.code", CARDS),
        ("json", {}),
        ("sys", {}),
        ("not-a-module", {}),
        ("..", {}),
    ],
)
def test_a_plugin_without_cards(offer, slbench, value: str, cards) -> None:
    """Its package is absent, is no package, or was built without its .toml files."""
    plugin = offer(value=value, cards=cards)
    others_work(slbench)
    assert f"plug-in '{plugin.name}': there is no package" in slbench("list", "models").err
    for command in (("show", plugin.name), ("run", "--model", plugin.name, "--task", "fingerspelling-islr")):
        done = slbench(*command)
        assert done.code == 2
        assert f"plug-in '{plugin.name}': there is no package" in done.err


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("colour = 1", "colour: unknown key"),
        ("name = ", "is not valid TOML"),
        ("\x00", "is not valid TOML"),
        ("[config]\n[weights]\nfile='absent.safetensors'\nsha256='0'\ncommand=''\ntrained_on=''\nseed=0", "sha256"),
    ],
)
def test_a_faulty_card(offer, slbench, fault: str, said: str) -> None:
    plugin = offer(
        cards=CARDS | {"models/m.toml": MODEL, "models/faulty.toml": MODEL.replace("{name}", "faulty") + fault}
    )
    others_work(slbench)
    listed = slbench("list", "models")
    assert plugin.name in listed.out
    for done, code in ((listed, 0), (slbench("show", "faulty"), 2)):
        assert done.code == code
        assert f"plug-in '{plugin.name}': " in done.err
        assert said in done.err


def test_a_card_that_is_no_text(offer, slbench, tmp_path: Path) -> None:
    plugin = offer()
    (tmp_path / plugin.package / "models" / "latin.toml").write_bytes(b'name = "\xe9"')
    catalog.listings.cache_clear()
    others_work(slbench)
    assert f"plug-in '{plugin.name}': " in slbench("list", "models").err
    assert slbench("show", "latin").code == 2


def test_a_name_defined_twice(offer, slbench) -> None:
    """The others go on; the name itself is refused until a file is given instead."""
    one = offer(cards={"models/m.toml": MODEL.replace("{name}", "twin"), "models/n.toml": MODEL})
    other = offer(cards={"models/m.toml": MODEL.replace("{name}", "twin")})
    others_work(slbench)
    listed = slbench("list", "models")
    assert listed.code == 0
    assert one.name in listed.out
    for done in (listed, slbench("show", "twin"), slbench("run", "--model", "twin", "--task", "fingerspelling-islr")):
        assert f"model 'twin' is defined twice: by {one.name}" in done.err
        assert f"and {other.name}" in done.err
    assert done.code == 2
    paths = [listing.path for listing in catalog.listings() if listing.name == "twin"]
    assert slbench("show", str(paths[0])).code == 0


def test_a_task_and_a_dataset_of_one_name(offer, slbench) -> None:
    offer(
        cards=CARDS
        | {"tasks/t/islr.toml": TASK.replace("{name}-task", "same"), "models/m.toml": MODEL.replace("{name}", "same")}
    )
    done = slbench("show", "same")
    assert done.code == 2
    assert re.search(r"'same' is a model \(.*m\.toml\) and a task \(.*islr\.toml\); give the file", done.err)
    assert catalog.get_task("same")
    with pytest.raises(CardError, match="give the file"):
        catalog.find("same")
