"""What holds of the lists of every corpus."""

import gzip
import os
from pathlib import Path

import pytest
from layouts import LAYOUTS, lists_of

from slbench.data.readers import Lists
from slbench.errors import DataError

SPLITS = ("train", "dev", "test")
TEXT = {".csv", ".tsv", ".txt", ".json", ".srt", ".vtt"}
TABLES = ("phoenix14", "phoenix14t", "csl-daily", "how2sign", "openasl")


@pytest.fixture(params=LAYOUTS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def ids(lists: Lists, split: str) -> list[str]:
    return [clip.id for clip in lists.listed(split)] if lists.files(split) else []


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_clips_and_files(name: str, tmp_path: Path) -> None:
    lists = lists_of(name, tmp_path)
    assert {split: ids(lists, split) for split in SPLITS} == LAYOUTS[name].ids
    assert {path for split in SPLITS for path in lists.files(split)} == set(files(tmp_path))
    assert lists.layout == ("uni-sign" if name == "uni-sign" else "official")


def test_the_folder_of_the_lists_itself_is_as_good(name: str, tmp_path: Path) -> None:
    lists_of(name, tmp_path / "there")
    for path in files(tmp_path / "there"):
        target = tmp_path / "flat" / path.name
        target.parent.mkdir(exist_ok=True)
        path.rename(target)
    assert {split: ids(lists_of(name, tmp_path / "flat"), split) for split in SPLITS} == LAYOUTS[name].ids


def test_no_folder_is_searched(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames are millions of files; YouTube-ASL looks into the folder of captions, and that of the ids."""
    lists = lists_of(name, tmp_path)
    looked: list[str] = []
    for function in ("listdir", "scandir"):
        original = getattr(os, function)
        monkeypatch.setattr(os, function, lambda path, original=original: looked.append(path) or original(path))
    assert ids(lists, "train") == LAYOUTS[name].ids["train"]
    allowed = [tmp_path / "captions", tmp_path] if name == "youtube-asl" else []
    assert sorted(map(str, looked)) == sorted(map(str, allowed))


def test_an_absent_list_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    lists = LAYOUTS[name].lists(tmp_path, LAYOUTS[name].subset)
    for split in SPLITS:
        assert lists.files(split) == []
        with pytest.raises(DataError) as caught:
            list(lists.listed(split))
        assert str(tmp_path) in str(caught.value)
        assert lists.wanted(split) in str(caught.value)


def test_windows_wrote_the_files(name: str, tmp_path: Path) -> None:
    lists = lists_of(name, tmp_path)
    for path in files(tmp_path):
        if path.suffix in TEXT:
            path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert {split: ids(lists, split) for split in SPLITS} == LAYOUTS[name].ids


def texts(lists: Lists) -> dict[str, str]:
    return {clip.id: clip.text + clip.gloss for split in SPLITS if lists.files(split) for clip in lists.listed(split)}


def outcome(name: str, folder: Path) -> dict[str, str] | str:
    """The texts, or the message."""
    try:
        return texts(lists_of(name, folder))
    except DataError as error:
        return str(error)


def test_a_file_that_is_cut_off(name: str, tmp_path: Path) -> None:
    """At any byte: one message that names the file; a table may also end between two lines, or in its last field."""
    whole = texts(lists_of(name, tmp_path))
    for path in files(tmp_path):
        data = path.read_bytes()
        for end in range(0, len(data), max(1, len(data) // 60)):
            path.write_bytes(data[:end])
            cut = outcome(name, tmp_path)
            if isinstance(cut, str):
                assert str(path) in cut
            else:
                assert path.suffix in TEXT - {".json"}
                assert end
                assert set(cut) <= set(whole)
                assert sum(whole[one] != text for one, text in cut.items()) <= 1
        path.write_bytes(data)
    assert texts(lists_of(name, tmp_path)) == whole


@pytest.mark.parametrize("content", [b"", b"\0" * 64, b"\n\n"])
def test_nothing_in_a_file(name: str, content: bytes, tmp_path: Path) -> None:
    lists_of(name, tmp_path)
    for path in files(tmp_path):
        data = path.read_bytes()
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            texts(lists_of(name, tmp_path))
        assert str(path) in str(caught.value)
        path.write_bytes(data)


def test_a_file_of_another_kind(name: str, tmp_path: Path) -> None:
    lists_of(name, tmp_path)
    for path in files(tmp_path):
        data = path.read_bytes()
        for other in (b"\xff\xd8\xff\xe0" * 9, b"<html>404</html>\n", gzip.compress(b"hello"), b'{"a": 1}', b"[1]"):
            path.write_bytes(other)
            with pytest.raises(DataError) as caught:
                texts(lists_of(name, tmp_path))
            assert str(path) in str(caught.value)
        path.write_bytes(data)


@pytest.mark.parametrize("table", TABLES)
def test_a_clip_that_is_listed_twice(table: str, tmp_path: Path) -> None:
    lists_of(table, tmp_path)
    path = next(one for one in files(tmp_path) if one.suffix in TEXT)
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines, lines[1]]) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=rf":{len(lines) + 1}: the id '.*' is also at .*:2;"):
        texts(lists_of(table, tmp_path))


@pytest.mark.parametrize("table", TABLES)
def test_columns_in_another_order_and_of_another_version(table: str, tmp_path: Path) -> None:
    whole = texts(lists_of(table, tmp_path))
    mark = "\t" if table in ("how2sign", "openasl") else "|"
    for path in (one for one in files(tmp_path) if one.suffix in TEXT):
        rows = [line.split(mark) for line in path.read_text(encoding="utf-8").splitlines()]
        path.write_text("\n".join(mark.join(reversed(row)) for row in rows), encoding="utf-8")
    assert texts(lists_of(table, tmp_path)) == whole
    path.write_text("\n".join(mark.join([*row[:-1], "other"]) for row in rows), encoding="utf-8")
    with pytest.raises(DataError, match=r":1: there is no column .* is it of another version\?"):
        texts(lists_of(table, tmp_path))
    path.write_text("\n".join(mark.join([*row, "more"] if number == 1 else row) for number, row in enumerate(rows)))
    with pytest.raises(DataError, match=r":2: \d+ fields under \d+ columns"):
        texts(lists_of(table, tmp_path))


@pytest.mark.parametrize(("corpus", "old", "new"), [("csl-daily", "|dev", "|devel"), ("openasl", "\tvalid", "\tdevel")])
def test_a_split_that_nobody_knows(corpus: str, old: str, new: str, tmp_path: Path) -> None:
    lists_of(corpus, tmp_path)
    path = next(one for one in files(tmp_path) if one.suffix in TEXT)
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(DataError, match=r":\d: there is no split 'devel' \(known: train, dev, val, "):
        texts(lists_of(corpus, tmp_path))
