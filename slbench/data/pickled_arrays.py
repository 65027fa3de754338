"""What a pickle may call to make arrays, none of which trusts its arguments.

numpy's own functions take any number of bytes for objects, strides and offsets outside the buffer, and shapes without
data; a pickle may also BUILD (set the state of) all that it can reach. So a dtype is a `Dtype` here until an array
needs it, an array is as large as its bytes, and tensors come back as arrays, without torch.
"""

import io
import math
import pickle
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

_PLAIN = re.compile(r"\?|[biufc]\d{1,2}|[SU][1-9]\d{0,8}|O[48]?")
_STORAGES = {
    "FloatStorage": "f4", "DoubleStorage": "f8", "HalfStorage": "f2", "LongStorage": "i8", "IntStorage": "i4",
    "ShortStorage": "i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "?",
}  # fmt: skip
_TORCH = (0x1950A86A20F9469CFC6C, 1001)
"""How the bytes of a storage begin: `torch.serialization.MAGIC_NUMBER` and `PROTOCOL_VERSION`."""


def refused(what: str) -> pickle.UnpicklingError:
    """The error of a pickle that asks for what no data needs."""
    return pickle.UnpicklingError(f"it holds {what}")


class Inert:
    """What a pickle may pass on, but whose state it may not set."""

    __slots__ = ()

    def __setstate__(self, _state: Any) -> None:
        raise refused(f"a state for a {type(self).__name__}")


class Maker(Inert):
    """A function that a pickle may call; nothing of it can be changed by the pickle."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make

    def __call__(self, *arguments: Any) -> Any:
        """What the function makes of them."""
        return self._make(*arguments)


class Dtype:
    """A dtype of plain numbers, text or objects: no fields, no parts, no other size than its name says.

    Attributes:
        plain: as numpy has it.
        made_of: what the items of an array come in: bytes, or a list of objects.
        size: bytes of one item, or 1 object.
    """

    __slots__ = ("made_of", "plain", "size")

    def __init__(self, plain: np.dtype) -> None:
        self.plain = plain
        self.made_of: type[list[Any] | bytes] = list if plain.hasobject else bytes
        self.size = 1 if plain.hasobject else plain.itemsize

    def __setstate__(self, state: Any) -> None:
        version, order, *parts, size, _alignment, _flags = state
        if version != 3 or order not in ("<", ">", "=", "|") or parts != [None] * 3:
            raise refused("a dtype that is no plain one")
        if size not in (-1, self.plain.itemsize):
            raise refused(f"a dtype {self.plain} of {size} bytes")
        self.plain = self.plain.newbyteorder(order)


class Storage(Inert):
    """The numbers of a tensor, in a row."""

    __slots__ = ("numbers",)

    def __init__(self, numbers: np.ndarray) -> None:
        self.numbers = numbers


_set_state: Callable[[np.ndarray, Any], None] = np.ndarray.__setstate__


class _Array(np.ndarray):
    """An array whose state is checked, and whose items a pickle cannot set."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        _version, shape, dtype, fortran, data = state
        if type(dtype) is not Dtype or type(data) is not dtype.made_of:
            raise refused(f"an array made of a {type(data).__name__}")
        if len(data) != _count(shape) * dtype.size:
            raise refused(f"an array {shape} of {dtype.plain} made of {len(data)}")
        _set_state(self, (1, shape, dtype.plain, fortran is True, data))

    def __setitem__(self, _key: Any, _value: Any) -> None:
        raise ValueError("assignment destination is read-only")


@lru_cache(maxsize=1024)  # frames have few shapes, and files have many frames
def _count(shape: Any) -> int:
    if type(shape) is not tuple or any(type(side) is not int or side < 0 for side in shape):
        raise refused(f"the shape {shape!r:.80}")
    return math.prod(shape)


def _numbers(data: Any, dtype: Any) -> np.ndarray:
    """Bytes -> (items,)."""
    if type(dtype) is not Dtype or type(data) not in (bytes, bytearray) or dtype.made_of is not bytes:
        raise refused(f"an array made of a {type(data).__name__}")
    return np.frombuffer(data, dtype.plain)


def _dtype(name: Any, *_flags: Any) -> Dtype:
    if type(name) is not str or not _PLAIN.fullmatch(name):
        raise refused(f"the dtype {name!r:.80}")
    return Dtype(np.dtype(name))


def _ndarray(*_arguments: Any) -> Any:
    raise refused("an array made by hand")


NDARRAY = Maker(_ndarray)
"""Stands for the class, which numpy's pickles name and never call."""


def _reconstruct(kind: Any, shape: Any, code: Any) -> np.ndarray:
    """The empty array whose state follows; numpy always passes the same."""
    if kind is not NDARRAY or shape != (0,) or code != b"b":
        raise refused("an array made by hand")
    return np.ndarray.__new__(_Array, (0,), "b")


def _scalar(dtype: Any, data: Any) -> Any:
    (number,) = _numbers(data, dtype)
    return number


def _frombuffer(data: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> np.ndarray:
    _count(shape)
    held = _numbers(data, dtype)
    if order == "K" and axes is not None:
        return held.reshape(shape).transpose(axes).view(_Array)
    return held.reshape(shape, order=order).view(_Array)


class _StorageReader(pickle.Unpickler):
    """The pickles of `torch.save` in the format before zip files, which storages are pickled in."""

    def find_class(self, module: str, name: str) -> Any:
        if module != "torch" or name not in _STORAGES:
            raise refused(f"a tensor that asks for {module}.{name}")
        return Maker(np.dtype(_STORAGES[name]).newbyteorder)

    def persistent_load(self, pid: Any) -> Any:
        word, kind, key, _device, count, view = pid
        if word != "storage" or type(kind) is not Maker or type(count) is not int or view is not None:
            raise refused("a tensor of an unknown form")
        return key, kind("<"), count


def _storage(data: Any) -> Storage:
    """The bytes of one storage.

    They are magic number, version, facts of the machine, the storage, keys, the number of items, items.
    """
    file = io.BytesIO(data)
    magic, version, _machine, (_key, dtype, count), _keys = (_StorageReader(file).load() for _ in range(5))
    said, items = int.from_bytes(file.read(8), "little"), file.read()
    if (magic, version) != _TORCH or said != count or len(items) != count * dtype.itemsize:
        raise refused("a tensor that is not whole")
    return Storage(np.frombuffer(items, dtype))


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_more: Any) -> np.ndarray:
    """The part of a storage that a tensor shows; never more items than the storage has."""
    if type(storage) is not Storage:
        raise refused("a tensor without a storage")
    numbers, count = storage.numbers, _count(shape)
    _count(strides)
    last = _count((offset,)) + sum((side - 1) * step for side, step in zip(shape, strides, strict=True))
    if count > len(numbers) or (count and last >= len(numbers)):
        raise refused(f"a tensor {shape} of {len(numbers)} numbers")
    steps = [step * numbers.itemsize for step in strides]
    part = np.lib.stride_tricks.as_strided(numbers[offset:], shape, steps)
    return part.copy().view(_Array)


MAKERS: dict[tuple[str, str], Maker] = {
    ("numpy", "ndarray"): NDARRAY,
    ("numpy", "dtype"): Maker(_dtype),
    ("numpy._core.multiarray", "_reconstruct"): Maker(_reconstruct),
    ("numpy._core.multiarray", "scalar"): Maker(_scalar),
    ("numpy._core.numeric", "_frombuffer"): Maker(_frombuffer),
    ("torch._utils", "_rebuild_tensor_v2"): Maker(_tensor),
    ("torch.storage", "_load_from_bytes"): Maker(_storage),
}
"""What pickles name for arrays and tensors."""
