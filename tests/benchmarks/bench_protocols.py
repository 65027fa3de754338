"""Every protocol of a task on as many made-up sentences as CSL-Daily's test set has, intervals included."""

import numpy as np
import pytest

from slbench import catalog
from slbench.metrics.base import Answer
from slbench.metrics.protocols import get_protocol


def sentences(size: int, longest: int) -> list[Answer]:
    """Random characters, one in four of the answer's another one."""
    chance = np.random.default_rng(0)
    letters = np.array([chr(code) for code in range(0x4E00, 0x4E00 + 2000)])
    found = []
    for _ in range(size):
        text = chance.choice(letters, chance.integers(5, longest))
        other = np.where(chance.random(len(text)) < 0.25, chance.choice(letters, len(text)), text)
        found.append(Answer("".join(text), "".join(other)))
    return found


@pytest.mark.parametrize("name", ["csl-daily-slt", "csl-daily-cslr"])
def test_all_protocols_of_a_task(benchmark, name: str) -> None:
    task = catalog.get_task(name)
    answers = sentences(1176, 28)
    if task.family == "cslr":
        answers = [Answer(" ".join(a.reference), " ".join(a.hypothesis or "")) for a in answers]
    protocols = [get_protocol(each, task.family, task.unit) for each in (task.protocol, *task.also)]
    benchmark(lambda: [protocol.score(answers) for protocol in protocols])
