"""`--decoding closed`: which glosses may come out, and that no model can say it does it and does not."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import GLOSSES, FakeCorpus
from told import ToldCorpus

from slbench.data.store import Store, folder_of
from slbench.engine import checks
from slbench.engine.checks import with_sentence_glosses
from slbench.engine.evaluate import Run, RunRequest
from slbench.errors import DataError, ModelError, OptionError
from slbench.modeling.uni_sign.model import UniSign

EVERY = [f"{gloss} {other}" for gloss in GLOSSES for other in ("UNSEEN", "AGAIN")]


def request(corpus: FakeCorpus, tmp_path: Path, **changes) -> RunRequest:
    values = {"output": tmp_path / "out", "decoding": "closed", "device": "cpu"} | changes
    return RunRequest(str(corpus.model_path), str(corpus.task_path), **values)


@pytest.fixture
def sentences(corpus: FakeCorpus) -> FakeCorpus:
    """The corpus as one of sentences, and a model that may say longer ones."""
    corpus.edit_card(corpus.dataset_path, "fakes:FakeReader", "fakes:SentenceReader")
    corpus.edit_card(corpus.task_path, 'family = "islr"', 'family = "cslr"')
    listed = corpus.task_path.read_text()
    corpus.task_path.write_text(listed[: listed.index("glosses = [")])
    corpus.edit_card(corpus.model_path, '"islr",', '"islr", "cslr", "slt",')
    corpus.edit_card(corpus.model_path, "max_new_tokens = 6", "max_new_tokens = 16")
    return corpus


def test_signs_come_from_the_task(corpus: FakeCorpus, tmp_path: Path) -> None:
    run = Run(request(corpus, tmp_path))
    record = run.execute()
    said = [json.loads(line) for line in run.predictions_path.read_text().splitlines()]
    assert {line["hypothesis"] for line in said} <= set(GLOSSES)
    assert all(len(line["top_k"]) == 3 for line in said)
    for ranked in (line["top_k"] for line in said):  # all three glosses of the task, so nothing is left out
        likelihoods = np.exp([one["log_likelihood"] - ranked[0]["log_likelihood"] for one in ranked])
        np.testing.assert_allclose([one["posterior"] for one in ranked], likelihoods / likelihoods.sum(), atol=2e-3)
    assert record.options.decoding == "closed"
    assert run.name != Run(request(corpus, tmp_path, decoding="open")).name


def test_sentences_are_of_the_glosses_of_train(sentences: FakeCorpus, tmp_path: Path) -> None:
    run = Run(request(sentences, tmp_path))
    assert run.asked.glosses == ("AGAIN", "HELP", "SIGN", "WORLD")
    record = run.execute()
    digest = hashlib.sha256(b"AGAIN\nHELP\nSIGN\nWORLD").hexdigest()
    data = Store(folder_of(run.dataset)).split("train").manifest.data_digest
    assert record.options.vocabulary == f"4 glosses, sha256 {digest}, of train's data {data}"
    assert record.barred == ()
    said = [json.loads(line) for line in run.predictions_path.read_text().splitlines()]
    assert all(line["hypothesis"] and set(line["hypothesis"].split()) <= set(run.asked.glosses) for line in said)
    assert not any("top_k" in line for line in said)


def test_glosses_of_no_published_train_bar_a_run(sentences: FakeCorpus, tmp_path: Path) -> None:
    """Test is as it was published, and train lacks a clip."""
    told = ToldCorpus(sentences)
    told.ingest()
    assert Run(request(sentences, tmp_path)).execute().barred == ()
    told.write_labels("train", [f"train-{number:02}" for number in range(7)])
    told.ingest(any_version=True, replace=True)
    assert Run(request(sentences, tmp_path, decoding="open")).execute().barred == ()
    (why,) = Run(request(sentences, tmp_path)).execute().barred
    assert why == "the glosses are those of no published version of made-up's train"


def test_open_decoding_has_no_posterior(corpus: FakeCorpus, tmp_path: Path) -> None:
    run = Run(request(corpus, tmp_path, decoding="open"))
    run.execute()
    assert "posterior" not in run.predictions_path.read_text()


def test_open_decoding_of_sentences_has_no_glosses(sentences: FakeCorpus, tmp_path: Path) -> None:
    run = Run(request(sentences, tmp_path, decoding="open"))
    assert run.asked.glosses == run.model.setting.glosses == ()


def test_made_up_sentences(sentences: FakeCorpus, tmp_path: Path) -> None:
    assert Run(request(sentences, tmp_path, mock=True)).execute().failed == {}


def test_translation_has_no_glosses(sentences: FakeCorpus, tmp_path: Path) -> None:
    sentences.edit_card(sentences.task_path, 'family = "cslr"', 'family = "slt"')
    with pytest.raises(OptionError, match="made-up-islr is translation, which has no glosses"):
        Run(request(sentences, tmp_path))


def test_a_corpus_without_train(sentences: FakeCorpus, tmp_path: Path) -> None:
    sentences.edit_card(sentences.dataset_path, "train = 8\n", "")
    sentences.edit_card(sentences.task_path, "language =", 'splits = ["test"]\nlanguage =')
    with pytest.raises(OptionError, match="made-up has no split train, whose glosses could come out"):
        Run(request(sentences, tmp_path))


def test_train_without_glosses(corpus: FakeCorpus, tmp_path: Path) -> None:
    run = Run(request(corpus, tmp_path))

    class Silent:
        manifest = run.split.manifest

        def __len__(self) -> int:
            return len(run.split)

        def __getitem__(self, index: int):
            return replace(run.split[index], gloss="")

    with pytest.raises(DataError, match="no clip of made-up's train has glosses"):
        with_sentence_glosses(run.task, Silent())


def test_train_that_is_not_prepared(sentences: FakeCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a corpus that a user prepares: the message has the command."""
    really = checks.prepare

    def prepared(dataset, splits):
        if splits == ["train"]:
            raise DataError(f"{dataset.name}: train is not prepared; do it once with: slbench data prepare")
        return really(dataset, splits)

    monkeypatch.setattr(checks, "prepare", prepared)
    with pytest.raises(DataError, match="train is not prepared"):
        Run(request(sentences, tmp_path))
    Run(request(sentences, tmp_path, decoding="open"))


@pytest.mark.parametrize("family", ["islr", "cslr"])
def test_a_model_that_says_something_else_is_caught(corpus, sentences, tmp_path, monkeypatch, family) -> None:
    if family == "islr":
        corpus.edit_card(corpus.task_path, 'family = "cslr"', f'family = "islr"\nglosses = {json.dumps(EVERY)}')
    monkeypatch.setattr(UniSign, "_texts", lambda self, ids: ["HELP NOBODY"] * len(ids))
    with pytest.raises(ModelError, match="says 'HELP NOBODY', which is not of the task's glosses"):
        Run(request(sentences, tmp_path)).execute()
