"""Rows of a board, from a committed record that is changed."""

from pathlib import Path
from typing import Any

import pytest
from boarded import json_of, markdown_of, shown

from slbench import catalog
from slbench.records import RunRecord, read_record
from slbench.report.boards import MORE, SPREAD
from slbench.report.leaderboard import Board, run_id
from slbench.report.markup import markdown as escaped
from slbench.report.rows import rows_of, unlike_the_card

RESULTS = Path(__file__).parents[2] / "results"
COMMAND = "slbench train --model net --task fingerspelling-islr --output {folder} --seed {seed} --device auto"


def made(value: float, seed: int | None, **changes: Any) -> RunRecord:
    """A record of a training of its own, which has this score; changes are of its parts, key by key."""
    (path,) = RESULTS.glob("fingerspelling-islr/uni-sign-mini/*.json")
    record = read_record(path)
    number = f"{abs(hash((value, seed))):08x}"[:8]
    first = record.scores[0].model_copy(update={"value": value})
    trained = {
        "name": "net", "seed": seed, "untrained_digest": "d" * 64, "weights_sha256": number * 8, "digest": number * 8,
        "trained_on": f"fingerspelling-islr 1.0, train; epoch {2 + (seed or 0)} of 9, the best on dev",
        "trained_by": COMMAND.format(folder=f"runs/net-{seed}", seed=seed),
    }  # fmt: skip
    parts = {part: getattr(record, part) for part in ("model", "options", "task", "cost", "environment")}
    updates = {"model": trained} | {part: changes[part] for part in changes if part in parts and part != "model"}
    updates["model"] |= changes.get("model", {})
    whole = {part: parts[part].model_copy(update=update) for part, update in updates.items()}
    predictions = {"predictions_sha256": changes.get("predictions", number * 8)}
    return record.model_copy(
        update={**whole, **predictions, "run": f"test-{number}", "scores": (first, *record.scores[1:])}
    )


def table_of(*records: RunRecord, width: int = 80) -> str:
    return shown(Board(records, ()), width)


def test_three_seeds_are_one_row_with_mean_and_sample_deviation() -> None:
    [row] = rows_of([made(60.0, 2), made(50.0, 0), made(52.0, 1)])
    assert [record.model.seed for record in row.records] == [0, 1, 2]
    assert row.spreads[0].values == (50.0, 52.0, 60.0)
    assert row.spreads[0].mean == pytest.approx(54)
    assert row.spreads[0].deviation == pytest.approx(((4**2 + 2**2 + 6**2) / 2) ** 0.5)
    assert [spread.name for spread in row.spreads] == [score.name for score in row.first.scores]


@pytest.mark.parametrize(
    "changes",
    [
        {"model": {"untrained_digest": "e" * 64}},
        {"model": {"inputs": "rgb+pose"}},
        {"model": {"code_sha256": "e" * 64}},
        {"model": {"selected_on": "test"}},
        {"model": {"name": "other"}},
        {"model": {"trained_on": "fingerspelling-islr 1.0, train; begun with weights chosen on test; epoch 3 of 9"}},
        {"model": {"trained_by": f"{COMMAND.format(folder='runs/b', seed=1)} --init uni-sign-mini"}},
        {"options": {"decoding": "closed"}},
        {"options": {"num_beams": 1}},
        {"options": {"precision": "bfloat16"}},
        {"task": {"pose_source": "another"}},
        {"task": {"manifest_digest": "e" * 64}},
    ],
)
def test_what_differs_in_more_than_the_seed_is_a_row_of_its_own(changes: dict[str, Any]) -> None:
    assert len(rows_of([made(50.0, 0), made(52.0, 1, **changes)])) == 2


@pytest.mark.parametrize(
    "changes", [{"options": {"batch_size": 1, "workers": 2}}, {"cost": {"load_seconds": 9.0}}, {"options": {"seed": 7}}]
)
def test_what_changes_no_prediction_does_not_divide_a_row(changes: dict[str, Any]) -> None:
    assert len(rows_of([made(50.0, 0), made(52.0, 1, **changes)])) == 1


def test_how_a_training_was_typed_does_not_divide_a_row() -> None:
    typed = {"trained_by": COMMAND.format(folder="runs/net-1", seed=1).replace("seed 1", "seed=1") + " --resume"}
    assert len(rows_of([made(50.0, 0), made(52.0, 1, model=typed)])) == 1


def test_the_batch_size_counts_where_it_can_change_a_prediction() -> None:
    first, second = (
        made(50.0 + seed, seed, options={"precision": "bfloat16", "batch_size": 8 + seed}) for seed in (0, 1)
    )
    assert len(rows_of([first, second])) == 2


def test_runs_of_one_seed_that_differ_are_not_taken_for_seeds() -> None:
    rows = rows_of([made(50.0, 0), made(52.0, 0), made(53.0, 1)])
    assert [len(row.records) for row in rows] == [1, 1, 1]


def test_a_seed_that_changes_nothing_is_no_sample() -> None:
    """The same weights and answers under three seeds of the run."""
    same = {"model": {"weights_sha256": "a" * 64}, "predictions": "b" * 64}
    [row] = rows_of([made(50.0, 0, options={"seed": seed}, **same) for seed in (0, 1, 2)])
    assert (len(row.records), len(row.samples), row.spreads[0].deviation) == (3, 1, None)
    assert "±" not in table_of(*row.records)
    assert f"{row.first.run} +2" in table_of(*row.records)
    assert MORE in " ".join(table_of(*row.records).split())


def test_runs_of_one_training_under_several_seeds_count_as_one_sample() -> None:
    """Twice the first training must not pull the mean, nor stand for a third training."""
    twice = [made(value, 0, options={"seed": n}, model={"weights_sha256": "a" * 64}) for n, value in ((0, 50), (1, 54))]
    [row] = rows_of([*twice, made(62.0, 1)])
    assert row.spreads[0].values == (52.0, 62.0)
    assert row.spreads[0].deviation == pytest.approx(50**0.5)
    assert {len(spread.values) for spread in row.spreads} == {2}
    assert "(n = 2)" in table_of(*row.records)


def test_two_trainings_of_one_seed_are_no_seeds_even_if_runs_have_others() -> None:
    rows = rows_of([made(50.0, 0), made(52.0, 0, options={"seed": 1}), made(53.0, 1)])
    assert [len(row.records) for row in rows] == [1, 1, 1]


def test_seeds_of_the_run_are_samples_where_chance_answers() -> None:
    [row] = rows_of([made(50.0 + n, 0, options={"seed": n}, model={"weights_sha256": "a" * 64}) for n in (0, 1)])
    assert row.spreads[0].values == (50.0, 51.0)


def test_weights_of_unknown_seeds_are_not_put_together() -> None:
    unknown = {"untrained_digest": "d" * 64, "seed": None, "trained_on": "", "trained_by": ""}
    assert len(rows_of([made(50.0, None, model=unknown), made(52.0, 1), made(53.0, None, model=unknown)])) == 3


def test_the_mean_ranks() -> None:
    lucky = [made(value, seed) for seed, value in enumerate((90.0, 40.0))]
    steady = [made(value, seed, model={"name": "steady"}) for seed, value in enumerate((69.0, 71.0))]
    assert [row.first.model.name for row in rows_of([*lucky, *steady])] == ["steady", "net"]


def test_an_error_rate_ranks_by_the_lowest_mean() -> None:
    records = [made(value, seed, model={"name": name}) for name, value in (("a", 30.0), ("b", 20.0)) for seed in (0, 1)]
    lower = [r.model_copy(update={"scores": (r.scores[0].model_copy(update={"better": "lower"}),)}) for r in records]
    assert [row.first.model.name for row in rows_of(lower)] == ["b", "a"]


def test_every_format_shows_mean_deviation_and_number() -> None:
    records = [made(50.0, 0), made(52.0, 1), made(60.0, 2), made(55.0, 0, model={"name": "single"})]
    board = Board(tuple(records), ())
    terminal, markdown, [whole] = table_of(*records), markdown_of(board), json_of(board)
    assert " 54.0   ± 5.3 (n = 3) " in terminal
    assert " 55.0   55.8 – 74.0 " in terminal
    assert SPREAD in " ".join(terminal.split())
    assert max(map(len, terminal.splitlines())) <= 80
    row = next(line for line in markdown.splitlines() if "| 54.0 |" in line)
    assert [cell.strip() for cell in row.split("|")[3:5]] == ["54.0", escaped("± 5.3 (n = 3)")]
    assert escaped(SPREAD) in markdown
    assert [(row["model"], row["seeds"]) for row in whole["rows"]] == [("single", 1), ("net", 3)]
    assert whole["rows"][1]["deviation"] == pytest.approx(28**0.5)
    assert whole["rows"][1]["source"].split(" | ") == [run_id(record) for record in records[:3]]


def test_a_row_says_how_its_weights_are_not_those_of_the_card() -> None:
    changed = {"trained_by": f"{COMMAND.format(folder='runs/b', seed=1)} --set recipe.epochs=1 --init=uni-sign-mini"}
    own = {"name": "mine", "weights_from": "x.safetensors, a file of the user's"}
    board = Board((made(50.0, 0), made(52.0, 1, model=changed), made(53.0, 2, model=own)), ())
    assert [(row["model"], row["settings"]) for row in json_of(board)[0]["rows"]] == [
        ("mine", ["own weights"]),
        ("net", ["recipe.epochs=1", "--init uni-sign-mini"]),
        ("net", []),
    ]
    assert "net (recipe.epochs=1, --init uni-sign-mini)" in shown(board, 160)


def test_weights_that_come_with_a_card_are_its_own_however_they_were_made() -> None:
    (path,) = RESULTS.glob("fingerspelling-islr/uni-sign-mini/*.json")
    record = read_record(path)
    command = f"{COMMAND.format(folder='runs/b', seed=1)} --set recipe.epochs=1 --init uni-sign-mini"
    model = record.model.model_copy(
        update={"digest": catalog.get_model("uni-sign-mini").digest(), "trained_by": command}
    )
    assert unlike_the_card(record.model_copy(update={"model": model})) == []
    other = model.model_copy(update={"digest": "0" * 64})
    assert len(unlike_the_card(record.model_copy(update={"model": other}))) == 2


def test_a_board_without_seeds_says_nothing_of_them() -> None:
    assert escaped(SPREAD) not in markdown_of(Board((made(50.0, 0),), ()))


def test_a_command_that_no_shell_reads_is_no_fault_of_the_board() -> None:
    odd = {"trained_by": "train 'it"}
    assert len(rows_of([made(50.0, 0, model=odd), made(52.0, 1, model=odd)])) == 1


def test_long_names_of_splits_and_models_fit_80_columns() -> None:
    records = [made(50.0 + n, n, model={"name": "sign-transformer"}) for n in range(12)]
    far = [r.model_copy(update={"run": f"test-unseen-{r.run[-8:]}"}) for r in records]
    terminal = table_of(*far)
    assert max(map(len, terminal.splitlines())) <= 80
    assert "sign-transformer " in terminal
    assert f"± 3.6 (n = 12)   {far[0].run} +11" in terminal
