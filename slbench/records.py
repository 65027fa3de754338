"""What a run leaves behind: predictions, and a record that says where its number comes from.

The docstring under each field is the schema's documentation. `SCHEMA_VERSION` rises when a
field changes its meaning or is removed. Schema 2 added the record's digest of itself; records of schema 1 are read as
ones that have none.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from slbench.cards import Family, Frozen, TextUnit
from slbench.errors import OutputError
from slbench.files import file_digest, text_digest
from slbench.metrics.base import Answer, Better, Unit

SCHEMA_VERSION: Literal[2] = 2
PREDICTIONS = ".predictions.jsonl"
"""How the names of a run's predictions end; its record beside them ends in `.json`."""
USERS_FILE = "a file of the user's"
"""How `ModelStamp.weights_from` ends where the user named the weights."""


class Ranked(Frozen):
    """One gloss of a ranking."""

    gloss: str
    log_likelihood: float
    """Natural logarithm, rounded."""
    posterior: float | None = None
    """Of closed decoding: the gloss's share of the likelihood of all glosses of the task, rounded. All shares sum to 1;
    those of the glosses that are kept may sum to less."""


class Prediction(Frozen):
    """One line of a prediction file."""

    id: str
    """The clip's."""
    reference: str
    """What the task asks for."""
    hypothesis: str | None = None
    """What the model answered; null if the clip failed."""
    top_k: tuple[Ranked, ...] = ()
    """ISLR: the most likely glosses, best first."""
    error: str | None = None
    """Why there is no answer."""
    measures: dict[str, float] = Field(default_factory=dict)
    """What the model says of its own work on the clip, such as how far a gate was open; see `significant`."""

    def answer(self) -> Answer:
        """What the metrics see."""
        return Answer(self.reference, self.hypothesis, tuple(ranked.gloss for ranked in self.top_k))


class TaskStamp(Frozen):
    """Which task, to the byte."""

    name: str
    version: str
    family: Family
    digest: str
    """sha256 of the task card's values."""
    split: str
    clips: int
    """In the whole split."""
    dataset: str
    data_digest: str
    """sha256 over names and digests of all source files, or over the clips where the user named their place."""
    references_digest: str = ""
    """sha256 over id, text and gloss of every clip of the split; empty in older records."""
    manifest_digest: str = ""
    """sha256 of the manifest of the prepared split; empty in older records."""
    pictures_digest: str = ""
    """sha256 over id and state of the pictures of every clip of the split (name, size and first frame of its video);
    empty for models that look at poses alone, for made-up pictures, and in older records."""
    pose_source: str
    """Which estimator made the keypoints."""
    composed: bool = False
    """Whether the clips were put together from recordings of parts."""
    unit: TextUnit = "words"
    """SLT: what one token of the answer is."""


class ModelStamp(Frozen):
    """Which model, to the byte."""

    name: str
    inputs: str
    digest: str
    """sha256 of the model card's values."""
    code_sha256: str
    """Of the file that defines the model's class."""
    weights_sha256: str
    """`untrained` in a mock run of a model without weights."""
    weights_from: str = ""
    """Where they come from, if they do not lie beside the card: a repository and its commit, or the user's own file."""
    selected_on: str = ""
    """Split that the epoch was chosen on, where it is known not to be dev; `none`: the last epoch was taken."""
    deviations: tuple[str, ...] = ()
    """What the model card names as done otherwise than in the paper's own code."""
    parameters: int
    """Trainable values, shared ones once."""
    untrained_digest: str = ""
    """sha256 of the model card's values without its weights, so the same for all seeds; empty in older records."""
    seed: int | None = None
    """Of the training; null where its card is not at hand, as of a file that the user named, and in older records."""
    trained_on: str = ""
    """Tasks, split and epoch; with `seed`."""
    trained_by: str = ""
    """The command; with `seed`."""


class Options(Frozen):
    """What the user chose."""

    limit: int | None
    """Clips scored, if not all."""
    batch_size: int
    workers: int
    device: str
    precision: str
    num_beams: int
    seed: int
    decoding: str = "open"
    """Whether any text could come out, as in the papers, or (`closed`) only glosses of the task."""
    vocabulary: str = ""
    """Of closed decoding of sentences: how many glosses could come out, their sha256, and that of the data of train,
    which they are from."""
    mock: bool = False
    """Whether the clips were made up; `task` then tells of them instead of the corpus."""


class ScoreStamp(Frozen):
    """One score, with its 95 % bootstrap interval."""

    name: str
    value: float
    low: float
    high: float
    samples: int
    signature: str
    """Everything that changes the number."""
    better: Better = "higher"
    """Which of two values is the better one."""
    unit: Unit = "%"
    """Shares and error rates are in percent, an error rate may exceed 100; others are in points, 100 the best."""
    parts: dict[str, float] = Field(default_factory=dict)
    """What the value was made of: counts, precisions, lengths."""


class Cost(Frozen):
    """What the run took. Clips that an interrupted run had already answered are included."""

    load_seconds: float
    """Reading and preparing clips, summed over workers."""
    encode_seconds: float
    decode_seconds: float
    score_seconds: float
    clips_per_second: float
    """Over load (divided by the workers), encode and decode."""
    frames_per_second: float
    latency_median_ms: float
    """Encode and decode of one batch."""
    latency_p95_ms: float
    peak_memory_mb: float | None
    """Of the process (resident); null where the platform does not say."""
    peak_accelerator_mb: float | None
    """Allocated by PyTorch; null on the CPU."""
    calibration_seconds: float | None = None
    """What a fixed piece of work took right after the run, on the same device; null in older records."""


class Environment(Frozen):
    """Where the run was made."""

    slbench: str
    source_sha256: str
    """Of slbench's own code."""
    commit: str | None
    """Of the checkout; null for an installed package."""
    dirty: bool | None
    """Whether the checkout had uncommitted changes."""
    python: str
    packages: dict[str, str]
    platform: str
    processor: str
    threads: int
    accelerator: str | None


class RunRecord(Frozen):
    """One run of one model on one task: the number and everything behind it."""

    schema_version: Literal[2] = SCHEMA_VERSION
    record_sha256: str = ""
    """Of the record itself without this field, as `record_digest` takes it; empty in records of schema 1."""
    run: str
    """Name of the run within its task and model; files begin with it."""
    created: str
    """UTC, ISO 8601."""
    task: TaskStamp
    model: ModelStamp
    options: Options
    protocol: str
    scores: Annotated[tuple[ScoreStamp, ...], Field(min_length=1)]
    """The first one ranks."""
    also: dict[str, tuple[ScoreStamp, ...]] = Field(default_factory=dict)
    """Scores under the other protocols that the task card names; the first of each ranks there."""
    notes: tuple[str, ...]
    """What the task card says a reader must know."""
    failed: dict[str, str]
    """Clip id -> error; these count as wrong."""
    measures: dict[str, float] = Field(default_factory=dict)
    """Means, over the clips that have it, of what the model says of its own work, such as how far a gate was open."""
    barred: tuple[str, ...]
    """Why the run may not enter a leaderboard; empty if it may."""
    resumed_clips: int
    """Clips taken over from an interrupted run."""
    predictions_sha256: str
    cost: Cost
    environment: Environment

    def scores_under(self, protocol: str) -> tuple[ScoreStamp, ...]:
        """The scores of the task's own protocol or of another; the first ranks.

        Raises:
            KeyError: the run was not scored under it.
        """
        return self.scores if protocol == self.protocol else self.also[protocol]

    @model_validator(mode="after")
    def _mock_is_barred(self) -> Self:
        if self.options.mock and not self.barred:
            raise ValueError("a mock run is barred from leaderboards")
        return self


def record_digest(values: dict[str, Any]) -> str:
    """sha256 of a record's values, however its file is laid out."""
    told = {key: value for key, value in values.items() if key != "record_sha256"}
    return text_digest(json.dumps(told, sort_keys=True, separators=(",", ":")))


def sealed(record: RunRecord) -> RunRecord:
    """The record with its own digest."""
    digest = record_digest(record.model_dump(mode="json"))
    return record.model_copy(update={"record_sha256": digest})


def record_text(record: RunRecord) -> str:
    """A record's file, sealed."""
    return sealed(record).model_dump_json(indent=1) + "\n"


def answers_of(predictions: Sequence[Prediction]) -> list[Answer]:
    """What the metrics see, in the order of ids: intervals depend on an order, and not on that of a file."""
    return [prediction.answer() for prediction in sorted(predictions, key=lambda prediction: prediction.id)]


def mean_measures(predictions: Sequence[Prediction]) -> dict[str, float]:
    """Mean of each measure over the clips that have it, rounded as they are."""
    found: dict[str, list[float]] = {}
    for prediction in predictions:
        for name, value in prediction.measures.items():
            found.setdefault(name, []).append(value)
    return {name: significant(fmean(values)) for name, values in sorted(found.items())}


def significant(value: float) -> float:
    """A measure with four significant digits, so that a gate that is hardly open is not taken for one that is shut.

    Uni-Sign's gate has the same bits in any batch. Another model's measure that the batch moves by a millionth of its
    value, as float32 does, is rounded to another number in at most one clip of a hundred.
    """
    return float(f"{value:.4g}")


def predictions_text(predictions: Sequence[Prediction]) -> str:
    """A prediction file: one JSON object a line, absent fields left out."""
    lines = [json.dumps(p.model_dump(mode="json", exclude_defaults=True), ensure_ascii=False) for p in predictions]
    return "".join(f"{line}\n" for line in lines)


def parse_predictions(text: str, place: str) -> list[Prediction]:
    r"""The lines of a prediction file; only `\n` ends one, so a text may hold U+2028 and its like.

    Raises:
        OutputError: a line is not one; `place` says where it was.
    """
    predictions = []
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else [], 1):
        try:
            predictions.append(Prediction.model_validate_json(line))
        except ValidationError as error:
            raise OutputError(f"{place}:{number}: is not a prediction: {error.errors()[0]['msg']}") from error
    return predictions


def read_record(path: Path) -> RunRecord:
    """A record from its file.

    Raises:
        OutputError: it cannot be read or is none.
    """
    try:
        return parse_record(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise OutputError(f"{path}: cannot be read as a run record ({error}); remove it or run again") from error


def read_run(path: Path) -> tuple[RunRecord, list[Prediction]]:
    """A record and the predictions beside it.

    Raises:
        OutputError: either cannot be read, or the predictions are not those that were scored.
    """
    record, place = read_record(path), path.with_suffix(PREDICTIONS)
    if not place.is_file():
        raise OutputError(f"{place}: the predictions of {path.name} are absent; put them beside it, or run again")
    try:
        if file_digest(place) != record.predictions_sha256:
            raise OutputError(f"{place}: is not the file that was scored; get that one again, or run again")
        return record, parse_predictions(place.read_text(encoding="utf-8"), str(place))
    except (OSError, UnicodeDecodeError) as error:
        raise OutputError(f"{place}: cannot be read ({error}); run again") from error


def parse_record(text: str, place: str) -> RunRecord:
    """A record from JSON; one of schema 1 is upgraded.

    Raises:
        OutputError: it is not one, newer than this slbench, or was changed by hand; `place` says where it was.
    """
    values = json_object(text)
    version = values.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise OutputError(f"{place}: was written by a newer slbench (schema {version}); install that one")
    older = version == 1 and version is not True
    told = json.dumps(values | {"schema_version": SCHEMA_VERSION, "record_sha256": ""}) if older else text
    try:
        record = RunRecord.model_validate_json(told)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise OutputError(f"{place}: is not a run record (schema {SCHEMA_VERSION}): {key}: {first['msg']}") from error
    # Schema 1 knows no digest: a file of it that has one was schema 2 before somebody changed it.
    if "record_sha256" in values if older else not is_unchanged(values, record):
        raise OutputError(
            f"{place}: its digest is not that of its content: it was changed after the run; restore it or run again"
        )
    return record


def json_object(text: str) -> dict[str, Any]:
    """The object that a JSON file holds; an empty one where it holds something else, of which the schema says why."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def is_unchanged(values: dict[str, Any], record: BaseModel) -> bool:
    """Whether a file's values have the digest among them.

    Programs that write JSON again may put 65 for 65.0, so the digest of what the schema makes of them counts too.

    Args:
        values: as in the file.
        record: what was read from it.
    """
    digest = values.get("record_sha256")
    return digest == record_digest(values) or digest == record_digest(
        record.model_dump(mode="json", exclude_unset=True)
    )
