"""Alignments against NIST's sclite itself (Debian: apt install sctk), and what sclite does with odd words."""

import random
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from shared import shared

from slbench.metrics.alignment import weighted_edits

PACKAGED = Path("/usr/lib/sctk/bin/sclite")
SCLITE = shutil.which("sclite") or (str(PACKAGED) if PACKAGED.exists() else None)
pytestmark = pytest.mark.skipif(SCLITE is None, reason="sclite is not installed (Debian: apt install sctk)")

SENTENCES = re.compile(r"File: (\S+)\nChannel: 1\nScores: \(#C #S #D #I\) (\d+) (\d+) (\d+) (\d+)")
TOTALS = re.compile(r"Percent (?:Total Error|Correct|Substitution|Deletions|Insertions) +=.*\( *(\d+)\)")
STMS = [
    "phoenix14/phoenix2014-groundtruth-dev.stm",
    "phoenix14/phoenix2014-groundtruth-test.stm",
    "phoenix14t/phoenix2014-T-groundtruth-dev.stm",
    "phoenix14t/phoenix2014-T-groundtruth-test.stm",
    "csl-daily/CSL-Daily-groundtruth-test.stm",
]
Pairs = Sequence[tuple[Sequence[str], Sequence[str]]]


@dataclass(frozen=True)
class Scored:
    """What sclite prints: substitutions, deletions, insertions, hits."""

    sentences: np.ndarray  # (n, 4)
    totals: np.ndarray  # (4,)


def run_sclite(folder: Path, pairs: Pairs, *options: str) -> Scored:
    """Write the pairs as STM and CTM in the labs' way, a line a gloss."""
    stm, ctm = folder / "reference.stm", folder / "hypothesis.ctm"
    names = [f"clip{number:05}" for number in range(len(pairs))]
    with stm.open("w") as references, ctm.open("w") as hypotheses:
        for name, (reference, hypothesis) in zip(names, pairs, strict=True):
            references.write(f"{name} 1 Signer01 0.0 1.79769e+308 {' '.join(reference)}\n")
            for place, gloss in enumerate(hypothesis):
                hypotheses.write(f"{name} 1 {place / 100:.2f} {(place + 1) / 100:.2f} {gloss}\n")
    files = ["-h", str(ctm), "ctm", "-r", str(stm), "stm", "-f", "0"]
    sentence_report, total_report = (
        subprocess.run([SCLITE, *options, *files, "-o", report, "stdout"], capture_output=True, check=True).stdout
        for report in ("pra", "dtl")
    )
    scores = SENTENCES.findall(sentence_report.decode(errors="replace"))
    assert [score[0] for score in scores] == names
    _, hits, *errors = map(int, TOTALS.findall(total_report.decode(errors="replace")))
    return Scored(np.array([score[1:] for score in scores], int)[:, [1, 2, 3, 0]], np.array([*errors, hits]))


def corrupted(glosses: Sequence[str], others: Sequence[str], chance: random.Random) -> list[str]:
    """Some glosses lost, replaced, doubled or added, some neighbours swapped; never empty."""
    found: list[str] = []
    for gloss in glosses:
        kind = chance.choices(["keep", "lose", "replace", "double", "add", "swap"], [55, 12, 13, 5, 8, 7])[0]
        made = {"keep": [gloss], "lose": [], "replace": [chance.choice(others)], "double": [gloss] * 2}
        added = made.get(kind, [chance.choice(others), gloss])
        found = [*found[:-1], gloss, *found[-1:]] if kind == "swap" else [*found, *added]
    return found or ["[EMPTY]"]


def check(folder: Path, pairs: Pairs) -> None:
    theirs = run_sclite(folder, pairs, "-s")
    ours = weighted_edits(*zip(*pairs, strict=True))
    np.testing.assert_array_equal(ours, theirs.sentences)
    np.testing.assert_array_equal(ours.sum(0), theirs.totals)
    assert (ours.sum(0) > 0).all()


@pytest.mark.parametrize("name", STMS)
def test_corrupted_references_of_corpora(tmp_path: Path, name: str) -> None:
    references = [line.split()[5:] for line in shared(f"corpora/{name}").read_text().splitlines()]
    vocabulary = sorted({gloss for reference in references for gloss in reference})
    for seed in range(2):
        chance = random.Random(seed)
        check(tmp_path, [(r, corrupted(r, vocabulary, chance)) for r in references])
        check(tmp_path, [(r, corrupted(chance.sample(r, len(r)), r, chance)) for r in references])


def test_few_glosses_and_so_many_ties(tmp_path: Path) -> None:
    chance = random.Random(0)
    references = [chance.choices("ABC", k=chance.randint(1, 12)) for _ in range(1500)]
    check(tmp_path, [(r, chance.choices("ABC", k=chance.randint(1, 12))) for r in references])
    check(tmp_path, [(r, corrupted(r, "ABC", chance)) for r in references])


def test_long_sentences(tmp_path: Path) -> None:
    """The labs' Python code can't do these."""
    chance = random.Random(0)
    lengths = [chance.randint(86, 250) for _ in range(30)]
    check(tmp_path, [(chance.choices("ABCDEFGH", k=k), chance.choices("ABCDEFGH", k=k - 20)) for k in lengths])


@pytest.mark.parametrize(
    ("reference", "hypothesis", "edits"),
    [
        ("HAUS BAUM KATZE", "[EMPTY]", [1, 2, 0, 0]),  # a gloss like any
        ("", "[EMPTY]", [0, 0, 1, 0]),
        ("HAUS (BAUM)", "HAUS BAUM", [1, 0, 0, 1]),  # optional only with -D
        ("HAUS (BAUM)", "HAUS", [0, 1, 0, 1]),
        ("HAUS", "HAUS (BAUM)", [0, 0, 1, 1]),
        ("HAUS BAUM-", "HAUS BAUM", [1, 0, 0, 1]),  # a fragment only with -F
        ("HAUS BAUM", "HAUS BAUM-", [1, 0, 0, 1]),
        ("ÄPFEL", "äPFEL", [1, 0, 0, 0]),  # letters beyond ASCII keep their case
    ],
)
def test_what_sclite_scores_as_slbench_does(tmp_path: Path, reference: str, hypothesis: str, edits: list[int]) -> None:
    pair = (reference.split(), hypothesis.split())
    assert run_sclite(tmp_path, [pair]).sentences.tolist() == [edits]
    assert weighted_edits(*([side] for side in pair)).tolist() == [edits]


@pytest.mark.parametrize(
    ("reference", "hypothesis", "edits"),
    [
        ("HAUS loc-BAUM", "haus LOC-baum", [0, 0, 0, 2]),  # case does not count, without -s
        ("HAUS @ BAUM", "@ HAUS BAUM", [0, 0, 0, 2]),  # @ is no word
        ("HAUS BAUM*", "HAUS BAUM", [0, 0, 0, 2]),  # a * at the end is cut off
        ("HAUS { BAUM / KATZE }", "HAUS KATZE", [0, 0, 0, 2]),  # either will do
        ("<HAUS> BAUM", "BAUM", [0, 0, 0, 1]),  # the first word of a reference in <> is a label
    ],
)
def test_what_sclite_scores_otherwise(tmp_path: Path, reference: str, hypothesis: str, edits: list[int]) -> None:
    """No reference of PHOENIX or CSL-Daily holds such a word; small letters a hypothesis may hold."""
    pair = (reference.split(), hypothesis.split())
    assert run_sclite(tmp_path, [pair]).sentences.tolist() == [edits]
    assert weighted_edits(*([side] for side in pair)).tolist() != [edits]
