"""The package: its public names, its wheel, its README."""

import json
import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import slbench
from slbench import catalog

ROOT = Path(__file__).parents[1]


def test_public_names_are_sorted_and_there() -> None:
    assert slbench.__all__ == sorted(slbench.__all__)
    for name in slbench.__all__:
        assert getattr(slbench, name).__doc__ or name == "__version__"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        slbench.nothing  # noqa: B018


def test_wheel_carries_every_card(tmp_path: Path) -> None:
    """Built, and installed in an environment of its own, away from the checkout."""
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    wheel = next(tmp_path.glob("*.whl"))
    assert "slbench/report/run/page.html.jinja" in zipfile.ZipFile(wheel).namelist()
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    site = Path(
        subprocess.check_output(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'), end='')"], text=True
        ).strip()
    )
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", str(site), str(wheel)],
        check=True,
    )
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    listed = set()
    for kind in ("tasks", "models", "datasets"):
        command = [python, "-m", "slbench", "list", kind, "--format", "json"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
        assert done.returncode == 0, done.stderr
        listed |= {card["name"] for card in json.loads(done.stdout)}
    assert listed == {listing.name for listing in catalog.listings()}
    shown = subprocess.run(
        [python, "-m", "slbench", "show", "uni-sign-mini"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment | {"COLUMNS": "250"},
    )
    assert str(site / "slbench" / "_catalog") in shown.stdout
    board = [python, "-m", "slbench", "leaderboard", "--format", "csv"]
    done = subprocess.run(board, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert {",measured,uni-sign-mini,", ",published,Uni-Sign,"} <= set(
        re.findall(r",(?:measured|published),[^,]*,", done.stdout)
    )


def test_readme_test_command_is_what_ci_runs() -> None:
    command = 'pip install ".[dev]" && pytest'
    assert command in (ROOT / "README.md").read_text(encoding="utf-8")
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
