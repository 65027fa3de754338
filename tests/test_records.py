from hypothesis import given
from hypothesis import strategies as st

from slbench.records import Prediction, parse_predictions, predictions_text

PREDICTIONS = st.lists(st.builds(Prediction, id=st.text(), reference=st.text(), hypothesis=st.none() | st.text()))


@given(PREDICTIONS)
def test_predictions_come_back_as_they_were_written(predictions) -> None:
    """With every character that some languages call the end of a line."""
    assert parse_predictions(predictions_text(predictions), "made up") == predictions


def test_separators_of_unicode_end_no_line() -> None:
    odd = [Prediction(id="a", reference="x\u2028y\x85z\x0b", hypothesis="\u2029")]
    assert parse_predictions(predictions_text(odd), "made up") == odd
