"""Files on the Hugging Face hub: what a repository holds, and fetching one of them, checked and resumable.

`hf_hub_download` begins again when it is interrupted (huggingface_hub 2.4 deletes what it has), which for parts of 4 GB
will not do; its `http_get`, which continues a file, is used instead.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from huggingface_hub import HfApi, hf_hub_url
from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError is that of the client it uses
    GatedRepoError,
    HfHubHTTPError,
    HTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # documented there

from slbench.cards import Hub
from slbench.errors import DataError, OutputError

SHA256_LENGTH = 64
CHUNK = 1 << 24


class HubUnreachableError(DataError):
    """The hub does not answer: no network, offline mode, or trouble at the hub."""


@dataclass(frozen=True)
class HubFile:
    """A file of a repository.

    Attributes:
        name: path in the repository.
        size: bytes.
        digest: sha256, or for a small file that is kept in git its sha1 there.
    """

    name: str
    size: int
    digest: str


@dataclass(frozen=True)
class Snapshot:
    """What a repository holds at a commit."""

    commit: str
    files: tuple[HubFile, ...]


def list_files(hub: Hub) -> Snapshot:
    """All files of the repository as it is now, by name.

    Raises:
        HubUnreachableError: nobody answers.
        DataError: there is no such repository, or it is not open to this user.
    """
    with _explained(hub):
        ask = HfApi().dataset_info if hub.kind == "dataset" else HfApi().model_info
        info = ask(hub.repository, files_metadata=True)
    files = []
    for entry in info.siblings or ():
        digest = entry.lfs.sha256 if entry.lfs else entry.blob_id
        if entry.size is None or digest is None or not _stays_below(entry.rfilename):
            raise DataError(
                f"{page(hub)}: {entry.rfilename}: the hub gives no size, no digest or no proper name for it"
            )
        files.append(HubFile(entry.rfilename, entry.size, digest))
    return Snapshot(info.sha or "", tuple(sorted(files, key=lambda file: file.name)))


def _stays_below(name: str) -> bool:
    return not (name.startswith("/") or ".." in PurePosixPath(name).parts or "\\" in name or ":" in name)


def page(hub: Hub) -> str:
    """Where a person finds the repository."""
    return f"{HfApi().endpoint}/{'datasets/' if hub.kind == 'dataset' else ''}{hub.repository}"


def partial_path(target: Path, file: HubFile) -> Path:
    """What there is of a file that is being fetched; another version of it does not continue it."""
    return target.with_name(f".{target.name}.{file.digest[:12]}.partial")


def fetch(hub: Hub, commit: str, file: HubFile, target: Path) -> None:
    """Fetch a file, going on where an earlier attempt stopped; it gets its name when its digest is right.

    Raises:
        HubUnreachableError: the connection is lost; what has come is kept.
        DataError: it is not there, or it arrives damaged.
        OutputError: it cannot be written.
    """
    partial = partial_path(target, file)
    url = hf_hub_url(hub.repository, file.name, repo_type=hub.kind, revision=commit, endpoint=HfApi().endpoint)
    with _explained(hub, target):
        partial.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("ab") as out:
            if out.tell() > file.size:
                out.truncate(0)
            http_get(url, out, resume_size=out.tell(), headers=build_hf_headers(), expected_size=file.size,
                     displayed_filename=file.name)  # fmt: skip
            os.fsync(out.fileno())
        found = digest_like(file.digest, partial, 0, file.size)
        if found != file.digest:
            partial.unlink()
            raise DataError(
                f"{target}: was damaged on its way (digest {found}, the hub says {file.digest}); run this again, "
                "it is then fetched anew"
            )
        partial.replace(target)


def digest_like(other: str, path: Path, start: int, size: int) -> str:
    """Digest of a range of a file, of the kind that another digest is: sha256, or sha1 as git computes it."""
    digest = (
        hashlib.sha256() if len(other) == SHA256_LENGTH else hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    )
    with path.open("rb") as file:
        file.seek(start)
        while size > 0 and (data := file.read(min(size, CHUNK))):
            digest.update(data)
            size -= len(data)
    return digest.hexdigest()


@contextmanager
def _explained(hub: Hub, target: Path | None = None) -> Iterator[None]:
    """Says of a failure what it means and what to do."""
    where = page(hub) if target is None else f"{target}: {page(hub)}"
    again = "run this again, it goes on where it stopped"
    try:
        yield
    except GatedRepoError as error:
        raise DataError(
            f"{where}: is only for those who accept its owners' terms; accept them on that page, log in with "
            "`hf auth login`, and run this again"
        ) from error
    except RepositoryNotFoundError as error:
        raise DataError(
            f"{where}: there is no such repository, or it is private; if you have access, log in with `hf auth login`, "
            "otherwise look whether a newer slbench knows another place"
        ) from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise DataError(
                f"{where}: the hub refuses it ({status}); log in with `hf auth login` as somebody who may see it, then "
                f"{again}"
            ) from error
        kind = HubUnreachableError if status == 429 or status >= 500 else DataError
        raise kind(f"{where}: the hub answers {status} ({str(error).splitlines()[0]}); later, {again}") from error
    except (HTTPError, OfflineModeIsEnabled) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise HubUnreachableError(f"{where}: does not answer ({reason}); with a connection, {again}") from error
    except OSError as error:
        if error.errno is None:  # huggingface_hub's own: a size that is not the one it expects
            raise HubUnreachableError(f"{where}: came only in part ({error}); {again}") from error
        raise OutputError(f"{where}: cannot be written ({error.strerror}); make room, then {again}") from error
