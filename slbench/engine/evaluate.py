"""One model on one task: from names to a record, surviving a kill at any moment."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import torch

from slbench import catalog
from slbench.cards import DatasetCard, ModelCard, Released, TaskCard
from slbench.data.listing import check_listing
from slbench.data.mock import CLIPS, MockSplit
from slbench.data.pictured import pictures_digest, with_pictures
from slbench.data.prepare import prepare, reader_reference
from slbench.data.store import SplitClips
from slbench.engine import provenance
from slbench.engine.checks import (
    check_closed,
    check_pictures,
    check_references,
    check_vocabulary,
    check_writable,
    closed_sentences,
    only_writer,
    task_dataset,
    vocabulary_note,
    with_vocabulary,
)
from slbench.engine.determinism import PRECISIONS, choose_device, make_deterministic
from slbench.engine.journal import Fingerprint, Journal
from slbench.engine.models import (
    Checkpoint,
    build_model,
    check_fit,
    code_digest,
    load_weights,
    looking_at,
    setting_of,
)
from slbench.engine.predict import BatchResult, load_batches, predict_batch
from slbench.engine.released import fetched, weights_of
from slbench.engine.request import RunRequest
from slbench.engine.stamps import cost, model_stamp, stamped, task_stamp
from slbench.errors import OptionError
from slbench.files import file_digest, text_digest, write_text
from slbench.metrics.protocols import get_protocol
from slbench.modeling.base import Model
from slbench.records import (
    PREDICTIONS,
    Options,
    RunRecord,
    answers_of,
    mean_measures,
    predictions_text,
    record_text,
    sealed,
)

UNTRAINED = "untrained"
"""Digest of the weights of a mock run whose model has none."""
MOCK_NOTES = ("The clips are made up: this shows that the model runs, and nothing about how good it is.",)
"""In place of the task's own notes, which are about its clips."""


@dataclass(frozen=True)
class Progress:
    """So many of so many clips are answered."""

    done: int
    total: int
    resumed: int


class Run:
    """A run that can start: everything a user can get wrong has been checked.

    Args:
        report: is told when released weights are fetched, and on which terms.

    Raises:
        SlbenchError: on construction, with what is wrong and what to do.
    """

    def __init__(self, request: RunRequest, report: Callable[[str], None] = lambda _: None) -> None:
        self.request = request
        request.check()
        self.task: TaskCard = catalog.get_task(request.task)
        self.card: ModelCard = looking_at(catalog.get_model(request.model), request.modality)
        if request.videos is not None:
            check_pictures(self.card, request.videos)
        self._check_names()
        self.dataset: DatasetCard = task_dataset(self.task)
        check_closed(self.task, self.dataset, request.decoding)
        if not request.mock:
            reader_reference(self.dataset)
        self.protocol, *self.also = (
            get_protocol(name, self.task.family, self.task.unit) for name in (self.task.protocol, *self.task.also)
        )
        weights = self._weights()
        self.device = choose_device(request.device)
        check_writable(request.output)
        make_deterministic(request.seed)
        self.split: SplitClips = self._made_up() if request.mock else self._prepared()
        made_up = self.split if request.mock else None
        self.train = closed_sentences(self.task, self.dataset, request.decoding, made_up)
        self.asked = with_vocabulary(self.task, self.split, self.train)
        check_references(self.asked, self.split)
        setting = setting_of(self.asked, request.num_beams, request.seed, self.card.inputs, request.decoding)
        self.model: Model = build_model(self.card, setting)
        self.checkpoint = fetched(weights, report) if isinstance(weights, Released) else weights
        if self.checkpoint is not None:
            load_weights(self.model, self.checkpoint)
            if not request.mock:
                check_vocabulary(self.model, self.task, self.split)
        self.model.network.to(self.device).eval()

    def _weights(self) -> Checkpoint | Released | None:
        """What is to be loaded; None: a mock run of a model without weights."""
        own = self.request.checkpoint
        if self.request.mock and self.card.weights is None and own is None:
            return None
        return weights_of(self.card, self.task, own)

    @property
    def weights(self) -> str:
        """sha256 of the weights, or `UNTRAINED`."""
        return UNTRAINED if self.checkpoint is None else self.checkpoint.sha256

    def _prepared(self) -> SplitClips:
        """The task's clips."""
        split = prepare(self.dataset, [self.request.split]).split(self.request.split, checked=True)
        return with_pictures(split, self.dataset, self.request.videos) if self.card.inputs == "rgb+pose" else split

    def _made_up(self) -> SplitClips:
        """Clips of the task's shape; the corpus and its reader are not touched."""
        clips, pictures = self.request.limit or CLIPS, self.card.inputs == "rgb+pose"
        return MockSplit(self.task, self.request.seed, clips, self.request.split, pictures)

    def _check_names(self) -> None:
        check_fit(self.card, self.task)
        if self.request.split not in self.task.splits:
            raise OptionError(
                f"--split {self.request.split}: {self.task.name} has the splits {', '.join(self.task.splits)}"
            )

    @cached_property
    def wanted(self) -> range:
        """Indices of the clips to answer, in task order."""
        return range(min(len(self.split), self.request.limit or len(self.split)))

    @cached_property
    def choices(self) -> Fingerprint:
        """What the user chose that can change a prediction; the device counts. In float32 the batch size cannot."""
        request, pictures = self.request, pictures_digest(self.split)
        return {
            "task": self.task.digest(),
            "data": self.split.manifest.data_digest,
            "model": self.card.digest(),
            "weights": self.weights,
            "split": request.split,
            "limit": len(self.wanted) if len(self.wanted) < len(self.split) else None,
            "num_beams": request.num_beams,
            "precision": request.precision,
            "device": provenance.accelerator(self.device) or self.device.type,
            "seed": request.seed,
            "batch_size": None if request.precision == "float32" else request.batch_size,
            **({"pictures": pictures} if pictures else {}),
            **({"mock": "made-up clips"} if request.mock else {}),
            **({"decoding": request.decoding} if request.decoding != "open" else {}),
            **({"vocabulary": self.asked.digest()} if self.asked.glosses != self.task.glosses else {}),
        }

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """The choices, and the code that they run on."""
        versions = provenance.package_versions()
        return self.choices | {
            "slbench source": provenance.source_digest(),
            "model source": code_digest(self.model),
            "torch": versions["torch"],
            "transformers": versions["transformers"],
        }

    @cached_property
    def name(self) -> str:
        """Of the run's files: the split and a digest of the choices; a mock run says that it is one."""
        kind = "mock-" if self.request.mock else ""
        return f"{kind}{self.request.split}-{text_digest(repr(sorted(self.choices.items())))[:8]}"

    @property
    def folder(self) -> Path:
        """Where the files go: <output>/<task>/<model>."""
        return self.request.output / self.task.name / self.card.name

    @property
    def record_path(self) -> Path:
        """The record."""
        return self.folder / f"{self.name}.json"

    def earlier_predictions(self) -> str | None:
        """sha256 of the predictions of the same run that are there already and will be replaced."""
        return file_digest(self.predictions_path) if self.predictions_path.is_file() else None

    @property
    def predictions_path(self) -> Path:
        """The predictions, beside the record."""
        return self.folder / f"{self.name}{PREDICTIONS}"

    @cached_property
    def journal(self) -> Journal:
        """Predictions while they are made; other code writes another journal."""
        return Journal(self.folder / f"{self.name}.{self._code}.journal.jsonl", self.fingerprint)

    @cached_property
    def _code(self) -> str:
        return text_digest(repr(sorted(self.fingerprint.items())))[:8]

    def other_journals(self) -> list[Path]:
        """What interrupted runs with the same choices but other code have left."""
        return [path for path in self.folder.glob(f"{self.name}.*.journal.jsonl") if path != self.journal.path]

    def execute(self, report: Callable[[Progress], None] = lambda _: None) -> RunRecord:
        """Answer every clip, score, and write predictions and record.

        Raises:
            OutputError: the output cannot be written any more (the journal keeps what was done), or another run is
                writing the same files.
        """
        with only_writer(self.folder / f".{self.name}.lock"):
            return self._execute(report)

    def _execute(self, report: Callable[[Progress], None]) -> RunRecord:
        results = [] if self.request.fresh else self.journal.resume(self._references())
        resumed = done = sum(len(result.predictions) for result in results)
        self.journal.open(results)
        report(Progress(resumed, len(self.wanted), resumed))
        for result in self._answer(results):
            self.journal.append(result)
            results.append(result)
            done += len(result.predictions)
            report(Progress(done, len(self.wanted), resumed))
        record = self._finish(results, resumed)
        self.journal.remove()
        return record

    def _references(self) -> dict[str, str]:
        rows = (self.split[index] for index in self.wanted)
        return {row.id: self.task.target(row.text, row.gloss) for row in rows}

    def _answer(self, results: list[BatchResult]) -> Iterator[BatchResult]:
        """Results of the clips that no earlier result covers, batch by batch."""
        done = {prediction.id for result in results for prediction in result.predictions}
        remaining = [index for index in self.wanted if self.split[index].id not in done]
        batches = load_batches(self.model, self.split, remaining, self.request.batch_size, self.request.workers)
        precision, closed = PRECISIONS[self.request.precision], self.request.decoding == "closed"
        try:
            for batch in batches:
                yield predict_batch(self.model, self.asked, self.split, batch, precision, closed)
        except torch.OutOfMemoryError as error:
            raise OptionError(
                f"--batch-size {self.request.batch_size}: out of memory on {self.device}; what was answered is kept, "
                "the same command with a smaller --batch-size continues"
            ) from error

    def _finish(self, results: list[BatchResult], resumed: int) -> RunRecord:
        """Score; write the predictions in task order, then the record."""
        answered = {prediction.id: prediction for result in results for prediction in result.predictions}
        predictions = [answered[self.split[index].id] for index in self.wanted]
        failed = {prediction.id: prediction.error for prediction in predictions if prediction.error is not None}
        start = time.perf_counter()
        answers = answers_of(predictions)
        scores = {protocol.name: stamped(protocol.score(answers)) for protocol in (self.protocol, *self.also)}
        score_seconds = time.perf_counter() - start
        text = predictions_text(predictions)
        write_text(self.predictions_path, text)
        made = RunRecord(
            run=self.name,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            task=task_stamp(self.task, self.dataset, self.split),
            model=model_stamp(self.card, self.weights, self.model, self.checkpoint),
            options=self._options(),
            protocol=self.protocol.name,
            scores=scores.pop(self.protocol.name),
            also=scores,
            notes=MOCK_NOTES if self.request.mock else self.task.notes,
            failed=failed,
            measures=mean_measures(predictions),
            barred=self._barred(len(failed)),
            resumed_clips=resumed,
            predictions_sha256=text_digest(text),
            cost=cost(results, score_seconds, self.request.workers, self.device),
            environment=provenance.environment(self.device),
        )
        record = sealed(made)
        write_text(self.record_path, record_text(record))
        return record

    def _options(self) -> Options:
        request = self.request
        return Options(
            limit=request.limit,
            batch_size=request.batch_size,
            workers=request.workers,
            device=self.device.type,
            precision=request.precision,
            num_beams=request.num_beams,
            seed=request.seed,
            decoding=request.decoding,
            vocabulary=vocabulary_note(self.asked, self.train),
            mock=request.mock,
        )

    def _is_published(self, split: SplitClips) -> bool:
        """Whether the clips are a version of the split that the dataset card knows, as it stands today."""
        if self.request.mock or not self.dataset.needs_source:
            return True
        ids = [split[index].id for index in range(len(split))]
        listed = split.manifest.listing is not None
        return listed and check_listing(self.dataset, split.manifest.split, ids) is not None

    def _barred(self, failed: int) -> tuple[str, ...]:
        reasons = []
        if self.request.mock:
            reasons.append(f"--mock: made-up clips{', untrained weights' if self.weights == UNTRAINED else ''}")
        if len(self.wanted) < len(self.split):
            reasons.append(f"--limit: {len(self.wanted)} of {len(self.split)} clips")
        if not self._is_published(self.split):
            reasons.append(f"the clips are no published version of {self.dataset.name}'s {self.request.split}")
        if self.train is not None and not self._is_published(self.train):
            reasons.append(f"the glosses are those of no published version of {self.dataset.name}'s train")
        if self.task.pretraining:
            reasons.append(f"{self.task.name} is for pre-training, and no benchmark")
        if self.request.split == "train":
            reasons.append("--split train: models learn from it")
        if failed:
            reasons.append(f"{failed} of {len(self.wanted)} clips failed")
        return tuple(reasons)
