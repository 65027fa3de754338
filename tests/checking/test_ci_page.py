"""The workflow of docs/ci.md, carried out: it is also slbench's own check of its three fingerspelling tasks."""

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import yaml

ROOT = Path(__file__).parents[2]


def steps() -> list[dict[str, str]]:
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    [text] = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    [job] = yaml.safe_load(text)["jobs"].values()
    return job["steps"]


def test_the_workflow_passes_on_the_committed_records(tmp_path: Path) -> None:
    """Quality by the paired test and three points: another processor may move a clip."""
    (tmp_path / "results").symlink_to(ROOT / "results")
    summary = tmp_path / "summary.md"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "GITHUB_STEP_SUMMARY": str(summary)}
    commands = {step["name"]: step["run"] for step in steps() if "run" in step}
    assert commands.pop("Install") == 'pip install ".[demo]"', "what the tests themselves run in"
    for name, command in commands.items():
        # As GitHub runs a step.
        shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command]
        done = subprocess.run(shell, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
    root = ET.parse(tmp_path / "check.xml").getroot()
    assert root.attrib == {"name": "slbench check", "tests": "9", "failures": "0"}
    names = [suite.attrib["name"] for suite in root]
    assert names == [f"fingerspelling-{family}, test: uni-sign-mini" for family in ("islr", "cslr", "slt")]
    assert summary.read_text().count("## fingerspelling") == 3


def test_the_steps_come_in_an_order_that_keeps_the_report() -> None:
    always = [step for step in steps() if step.get("if") == "always()"]
    assert [step.get("name", step.get("uses")) for step in always] == ["Summary", "actions/upload-artifact@v4"]
