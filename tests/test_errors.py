"""Errors of a worker process reach the one that started it."""

import pickle

import pytest

from slbench import errors
from slbench.data.hub import HubUnreachableError

KINDS = [
    kind
    for kind in (*vars(errors).values(), HubUnreachableError)
    if isinstance(kind, type) and issubclass(kind, Exception)
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_survives_pickling(kind: type[Exception]) -> None:
    error = kind("reading a.pose", "demo") if kind is errors.MissingExtraError else kind("a.pose: is cut off")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (kind, str(error))


def test_a_missing_extra_says_how_to_install_it() -> None:
    message = str(errors.MissingExtraError("reading a.pose", "demo"))
    assert message == 'reading a.pose needs the extra "demo": pip install "slbench[demo]"'
