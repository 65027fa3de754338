"""Files of other labs, where they are: a folder `shared/data` beside the repository, never in it."""

import jiwer
import pytest
import sacrebleu
from shared import FOLDER

from slbench.errors import DataError
from slbench.scoring.files import read_predictions, read_references
from slbench.scoring.matching import Matched, match

PREDICTIONS, CORPORA = FOLDER / "predictions", FOLDER / "corpora"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="needs a folder shared/data beside the repository")


def released(name: str) -> Matched:
    folder = PREDICTIONS / "uni-sign"
    predictions = read_predictions(folder / f"{name}.pres.txt", "slt")
    references = read_references(folder / f"{name}.refs.txt", "slt")
    assert (predictions.format, references.format) == ("Uni-Sign predictions", "Uni-Sign ground-truth")
    return match(predictions, references)


@pytest.mark.parametrize(
    ("name", "samples"), [("csl-daily.dev", 1077), ("csl-daily.test", 1176), ("how2sign.test", 2349)]
)
def test_released_predictions_of_uni_sign(name, samples) -> None:
    found = released(name)
    assert len(found.answers) == len(set(found.ids)) == samples
    assert found.notes == ()


def test_bleu_of_released_how2sign_predictions() -> None:
    """14.498846 is what the authors' code gives; it takes these texts as they are."""
    answers = released("how2sign.test").answers
    found = sacrebleu.corpus_bleu([a.hypothesis for a in answers], [[a.reference for a in answers]])
    assert found.score == pytest.approx(14.498846, abs=1e-6)


def test_wer_of_the_isharah_submission() -> None:
    """7.3123 is what the submission's own board says."""
    folder = PREDICTIONS / "isharah"
    predictions = read_predictions(folder / "SI.dev.predictions.csv", "cslr")
    references = read_references(folder / "SI.dev.references.txt", "cslr")
    assert (predictions.format, references.format) == ("CSV", "pipe-separated table")
    answers = match(predictions, references).answers
    assert len(answers) == 949
    wer = jiwer.wer([a.reference for a in answers], [a.hypothesis for a in answers])
    assert 100 * wer == pytest.approx(7.3123, abs=5e-5)


@pytest.mark.parametrize(
    ("path", "samples"),
    [
        ("phoenix14/phoenix2014-groundtruth-train.stm", 5671),
        ("phoenix14/phoenix2014-groundtruth-dev.stm", 540),
        ("phoenix14/phoenix2014-groundtruth-test.stm", 629),
        ("phoenix14t/phoenix2014-T-groundtruth-dev.stm", 519),
        ("phoenix14t/phoenix2014-T-groundtruth-test.stm", 642),
        ("csl-daily/CSL-Daily-groundtruth-dev.stm", 1077),
        ("csl-daily/CSL-Daily-groundtruth-test.stm", 1176),
    ],
)
def test_official_stm(path, samples) -> None:
    table = read_references(CORPORA / path, "cslr")
    assert (table.format, len(table.samples), table.notes) == ("STM", samples, ())
    rows = [line.split() for line in (CORPORA / path).read_text(encoding="utf-8").split("\n") if line]
    assert [(s.id, s.text) for s in table.samples] == [(row[0], " ".join(row[5:])) for row in rows]


@pytest.mark.parametrize(("family", "start"), [("cslr", "REGEN SCHNEE REGION "), ("slt", "regen und schnee lassen ")])
def test_phoenix_corpus_file(family, start) -> None:
    table = read_references(CORPORA / "phoenix14t" / "PHOENIX-2014-T.test.corpus.csv", family)
    assert table.samples[0].id == "25October_2010_Monday_tagesschau-17"
    assert table.samples[0].text.startswith(start)
    stm = read_predictions(CORPORA / "phoenix14t" / "phoenix2014-T-groundtruth-test.stm", "cslr")
    assert len(match(stm, table, allow_missing=True).answers) == 1


def test_how2sign_csv_has_the_texts_of_uni_sign() -> None:
    """Once the quotes of its cells are undone and `.mp4` in Uni-Sign's ids is ignored; 8 sentences are not theirs."""
    official = read_references(CORPORA / "how2sign" / "how2sign_realigned_test.csv", "slt")
    theirs = read_predictions(PREDICTIONS / "uni-sign" / "how2sign.test.refs.txt", "slt")
    assert len(official.samples) == 2357
    with pytest.raises(DataError, match="8 missing in .*g0yUlOaqL6k_17-3-rgb_front"):
        match(theirs, official)
    found = match(theirs, official, allow_missing=True)
    assert len(found.answers) == 2349
    assert [a.hypothesis for a in found.answers] == [a.reference for a in found.answers]
    assert any("suffixes and folders in ids were ignored in 2349 of 2349" in note for note in found.notes)


def test_lists_of_splits_and_pickles_are_no_references() -> None:
    with pytest.raises(DataError, match="its columns are 'name', 'split'"):
        read_references(CORPORA / "csl-daily" / "split_1.txt", "cslr")
    with pytest.raises(DataError, match="labels.test:1: is not text in UTF-8"):
        read_references(CORPORA / "csl-daily" / "labels.test", "cslr")
