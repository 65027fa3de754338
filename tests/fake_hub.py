"""A Hugging Face hub of one repository, on this machine: the requests that huggingface_hub makes, and faults."""

import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import huggingface_hub
import numpy as np
from huggingface_hub import constants, file_download

COMMIT = "c0ffee" + "0" * 34
REPOSITORY = "authors/poses"


def zipped(members: int = 12, size: int = 700) -> bytes:
    """An archive of incompressible files."""
    out, chance = io.BytesIO(), np.random.default_rng(0)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(members):
            archive.writestr(f"pose_format/{number}.pkl", chance.bytes(size))
    return out.getvalue()


class FakeHub:
    """Its files, its faults, and what it was asked for.

    Attributes:
        files: name -> bytes.
        small: names that are kept in git, not in LFS.
        lies: name -> bytes that are sent instead.
        cuts: name -> after how many bytes of an answer the connection breaks, an answer each.
        status: what every request is answered with, and a header; None: as it should be.
        asked: name and `Range` of each request for a file.
    """

    def __init__(self, files: dict[str, bytes], small: tuple[str, ...] = (), kind: str = "dataset") -> None:
        self.files, self.small, self.kind = files, small, kind
        self.lies: dict[str, bytes] = {}
        self.cuts: dict[str, list[int]] = {}
        self.status: tuple[int, str] | None = None
        self.asked: list[tuple[str, str | None]] = []
        self.stalled = threading.Event()
        self.url = ""

    def listing(self) -> dict[str, object]:
        return {
            "id": REPOSITORY,
            "sha": COMMIT,
            "siblings": [self._sibling(name, data) for name, data in self.files.items()],
        }

    def _sibling(self, name: str, data: bytes) -> dict[str, object]:
        in_git = hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()
        entry = {"rfilename": name, "size": len(data), "blobId": in_git}
        if name in self.small:
            return entry
        return entry | {"lfs": {"size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "pointerSize": 130}}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def log_message(self, *arguments) -> None:
        pass

    def do_GET(self) -> None:
        hub, path = self.hub, self.path.partition("?")[0]
        prefix = "/datasets" if hub.kind == "dataset" else ""
        if hub.status:
            self._answer(hub.status[0], b"{}", {"X-Error-Code": hub.status[1]} if hub.status[1] else {})
        elif path == f"/api/{hub.kind}s/{REPOSITORY}":
            self._answer(200, json.dumps(hub.listing()).encode())
        elif path.startswith(resolve := f"{prefix}/{REPOSITORY}/resolve/{COMMIT}/"):
            self._answer(302, b"", {"Location": f"/content/{path.removeprefix(resolve)}"})  # large files lie elsewhere
        elif path.startswith("/content/"):
            self._content(path.removeprefix("/content/"))
        else:
            self._answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def _content(self, name: str) -> None:
        data, wanted = self.hub.lies.get(name, self.hub.files[name]), self.headers["Range"]
        self.hub.asked.append((name, wanted))
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        headers = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if wanted else {}
        cuts = self.hub.cuts.get(name)
        self._answer(206 if wanted else 200, data[start:], headers, cuts.pop(0) if cuts else None)

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None, cut: int | None = None) -> None:
        self.send_response(status)
        for key, value in ({"Content-Length": str(len(body)), "X-Repo-Commit": COMMIT} | (headers or {})).items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body[:cut])
        if cut == STALL:
            self.wfile.flush()
            self.hub.stalled.set()
            self.rfile.read(1)  # until the other side is gone
        if cut is not None:
            self.close_connection = True


STALL = 70_000
"""A cut after this many bytes keeps the connection open."""


@contextmanager
def serving(hub: FakeHub, monkeypatch) -> Iterator[FakeHub]:
    """Answer at `hub.url`, which huggingface_hub of this process asks from now on."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    ask_at(hub.url, monkeypatch)
    try:
        yield hub
    finally:
        huggingface_hub.close_session()
        server.shutdown()
        server.server_close()
        thread.join()


def ask_at(url: str, monkeypatch) -> None:
    """What `HF_ENDPOINT` does when huggingface_hub is imported; small chunks, and no waiting before it tries again."""
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 100)
    monkeypatch.setattr(file_download, "time", SimpleNamespace(sleep=lambda seconds: None))
