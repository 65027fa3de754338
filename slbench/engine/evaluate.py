"""One model on one task: from names to a record, surviving a kill at any moment."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from slbench import catalog
from slbench.cards import DatasetCard, ModelCard, TaskCard
from slbench.data.store import Split, Store, prepare
from slbench.engine import provenance
from slbench.engine.determinism import PRECISIONS, choose_device, make_deterministic
from slbench.engine.journal import Fingerprint, Journal, predictions_text
from slbench.engine.models import build_model, check_fit, count_parameters, load_weights, setting_of
from slbench.engine.predict import BatchResult, answer_of, load_batches, predict_batch
from slbench.errors import OptionError, OutputError
from slbench.files import text_digest, write_text
from slbench.metrics.base import Score
from slbench.metrics.protocols import get_protocol
from slbench.modeling.base import Model
from slbench.records import Cost, ModelStamp, Options, Prediction, RunRecord, ScoreStamp, TaskStamp


@dataclass(frozen=True)
class RunRequest:
    """What `slbench run` was asked for; names as on the command line."""

    model: str
    task: str
    split: str = "test"
    limit: int | None = None
    batch_size: int = 32
    workers: int = 0
    device: str = "auto"
    precision: str = "float32"
    num_beams: int = 4
    seed: int = 0
    output: Path = Path("results")
    fresh: bool = False


@dataclass(frozen=True)
class Progress:
    """So many of so many clips are answered."""

    done: int
    total: int
    resumed: int


class Run:
    """A run that can start: everything a user can get wrong has been checked.

    Raises:
        SlbenchError: on construction, with what is wrong and what to do.
    """

    def __init__(self, request: RunRequest) -> None:
        self.request = request
        self._check_numbers()
        self.task: TaskCard = catalog.get_task(request.task)
        self.card: ModelCard = catalog.get_model(request.model)
        self._check_names()
        self.dataset: DatasetCard = catalog.get_dataset(self.task.dataset, self.task)
        self.protocol = get_protocol(self.task.protocol, self.task.family)
        self.device = choose_device(request.device)
        check_writable(request.output)
        make_deterministic(request.seed)
        self.model: Model = build_model(self.card, setting_of(self.task, request.num_beams, request.seed))
        self.weights = load_weights(self.model, self.card)
        self.model.network.to(self.device).eval()
        self.store: Store = prepare(self.dataset)
        self.split: Split = self.store.split(request.split)

    def _check_numbers(self) -> None:
        request = self.request
        for option, least in (("batch_size", 1), ("workers", 0), ("num_beams", 1), ("limit", 1), ("seed", 0)):
            value = getattr(request, option)
            if value is not None and value < least:
                raise OptionError(f"--{option.replace('_', '-')} {value}: must be at least {least}")
        if request.precision not in PRECISIONS:
            raise OptionError(f"--precision {request.precision}: known are {', '.join(PRECISIONS)}")

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
        """What the user chose that can change a prediction. In float32 the batch size cannot."""
        request = self.request
        return {
            "task": self.task.digest(),
            "data": self.store.digest,
            "model": self.card.digest(),
            "weights": self.weights,
            "split": request.split,
            "limit": request.limit,
            "num_beams": request.num_beams,
            "precision": request.precision,
            "seed": request.seed,
            "batch_size": None if request.precision == "float32" else request.batch_size,
        }

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """The choices, and the code and machine that they run on."""
        versions = provenance.package_versions()
        return self.choices | {
            "device": provenance.accelerator(self.device) or "cpu",
            "slbench source": provenance.source_digest(),
            "torch": versions["torch"],
            "transformers": versions["transformers"],
        }

    @cached_property
    def name(self) -> str:
        """Of the run's files: the split and a digest of the choices."""
        return f"{self.request.split}-{text_digest(repr(sorted(self.choices.items())))[:8]}"

    @property
    def folder(self) -> Path:
        """Where the files go: <output>/<task>/<model>."""
        return self.request.output / self.task.name / self.card.name

    @property
    def record_path(self) -> Path:
        """The record."""
        return self.folder / f"{self.name}.json"

    @property
    def predictions_path(self) -> Path:
        """The predictions, beside the record."""
        return self.folder / f"{self.name}.predictions.jsonl"

    @cached_property
    def journal(self) -> Journal:
        """Predictions while they are made."""
        return Journal(self.folder / f"{self.name}.journal.jsonl", self.fingerprint)

    def execute(self, report: Callable[[Progress], None] = lambda progress: None) -> RunRecord:
        """Answer every clip, score, and write predictions and record.

        Raises:
            OutputError: the output cannot be written any more; the journal keeps what was done.
        """
        results = [] if self.request.fresh else self.journal.resume()
        resumed = sum(len(result.predictions) for result in results)
        self.journal.open(results)
        report(Progress(resumed, len(self.wanted), resumed))
        for result in self._answer(results):
            self.journal.append(result)
            results.append(result)
            report(Progress(sum(len(r.predictions) for r in results), len(self.wanted), resumed))
        record = self._finish(results, resumed)
        self.journal.remove()
        return record

    def _answer(self, results: list[BatchResult]) -> "list[BatchResult] | map[BatchResult]":
        """Results of the clips that no earlier result covers."""
        done = {prediction.id for result in results for prediction in result.predictions}
        remaining = [index for index in self.wanted if self.split[index].id not in done]
        if not remaining:
            return []
        batches = load_batches(self.model, self.split, remaining, self.request.batch_size, self.request.workers)
        precision = PRECISIONS[self.request.precision]
        return map(lambda batch: predict_batch(self.model, self.task, self.split, batch, precision), batches)

    def _finish(self, results: list[BatchResult], resumed: int) -> RunRecord:
        answered = {prediction.id: prediction for result in results for prediction in result.predictions}
        predictions = [answered[self.split[index].id] for index in self.wanted]
        start = time.perf_counter()
        scores = self.protocol.score(self.task.family, [answer_of(prediction) for prediction in predictions])
        cost = self._cost(results, time.perf_counter() - start)
        text = predictions_text(predictions)
        write_text(self.predictions_path, text)
        record = self._record(predictions, scores, cost, resumed, text_digest(text))
        write_text(self.record_path, record.model_dump_json(indent=1) + "\n")
        return record

    def _record(
        self, predictions: list[Prediction], scores: list[Score], cost: Cost, resumed: int, digest: str
    ) -> RunRecord:
        failed = {prediction.id: prediction.error for prediction in predictions if prediction.error is not None}
        return RunRecord(
            run=self.name,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            task=self._task_stamp(),
            model=self._model_stamp(),
            options=self._options(),
            protocol=self.protocol.name,
            scores=tuple(ScoreStamp(**asdict(score)) for score in scores),
            notes=self.task.notes,
            failed=failed,
            barred=self._barred(len(failed)),
            resumed_clips=resumed,
            predictions_sha256=digest,
            cost=cost,
            environment=provenance.environment(self.device),
        )

    def _barred(self, failed: int) -> tuple[str, ...]:
        reasons = []
        if len(self.wanted) < len(self.split):
            reasons.append(f"--limit: {len(self.wanted)} of {len(self.split)} clips")
        if failed:
            reasons.append(f"{failed} of {len(self.wanted)} clips failed")
        return tuple(reasons)

    def _task_stamp(self) -> TaskStamp:
        return TaskStamp(
            name=self.task.name,
            version=self.task.version,
            family=self.task.family,
            digest=self.task.digest(),
            split=self.request.split,
            clips=len(self.split),
            dataset=self.dataset.name,
            data_digest=self.store.digest,
            pose_source=self.dataset.pose_source,
        )

    def _model_stamp(self) -> ModelStamp:
        return ModelStamp(
            name=self.card.name,
            inputs=self.card.inputs,
            digest=self.card.digest(),
            weights_sha256=self.weights,
            parameters=count_parameters(self.model.network),
        )

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
        )

    def _cost(self, results: list[BatchResult], score_seconds: float) -> Cost:
        stages = {stage: sum(r.seconds.get(stage, 0.0) for r in results) for stage in ("load", "encode", "decode")}
        busy = stages["load"] / max(1, self.request.workers) + stages["encode"] + stages["decode"]
        latencies = [1000 * (r.seconds.get("encode", 0.0) + r.seconds.get("decode", 0.0)) for r in results]
        on_gpu = self.device.type == "cuda"
        return Cost(
            load_seconds=round(stages["load"], 3),
            encode_seconds=round(stages["encode"], 3),
            decode_seconds=round(stages["decode"], 3),
            score_seconds=round(score_seconds, 3),
            clips_per_second=round(sum(len(r.predictions) for r in results) / busy, 2),
            frames_per_second=round(sum(r.frames for r in results) / busy, 1),
            latency_median_ms=round(float(np.median(latencies)), 1),
            latency_p95_ms=round(float(np.percentile(latencies, 95)), 1),
            peak_memory_mb=provenance.peak_memory_mb(),
            peak_accelerator_mb=round(torch.cuda.max_memory_allocated(self.device) / (1 << 20), 1) if on_gpu else None,
        )


def check_writable(folder: Path) -> None:
    """Create the folder if need be.

    Raises:
        OutputError: it cannot be created or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"--output {folder}: cannot be written ({error.strerror}); name another folder"
        ) from error
