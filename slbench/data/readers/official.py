"""What the readers of lists share: finding the files, reading them strictly, and refusing ids that occur twice."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from slbench.data.readers.base import Recording
from slbench.errors import DataError, some

T = TypeVar("T")
SPLITS = ("train", "dev", "test")
SPLIT_OF = {
    "train": "train", "dev": "dev", "val": "dev", "valid": "dev", "validation": "dev", "test": "test",
    "training": "train", "testing": "test",
}  # fmt: skip
"""How lists and folders call a split -> what it is called here."""
WITH_VAL = {"train": "train", "dev": "val", "test": "test"}
"""What is here called a split -> how corpora call it that say val."""
AGAIN = "get the file again from the corpus's owners (`slbench show CORPUS` says where)"
VIDEO = re.compile(r"\.(mp4|avi|mkv|mov|webm|pkl)$", re.IGNORECASE)
SHOWN = 3


class Row(BaseModel):
    """What a reader needs of one entry of a list; other keys are left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class FolderOfLists:
    """The half of `Lists` that is the same everywhere: a list is one or more files, all in one of a few places.

    Only these places are looked at: folders of frames beside them hold millions of files.
    """

    layout: ClassVar[str] = "official"
    places: ClassVar[tuple[str, ...]] = (".",)
    """Folders below the one that the user names, the likeliest first."""

    def __init__(self, folder: Path, subset: int | None) -> None:
        self.folder, self.subset = folder, subset

    def names(self, split: str) -> Sequence[str]:
        """Files that make up the list of a split, all of them needed; none where there is no such split."""
        raise NotImplementedError

    def find(self, name: str) -> Path | None:
        """The file of this name in the first place that has it."""
        paths = (self.folder / place / name for place in self.places)
        return next((path for path in paths if path.is_file()), None)

    def files(self, split: str) -> list[Path]:
        """The files of a split's list; empty where there is none. Raises DataError where one is without the other."""
        found = {name: self.find(name) for name in self.names(split)}
        here = [path for path in found.values() if path is not None]
        absent = [name for name, path in found.items() if path is None]
        if here and absent:
            raise DataError(
                f"{here[0]}: there is no {some(absent)} with it; the list of {split} is {self.wanted(split)}, "
                "all in one folder"
            )
        return here

    def needed(self, split: str) -> list[Path]:
        """The same files where they must be there.

        Raises:
            DataError: they are not.
        """
        found = self.files(split)
        if not found:
            raise DataError(f"{self.folder}: there is no list of {split}, which would be {self.wanted(split)}")
        return found

    def wanted(self, split: str) -> str:
        """The names of the files, for a message."""
        return " and ".join(self.names(split)) or f"nothing: this layout of the corpus has no {split}"


class Ids:
    """The ids that a list has had so far."""

    def __init__(self) -> None:
        self.places: dict[str, str] = {}

    def new(self, one: str, place: str) -> str:
        """The id, if it is there and new.

        Raises:
            DataError: it is empty, or occurred before.
        """
        if not one:
            raise DataError(f"{place}: there is no id; {AGAIN}")
        if one in self.places:
            raise DataError(f"{place}: the id {one!r} is also at {self.places[one]}; {AGAIN}")
        self.places[one] = place
        return one


class Numbered:
    """Ids that are made up here, with `-2`, `-3` ... after those that occur again."""

    def __init__(self) -> None:
        self.times: dict[str, int] = {}

    def new(self, one: str) -> str:
        """The id, made unique."""
        self.times[one] = self.times.get(one, 0) + 1
        return one if self.times[one] == 1 else f"{one}-{self.times[one]}"


def read_text(path: Path) -> str:
    """A text file in UTF-8, with or without a byte order mark.

    Raises:
        DataError: it cannot be read, is empty, or is something else.
    """
    try:
        return _bytes(path).decode()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is no text in UTF-8 ({error.reason} at byte {error.start:,}); {AGAIN}") from error


def _bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}); {AGAIN}") from error
    if not data.strip(b"\0 \r\n\t"):
        raise DataError(f"{path}: is empty; {AGAIN}")
    return data


def read_table(
    path: Path, delimiter: str, columns: Sequence[str], quoted: bool = False
) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Rows of a table by the names of its columns, each with its place (`file:line`) for messages.

    Args:
        columns: those that must be there, in any order.
        quoted: whether a field may stand in quotation marks, doubled inside, as pandas and spreadsheets write them.

    Raises:
        DataError: a column is missing, or a row has too few or too many fields.
    """
    header: list[str] = []
    for place, fields in _fields(path, delimiter, quoted):
        if not header:
            header = _header(place, fields, columns)
        elif len(fields) != len(header):
            raise DataError(f"{place}: {len(fields)} fields under {len(header)} columns; is it cut off? {AGAIN}")
        else:
            yield place, dict(zip(header, fields, strict=True))


def _fields(path: Path, delimiter: str, quoted: bool) -> Iterator[tuple[str, list[str]]]:
    text = io.StringIO(read_text(path), newline="\n")
    lines = csv.reader(text, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE)
    try:
        for fields in filter(None, lines):
            place = f"{path}:{lines.line_num}"
            if any("\n" in field for field in fields):
                raise DataError(f"{place}: a quotation mark that opens in a line above is not closed there; {AGAIN}")
            yield place, fields
    except csv.Error as error:
        raise DataError(f"{path}:{lines.line_num}: {error}; {AGAIN}") from error


def _header(place: str, fields: list[str], columns: Sequence[str]) -> list[str]:
    absent = [name for name in columns if name not in fields]
    if absent:
        raise DataError(f"{place}: there is no column {some(absent)} but {some(fields)}; is it of another version?")
    return fields


def read_json(path: Path, kind: TypeAdapter[T]) -> T:
    """A JSON file of a known form; raises DataError where it is cut off or of another form."""
    data = _bytes(path)  # not a string of it, which takes twice the room for Chinese
    try:
        return kind.validate_json(data)
    except ValidationError as error:
        raise _other_form(path, error) from error


def of_form(value: object, kind: TypeAdapter[T], path: Path) -> T:
    """What was read from a pickle, if it has a known form; raises DataError otherwise."""
    try:
        return kind.validate_python(value)
    except ValidationError as error:
        raise _other_form(path, error) from error


def _other_form(path: Path, error: ValidationError) -> DataError:
    faults = [f"{'.'.join(map(str, fault['loc'])) or 'the file'}: {fault['msg']}" for fault in error.errors()[:SHOWN]]
    return DataError(
        f"{path}: is cut off or of another version ({'; '.join(faults)}; {error.error_count():,} in all); {AGAIN}"
    )


def split_of(name: str, place: str) -> str:
    """What a list's name for a split is here; raises DataError for one that nobody knows."""
    if name not in SPLIT_OF:
        raise DataError(
            f"{place}: there is no split {name!r} (known: {', '.join(SPLIT_OF)}); is it of another version?"
        )
    return SPLIT_OF[name]


def seconds_of(time: str, place: str) -> float:
    """Seconds of `6.79`, `05:20.5` or `00:05:20.500`; raises DataError for anything else."""
    if not re.fullmatch(r"(\d+:){0,2}\d+([.,]\d+)?", time.strip()):
        raise DataError(f"{place}: {time!r} is no time; {AGAIN}")
    total = 0.0
    for part in time.strip().replace(",", ".").split(":"):
        total = total * 60 + float(part)
    return total


def whole(name: str, split: str) -> tuple[Recording, ...]:
    """A recording that is the clip, by its name and below its split's folder, as the splits are called."""
    folders = ("val", "dev") if split == "dev" else (split,)
    return (Recording(name), *(Recording(f"{folder}/{name}") for folder in folders))


def stem(name: str) -> str:
    """A file's name without the suffix of a video or pickle; ids may hold dots of their own."""
    return VIDEO.sub("", name)
