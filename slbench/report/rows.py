"""Rows of a board: runs that differ in nothing but seeds are one, with mean and deviation."""

import shlex
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from statistics import fmean, stdev

from slbench import catalog
from slbench.errors import CardError
from slbench.records import USERS_FILE, ModelStamp, RunRecord

SEEDED = ("--seed", "--output")
"""Options of a training's command that differ between seeds; each has a value."""
SET, INIT = "--set", "--init"
"""Options of a training's command that make another training of it; each has a value."""


@dataclass(frozen=True)
class Spread:
    """One score over the samples of a row."""

    name: str
    values: tuple[float, ...]
    """Of each sample."""

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return fmean(self.values)

    @property
    def deviation(self) -> float | None:
        """Sample standard deviation, divided by n - 1; None of one value."""
        return stdev(self.values) if len(self.values) > 1 else None


@dataclass(frozen=True)
class Row:
    """Runs that differ in nothing but the seed of training or of the run, in the order of these."""

    records: tuple[RunRecord, ...]

    @property
    def first(self) -> RunRecord:
        """Of the smallest seeds; but for its scores and cost it stands for all."""
        return self.records[0]

    @cached_property
    def samples(self) -> tuple[tuple[RunRecord, ...], ...]:
        """The runs of each training; where there is one file of weights, each run.

        Runs of one file of weights under several seeds tell nothing of another training, so they count as one sample,
        with their mean. The same weights with the same answers under another seed of the run say nothing at all.
        """
        found: dict[str, dict[str, RunRecord]] = {}
        for record in self.records:
            found.setdefault(record.model.weights_sha256, {}).setdefault(record.predictions_sha256, record)
        trainings = [tuple(answers.values()) for answers in found.values()]
        return tuple(trainings) if len(trainings) > 1 else tuple((record,) for record in trainings[0])

    @cached_property
    def spreads(self) -> tuple[Spread, ...]:
        """Every score of the task's own protocol; the first ranks."""
        return self.spreads_under(self.first.protocol)

    def spreads_under(self, protocol: str) -> tuple[Spread, ...]:
        """Every score of one of the protocols that the runs were scored under."""
        return tuple(self.spread_under(protocol, at) for at in range(len(self.first.scores_under(protocol))))

    def spread_under(self, protocol: str, at: int) -> Spread:
        """The score at this place among those of the protocol."""
        name = self.first.scores_under(protocol)[at].name
        return Spread(name, tuple(_mean_score(sample, protocol, at) for sample in self.samples))


def _mean_score(records: Sequence[RunRecord], protocol: str, at: int) -> float:
    """One score of the protocol, in the mean of the runs."""
    return fmean(record.scores_under(protocol)[at].value for record in records)


def rows_of(records: Sequence[RunRecord]) -> list[Row]:
    """The rows of the records of one board, the best first; of several seeds, the mean counts."""
    alike: dict[Hashable, list[RunRecord]] = {}
    for record in sorted(records, key=lambda record: (_seeds(record), record.run)):
        alike.setdefault(_all_but_seeds(record), []).append(record)
    return sorted((row for group in alike.values() for row in _rows(group)), key=_rank)


def _rows(group: Sequence[RunRecord]) -> Iterator[Row]:
    """One row; or one a run, where the same seeds gave other scores: then they differ in what no record tells."""
    row = Row(tuple(group))
    different = [record for sample in row.samples for record in sample]
    if len({_seeds(record) for record in different}) == len(different) and _one_training_a_seed(different):
        yield row
    else:
        yield from (Row((record,)) for record in group)


def _one_training_a_seed(records: Sequence[RunRecord]) -> bool:
    trainings = {(record.model.seed, record.model.weights_sha256) for record in records}
    return len({seed for seed, _ in trainings}) == len(trainings)


def _seeds(record: RunRecord) -> tuple[int, int]:
    """Of training and run."""
    return -1 if record.model.seed is None else record.model.seed, record.options.seed


def _all_but_seeds(record: RunRecord) -> Hashable:
    """Equal for runs that belong in one row of their board."""
    model, task, options = record.model, record.task, record.options
    exact = options.precision == "float32"  # then no prediction depends on the batch size
    chosen = options.model_copy(update={"seed": 0, "workers": 0, "batch_size": 0 if exact else options.batch_size})
    data = (task.data_digest, task.manifest_digest, task.pictures_digest, task.pose_source)
    scored = [(score.name, score.signature) for score in record.scores]
    return model.name, model.inputs, model.selected_on, model.code_sha256, _training(model), chosen, data, *scored


def _training(model: ModelStamp) -> Hashable:
    """How the weights were made, whatever the seed; where that is not known, the weights themselves."""
    if model.seed is None:
        return model.digest, model.weights_sha256
    chosen_epoch = "; epoch "  # ends `trained_on`, and differs between seeds
    return model.untrained_digest, model.trained_on.partition(chosen_epoch)[0], *_without_seed(model.trained_by)


def _without_seed(command: str) -> list[str]:
    """The words of a command, or of several, without those that only a seed changes."""
    words = [word for word in _words(command) if word != "--resume"]
    return [word for before, word in pairwise(["", *words]) if not {before, word} & set(SEEDED)]


@cache
def _catalogs_own(name: str) -> str:
    """The digest of the catalog's card of this name; empty where it has none."""
    try:
        return catalog.get_model(name).digest()
    except CardError:
        return ""


def unlike_the_card(record: RunRecord) -> list[str]:
    """What makes the weights others than those that the card's own recipe gives: changed keys, a beginning, a file.

    Nothing of weights that come with the catalog's card: however they were made, they are the ones of this name.
    """
    if record.model.digest == _catalogs_own(record.model.name) and not record.model.weights_from.endswith(USERS_FILE):
        return []
    titles = {SET: "", INIT: f"{INIT} "}
    words = _words(record.model.trained_by)
    told = [titles[option] + word for option, word in pairwise(words) if option in titles]
    return told + ["own weights"] * record.model.weights_from.endswith(USERS_FILE)


def _words(command: str) -> list[str]:
    """Of a command, `--seed=1` as the two words that it stands for."""
    try:
        return [part for word in shlex.split(command) for part in _parted(word)]
    except ValueError:  # quotes that do not end: somebody wrote the card by hand
        return [command]


def _parted(word: str) -> list[str]:
    return word.split("=", 1) if word.startswith(tuple(f"{option}=" for option in (*SEEDED, SET, INIT))) else [word]


def _rank(row: Row) -> tuple[float, str, str]:
    mean, lower = row.spread_under(row.first.protocol, 0).mean, row.first.scores[0].better == "lower"
    return mean if lower else -mean, row.first.model.name, row.first.run
