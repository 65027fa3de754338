"""Records and predictions as files: written, read again, upgraded, and refused where somebody changed them."""

import json
from pathlib import Path

import pytest
from edited import edit_record
from hypothesis import given
from hypothesis import strategies as st

from slbench.errors import OutputError
from slbench.records import (
    SCHEMA_VERSION,
    Prediction,
    parse_predictions,
    parse_record,
    predictions_text,
    read_record,
    record_text,
)

OLD = Path(__file__).parent / "old_records"
RECORD = next((Path(__file__).parents[1] / "results" / "fingerspelling-islr" / "knn-dtw").glob("*.json"))

PREDICTIONS = st.lists(st.builds(Prediction, id=st.text(), reference=st.text(), hypothesis=st.none() | st.text()))


@given(PREDICTIONS)
def test_predictions_come_back_as_they_were_written(predictions) -> None:
    """With every character that some languages call the end of a line."""
    assert parse_predictions(predictions_text(predictions), "made up") == predictions


def test_separators_of_unicode_end_no_line() -> None:
    odd = [Prediction(id="a", reference="x\u2028y\x85z\x0b", hypothesis="\u2029")]
    assert parse_predictions(predictions_text(odd), "made up") == odd


@pytest.mark.parametrize("path", sorted(OLD.iterdir()), ids=lambda path: path.stem)
def test_old_records_are_upgraded(path: Path) -> None:
    """Records of every layout that was ever published, as they were written."""
    values, record = json.loads(path.read_text()), read_record(path)
    assert values["schema_version"] == 1
    assert (record.schema_version, record.record_sha256) == (SCHEMA_VERSION, "")
    assert (record.run, record.model.name, record.task.name) == (
        values["run"],
        values["model"]["name"],
        values["task"]["name"],
    )
    assert [score.value for score in record.scores] == [score["value"] for score in values["scores"]]
    again = parse_record(record_text(record), "here")
    assert again.model_copy(update={"record_sha256": ""}) == record


def test_old_records_are_of_several_layouts() -> None:
    layouts = {json.dumps([values, *map(sorted, parts)]) for values, parts in map(layout, OLD.iterdir())}
    assert len(layouts) == len(list(OLD.iterdir())) >= 4


def layout(path: Path) -> tuple[list[str], list[dict[str, object]]]:
    """The keys of a record, and its parts."""
    values = json.loads(path.read_text())
    return list(values), [values[part] for part in ("task", "model", "options", "cost", "environment")]


def test_a_record_is_read_as_it_was_written() -> None:
    text = record_text(read_record(RECORD))
    assert record_text(parse_record(text, "here")) == text
    laid_out = json.dumps(dict(reversed(json.loads(RECORD.read_text()).items())), indent=7, ensure_ascii=True)
    assert parse_record(laid_out, "here") == read_record(RECORD)


def places(values: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where every value is."""
    if isinstance(values, dict):
        return [place for key, value in values.items() for place in places(value, (*path, key))]
    if isinstance(values, list):
        return [place for key, value in enumerate(values) for place in places(value, (*path, key))]
    return [path]


def test_any_changed_value_is_found() -> None:
    whole = json.loads(RECORD.read_text())
    for place in places(whole):
        changed = json.loads(RECORD.read_text())
        inside = changed
        for key in place[:-1]:
            inside = inside[key]
        inside[place[-1]] = f"{inside[place[-1]]}0" if isinstance(inside[place[-1]], str) else 12345
        with pytest.raises(OutputError):
            parse_record(json.dumps(changed), "here")


def test_a_record_that_was_changed_by_hand_says_so() -> None:
    changed = RECORD.read_text().replace('"value": 58.', '"value": 68.', 1)
    assert changed != RECORD.read_text()
    with pytest.raises(OutputError, match="here: its digest is not that of its content: it was changed after the run"):
        parse_record(changed, "here")


CHANGED = json.loads(RECORD.read_text()) | {"run": "another"}


@pytest.mark.parametrize(
    "values",
    [
        {**CHANGED, "schema_version": 1},
        {key: value for key, value in CHANGED.items() if key != "schema_version"},
        {**CHANGED, "record_sha256": ""},
        {key: value for key, value in CHANGED.items() if key != "record_sha256"},
    ],
    ids=["called older", "of no schema", "empty digest", "no digest"],
)
def test_a_changed_record_cannot_pose_as_an_older_one(values: dict[str, object]) -> None:
    with pytest.raises(OutputError, match="its digest is not that of its content"):
        parse_record(json.dumps(values), "here")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5000, "NaN"])
def test_hostile_json_is_no_record_and_no_crash(text: str) -> None:
    with pytest.raises(OutputError, match="here: is not a run record"):
        parse_record(text, "here")


def javascript(text: str) -> str:
    """What JSON.stringify(JSON.parse(text)) gives: it knows one kind of number."""
    return json.dumps(
        json.loads(text, parse_float=lambda figure: int(figure[:-2]) if figure[-2:] == ".0" else float(figure))
    )


def test_a_record_that_another_program_wrote_again_is_unchanged() -> None:
    again = javascript(RECORD.read_text())
    assert len(again) < len(json.dumps(json.loads(RECORD.read_text())))
    assert parse_record(again, "here") == read_record(RECORD)
    with pytest.raises(OutputError, match="its digest is not that of its content"):
        parse_record(again.replace('"samples": 104', '"samples": 105', 1), "here")


def test_a_newer_record_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text(RECORD.read_text())
    edit_record(path, schema_version=SCHEMA_VERSION + 1)
    with pytest.raises(OutputError, match=r"was written by a newer slbench \(schema 3\)"):
        read_record(path)
