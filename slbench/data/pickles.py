"""Pickles from outside, read without running what they ask for.

A pickle is a program: it may call any function that it can name. This reader knows plain containers, strings, numbers,
numpy arrays and scalars, and tensors as `torch.load(weights_only=True)` reads them. A pickle that names anything else
is refused before that is imported, let alone called.
"""

import gzip
import io
import pickle
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from slbench.data.pickled_arrays import MAKERS, Maker
from slbench.errors import DataError

GZIP = b"\x1f\x8b"
BROKEN = (
    *(ArithmeticError, AttributeError, BufferError, EOFError, LookupError),
    *(MemoryError, RuntimeError, TypeError, ValueError),
)
"""What bytes that are no pickle make numpy and the unpickler raise."""
LARGEST = 1 << 30
"""Bytes of an unpacked file; a packed one of a few KB can hold any number of them; no list or pose file has 300 MB."""


def read_pickle(path: Path) -> Any:
    """What a pickle holds, gzipped or not.

    Raises:
        DataError: it cannot be read, is no whole pickle, unpacks to more than 1 GB, or names what may not be called.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}); get it again from its source") from error
    except MemoryError as error:
        raise DataError(f"{path}: does not fit in memory; no list or pose file is that large") from error
    return read_pickle_bytes(data, str(path))


def read_pickle_bytes(data: bytes, name: str) -> Any:
    """What a pickle holds that has been read already, such as one in an archive; gzipped or not.

    Args:
        data: the pickle.
        name: what messages call it.

    Raises:
        DataError: as `read_pickle`.
    """
    try:
        return _Reader(_unpacked(data, name), name).load()
    except (OSError, pickle.UnpicklingError, zlib.error, *BROKEN) as error:
        raise DataError(f"{name}: is not a whole pickle ({error}); get it again from its source") from error


def _unpacked(data: bytes, name: str) -> bytes:
    if data[:2] == GZIP:
        with gzip.open(io.BytesIO(data)) as file:
            data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise DataError(f"{name}: unpacks to more than {LARGEST >> 30} GB, which no file of a corpus does")
    return data


class _Reader(pickle.Unpickler):
    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(io.BufferedReader(io.BytesIO(data)))  # faster than BytesIO, which has no peek
        self.name = name

    def find_class(self, module: str, name: str) -> Any:
        known = KNOWN.get((module.replace("numpy.core.", "numpy._core."), name))
        if known is None:
            raise DataError(
                f"{self.name}: this pickle asks for {module}.{name}, which data has no need of and which may run code; "
                "do not open it by other means, and ask where it comes from"
            )
        return known

    def persistent_load(self, _pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to objects outside the file")


def _latin1(text: str, encoding: str) -> bytes:
    """Bytes as old pickles hold them; the only encoding that they use."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"bytes in the encoding {encoding!r}")
    return text.encode("latin1")


def _collection(kind: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a collection of what is in the file; a number, of any type, could ask for any number of bytes."""

    def make(*items: Any) -> Any:
        if len(items) == 2 and type(items[0]) is str:
            return kind(_latin1(*items))
        if any(type(item) not in ITEMS for item in items):
            raise pickle.UnpicklingError(f"a {type(items[0]).__name__} instead of what a {kind.__name__} holds")
        return kind(*items)

    return make


def _ordered(*items: Any) -> dict[Any, Any]:
    """A plain one keeps its order as well, and has no attributes that a pickle could set."""
    return dict(*items)


BUILTINS = ("builtins", "__builtin__")
COLLECTIONS = (bytes, bytearray, set, frozenset)
ITEMS = (list, tuple, bytes)
KNOWN: dict[tuple[str, str], Maker] = {
    **{(module, kind.__name__): Maker(_collection(kind)) for module in BUILTINS for kind in COLLECTIONS},
    **MAKERS,
    ("_codecs", "encode"): Maker(_latin1),
    ("collections", "OrderedDict"): Maker(_ordered),
}
"""All that a pickle may name; old numpy's `numpy.core` is `numpy._core`."""
