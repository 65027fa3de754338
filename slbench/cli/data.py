"""`slbench data`: corpora on this machine."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slbench.cli.listing import Format

if TYPE_CHECKING:
    from slbench.cards import DatasetCard
    from slbench.data.ingest import Prepared
    from slbench.data.store import Manifest, Split, Store
    from slbench.data.verify import Report

app = typer.Typer(help="Corpora: what is here, prepare, verify, download, export.", no_args_is_help=True)
Corpus = Annotated[str, typer.Argument(help="Dataset card: a name from `slbench list datasets`, or a .toml file.")]


class Layout(StrEnum):
    """Whose lists to read."""

    OFFICIAL = "official"
    UNI_SIGN = "uni-sign"


class ExportFormat(StrEnum):
    """What to write."""

    PARQUET = "parquet"
    POSE = "pose"


@app.command()
def status(
    corpora: Annotated[list[str] | None, typer.Argument(help="Dataset cards; none named: all.")] = None,
    format_: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.table,
) -> None:
    """Say of every corpus whether it is prepared, how much of it, how large it is, and who made its poses."""
    from slbench import catalog
    from slbench.cards import DatasetCard
    from slbench.cli.console import out, quiet_libraries, show

    quiet_libraries()
    from slbench.data.status import status_of
    from slbench.data.store import home
    from slbench.report.corpora import status_table, status_values

    statuses = [status_of(catalog.get_dataset(name)) for name in corpora or catalog.names(DatasetCard)]
    if format_ is Format.json:
        out().print(json.dumps([status_values(status) for status in statuses], indent=1), soft_wrap=True)
        return
    show(status_table(statuses))
    out().print(f"prepared corpora are in {home() / 'stores'}", soft_wrap=True)


@app.command()
def prepare(
    corpus: Corpus,
    source: Annotated[Path, typer.Option(help="Folder with the corpus's lists, as its owners or Uni-Sign give them.")],
    poses: Annotated[
        Path | None,
        typer.Option(help="Folder or .zip of pose files; else pose_format/, poses/ or .zip files in the source."),
    ] = None,
    pose_source: Annotated[
        str | None, typer.Option(help="Who made the poses, where no extractor.json beside or above them says so.")
    ] = None,
    layout: Annotated[Layout | None, typer.Option(help="Whose lists, where there are several.")] = None,
    any_version: Annotated[
        bool, typer.Option("--any-version", help="Take lists that are no published version; bars from leaderboards.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Let clips go that are prepared and are not in the source any more.")
    ] = False,
    jobs: Annotated[int | None, typer.Option(help="Processes that read clips; else one a core.", min=1)] = None,
    videos: Annotated[
        Path | None,
        typer.Option(help="Folder of videos or frame folders, for models that look at them; else found in the source."),
    ] = None,
    crops: Annotated[
        bool, typer.Option("--crops", help="Cut the hands out of the videos now, for faster runs.")
    ] = False,
) -> None:
    """Read a corpus from its official layout and keep it as memory-mapped Arrow; call again to go on or to update."""
    from slbench import catalog
    from slbench.cli.console import errors, quiet_libraries, show, stoppable
    from slbench.cli.progress import preparing_progress

    quiet_libraries()
    from slbench.data.building import usable_cores
    from slbench.data.corpus import Source
    from slbench.data.ingest import Choices, ingest
    from slbench.report.corpora import prepared_table

    card = catalog.get_dataset(corpus)
    place = Source(source, poses, None if layout is None else layout.value, pose_source)
    with stoppable("the same command continues"), preparing_progress() as report:
        splits = ingest(card, place, jobs or usable_cores(), Choices(any_version, replace), report)
    show(prepared_table(card.name, splits))
    here = [split.clips for split in splits if split.clips is not None]
    with stoppable("the same command continues"):
        _pictures(card, here, source, videos, crops, jobs or usable_cores())
    if _print_unread(card, splits):
        errors().print(f"`slbench data verify {card.name}` lists all of them, with reasons")
    if all(prepared.before for prepared in splits if prepared.clips is not None):
        errors().print("nothing had changed")


def _pictures(
    card: "DatasetCard", splits: "Sequence[Split]", source: Path, videos: Path | None, crops: bool, jobs: int
) -> None:
    """Find the videos of what is prepared, and cut the hands out of them if that is wanted."""
    from slbench.cli.console import errors, show
    from slbench.cli.progress import preparing_progress
    from slbench.data.cropping import cut_crops
    from slbench.data.noting import note_videos, outdated_notes
    from slbench.errors import OptionError
    from slbench.report.corpora import crops_table, reasons

    noted = note_videos(card, splits, videos, source)
    if noted.videos is not None:
        found = sum(noted.found.values())
        errors().print(f"videos of {found:,} of {noted.clips:,} clips are in {noted.videos.place}", soft_wrap=True)
    for line in (*noted.notes, *(() if crops else outdated_notes(card, splits, noted.videos))):
        errors().print(line, style="yellow", soft_wrap=True)
    if not crops:
        return
    if noted.videos is None:
        raise OptionError(
            f"--crops: there are no videos of {card.name} below {source}; name their folder with --videos"
        )
    filmed = [split for split in splits if noted.found[split.manifest.split]]
    with preparing_progress() as report:
        done = {
            (name := one.manifest.split): cut_crops(card, one, noted.videos, jobs, partial(report, f"{name} crops"))
            for one in filmed
        }
    show(crops_table({name: made.manifest for name, made in done.items()}))
    for line in reasons([error for made in done.values() for error in made.errors()]):
        errors().print(line, style="yellow", soft_wrap=True)


def _print_unread(card: "DatasetCard", splits: "Sequence[Prepared]") -> int:
    """Why clips could not be read, the most frequent reasons first; gives their number."""
    from slbench.cli.console import errors
    from slbench.report.corpora import reasons

    rows = [row for split in splits if split.clips is not None for row in split.clips]
    unread = [(row.id, row.error) for row in rows if row.error is not None]
    for line in reasons(unread):
        errors().print(line, style="yellow", soft_wrap=True)
    if unread:
        errors().print(f"{card.name}: {len(unread):,} of {len(rows):,} clips could not be read and are skipped")
    return len(unread)


@app.command()
def verify(
    corpus: Corpus,
    split: Annotated[list[str] | None, typer.Option(help="Only this split; may be given again.")] = None,
    videos: Annotated[
        Path | None, typer.Option(help="Folder of videos or frame folders, to compare numbers of frames.")
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.table,
) -> None:
    """Read every prepared clip: counts, digests, scores, scale, persons, lengths, missing clips with the reason.

    Exit code 1 where a clip cannot be read or is not what it was when it was prepared.
    """
    from slbench import catalog
    from slbench.cli.console import quiet_libraries, stoppable
    from slbench.cli.progress import counting_progress

    quiet_libraries()
    from slbench.data.store import clip_digest
    from slbench.data.verify import verify as verified

    card = catalog.get_dataset(corpus)
    found = []
    with stoppable("nothing was changed"), counting_progress() as report:
        for clips in opened(card, split):
            data, each = clips.manifest, partial(report, clips.manifest.split, len(clips))
            sums = data.content_sha256
            checked = verified(clips, clip_digest, content_sha256=sums, videos=videos, name=data.split, report=each)
            found.append((data, checked))
    _show_reports(found, format_)
    if not all(report.sound for _, report in found):
        raise typer.Exit(1)


def _show_reports(found: "Sequence[tuple[Manifest, Report]]", format_: Format) -> None:
    from slbench.cli.console import out, show
    from slbench.report.verification import facts_table, lengths_table

    if format_ is Format.json:
        values = [data.model_dump(mode="json", exclude={"vocabulary"}) | asdict(report) for data, report in found]
        out().print(json.dumps(values, indent=1, ensure_ascii=False), soft_wrap=True)
        return
    for data, report in found:
        show(facts_table(data, report))
        show(lengths_table(report))


@app.command()
def download(
    corpus: Corpus,
    out: Annotated[Path, typer.Option(help="Folder for the files.")],
) -> None:
    """Fetch what is published openly (poses as Uni-Sign's authors released them); else say how to get the corpus."""
    from slbench import catalog
    from slbench.cli.console import errors, stoppable
    from slbench.cli.console import out as printed
    from slbench.data.download import download as fetch
    from slbench.report.corpora import size

    card = catalog.get_dataset(corpus)
    with stoppable("the same command continues"):
        done = fetch(card, out, lambda line: errors().print(line, soft_wrap=True))
    for path in done.files:
        printed().print(f"{path}  {size(path.stat().st_size)}", soft_wrap=True)
    errors().print(f"{size(done.fetched)} fetched; poses: {done.extractor.name}", soft_wrap=True)


@app.command()
def export(
    corpus: Corpus,
    out: Annotated[Path, typer.Option(help="Folder for the files.")],
    format_: Annotated[ExportFormat, typer.Option("--format", help="One Parquet file a split, or one .pose a clip.")],
    split: Annotated[list[str] | None, typer.Option(help="Only this split; may be given again.")] = None,
) -> None:
    """Write a prepared corpus as files that other tools read; an interrupted call is continued by the next one."""
    from slbench import catalog
    from slbench.cli.console import errors, quiet_libraries, stoppable
    from slbench.cli.console import out as printed
    from slbench.cli.progress import counting_progress

    quiet_libraries()
    from slbench.data.export import export as write

    card = catalog.get_dataset(corpus)
    splits = {clips.manifest.split: clips for clips in opened(card, split)}
    poses = "; ".join(sorted({clips.manifest.pose_source for clips in splits.values()}))
    with stoppable("the same command continues"), counting_progress() as report:
        done = write(splits, out, format_.value, poses, report)
    for exported in done:
        printed().print(f"{exported.path}  {exported.clips:,} clips", soft_wrap=True)
        if exported.skipped:
            errors().print(f"{exported.split}: {len(exported.skipped):,} clips could not be read and are left out")


def opened(card: "DatasetCard", splits: Sequence[str] | None) -> "list[Split]":
    """The prepared splits of a corpus, those that are named or all.

    Raises:
        DataError: it is not prepared.
        OptionError: there is no such split.
    """
    from slbench.data.prepare import prepare as made
    from slbench.data.store import prepared_splits
    from slbench.errors import OptionError

    unknown = [name for name in splits or () if name not in card.splits]
    if unknown:
        raise OptionError(f"--split {unknown[0]}: {card.name} has the splits {', '.join(card.splits)}")
    wanted = splits or prepared_splits(card) or list(card.splits)
    store: Store = made(card, wanted)
    return [store.split(name) for name in wanted]
