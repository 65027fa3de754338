"""What is known of a run's clips besides their texts: frames, signer, signed language."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from slbench import catalog
from slbench.cards import DatasetCard
from slbench.data.store import Split
from slbench.errors import DataError, SlbenchError
from slbench.records import RunRecord
from slbench.report.run.finding import LoadedRun


@dataclass(frozen=True)
class KnownClips:
    """Id of a clip -> what is known of it; a clip of which it is not known is absent."""

    frames: Mapping[str, int] = field(default_factory=dict)
    signers: Mapping[str, str] = field(default_factory=dict)
    """As the corpus names them."""
    languages: Mapping[str, str] = field(default_factory=dict)
    """ISO 639-3; only where the corpus has several."""
    why_not: str = ""
    """Why the corpus says nothing; empty where it does."""


def known_clips(run: LoadedRun) -> KnownClips:
    """Ask the run's corpus, which slbench finds itself or a user has prepared, if it is the very one of the run."""
    record = run.record
    if record.options.mock:
        return KnownClips(why_not="the clips were made up")
    try:
        card = catalog.get_dataset(record.task.dataset)
    except SlbenchError as error:
        return KnownClips(why_not=str(error))
    named = {prediction.id: _language(prediction.id, card) for prediction in run.predictions}
    languages = {clip_id: language for clip_id, language in named.items() if language}
    try:
        rows = [row for row in _split(card, record) if row.error is None]
    except SlbenchError as error:
        return KnownClips(languages=languages, why_not=str(error))
    signers = {row.id: row.signer for row in rows if row.signer}
    return KnownClips({row.id: row.frames for row in rows}, signers, languages)


def _language(clip_id: str, card: DatasetCard) -> str:
    """Of a corpus with several signed languages, whose ids name theirs: `ase-A`, `test-0000-swl-algeria`."""
    if len(card.signed_languages) < 2:
        return ""
    return next((part for part in clip_id.split("-") if part in card.signed_languages), "")


def _split(card: DatasetCard, record: RunRecord) -> Split:
    """The split that the run was on.

    Raises:
        SlbenchError: it is not at hand, or another one is.
    """
    from slbench.data.prepare import prepare  # imports the readers

    split = record.task.split
    if split not in card.splits:
        raise DataError(f"{card.name} has no split {split}")
    found = prepare(card, [split]).split(split)
    if found.manifest.data_digest != record.task.data_digest:
        raise DataError(f"{card.name}: what is prepared here is not the data of the run")
    return found
