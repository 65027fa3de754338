"""`slbench extract` as a user meets it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_poses import Models, render, walk


def slbench(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "slbench", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | {"COLUMNS": "120"} | environment)


@pytest.fixture
def models(tmp_path: Path) -> Models:
    return Models(tmp_path / "models")


def test_options_are_a_promise() -> None:
    words = slbench("extract", "--help").stdout.split()
    options = {word.lstrip("-") for word in words if word.startswith("--")} - {"help"}
    assert options == {"out", "mode", "det", "pose", "device", "batch-size", "shard"}


def test_videos_become_poses_and_a_bad_one_is_listed(models: Models, tmp_path: Path) -> None:
    render(tmp_path / "in" / "train" / "good.mp4", walk(6))
    (tmp_path / "in" / "bad.mp4").write_bytes(b"")
    command = ("extract", tmp_path / "in", "--out", tmp_path / "out", *models.arguments)
    done = slbench(*command)
    assert done.returncode == 1
    assert done.stdout == f"{tmp_path / 'out'}: 1 written, 0 already there, 1 failed\n"
    assert "bad.mp4: is empty (zero bytes)" in done.stderr
    assert "Traceback" not in done.stderr
    with np.load(tmp_path / "out" / "train" / "good.npz") as arrays:
        assert arrays["keypoints"].shape == (6, 133, 2)
    (tmp_path / "in" / "bad.mp4").unlink()
    again = slbench(*command, "--batch-size", "1")
    assert (again.returncode, again.stdout) == (0, f"{tmp_path / 'out'}: 0 written, 1 already there, 0 failed\n")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--shard", "3/2"], "--shard 3/2: must be like 2/5"),
        (["--batch-size", "0"], "--batch-size 0: must be at least 1"),
        (["--det", "nowhere.onnx"], "--det nowhere.onnx: there is no such file"),
        (["--device", "cuda"], "--device cuda: this onnxruntime has no CUDA"),
        (["--mode", "best"], "'best' is not one of"),
        (["nowhere.mp4"], "nowhere.mp4: there is no such file or folder"),
    ],
)
def test_mistakes(change: list[str], message: str, models: Models, tmp_path: Path) -> None:
    if "cuda" in change:
        onnxruntime = pytest.importorskip("onnxruntime")
        if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            pytest.skip("this onnxruntime has CUDA")
    render(tmp_path / "a.mp4", walk(2))
    done = slbench("extract", tmp_path / "a.mp4", "--out", tmp_path / "out", *models.arguments, *change, COLUMNS="200")
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("package", ["av", "cv2", "onnxruntime", "rtmlib"])
def test_missing_extra_names_the_command(package: str, models: Models, tmp_path: Path) -> None:
    """The package is hidden from the interpreter."""
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / f"{package}.py").write_text(f"raise ImportError('No module named {package}')")
    render(tmp_path / "a.mp4", walk(2))
    path = os.pathsep.join(filter(None, [str(tmp_path / "hidden"), os.environ.get("PYTHONPATH")]))
    done = slbench("extract", tmp_path / "a.mp4", "--out", tmp_path / "out", *models.arguments, PYTHONPATH=path)
    assert done.returncode == 2
    assert f"No module named {package}" in done.stderr
    assert 'pip install "slbench[pose]"' in done.stderr


LOOK = """
import sys
sys.argv = ["slbench", {command!r}, "--help"]
from slbench.cli import main
try:
    main()
finally:
    heavy = ("av", "cv2", "numpy", "onnxruntime", "rtmlib", "torch")
    print([name for name in heavy if name in sys.modules], file=sys.stderr)
"""


@pytest.mark.parametrize("command", ["extract", "predict"])
def test_help_imports_nothing_heavy(command: str) -> None:
    done = subprocess.run([sys.executable, "-c", LOOK.format(command=command)], capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (0, "[]")
