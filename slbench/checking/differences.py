"""Where two records say that they were not made alike."""

from collections.abc import Iterator, Mapping

from slbench.records import Environment, Options, RunRecord

HARDWARE = ("processor", "threads", "accelerator", "platform")
"""Of the environment: speeds are compared as they are only where all of it is the same."""
SETTINGS = ("device", "batch_size", "precision", "workers", "num_beams", "decoding")
"""Options that decide how fast a run is; no calibration makes up for them."""


def claims(before: RunRecord, after: RunRecord) -> list[str]:
    """Of what decides predictions, what the records themselves say is not the same."""
    one, other = before.model, after.model
    pairs = {
        _arrow("the model", one.name, other.name): (one.name, other.name),
        "the model card": (one.digest, other.digest),
        "the model's code": (one.code_sha256, other.code_sha256),
        "the weights": (one.weights_sha256, other.weights_sha256),
        _arrow("what it looks at", one.inputs, other.inputs): (one.inputs, other.inputs),
        "the task card": (before.task.digest, after.task.digest),
        "the data": (before.task.data_digest, after.task.data_digest),
        "the pictures": (before.task.pictures_digest, after.task.pictures_digest),
    }
    return [
        *(name for name, (a, b) in pairs.items() if a != b),
        *(f"the option {told}" for told in _options(before.options, after.options)),
    ]


def surroundings(before: RunRecord, after: RunRecord) -> list[str]:
    """Of what claims to be without effect on predictions, and may have one: what is not the same."""
    one, other = before.environment, after.environment
    changed = ["slbench's own code"] if one.source_sha256 != other.source_sha256 else []
    versions = {"python": one.python, **one.packages}, {"python": other.python, **other.packages}
    return [*changed, *_changed(*versions), *hardware(before, after)]


def hardware(before: RunRecord, after: RunRecord) -> list[str]:
    """What is another machine, so that speeds cannot be compared as they are."""
    return [*_changed(*(_hardware(record.environment) for record in (before, after)))]


def settings(before: RunRecord, after: RunRecord) -> list[str]:
    """What was asked of the run otherwise, so that speeds cannot be compared at all."""
    one, other = (
        {name: str(getattr(record.options, name)) for name in SETTINGS} | {"inputs": record.model.inputs}
        for record in (before, after)
    )
    return [*_changed(one, other)]


def _options(before: Options, after: Options) -> Iterator[str]:
    """In float32 the size of a batch decides nothing, nor do workers ever."""
    both_float32 = before.precision == after.precision == "float32"
    without = {"workers", "batch_size"} if both_float32 else {"workers"}
    one, other = (options.model_dump(mode="json", exclude=without) for options in (before, after))
    return _changed({k: str(v) for k, v in one.items()}, {k: str(v) for k, v in other.items()})


def _hardware(environment: Environment) -> dict[str, str]:
    return {name: str(getattr(environment, name) or "none") for name in HARDWARE}


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    """A phrase for every key whose value is not the same, or is in one of the two only."""
    for name in sorted(before.keys() | after.keys()):
        one, other = before.get(name, "none"), after.get(name, "none")
        if one != other:
            yield _arrow(name, one, other)


def _arrow(name: str, before: str, after: str) -> str:
    return f"{name} {before} → {after}"
