"""Where a run's number comes from, line by line."""

from collections.abc import Iterator

from slbench.records import RunRecord
from slbench.report.run.finding import LoadedRun

DIGITS = 12
"""Of a digest, as many as tell it from others."""


def facts(run: LoadedRun) -> Iterator[tuple[str, str]]:
    """What, and its value; what is empty or not known is left out."""
    record = run.record
    for what, value in (*_task(record), *_model(record), *_made(record)):
        if value:
            yield what, value


def _task(record: RunRecord) -> Iterator[tuple[str, str]]:
    task = record.task
    family = f"{task.family} of {task.unit}" if task.family == "slt" else task.family
    yield "task", f"{task.name} {task.version}, {family}, card {_short(task.digest)}"
    yield "split", f"{task.split}, {task.clips:,} clips"
    yield "data", f"{task.dataset} {_short(task.data_digest)}"
    yield "poses", task.pose_source


def _model(record: RunRecord) -> Iterator[tuple[str, str]]:
    model, options = record.model, record.options
    yield "model", f"{model.name}, {model.inputs}, {model.parameters:,} parameters, card {_short(model.digest)}"
    yield "weights", " ".join(filter(None, (_short(model.weights_sha256), model.weights_from)))
    yield "trained on", model.trained_on
    yield "trained by", model.trained_by
    yield "checkpoint chosen on", model.selected_on
    yield "otherwise than in the paper", "; ".join(model.deviations)
    yield "decoding", f"{options.decoding}, {options.num_beams} beams, seed {options.seed}"
    yield "measures of the model, mean", ", ".join(f"{name} {value:.4g}" for name, value in record.measures.items())


def _made(record: RunRecord) -> Iterator[tuple[str, str]]:
    made, cost, options = record.environment, record.cost, record.options
    yield "machine", ", ".join(filter(None, (made.accelerator, made.processor, f"{made.threads} threads")))
    yield "arithmetic", f"{options.precision}, batches of {options.batch_size}"
    yield "speed", f"{cost.clips_per_second:,.1f} clips/s, {cost.frames_per_second:,.0f} frames/s"
    yield "memory", f"{cost.peak_memory_mb:,.0f} MB" if cost.peak_memory_mb is not None else ""
    dirty = ", with uncommitted changes" if made.dirty else ""
    commit = f", commit {_short(made.commit)}{dirty}" if made.commit else ""
    yield f"signature of {record.scores[0].name}", record.scores[0].signature
    yield "slbench", f"{made.slbench}{commit}, source {_short(made.source_sha256)}"
    yield "predictions", _short(record.predictions_sha256)


def _short(digest: str) -> str:
    return digest[:DIGITS]
