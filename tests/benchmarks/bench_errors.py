"""Error rates of 10,000 gloss sequences; 200 of them by a plain table in Python: read the ratio, not the seconds."""

import random

import pytest

from slbench.metrics.alignment import weighted_edits
from slbench.metrics.base import Answer
from slbench.metrics.wer import Costs, ErrorRate

GLOSSES = [f"GLOSS-{number}" for number in range(1000)]


def made_up_pairs(count: int) -> list[tuple[list[str], list[str]]]:
    """Of 5 to 30 glosses, about a third of them wrong."""
    chance = random.Random(0)
    references = [chance.choices(GLOSSES, k=chance.randint(5, 30)) for _ in range(count)]
    return [
        (r, [g if chance.random() < 0.75 else chance.choice(GLOSSES) for g in r if chance.random() < 0.9])
        for r in references
    ]


def plain_edits(reference: list[str], hypothesis: list[str]) -> list[int]:
    """Substitutions, deletions, insertions and hits by a table and a way back through it, as the labs' code has it."""
    table = [[3 * j for j in range(len(hypothesis) + 1)]]
    for i, asked in enumerate(reference):
        above, row = table[i], [3 * i + 3]
        for j, answered in enumerate(hypothesis):
            row.append(min(above[j] + 4 * (asked != answered), above[j + 1] + 3, row[j] + 3))
        table.append(row)
    i, j, counts = len(reference), len(hypothesis), [0, 0, 0, 0]
    while i or j:
        other = i > 0 and j > 0 and reference[i - 1] != hypothesis[j - 1]
        if i and j and table[i][j] == table[i - 1][j - 1] + 4 * other:
            kind, i, j = 0 if other else 3, i - 1, j - 1
        elif j and table[i][j] == table[i][j - 1] + 3:
            kind, j = 2, j - 1
        else:
            kind, i = 1, i - 1
        counts[kind] += 1
    return counts


@pytest.mark.parametrize("costs", ["1-1-1", "3-3-4"])
def test_error_rate_of_10_000(benchmark, costs: Costs) -> None:
    answers = [Answer(" ".join(r), " ".join(h)) for r, h in made_up_pairs(10_000)]
    metric = ErrorRate("words", costs)
    benchmark(lambda: metric.reduce(metric.statistics(answers).sum(0)))


@pytest.mark.benchmark(group="200 pairs at 3-3-4")
def test_200_together(benchmark) -> None:
    references, hypotheses = zip(*made_up_pairs(200), strict=True)
    benchmark(weighted_edits, references, hypotheses)


@pytest.mark.benchmark(group="200 pairs at 3-3-4")
def test_200_by_a_plain_table(benchmark) -> None:
    pairs = made_up_pairs(200)
    found = benchmark(lambda: [plain_edits(*pair) for pair in pairs])
    assert weighted_edits(*zip(*pairs, strict=True)).tolist() == found
