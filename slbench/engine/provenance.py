"""Where a run was made: code, packages, machine."""

import hashlib
import os
import platform
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from slbench.records import Environment
from slbench.version import __version__

PACKAGES = (
    "torch", "transformers", "tokenizers", "datasets", "numpy", "scipy", "scikit-learn", "sacrebleu", "jiwer",
    "pose-format", "spoken-to-signed",
)  # fmt: skip
"""Those that can move a number."""
_PACKAGE = Path(__file__).parents[1]


def environment(device: torch.device) -> Environment:
    """Everything about the machine and the code that a reader of a number may ask."""
    commit, dirty = _git_state()
    return Environment(
        slbench=__version__,
        source_sha256=source_digest(),
        commit=commit,
        dirty=dirty,
        python=platform.python_version(),
        packages=package_versions(),
        platform=platform.platform(terse=True),
        processor=_processor(),
        threads=torch.get_num_threads(),
        accelerator=accelerator(device),
    )


def package_versions() -> dict[str, str]:
    """Versions of the packages that can move a number."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@cache
def source_digest(without: tuple[str, ...] = ()) -> str:
    """sha256 over slbench's Python files, in order of their names; `without` are folders to leave out."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        place = path.relative_to(_PACKAGE)
        if place.parts[0] not in without:
            digest.update(place.as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def accelerator(device: torch.device) -> str | None:
    """Name of the GPU, or None on the CPU."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else None


def peak_memory_mb() -> float | None:
    """Largest resident size of this process so far."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)


def _processor() -> str:
    """Model name of the CPU."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return f"{line.partition(':')[2].strip()}, {os.cpu_count()} cores"
    return f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"


def _git_state() -> tuple[str | None, bool | None]:
    """(commit, dirty) of the checkout this code runs from; (None, None) for an installed package."""
    root = _PACKAGE.parent
    if not (root / ".git").exists():
        return None, None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return commit, bool(_git(root, "status", "--porcelain", "--", "slbench", "tasks", "models"))
    except (OSError, subprocess.CalledProcessError):
        return None, None


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()
