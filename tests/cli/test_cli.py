"""The command line as a user meets it: one message, exit code 2, no traceback, nothing half-written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import FakeCorpus, made_up_clip

HEAVY = ("torch", "transformers", "datasets", "pandas", "matplotlib")
LOOK = """
import sys
sys.argv = ["slbench", *{arguments}]
from slbench.cli import main
try:
    main()
finally:
    print([name for name in {heavy} if name in sys.modules], file=sys.stderr)
"""


def slbench(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "slbench", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | {"COLUMNS": "120"} | environment)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["list", "tasks"], ["list", "models", "--format", "json"]]
)
def test_light_commands_import_nothing_heavy(arguments: list[str]) -> None:
    code = LOOK.format(arguments=arguments, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr.strip() == "[]"


def test_options_are_a_promise() -> None:
    """The surface of `run` and `train`: changing it is a decision, not an accident."""
    options = {
        "run": "model task split limit batch-size workers device precision num-beams seed output fresh mock modality "
        "checkpoint decoding videos",
        "convert": "model output modality precision",
        "train": "model task output init seed device set resume stage modality pretrained videos select-on-test",
        "score": "task references protocol family unit split allow-missing overlap bleurt against differences format",
        "compare": "metric task references protocol family unit split allow-missing bleurt changes seed format",
        "leaderboard": "results task format",
        "report": "output format",
    }
    for command, expected in options.items():
        words = slbench(command, "--help").stdout.split()
        assert {word.lstrip("-") for word in words if word.startswith("--")} - {"help"} == set(expected.split())


def test_a_run_ends_with_a_table_and_a_record(corpus: FakeCorpus, tmp_path: Path) -> None:
    done = slbench(*corpus.arguments(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    for word in ("top1-instance", "95 % interval", "clips", "clips/s", "uni-sign", "12"):
        assert word in done.stdout
    record = next((tmp_path / "out").rglob("*.json"))
    assert str(record) in done.stdout
    again = slbench(*corpus.arguments(tmp_path / "out"), "--batch-size", "3")
    assert "it had the same predictions" in again.stderr
    table = slbench("leaderboard", "--results", str(tmp_path / "out"), COLUMNS="80").stdout
    assert max(map(len, table.splitlines())) <= 80
    assert "…" not in table
    assert record.stem in table
    shown = slbench("leaderboard", "--results", str(tmp_path / "out"), "--format", "json")
    assert json.loads(shown.stdout)[0]["records"][0] == json.loads(record.read_text())


def test_a_training_ends_with_a_picture_and_continues_when_asked(corpus: FakeCorpus, tmp_path: Path) -> None:
    names = ["--model", str(corpus.model_path), "--task", str(corpus.task_path), "--output", str(tmp_path / "out")]
    first = slbench("train", *names, "--device", "cpu")
    assert first.returncode == 0, first.stderr
    assert "from the card's variants" not in first.stderr
    assert "epoch   2/2" in first.stderr
    picture = (tmp_path / "out" / "curves.svg").read_bytes()
    (tmp_path / "out" / "curves.svg").unlink()
    again = slbench("train", *names, "--device", "cpu", "--resume")
    assert "this training has ended already" in again.stderr
    assert again.stdout == first.stdout
    assert (tmp_path / "out" / "curves.svg").read_bytes() == picture
    refused = slbench("train", *names, "--device", "cpu")
    assert refused.returncode == 2
    assert "--resume" in refused.stderr


def test_a_training_says_which_variant_of_the_card_it_takes(corpus: FakeCorpus, tmp_path: Path) -> None:
    variant = '{datasets = ["made-up"], recipe = {epochs = 1}}'
    corpus.edit_card(corpus.model_path, "variants = []", f"variants = [{variant}]")
    names = ["--model", str(corpus.model_path), "--task", str(corpus.task_path), "--output", str(tmp_path / "out")]
    done = slbench("train", *names, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert "recipe for made-up, from the card's variants\n" in done.stderr
    assert "epoch   1/1" in done.stderr


def test_a_failed_clip_ends_with_1_and_keeps_off_the_board(corpus: FakeCorpus, tmp_path: Path) -> None:
    corpus.write(made_up_clip("test-05", 0, 0))
    done = slbench(*corpus.arguments(tmp_path / "out"))
    assert done.returncode == 1
    assert "test-05: it has no frames" in done.stderr
    assert "1 of 12 clips failed" in done.stdout
    shown = slbench("leaderboard", "--results", str(tmp_path / "out"), "--format", "markdown")
    assert shown.stdout == ""
    assert "1 of 12 clips failed" in shown.stderr


RUN = ["run", "--model", "uni-sign-mini", "--task", "fingerspelling-islr"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--model", "uni-sgn", "--task", "fingerspelling-islr"], "no model 'uni-sgn'; did you mean uni-sign"),
        (["run", "--model", "uni-sign-mini", "--task", "fingerspelling"], "no task 'fingerspelling'; did you mean"),
        (
            ["run", "--model", "uni-sign", "--task", "fingerspelling-islr"],
            "no weights were released for fingerspelling-islr",
        ),
        ([*RUN, "--batch-size", "0"], "--batch-size 0: must be at least 1"),
        ([*RUN, "--device", "cuda"], "--device cuda: not available here"),
        ([*RUN, "--task", "nowhere.toml"], "nowhere.toml: cannot be read"),
        (["show", "fingerspeling"], "did you mean fingerspelling"),
        (["leaderboard", "--results", "nowhere"], "--results nowhere: there is no such folder"),
        (["leaderboard", "--results", ".", "--task", "fingerspeling-islr"], "did you mean fingerspelling-islr"),
        (
            ["train", "--model", "uni-sign-mini", "--task", "fingerspelling-islr", "--output", "o", "--set", "x=1"],
            "--set x=1",
        ),
        (["list", "songs"], "'songs' is not one of"),
        (["run", "--model", "uni-sign-mini"], "Missing option '--task'"),
    ],
)
def test_mistakes(arguments: list[str], message: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "slbench", *arguments]
    environment = os.environ | {"COLUMNS": "200", "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_debug_shows_the_traceback() -> None:
    done = slbench("--debug", "show", "nothing-like-it")
    assert done.returncode == 2
    assert "Traceback" in done.stderr


def test_missing_extra_names_the_command(tmp_path: Path) -> None:
    """`spoken_to_signed` is hidden from the interpreter."""
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'spoken_to_signed' else find(name, *rest)\n"
    )
    done = slbench(*RUN, PYTHONPATH=str(tmp_path), SLBENCH_HOME=str(tmp_path / "home"))
    assert done.returncode == 2
    assert 'pip install "slbench[demo]"' in done.stderr


def test_show_tells_about_the_data(corpus: FakeCorpus) -> None:
    done = slbench("show", "fingerspelling")
    assert "not prepared yet" in done.stdout
    assert 'pip install "slbench[demo]"' in done.stdout
    assert "left-handed" in done.stdout


def test_show_takes_a_file(corpus: FakeCorpus) -> None:
    for path, kind in ((corpus.model_path, "model"), (corpus.task_path, "task"), (corpus.dataset_path, "dataset")):
        assert f"{kind} " in slbench("show", str(path)).stdout.splitlines()[0]


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    done = slbench("leaderboard", "--results", str(tmp_path))
    assert done.returncode == 0
    assert "no complete run under" in done.stderr


def test_a_broken_card_is_named_with_file_and_key(corpus: FakeCorpus, tmp_path: Path) -> None:
    corpus.edit_card(corpus.task_path, 'family = "islr"', 'family = "dance"\nfoo = 1')
    done = slbench(*corpus.arguments(tmp_path / "out"))
    assert done.returncode == 2
    assert f"{corpus.task_path}: family" in done.stderr
    assert f"{corpus.task_path}: foo: unknown key" in done.stderr


PREDICTED = "id,hypothesis\nb,the dog runs in the park\na,the cat sits on a mat\n"
REFERRED = "id,reference\na,the cat sits on the mat\nb,the dog runs in the park\n"


@pytest.fixture
def texts(tmp_path: Path) -> tuple[str, ...]:
    """Arguments that name two files, in different orders."""
    (tmp_path / "p.csv").write_text(PREDICTED)
    (tmp_path / "r.csv").write_text(REFERRED)
    return str(tmp_path / "p.csv"), "--references", str(tmp_path / "r.csv")


def test_scoring_imports_nothing_heavy(texts: tuple[str, ...]) -> None:
    code = LOOK.format(arguments=["score", *texts, "--task", "how2sign-slt"], heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == "[]"


def test_scores_under_one_protocol_and_under_all(texts: tuple[str, ...]) -> None:
    one = slbench("score", *texts, "--task", "how2sign-slt", "--protocol", "uni-sign", COLUMNS="80")
    assert one.returncode == 0, one.stderr
    for part in (
        "samples, protocol uni-sign",
        "BLEU-4",
        "95 % interval",
        "points",
        "signature of BLEU-4: protocol:uni-sign|",
    ):
        assert part in one.stdout
    every = slbench("score", *texts, "--task", "how2sign-slt", "--protocol", "all", COLUMNS="80")
    table = every.stdout[: every.stdout.index("95 % interval")]
    for name in ("slbench", "uni-sign", "ssvp-slt", "glofe", "how2sign-wicv", "sacrebleu", "rBLEU-4", "TER", "chrF2++"):
        assert name in table
    assert max(map(len, table.splitlines())) <= 80
    assert "…" not in table
    values = json.loads(slbench("score", *texts, "--task", "how2sign-slt", "--format", "json").stdout)
    assert values["results"][0]["scores"][0]["name"] == "BLEU-4"


def test_comparing_two_files(texts: tuple[str, ...], tmp_path: Path) -> None:
    other = tmp_path / "q.csv"
    other.write_text(REFERRED.replace("reference", "hypothesis"))
    done = slbench("compare", texts[0], str(other), *texts[1:], "--task", "how2sign-slt", COLUMNS="80")
    assert done.returncode == 0, done.stderr
    for part in ("better in B", "the cat sits on a mat", "B - A", "p bootstrap", "A: ", "2 samples, protocol slbench"):
        assert part in done.stdout
    assert "worse in B" not in done.stdout
    asked = slbench("compare", texts[0], str(other), *texts[1:], "--task", "how2sign-slt", "--format", "json")
    assert json.loads(asked.stdout)["changes"]["gains"][0]["id"] == "a"


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (lambda p, r: p.write_text(""), ["p.csv: is empty"]),
        (lambda p, r: r.write_text("id,reference\na,\nb,x\n"), ["reference", "a"]),
        (lambda p, r: p.write_bytes(b"id,hypothesis\na,\xff\n"), ["p.csv:2: is not text in UTF-8"]),
        (lambda p, r: p.write_text('{"id": "a", "hypothesis": "x"}\n{"id": \n'), ["p.csv:2: "]),
        (lambda p, r: p.write_text("id,hypothesis\na,x\na,y\nb,z\n"), ["a"]),
        (lambda p, r: p.unlink(), ["p.csv: there is no such file"]),
    ],
)
def test_bad_files_are_one_message(texts: tuple[str, ...], tmp_path: Path, change, parts: list[str]) -> None:
    change(tmp_path / "p.csv", tmp_path / "r.csv")
    done = slbench("score", *texts, "--task", "how2sign-slt")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert all(part in done.stderr for part in parts)


def test_protocols_are_listed() -> None:
    table = slbench("list", "protocols", COLUMNS="80").stdout
    assert max(map(len, table.splitlines())) <= 80
    values = json.loads(slbench("list", "protocols", "--format", "json").stdout)
    assert {value["name"] for value in values} >= {"slbench", "uni-sign", "phoenix-2014"}
    assert all(value["source"] for value in values)


def test_predictions_from_a_pipe(texts: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "slbench", "score", "/dev/stdin", *texts[1:], "--task", "how2sign-slt"]
    done = subprocess.run(command, input=PREDICTED, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "BLEU-4" in done.stdout
