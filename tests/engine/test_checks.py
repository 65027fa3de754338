"""Who may write: one process, known by its id to the next one; a killed one holds nobody up."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from slbench.engine.checks import only_writer
from slbench.errors import OutputError

HOLD = """
import sys, time
from pathlib import Path
from slbench.engine.checks import only_writer
with only_writer(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_second_learns_who_the_first_is_until_that_is_killed(tmp_path: Path) -> None:
    lock = tmp_path / "out" / ".run.lock"
    command = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with (
            pytest.raises(OutputError, match=rf"another process is writing .*\(process {first.pid} on "),
            only_writer(lock),
        ):
            pytest.fail("two hold the lock")
        first.send_signal(signal.SIGKILL)
    assert lock.exists()
    with only_writer(lock):
        assert lock.with_suffix(".owner").read_text().startswith(f"process {os.getpid()} on ")
    assert list((tmp_path / "out").iterdir()) == []
