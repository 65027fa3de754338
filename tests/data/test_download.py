"""Downloads from a hub on this machine: whole, interrupted, damaged, refused, and without a network."""

import contextlib
import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
from fake_hub import COMMIT, REPOSITORY, STALL, FakeHub, ask_at, serving, zipped
from huggingface_hub import constants

from slbench.cards import DatasetCard, Hub
from slbench.data import hub as hub_module
from slbench.data.download import download
from slbench.data.extractor import Extractor, read_extractor, write_extractor
from slbench.data.hub import HubUnreachableError
from slbench.data.poses import PoseFolder
from slbench.errors import DataError, OutputError

ZIP, LABELS = zipped(30, 12_000), b'[{"pose": "0.pkl"}]'
SIZE = -(-len(ZIP) // 3)
PARTS = {f"x_pose.zip.{number:02}": ZIP[number * SIZE : (number + 1) * SIZE] for number in range(3)}
OTHERS = {"x_rgb.zip.aa": b"videos", "weights.pth": b"weights", "README.md": b"read me"}
LAST = "x_pose.zip.02"


def card_of(hub: Hub | None) -> DatasetCard:
    return DatasetCard(
        name="made-up", title="", owner="nobody", licence="none", obtain="Ask nobody.", homepage="https://example.org",
        signed_languages=(), pose_source="random", splits={"train": 1}, files=("labels.train",),
        needs_source=True, hub=() if hub is None else (hub,),
    )  # fmt: skip


CARD = card_of(Hub(repository=REPOSITORY, kind="dataset", files=("x_pose.zip.*", "data/*.json"), licence="CC0"))


@pytest.fixture
def hub(monkeypatch) -> Iterator[FakeHub]:
    files = {"data/labels.json": LABELS, **dict(reversed(PARTS.items())), **OTHERS}
    with serving(FakeHub(files, small=("data/labels.json", "README.md")), monkeypatch) as made:
        yield made


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "corpus"


def fetch(folder: Path, card: DatasetCard = CARD):
    return download(card, folder, report=[].append)


def is_whole(folder: Path) -> bool:
    """The archive and the labels, and nothing that was not asked for or is only for the way."""
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names - {".download.lock"} == {"x_pose.zip", "data/labels.json", ".download.json", "extractor.json"}
    assert (folder / "data/labels.json").read_bytes() == LABELS
    return (folder / "x_pose.zip").read_bytes() == ZIP


def files_of(folder: Path) -> set[str]:
    """What has its final name."""
    return {path.name for path in folder.rglob("[!.]*") if path.is_file()}


@pytest.mark.parametrize("kind", ["model", "dataset"])
def test_parts_are_fetched_joined_and_signed_for(hub, folder, kind) -> None:
    hub.kind = kind
    card = card_of(CARD.hub[0].model_copy(update={"kind": kind}))
    found = fetch(folder, card)
    assert is_whole(folder)
    assert found.files == (folder / "data/labels.json", folder / "x_pose.zip")
    assert found.fetched == len(ZIP) + len(LABELS)
    made_by = read_extractor(folder)
    assert made_by == found.extractor
    assert made_by.files == ("data/labels.json", "x_pose.zip")
    assert PoseFolder(folder).extractor() == PoseFolder(folder / "x_pose.zip").extractor() == made_by
    shutil.copy(folder / "x_pose.zip", folder / "mine.zip")
    assert PoseFolder(folder / "mine.zip").extractor() is None
    assert (made_by.name, made_by.version) == ("released by the authors (authors/poses)", COMMIT)
    assert {name: made_by.settings[name] for name in PARTS} == {
        name: hashlib.sha256(data).hexdigest() for name, data in PARTS.items()
    }
    with zipfile.ZipFile(folder / "x_pose.zip") as archive:
        assert archive.testzip() is None


def test_a_second_call_fetches_nothing(hub, folder) -> None:
    first = fetch(folder)
    hub.asked.clear()
    again = fetch(folder)
    assert hub.asked == []
    assert (again.files, again.extractor, again.fetched) == (first.files, first.extractor, 0)


def test_a_broken_connection_is_taken_up_at_once(hub, folder) -> None:
    hub.cuts[LAST] = [1000, 500]
    fetch(folder)
    assert is_whole(folder)
    assert [wanted for name, wanted in hub.asked if name == LAST] == [None, "bytes=1000-", "bytes=1500-"]


def test_a_connection_that_stays_broken_is_taken_up_by_the_next_call(hub, folder) -> None:
    hub.cuts[LAST] = [1000, *[0] * 20]
    with pytest.raises(HubUnreachableError, match=rf"{LAST}: .*does not answer.*run this again, it goes on"):
        fetch(folder)
    assert files_of(folder) == set(PARTS) - {LAST} | {"labels.json"}
    hub.cuts.clear()
    hub.asked.clear()
    assert fetch(folder).fetched == len(PARTS[LAST]) - 1000
    assert hub.asked == [(LAST, "bytes=1000-")]
    assert is_whole(folder)


def test_killed_while_a_file_comes(hub, folder) -> None:
    """The real thing, in a process of its own that knows the hub by HF_ENDPOINT."""
    hub.cuts[LAST] = [STALL]
    code = f"""
import sys
sys.path[:0] = {sys.path!r}
from huggingface_hub import constants
constants.DOWNLOAD_CHUNK_SIZE = 100
from pathlib import Path
from test_download import CARD, fetch
fetch(Path({str(folder)!r}))
"""
    process = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"HF_ENDPOINT": hub.url})
    assert hub.stalled.wait(60)
    deadline = time.monotonic() + 30
    while not any(path.stat().st_size for path in folder.glob(".*.partial")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert files_of(folder) == set(PARTS) - {LAST} | {"labels.json"}
    hub.asked.clear()
    fetch(folder)
    (name, wanted), *others = hub.asked
    assert (name, others) == (LAST, [])
    assert 0 < int(wanted.removeprefix("bytes=").removesuffix("-")) <= STALL
    assert is_whole(folder)


@pytest.mark.parametrize("name", [LAST, "data/labels.json"])
def test_damage_on_the_way_is_found(hub, folder, name) -> None:
    hub.lies[name] = hub.files[name][::-1]
    with pytest.raises(DataError, match=rf"{name}: was damaged on its way .*fetched anew"):
        fetch(folder)
    assert Path(name).name not in files_of(folder)
    assert "extractor.json" not in files_of(folder)
    hub.lies.clear()
    fetch(folder)
    assert is_whole(folder)


def test_a_part_that_the_hub_lacks(hub, folder) -> None:
    del hub.files["x_pose.zip.01"]
    with pytest.raises(DataError, match=r"x_pose\.zip: its parts are not all there"):
        fetch(folder)
    assert hub.asked == []


def test_the_last_part_is_missing_on_the_hub(hub, folder) -> None:
    del hub.files[LAST]
    with pytest.raises(DataError, match=r"x_pose\.zip: is not a whole zip archive"):
        fetch(folder)
    assert files_of(folder) == set(PARTS) - {LAST} | {"labels.json"}


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (403, "GatedRepo", r"accept them on that page, log in with `hf auth login`"),
        (401, "", r"the hub refuses it \(401\); log in"),
        (404, "RepoNotFound", r"no such repository, or it is private"),
        (503, "", r"the hub answers 503"),
        (403, "", r"the hub refuses it \(403\); log in"),
    ],
)
def test_refused(hub, folder, status, code, message) -> None:
    hub.status = (status, code)
    with pytest.raises(DataError, match=message) as raised:
        fetch(folder)
    assert f"{hub.url}/datasets/{REPOSITORY}" in str(raised.value)
    assert files_of(folder) == set()


def test_nothing_of_that_name(hub, folder) -> None:
    card = card_of(CARD.hub[0].model_copy(update={"files": ("*wlasl*",)}))
    with pytest.raises(DataError, match=r"nothing there is called \*wlasl\*; there are README.md, data/labels.json"):
        fetch(folder, card)


@pytest.mark.parametrize("name", ["../labels.json", "/etc/labels.json", "data/../../labels.json"])
def test_names_that_leave_the_folder(hub, folder, name) -> None:
    hub.files[name] = LABELS
    with pytest.raises(DataError, match="no proper name"):
        fetch(folder)


def no_network(monkeypatch) -> None:
    huggingface_hub.close_session()
    ask_at("http://127.0.0.1:9", monkeypatch)  # the port of `discard`, where nobody listens


@pytest.fixture
def given(folder, monkeypatch) -> Path:
    """Files that were fetched by other means, and no network."""
    no_network(monkeypatch)
    (folder / "data").mkdir(parents=True)
    (folder / "data/labels.json").write_bytes(LABELS)
    for name, data in PARTS.items():
        (folder / name).write_bytes(data)
    return folder


def test_without_a_network_there_is_nothing(folder, monkeypatch) -> None:
    no_network(monkeypatch)
    with pytest.raises(HubUnreachableError, match=r"does not answer .*with a connection, run this again"):
        fetch(folder)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubUnreachableError, match=r"does not answer .*[Oo]ffline"):
        fetch(folder)


def test_given_parts_are_joined_without_a_network(given) -> None:
    told: list[str] = []
    found = download(CARD, given, told.append)
    assert is_whole(given)
    assert (found.fetched, found.extractor.version) == (0, "")
    assert any("taken without comparing" in line for line in told)
    assert fetch(given).extractor == found.extractor  # again, now that the parts are gone


def test_a_given_archive_is_taken_without_a_network(given) -> None:
    for name in PARTS:
        (given / name).unlink()
    (given / "x_pose.zip").write_bytes(ZIP)
    assert fetch(given).extractor.settings["x_pose.zip"] == hashlib.sha256(ZIP).hexdigest()
    assert is_whole(given)


def test_given_parts_without_the_last(given) -> None:
    (given / LAST).unlink()
    with pytest.raises(DataError, match=r"x_pose\.zip: is not a whole zip archive"):
        fetch(given)
    assert files_of(given) == set(PARTS) - {LAST} | {"labels.json"}


def test_what_was_fetched_and_is_lost_is_named_without_a_network(hub, folder, monkeypatch) -> None:
    fetch(folder)
    (folder / "x_pose.zip").unlink()
    no_network(monkeypatch)
    with pytest.raises(HubUnreachableError, match=r"lacks x_pose\.zip\.00, x_pose\.zip\.01, x_pose\.zip\.02"):
        fetch(folder)


@pytest.mark.parametrize("joined", [False, True])
def test_given_files_are_compared_and_not_fetched(hub, folder, joined) -> None:
    folder.mkdir()
    for name, data in ({"x_pose.zip": ZIP} if joined else PARTS).items():
        (folder / name).write_bytes(data)
    fetch(folder)
    assert [name for name, _ in hub.asked] == ["data/labels.json"]
    assert is_whole(folder)
    assert set(read_extractor(folder).settings) == {*PARTS, "data/labels.json"}


@pytest.mark.parametrize("damage", ["size", "byte"])
@pytest.mark.parametrize("name", [LAST, "x_pose.zip"])
def test_given_files_that_differ_are_refused_and_kept(hub, folder, name, damage) -> None:
    folder.mkdir()
    data = ZIP if name == "x_pose.zip" else PARTS[name]
    data = data[:-1] if damage == "size" else data[:20] + b"?" + data[21:]
    (folder / name).write_bytes(data)
    with pytest.raises(DataError, match=rf"{name}: (has \d+ bytes instead|is not what the hub has).*delete it"):
        fetch(folder)
    assert (folder / name).read_bytes() == data


def test_killed_while_joining_goes_on_with_the_network_and_without(hub, folder, monkeypatch) -> None:
    unlink, calls = Path.unlink, []

    def killed(path, *arguments, **options):
        if path.name in PARTS:
            calls.append(path)
            if len(calls) == 2:
                raise KeyboardInterrupt
        unlink(path, *arguments, **options)

    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        patch.setattr(Path, "unlink", killed)
        fetch(folder)
    assert files_of(folder) == {"labels.json", "x_pose.zip.01", LAST}
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy)
    (copy / LAST).unlink()  # lost meanwhile; without a network that could not be mended
    hub.asked.clear()
    fetch(folder)
    assert hub.asked == []
    assert is_whole(folder)
    fetch(copy)
    assert [name for name, _ in hub.asked] == [LAST]
    assert is_whole(copy)


def test_no_room_is_said_before_anything_is_fetched(hub, folder, monkeypatch) -> None:
    usage = shutil.disk_usage(".")
    free = len(ZIP) + len(LABELS) + SIZE
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=free - 1))
    with pytest.raises(OutputError, match=r"GB are needed and .* free; make room"):
        fetch(folder)
    assert hub.asked == []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=free))
    fetch(folder)
    assert is_whole(folder)


def test_a_disk_that_fills_up(hub, folder, monkeypatch) -> None:
    def full(url, out, **options):
        out.write(PARTS["x_pose.zip.00"][:1000])
        raise OSError(errno.ENOSPC, "No space left on device")

    (folder / "data").mkdir(parents=True)
    (folder / "data/labels.json").write_bytes(LABELS)
    with monkeypatch.context() as patch:
        patch.setattr(hub_module, "http_get", full)
        with pytest.raises(OutputError, match=r"x_pose\.zip\.00: .*No space left on device.*make room"):
            fetch(folder)
    assert files_of(folder) == {"labels.json"}
    fetch(folder)
    assert hub.asked[0] == ("x_pose.zip.00", "bytes=1000-")
    assert is_whole(folder)


def test_poses_of_two_makers_are_not_mixed(hub, folder) -> None:
    folder.mkdir()
    write_extractor(folder, Extractor(name="rtmlib Wholebody performance"))
    with pytest.raises(DataError, match=r"holds poses of rtmlib Wholebody performance.*name another folder"):
        fetch(folder)
    assert hub.asked == []


def test_a_corpus_that_nobody_publishes(folder) -> None:
    with pytest.raises(DataError) as raised:
        fetch(folder, card_of(None))
    for part in ("Ask nobody.", "https://example.org", "labels.train", "slbench data prepare made-up --source FOLDER"):
        assert part in str(raised.value)
    assert not folder.exists()


def test_a_damaged_ledger_is_named(hub, folder) -> None:
    folder.mkdir()
    (folder / ".download.json").write_text("{")
    with pytest.raises(DataError, match=r"download\.json: is damaged; delete it"):
        fetch(folder)


def test_one_download_at_a_time(hub, folder) -> None:
    fetch(folder)
    code = (
        f"from filelock import FileLock; lock = FileLock({str(folder / '.download.lock')!r}); lock.acquire(); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", "import sys\n" + code.replace("input()", "print(flush=True); input()")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as other:  # fmt: skip
        other.stdout.readline()
        with pytest.raises(DataError, match="another download works in this folder"):
            fetch(folder)
        other.communicate(b"\n")


def test_a_folder_that_cannot_be_made(hub, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        fetch(tmp_path / "file" / "corpus")
