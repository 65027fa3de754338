"""Pickles are read without running what they ask for."""

import gzip
import os
import pickle
import subprocess
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from shared import shared

from slbench.data.pickles import KNOWN, read_pickle, read_pickle_bytes
from slbench.errors import DataError

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.binary(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


def written(folder: Path, data: bytes, packed: bool = False) -> Path:
    path = folder / "data.pkl"
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("pickles")


@given(PLAIN, st.sampled_from(PROTOCOLS), st.booleans())
def test_plain_values_come_back(folder, value, protocol, packed) -> None:
    assert read_pickle(written(folder, pickle.dumps(value, protocol), packed)) == value


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3), np.zeros((0, 133, 2)), np.array(["a", "é"]), np.float32(1.5),
        np.array([{"a": 1}, None], dtype=object), np.asfortranarray(np.ones((3, 2), np.int64)), np.array(7),
        np.bool_(True),
    ],
    ids=str,
)  # fmt: skip
def test_arrays_and_scalars_come_back(folder, array, protocol) -> None:
    found = read_pickle(written(folder, pickle.dumps({"x": array}, protocol)))["x"]
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype


def test_arrays_of_old_numpy(folder) -> None:
    data = pickle.dumps(np.arange(3.0), 2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert b"numpy.core" in data
    np.testing.assert_array_equal(read_pickle(written(folder, data)), np.arange(3.0))


def test_tensors_come_back(folder) -> None:
    found = read_pickle(written(folder, pickle.dumps(OrderedDict(sign=torch.arange(6.0).reshape(2, 3)[:, 1:]))))
    assert found["sign"].dtype == np.float32
    assert found["sign"].tolist() == [[1.0, 2.0], [4.0, 5.0]]


class Calls:
    """Unpickled by anybody else, it calls a function."""

    def __init__(self, function, *arguments) -> None:
        self.call = function, arguments

    def __reduce__(self):
        return self.call


PAYLOADS = {
    "os.system": Calls(os.system, "touch owned"),
    "subprocess.Popen": Calls(subprocess.Popen, ["touch", "owned"]),
    "builtins.eval": Calls(eval, "open('owned', 'w')"),
    "builtins.exec": Calls(exec, "open('owned', 'w')"),
    "builtins.getattr": Calls(getattr, "", "join"),
    "builtins.open": Calls(open, "owned", "w"),
    "pathlib.Path": Path("owned"),
    "in an array": np.array([Calls(os.system, "touch owned")], dtype=object),
    "in a dictionary": {"keypoints": [Calls(os.system, "touch owned")]},
    "in a tensor": Calls(torch.storage._load_from_bytes, pickle.dumps(Calls(os.system, "touch owned"))),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", PAYLOADS)
def test_what_runs_code_is_refused(tmp_path, monkeypatch, name, protocol) -> None:
    if name == "pathlib.Path" and protocol < 2:
        pytest.skip("needs copyreg, which is refused as well")
    monkeypatch.chdir(tmp_path)
    data = pickle.dumps(PAYLOADS[name], protocol)
    with pytest.raises(DataError) as error:
        read_pickle(written(tmp_path, data))
    assert str(tmp_path / "data.pkl") in str(error.value)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("data", "asked"),
    [
        (b"cos\nsystem\n(S'touch owned'\ntR.", "os.system"),
        (b"cnumpy\nload\n(S'x'\ntR.", "numpy.load"),
        (b"cnumpy.lib.npyio\nNpzFile\n.", "numpy.lib.npyio.NpzFile"),
        (b"\x80\x04\x8c\x08builtins\x8c\x0a__import__\x93\x8c\x02os\x85R.", "builtins.__import__"),
        (b"\x80\x04\x8c\x05numpy\x8c\x0edtype.__init__\x93.", "numpy.dtype.__init__"),
        (b"\x80\x04\x8c\x0bcollections\x8c\x15OrderedDict.__class__\x93.", "collections.OrderedDict.__class__"),
    ],
)
def test_the_name_that_was_asked_for_is_in_the_message(folder, data, asked) -> None:
    with pytest.raises(DataError, match=asked.replace(".", r"\.")):
        read_pickle(written(folder, data))


def test_only_latin1_is_decoded(folder) -> None:
    with pytest.raises(DataError, match="in the encoding 'rot13'"):
        read_pickle(written(folder, b"c_codecs\nencode\n(VABC\nVrot13\ntR."))


def test_nothing_outside_the_table_is_found() -> None:
    """A name that is added here must be thought about: these make arrays, tensors, containers and bytes."""
    assert {module.split(".")[0] for module, _ in KNOWN} == {
        "builtins",
        "__builtin__",
        "numpy",
        "_codecs",
        "collections",
        "torch",
    }


WHOLE = pickle.dumps({"keypoints": [np.ones((1, 133, 2), np.float32)] * 2, "scores": [np.ones((1, 133))]}, 4)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_damage_is_an_error_or_harmless(folder, data) -> None:
    """Bytes changed anywhere, or cut: a DataError or some plain value, never another exception."""
    damaged = bytearray(WHOLE[: data.draw(st.integers(0, len(WHOLE)))])
    for at in data.draw(st.lists(st.integers(0, max(0, min(len(damaged), 400) - 1)), max_size=6)) if damaged else []:
        damaged[at] = data.draw(st.integers(0, 255))
    with suppress(DataError):
        read_pickle(written(folder, bytes(damaged)))


@given(st.binary(max_size=60))
def test_any_bytes_are_an_error_or_harmless(folder, data) -> None:
    with suppress(DataError):
        read_pickle(written(folder, data))


def test_broken_gzip_and_absent_files(folder) -> None:
    with pytest.raises(DataError, match=r"nowhere\.pkl: cannot be read"):
        read_pickle(folder / "nowhere.pkl")
    (folder / "cut.pkl").write_bytes(gzip.compress(WHOLE)[:-20])
    with pytest.raises(DataError, match=r"cut\.pkl: .*get it again"):
        read_pickle(folder / "cut.pkl")


@pytest.mark.parametrize("packed", [False, True])
def test_a_pickle_that_is_no_file(packed) -> None:
    """Such as one in an archive: the message has the name that it is given."""
    pack = gzip.compress if packed else bytes
    assert read_pickle_bytes(pack(pickle.dumps({"a": [1]})), "poses.zip/a.pkl") == {"a": [1]}
    for data in (WHOLE[:-20], b"cos\nsystem\n(S'touch owned'\ntR.", b""):
        with pytest.raises(DataError, match=r"^poses\.zip/a\.pkl: "):
            read_pickle_bytes(pack(data), "poses.zip/a.pkl")


@pytest.mark.parametrize("packed", [False, True])
def test_what_unpacks_to_too_much_is_refused(folder, monkeypatch, packed) -> None:
    monkeypatch.setattr("slbench.data.pickles.LARGEST", 1000)
    with pytest.raises(DataError, match=r"data\.pkl: unpacks to more than"):
        read_pickle(written(folder, pickle.dumps(bytes(2000)), packed))


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("csl-daily/labels.train", 18401), ("csl-daily/labels.dev", 1077), ("csl-daily/labels.test", 1176),
        ("how2sign/labels.train", 31086), ("how2sign/labels.test", 2349), ("openasl/labels.dev", 967),
        ("openasl/labels.test", 976), ("wlasl/labels-2000.train", 14289), ("wlasl/labels-2000.dev", 3916),
        ("wlasl/labels-2000.test", 2878), ("phoenix14t/labels.train", 7096), ("phoenix14t/labels.dev", 519),
        ("phoenix14t/labels.test", 642), ("csl-daily/twostream.test", 1176), ("phoenix14/twostream.train", 5672),
    ],
)  # fmt: skip
def test_label_files_of_other_labs(name, size) -> None:
    """Among them two with tensors; the counts are those that the papers and the labs' code give."""
    assert len(read_pickle(shared(f"corpora/{name}"))) == size
