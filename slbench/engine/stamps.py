"""Parts of a record: which task, which model, what it cost."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import torch

from slbench.cards import DatasetCard, ModelCard, TaskCard
from slbench.data.pictured import pictures_digest
from slbench.data.store import SplitClips
from slbench.engine.calibration import calibration_seconds
from slbench.engine.models import Checkpoint, code_digest, count_parameters
from slbench.engine.predict import BatchResult
from slbench.engine.provenance import peak_memory_mb
from slbench.metrics.base import Score
from slbench.modeling.base import Model
from slbench.records import Cost, ModelStamp, ScoreStamp, TaskStamp


def task_stamp(task: TaskCard, dataset: DatasetCard, clips: SplitClips) -> TaskStamp:
    """The task, and the very data it was run on."""
    data = clips.manifest
    return TaskStamp(
        name=task.name,
        version=task.version,
        family=task.family,
        digest=task.digest(),
        split=data.split,
        clips=data.clips,
        dataset=data.dataset,
        data_digest=data.data_digest,
        references_digest=data.references_sha256,
        manifest_digest=data.digest(),
        pictures_digest=pictures_digest(clips),
        pose_source=data.pose_source,
        composed=dataset.composed and data.dataset == dataset.name,
        unit=task.unit,
    )


def stamped(scores: Sequence[Score]) -> tuple[ScoreStamp, ...]:
    """Scores as a record holds them."""
    return tuple(ScoreStamp(**asdict(score)) for score in scores)


def model_stamp(card: ModelCard, weights: str, model: Model, checkpoint: Checkpoint | None) -> ModelStamp:
    """The model, the very weights it was run with, and where those of its card are used, how they were trained."""
    trained = card.weights if checkpoint is not None and not checkpoint.origin else None
    return ModelStamp(
        name=card.name,
        inputs=card.inputs,
        digest=card.digest(),
        code_sha256=code_digest(model),
        weights_sha256=weights,
        weights_from=checkpoint.origin if checkpoint else "",
        selected_on=checkpoint.selected_on if checkpoint and checkpoint.selected_on != "dev" else "",
        parameters=count_parameters(model.network),
        deviations=card.deviations,
        untrained_digest=card.model_copy(update={"weights": None}).digest(),
        seed=trained.seed if trained else None,
        trained_on=trained.trained_on if trained else "",
        trained_by=trained.command if trained else "",
    )


def cost(results: Sequence[BatchResult], score_seconds: float, workers: int, device: torch.device) -> Cost:
    """Seconds by stage, speed, latency and memory of all batches."""
    load, encode, decode = (sum(r.seconds.get(stage, 0.0) for r in results) for stage in ("load", "encode", "decode"))
    busy = load / max(1, workers) + encode + decode
    latencies = [1000 * (r.seconds.get("encode", 0.0) + r.seconds.get("decode", 0.0)) for r in results]
    accelerated = device.type == "cuda"
    return Cost(
        load_seconds=round(load, 3),
        encode_seconds=round(encode, 3),
        decode_seconds=round(decode, 3),
        score_seconds=round(score_seconds, 3),
        clips_per_second=round(sum(len(r.predictions) for r in results) / busy, 2),
        frames_per_second=round(sum(r.frames for r in results) / busy, 1),
        latency_median_ms=round(float(np.median(latencies)), 1),
        latency_p95_ms=round(float(np.percentile(latencies, 95)), 1),
        peak_memory_mb=peak_memory_mb(),
        peak_accelerator_mb=round(torch.cuda.max_memory_allocated(device) / (1 << 20), 1) if accelerated else None,
        calibration_seconds=calibration_seconds(device),
    )
