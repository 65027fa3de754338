"""Pickles whose arrays lie about their bytes: refused, where numpy and torch would read or write outside them."""

import io
import pickle
import re
from collections import OrderedDict

import numpy as np
import pytest
import torch
from numpy._core.multiarray import _reconstruct, scalar
from numpy._core.numeric import _frombuffer
from torch._utils import _rebuild_tensor_v2
from torch.storage import _load_from_bytes

from slbench.data.pickles import KNOWN, read_pickle_bytes
from slbench.errors import DataError

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


class Asks:
    """Pickled, it is a call of a function and the state that the result is given."""

    def __init__(self, function, *arguments, state=None) -> None:
        self.asked = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.asked


def dtype(name="f4", order="<", parts=(None, None, None), size=-1, version=3, flags=0) -> Asks:
    return Asks(np.dtype, name, False, True, state=(version, order, *parts, size, 1, flags))


def array(shape, kind, data, fortran=False) -> Asks:
    return Asks(_reconstruct, np.ndarray, (0,), b"b", state=(1, shape, kind, fortran, data))


def tensor(offset, size, stride, storage=None) -> Asks:
    held = torch.arange(6.0)._typed_storage() if storage is None else storage
    return Asks(_rebuild_tensor_v2, held, offset, size, stride, False, OrderedDict())


class Sub(np.ndarray):
    pass


FIELD = (None, ("a",), {"a": (np.dtype("O"), 0)})
FAR = (None, ("a",), {"a": (np.dtype("f8"), 1 << 40)})
ZIP = io.BytesIO()
torch.save(torch.ones(3)._typed_storage(), ZIP)
SHORT = io.BytesIO()
torch.save(torch.ones(3)._typed_storage(), SHORT, _use_new_zipfile_serialization=False)
HOSTILE = {
    "ndarray of pointers": Asks(np.ndarray, (1,), "O", b"AAAAAAAA"),
    "ndarray of the heap": Asks(np.ndarray, (40,), "u1"),
    "ndarray with a stride of 0": Asks(np.ndarray, (3_000_000, 133, 2), "f4", b"AAAA", 0, (0, 0, 0)),
    "dtype with a field of objects": array((1,), dtype("V8", "|", FIELD, 8), bytes(8)),
    "plain dtype with a field of objects": array((1,), dtype("f8", "|", FIELD, 8), bytes(8)),
    "field far away": array((1,), dtype("f8", "|", FAR, 8), bytes(8)),
    "dtype of another size": array((1,), dtype("S1", "|", size=1 << 40), b"a"),
    "negative size of a dtype": array((1,), dtype("S1", "|", size=-8), b"a"),
    "dtype of a dictionary": Asks(np.dtype, {"names": ["a"], "formats": ["O"], "offsets": [9]}),
    "dtype of fields": Asks(np.dtype, "O,O"),
    "dtype of parts": Asks(np.dtype, "(3000000,133,2)f4"),
    "dtype of nothing": array((1 << 40,), dtype("S0", "|"), b""),
    "dtype of a time": Asks(np.dtype, "M8[s]"),
    "array longer than its bytes": array((3,), dtype(), bytes(8)),
    "negative shape": array((-1, -2), dtype(), bytes(8)),
    "overflowing shape": array((1 << 62, 4, 1), dtype(), b""),
    "array of objects of bytes": array((1,), dtype("O8", "|", flags=63), b"AAAAAAAA"),
    "array of objects longer than its list": array((1 << 31,), dtype("O8", "|", flags=63), []),
    "array of numbers of a list": array((1,), dtype(), [1.0]),
    "array made by hand": Asks(_reconstruct, np.ndarray, (1 << 33,), b"b"),
    "array of pointers made by hand": Asks(_reconstruct, np.ndarray, (1,), b"O"),
    "array of no type": Asks(_reconstruct, OrderedDict, (0,), b"b"),
    "scalar object": Asks(scalar, dtype("O8", "|"), b"AAAAAAAA"),
    "scalar longer than its bytes": Asks(scalar, dtype("f8"), b"a"),
    "scalar of nothing": Asks(scalar, dtype("f8")),
    "buffer of objects": Asks(_frombuffer, bytearray(8), dtype("O8", "|"), (1,), "C"),
    "buffer of an array": Asks(_frombuffer, np.ones(2), dtype(), (4,), "C"),
    "buffer shorter than its shape": Asks(_frombuffer, bytearray(8), dtype(), (3,), "C"),
    "bytes by number": Asks(bytes, np.int64(9)),
    "bytes by array": Asks(bytes, np.array(9)),
    "bytes in another code": Asks(bytearray, "a", "punycode"),
    "state of a function": Asks(_reconstruct, Asks(np.ndarray, state=(None, {"_make": 1})), (0,), b"b"),
    "tensor grown": tensor(0, (300_000_000,), (1,)),
    "tensor with a stride of 0": tensor(0, (3_000_000, 2), (0, 1)),
    "tensor that starts behind": tensor(7, (1,), (1,)),
    "tensor that starts before": tensor(-1, (1,), (1,)),
    "tensor that goes back": tensor(5, (2, 2), (-4, 1)),
    "tensor that ends behind": tensor(0, (2, 2), (5, 1)),
    "tensor of unequal axes": tensor(0, (2, 2), (1,)),
    "tensor of a list": tensor(0, (1,), (1,), [1.0]),
    "storage in a zip": Asks(_load_from_bytes, ZIP.getvalue()),
    "storage cut short": Asks(_load_from_bytes, SHORT.getvalue()[:-4]),
    "storage of another size": Asks(_load_from_bytes, SHORT.getvalue()[:-20] + b"\4" + SHORT.getvalue()[-19:]),
}


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("name", HOSTILE)
def test_refused(name, protocol) -> None:
    with pytest.raises(DataError, match=r"^a\.pkl: "):
        read_pickle_bytes(pickle.dumps([HOSTILE[name]], protocol), "a.pkl")


def test_the_same_with_honest_numbers_is_read() -> None:
    """So what is refused above is so for its lie, not for its form."""
    honest = [
        array((2, 1), dtype(), bytes(8)),
        array((1,), dtype("O8", "|", flags=63), [None]),
        tensor(1, (2, 2), (3, 1)),
    ]
    honest += [Asks(_frombuffer, bytearray(8), dtype(), (2,), "C"), Asks(bytes, [9]), Asks(bytearray, "a", "latin-1")]
    honest += [Asks(_load_from_bytes, SHORT.getvalue()), Asks(scalar, dtype("f8"), bytes(8))]
    for one in honest:
        read_pickle_bytes(pickle.dumps([one]), "a.pkl")


def test_no_state_and_no_item_can_be_set() -> None:
    """By BUILD and SETITEM, which Python's own unpickler allows on whatever a pickle can reach."""
    for module, name in KNOWN:
        with pytest.raises(DataError, match="a state for a Maker"):
            read_pickle_bytes(f"c{module}\n{name}\n}}b.".encode(), "a.pkl")
    held = pickle.dumps(np.zeros((1, 2)), 4)[:-1]
    with pytest.raises(DataError, match="read-only"):
        read_pickle_bytes(held + b"K\0]K\1as.", "a.pkl")
    with pytest.raises(DataError):
        read_pickle_bytes(pickle.dumps(OrderedDict(a=1), 4)[:-1] + b"}\x8c\4keysK\1sb.", "a.pkl")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_subclasses_are_refused_by_name(protocol) -> None:
    with pytest.raises(DataError, match=re.escape(f"asks for {Sub.__module__}.Sub")):
        read_pickle_bytes(pickle.dumps(np.ones(3).view(Sub), protocol), "a.pkl")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f2", ">i8", "|u1", "|b1", "<c8", "|S3", "<U2", ">U2"])
def test_every_plain_kind_comes_back(kind, protocol) -> None:
    """Also in the other byte order, in FORTRAN's order of axes, and as one number."""
    made = np.array([[0, 1, 2], [3, 0, 1]]).astype(kind)
    for value in (made, np.asfortranarray(made), made.transpose(), made[:0], made[1, 0]):
        found = read_pickle_bytes(pickle.dumps(value, protocol), "a.pkl")
        assert found.dtype.newbyteorder("=") == value.dtype.newbyteorder("=")  # numpy turns bytes round at times
        assert found.shape == value.shape
        assert found.tolist() == value.tolist()


@pytest.mark.parametrize("name", ["float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"])
def test_tensors_come_back_as_arrays(name) -> None:
    """Whatever part of the storage they show; without torch, which the pickle's bytes name."""
    whole = torch.arange(24).reshape(2, 3, 4).to(getattr(torch, name))
    for value in (whole, whole[1:, :, ::2], whole.transpose(0, 2), whole[0, 0, 3], whole[:0]):
        found = read_pickle_bytes(pickle.dumps(value), "a.pkl")
        assert found.dtype == np.dtype(name)
        np.testing.assert_array_equal(found, value.numpy())


def test_a_tensor_of_an_unknown_kind_is_named() -> None:
    with pytest.raises(DataError, match=r"torch\.BFloat16Storage"):
        read_pickle_bytes(pickle.dumps(torch.ones(2, dtype=torch.bfloat16)), "a.pkl")
