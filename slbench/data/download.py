"""What a corpus's owners, or the authors of its poses, publish openly: fetched, joined, checked, and signed for.

Archives stay archives, since poses are read out of them in place. Files that lie in the folder already, fetched by
other means, are not fetched again; without a network they are only joined and checked.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import Field, ValidationError

from slbench.cards import DatasetCard, Frozen, Hub
from slbench.data.extractor import Extractor, read_extractor, write_extractor
from slbench.data.hub import HubFile, HubUnreachableError, Snapshot, digest_like, fetch, list_files, page, partial_path
from slbench.data.joining import archive_of, check_zip, in_order, join, joining_path
from slbench.errors import DataError, OutputError, some
from slbench.files import file_digest, remove_leftovers, write_text

Report = Callable[[str], None]
"""Is told what is being done, a line at a time."""
LEDGER = ".download.json"
"""Hidden, since a folder of poses may hold poses in JSON."""


@dataclass(frozen=True)
class Downloaded:
    """What there is now.

    Attributes:
        files: archives and other files, checked, as they lie in the folder.
        fetched: bytes that came over the network.
        extractor: what is written of the poses' makers.
    """

    files: tuple[Path, ...]
    fetched: int
    extractor: Extractor


class Checked(Frozen):
    """A file as it was published; it may since have become part of an archive."""

    size: int
    digest: str


class Ledger(Frozen):
    """What has been fetched into a folder, so that nothing is read twice to see whether it is right."""

    commits: dict[str, str] = Field(default_factory=dict)
    """Repository -> commit."""
    files: dict[str, Checked] = Field(default_factory=dict)
    """Name in the repository -> what it was."""


def download(card: DatasetCard, folder: Path, report: Report) -> Downloaded:
    """Fetch what the card's `hub` names into a folder, and say there who made the poses.

    Killed at any moment, a second call goes on: of a file in the middle, and of an archive that is being joined.

    Raises:
        DataError: nothing is published openly, nobody answers, files are damaged, or the folder has other poses.
        OutputError: the folder cannot be written, or has no room.
    """
    if not card.hub:
        raise DataError(by_hand(card))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".download.lock", timeout=0):
            remove_leftovers(folder)
            return _Download(card, folder, report).run()
    except Timeout as error:
        raise DataError(f"{folder}: another download works in this folder; wait for it to end") from error
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error}); name another folder") from error


def by_hand(card: DatasetCard) -> str:
    """How to get a corpus that nobody may fetch for its user."""
    if not card.needs_source:
        return f"{card.name}: there is nothing to download by hand, slbench finds it itself: {card.obtain}"
    files = f" slbench then wants {', '.join(card.files)} in one folder:" if card.files else " Then:"
    return (
        f"{card.name}: nothing of it is published for everybody to fetch. {card.obtain} ({card.homepage})"
        f"{files} slbench data prepare {card.name} --source FOLDER"
    )


class _Download:
    def __init__(self, card: DatasetCard, folder: Path, report: Report) -> None:
        self.card, self.folder, self.report = card, folder, report
        self.ledger = _read_ledger(folder / LEDGER)
        self.fetched = 0

    def run(self) -> Downloaded:
        name = f"released by the authors ({', '.join(hub.repository for hub in self.card.hub)})"
        self._check_makers(name)
        targets: dict[str, list[HubFile]] = {}
        for hub in self.card.hub:
            targets |= self._from(hub)
        files = tuple(self._finished(target, targets[target]) for target in sorted(targets))
        version = ", ".join(filter(None, (self.ledger.commits.get(hub.repository) for hub in self.card.hub)))
        digests = {piece.name: piece.digest for pieces in targets.values() for piece in pieces}
        settings: dict[str, str | int | float | bool] = dict(sorted(digests.items()))
        extractor = Extractor(name=name, version=version, settings=settings, files=tuple(sorted(targets)))
        write_extractor(self.folder, extractor)
        return Downloaded(files, self.fetched, extractor)

    def _check_makers(self, name: str) -> None:
        """Poses of two makers in one folder could no longer be told apart."""
        there = read_extractor(self.folder)
        if there is not None and there.name != name:
            raise DataError(
                f"{self.folder}: holds poses of {there.label()}, which are not to be mixed with those that are "
                f"{name}; name another folder"
            )

    def _from(self, hub: Hub) -> dict[str, list[HubFile]]:
        """What a repository offers, fetched where it is not there: what there is to be, and of which files."""
        self.report(f"{page(hub)}: {hub.licence}")
        try:
            snapshot = list_files(hub)
        except HubUnreachableError as error:
            targets = _targets(self._local(hub))
            missing = self._missing(targets)
            if missing or not targets:
                lacking = f"; {self.folder} lacks {some([file.name for file in missing])}" if missing else ""
                raise HubUnreachableError(f"{error}{lacking}") from error
            self.report(f"{error}; what lies in {self.folder} is taken without comparing it")
        else:
            targets = _targets(self._offered(hub, snapshot))
            self._fetch(hub, snapshot.commit, self._missing(targets))
        return targets

    def _offered(self, hub: Hub, snapshot: Snapshot) -> list[HubFile]:
        wanted = [file for file in snapshot.files if _wanted(hub, file.name)]
        if not wanted:
            raise DataError(
                f"{page(hub)}: nothing there is called {' or '.join(hub.files)}; there are "
                f"{some([file.name for file in snapshot.files])}; correct `hub` in {self.card.path}"
            )
        return wanted

    def _local(self, hub: Hub) -> list[HubFile]:
        """What was fetched before, and what else lies in the folder under the names that are wanted."""
        known = {name: file for name, file in self.ledger.files.items() if _wanted(hub, name)}
        joined = {archive_of(name) for name in known}
        for path in sorted(self.folder.rglob("[!.]*")):
            name = path.relative_to(self.folder).as_posix()
            # A user may have joined the parts that the card names.
            wanted = any(_wanted(hub, name + end) for end in ("", ".00", ".aa"))
            if wanted and name not in known and name not in joined and path.is_file():
                self._note(HubFile(name, path.stat().st_size, file_digest(path)))
                known[name] = self.ledger.files[name]
        return [HubFile(name, file.size, file.digest) for name, file in sorted(known.items())]

    def _missing(self, targets: dict[str, list[HubFile]]) -> list[HubFile]:
        """Those that are not there, neither alone nor within the archive that they are parts of.

        Raises:
            DataError: one that is there is another than it should be.
        """
        missing = []
        for name, pieces in targets.items():
            if (self.folder / name).is_file():
                self._compare(self.folder / name, pieces)
                continue
            joining, end = _size(joining_path(self.folder / name)), 0
            for piece in pieces:
                end += piece.size
                if (self.folder / piece.name).is_file():
                    self._compare(self.folder / piece.name, [piece])
                elif end > joining or not self._noted(piece):
                    missing.append(piece)
        return missing

    def _compare(self, path: Path, pieces: list[HubFile]) -> None:
        """See that a file is these, one after the other; digests are computed once only."""
        size, expected = path.stat().st_size, sum(piece.size for piece in pieces)
        if size != expected:
            raise DataError(f"{path}: has {size} bytes instead of {expected}; delete it and run this again")
        start = 0
        for piece in pieces:
            if not self._noted(piece):
                self.report(f"{piece.name}: is there and is checked")
                if digest_like(piece.digest, path, start, piece.size) != piece.digest:
                    raise DataError(
                        f"{path}: is not what the hub has now, or is damaged; delete it and run this again, or name "
                        "another folder"
                    )
                self._note(piece)
            start += piece.size

    def _noted(self, file: HubFile) -> bool:
        return self.ledger.files.get(file.name) == Checked(size=file.size, digest=file.digest)

    def _note(self, file: HubFile) -> None:
        files = self.ledger.files | {file.name: Checked(size=file.size, digest=file.digest)}
        self._write(Ledger(commits=self.ledger.commits, files=files))

    def _write(self, ledger: Ledger) -> None:
        self.ledger = ledger
        write_text(self.folder / LEDGER, ledger.model_dump_json(indent=1) + "\n")

    def _fetch(self, hub: Hub, commit: str, missing: list[HubFile]) -> None:
        begun = {file: _size(partial_path(self.folder / file.name, file)) for file in missing}
        self._check_room(sum(file.size - begun[file] for file in missing), missing)
        for number, file in enumerate(missing, 1):
            self.report(f"{file.name}: {file.size / 1e9:.2f} GB, file {number} of {len(missing)}")
            fetch(hub, commit, file, self.folder / file.name)
            self.fetched += file.size - begun[file]
            self._note(file)
        self._write(Ledger(commits=self.ledger.commits | {hub.repository: commit}, files=self.ledger.files))

    def _check_room(self, needed: int, missing: list[HubFile]) -> None:
        """Joining needs room for one more part."""
        needed += max((file.size for file in missing if archive_of(file.name)), default=0)
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise OutputError(
                f"{self.folder}: {needed / 1e9:.1f} GB are needed and {free / 1e9:.1f} are free; make room, or name a "
                "folder on another disk"
            )

    def _finished(self, name: str, pieces: list[HubFile]) -> Path:
        """A whole file, joined if it comes in parts, and an archive seen to be one."""
        path = self.folder / name
        if not path.is_file():
            self.report(f"{name}: its {len(pieces)} parts are joined")
            join(path, {Path(piece.name).name: piece.size for piece in pieces})
        elif path.suffix == ".zip":
            check_zip(path, str(path))
        return path


def _wanted(hub: Hub, name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in hub.files)


def _targets(files: list[HubFile]) -> dict[str, list[HubFile]]:
    """What there is to be in the end -> the files that it is made of, in order."""
    targets: dict[str, list[HubFile]] = {}
    for file in files:
        targets.setdefault(archive_of(file.name) or file.name, []).append(file)
    for pieces in targets.values():
        if archive_of(pieces[0].name):
            order = in_order(piece.name for piece in pieces)
            pieces.sort(key=lambda piece: order.index(piece.name))
    return targets


def _read_ledger(path: Path) -> Ledger:
    if not path.is_file():
        return Ledger()
    try:
        return Ledger.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValueError, ValidationError) as error:
        raise DataError(f"{path}: is damaged; delete it, the files here are then checked anew") from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
