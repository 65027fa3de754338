"""Clips in, predictions out: loading, batching and timing, for `run` and for the dev score of `train`."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch.utils.data import DataLoader, Dataset

from slbench.cards import TaskCard
from slbench.data.batching import length_buckets
from slbench.data.clip import Clip
from slbench.data.store import Clips
from slbench.engine.checks import check_said
from slbench.engine.models import autocast, device_of
from slbench.errors import ClipError, ModelError
from slbench.modeling.base import Inputs, Model, Output
from slbench.records import Prediction, Ranked, significant

TOP_K = 10
"""Glosses kept of ISLR's ranking."""
DECIMALS = 3
"""Of log-likelihoods in a prediction file: coarser than what the batch size moves in float32."""


@dataclass(frozen=True)
class Loaded:
    """A clip ready for the model, or the reason why it is not."""

    index: int
    frames: int
    inputs: Inputs | None
    error: str | None
    seconds: float


class PreparedClips(Dataset[Loaded]):
    """Reads and prepares clips one by one; what a loader worker runs."""

    def __init__(self, split: Clips, prepare: Callable[[Clip], Inputs]) -> None:
        self.split = split
        self.prepare = prepare

    def __getitem__(self, index: int) -> Loaded:
        start = time.perf_counter()
        frames = self.split[index].frames
        try:
            inputs, error = self.prepare(self.split.clip(index)), None
        except ClipError as problem:
            inputs, error = None, str(problem)
        return Loaded(index, frames, inputs, error, time.perf_counter() - start)


@dataclass
class BatchResult:
    """Predictions of one batch, the frames of the clips that could be loaded, and the seconds each stage took."""

    predictions: list[Prediction]
    frames: int
    seconds: dict[str, float]


def load_batches(
    model: Model, split: Clips, wanted: Sequence[int], batch_size: int, workers: int
) -> Iterator[list[Loaded]]:
    """Batches of prepared clips of similar length, longest first."""
    buckets = length_buckets([split[index].frames for index in wanted], batch_size)
    batches = [[wanted[i] for i in bucket] for bucket in buckets]
    yield from DataLoader(
        PreparedClips(split, model.prepare), batch_sampler=batches, num_workers=workers, collate_fn=list
    )


def predict_batch(
    model: Model, task: TaskCard, split: Clips, batch: list[Loaded], precision: torch.dtype, closed: bool = False
) -> BatchResult:
    """Predictions for a batch; clips that could not be loaded are predictions with an error.

    Args:
        closed: whether nothing but glosses can come out, so that their likelihoods are given as posteriors too.

    Raises:
        ModelError: a model that was held to the glosses says something else, or gives not one answer a clip.
    """
    seconds = {"load": sum(loaded.seconds for loaded in batch)}
    usable = [loaded.inputs for loaded in batch if loaded.inputs is not None]
    outputs = iter(_answer(model, usable, precision, seconds) if usable else [])
    predictions = []
    for loaded in batch:
        row = split[loaded.index]
        reference = task.target(row.text, row.gloss)
        if loaded.inputs is None:
            predictions.append(Prediction(id=row.id, reference=reference, error=loaded.error))
        else:
            predictions.append(_prediction(row.id, reference, next(outputs), task.glosses, closed))
    if closed:
        check_said(task, predictions)
    frames = sum(loaded.frames for loaded in batch if loaded.inputs is not None)
    return BatchResult(predictions, frames, seconds)


def _answer(model: Model, inputs: list[Inputs], precision: torch.dtype, seconds: dict[str, float]) -> list[Output]:
    """The model's outputs; the time of each stage goes into `seconds`."""
    with torch.inference_mode(), autocast(model, precision):
        start = time.perf_counter()
        encoded = model.encode(inputs)
        seconds["encode"] = _since(start, model)
        start = time.perf_counter()
        outputs = model.decode(encoded)
        seconds["decode"] = _since(start, model)
    if len(outputs) != len(inputs):
        raise ModelError(
            f"{type(model).__name__}.decode gave {len(outputs)} answers for {len(inputs)} clips, not one each"
        )
    return outputs


def _prediction(clip_id: str, reference: str, output: Output, glosses: tuple[str, ...], closed: bool) -> Prediction:
    if len(output.log_likelihoods) not in (0, len(glosses)):
        raise ModelError(
            f"clip {clip_id}: the model gave {len(output.log_likelihoods)} log-likelihoods for {len(glosses)} glosses"
        )
    if not all(map(math.isfinite, (*output.log_likelihoods, *output.measures.values()))):
        what = "measures" if all(map(math.isfinite, output.log_likelihoods)) else "likelihoods"
        return Prediction(id=clip_id, reference=reference, error=f"clip {clip_id}: the model's {what} are not finite")
    top_k = _ranked(output.log_likelihoods, glosses, closed)
    measures = {name: significant(value) for name, value in sorted(output.measures.items())}
    return Prediction(id=clip_id, reference=reference, hypothesis=output.text, top_k=top_k, measures=measures)


def _ranked(log_likelihoods: Sequence[float], glosses: Sequence[str], closed: bool) -> tuple[Ranked, ...]:
    """Ties in the rounded likelihoods are broken by the gloss, so that noise below rounding decides nothing."""
    values = torch.tensor(log_likelihoods, dtype=torch.float64)
    posteriors = [round(value, DECIMALS) for value in values.softmax(0).tolist()] if closed else [None] * len(values)
    rounded = [round(value, DECIMALS) for value in log_likelihoods]
    ranked = sorted(zip(rounded, glosses, posteriors, strict=False), key=lambda one: (-one[0], one[1]))[:TOP_K]
    return tuple(Ranked(gloss=gloss, log_likelihood=value, posterior=share) for value, gloss, share in ranked)


def _since(start: float, model: Model) -> float:
    device = device_of(model)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start
