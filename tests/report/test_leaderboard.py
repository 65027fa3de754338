import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
from boarded import json_of, markdown_of, shown
from edited import edit_record
from fakes import FakeCorpus

from slbench.cards import ModelCard, read_card
from slbench.engine.evaluate import Run, RunRequest
from slbench.errors import CardError, OutputError
from slbench.files import file_digest
from slbench.metrics.protocols import get_protocol
from slbench.records import Prediction, parse_predictions, predictions_text
from slbench.report.leaderboard import Board, read_board
from slbench.report.markup import markdown as escaped


@pytest.fixture
def results(corpus: FakeCorpus, tmp_path: Path) -> Path:
    """A complete run of each of two cards, which have one name, and one with --limit."""
    for changes in ({}, {"limit": 2}):
        Run(RunRequest(str(corpus.model_path), str(corpus.task_path), output=tmp_path / "r", **changes)).execute()
    corpus.edit_card(corpus.model_path, 'title = "Tiny"', 'title = "Tiny, too"')
    Run(RunRequest(str(corpus.model_path), str(corpus.task_path), output=tmp_path / "r")).execute()
    return tmp_path / "r"


def answer_rightly(path: Path, right: int) -> None:
    """Rewrite a run as if its first so many clips had been answered rightly, scores and digests included."""
    predictions = path.with_suffix(".predictions.jsonl")
    lines = [json.loads(line) for line in predictions.read_text().splitlines()]
    for number, line in enumerate(lines):
        line["hypothesis"] = line["reference"] if number < right else "?"
    predictions.write_text("".join(json.dumps(line) + "\n" for line in lines))
    answers = [p.answer() for p in parse_predictions(predictions.read_text(), "")]
    scores = [asdict(score) for score in get_protocol("uni-sign", "islr").score(answers)]
    edit_record(path, scores=scores, predictions_sha256=file_digest(predictions))


def spell(path: Path, family: str, answer: str, model: str = "tiny") -> None:
    """Rewrite a run as one on composed clips that spell ABCDE, all answered with the same letters."""
    record = json.loads(path.read_text())
    between = " " if family == "cslr" else ""
    answered = [
        Prediction(id=str(n), reference=between.join("ABCDE"), hypothesis=between.join(answer))
        for n in range(record["task"]["clips"])
    ]
    predictions = path.with_suffix(".predictions.jsonl")
    predictions.write_text(predictions_text(answered))
    scores = get_protocol("slbench", family, "characters").score([p.answer() for p in answered])
    edit_record(
        path,
        protocol="slbench",
        task=record["task"] | {"name": "words", "family": family, "composed": True, "unit": "characters"},
        model=record["model"] | {"name": model},
        scores=[asdict(score) for score in scores],
        predictions_sha256=file_digest(predictions),
    )
    place = path.parents[2] / "words" / model
    place.mkdir(parents=True, exist_ok=True)
    for file in (path, predictions):
        file.rename(place / file.name)


def complete(results: Path) -> list[Path]:
    return [path for path in sorted(results.rglob("*.json")) if not json.loads(path.read_text())["barred"]]


def test_best_score_comes_first(results: Path) -> None:
    for path, right in zip(complete(results), (3, 6), strict=True):
        answer_rightly(path, right)
    board = read_board(results)
    assert [row.first.scores[0].value for _, rows in board.groups() for row in rows] == [50.0, 25.0]
    markdown = markdown_of(board)
    assert "## made-up-islr, test: top1-instance %\n" in markdown
    assert "version 1.0, protocol uni-sign, poses: random" in markdown
    assert markdown.index("| 50.0 |") < markdown.index("| 25.0 |")
    widths = {line.count("|") for line in markdown.splitlines() if line.startswith("|")}
    assert len(widths) == 1
    [whole] = json_of(board)
    assert [row["value"] for row in whole["rows"]] == [50.0, 25.0]


def test_the_lowest_error_rate_comes_first(results: Path) -> None:
    for path, answer in zip(complete(results), ("XXXXXYYYYYY", "ABCDX"), strict=True):
        spell(path, "cslr", answer)
    board = read_board(results)
    [(heading, rows)] = board.groups()
    assert heading == "words 1.0, test, protocol slbench, composed clips"
    assert [row.first.scores[0].value for row in rows] == [20.0, 220.0]
    page = markdown_of(board)
    lines = page[page.index("## ") :].splitlines()
    assert lines[0] == "## words, test, composed clips: WER % ↓"
    assert lines[3].split("|")[3].strip() == "---:"
    assert "| 20.0 |" in lines[4]
    assert "| 220.0 |" in lines[5]
    terminal = shown(board)
    assert "words, test, composed clips: WER % ↓" in terminal
    assert terminal.index(" 20.0 ") < terminal.index(" 220.0 ")
    [whole] = json_of(board)
    assert whole["composed"]


def test_bleu_is_no_percentage(results: Path) -> None:
    for path, answer in zip(complete(results), ("ABCDX", "ABCDE"), strict=True):
        spell(path, "slt", answer)
    board = read_board(results)
    markdown, terminal = markdown_of(board), shown(board)
    assert ": BLEU-4\n" in markdown
    assert markdown.index("| 100.0 |") < markdown.index("| 66.9 |")
    assert "%" not in terminal.replace("95 % interval", "")


def test_no_figure_is_cut_on_80_columns(results: Path) -> None:
    name = "a-model-with-a-name-that-fills-half-of-the-terminal"
    for path in complete(results):
        spell(path, "cslr", "XXXXXYYYYYY", name)
    terminal = shown(read_board(results))
    assert max(map(len, terminal.splitlines())) <= 80
    assert terminal.count(" 220.0   220.0 – 220.0 ") == 2
    for path in complete(results):
        assert path.stem in terminal
    assert name in "".join(line[10:].split()[0] for line in terminal.splitlines() if line[10:].strip())


def test_scores_that_the_predictions_do_not_give_are_not_ranked(results: Path) -> None:
    path = complete(results)[0]
    score = json.loads(path.read_text())["scores"][0] | {"value": 99.0}
    edit_record(path, scores=[score])
    board = read_board(results, validate=True)
    assert len(board.records) == 1
    assert "does not score what the record says in top1-instance" in dict(board.left_out)[str(path)]


def test_an_older_record_is_scored_again_unasked(results: Path) -> None:
    path = complete(results)[0]
    values = json.loads(path.read_text())
    del values["record_sha256"]
    score = values["scores"][0] | {"value": 99.0}
    path.write_text(json.dumps(values | {"schema_version": 1, "scores": [score]}))
    assert "does not score what the record says" in dict(read_board(results).left_out)[str(path)]


def test_a_partial_run_that_hides_it_is_not_ranked(results: Path) -> None:
    path = next(p for p in results.rglob("*.json") if json.loads(p.read_text())["barred"])
    edit_record(path, barred=[])
    board = read_board(results, validate=True)
    assert "does not answer all 12 clips" in dict(board.left_out)[str(path)]


def test_a_changed_task_of_the_same_name_is_another_board(results: Path) -> None:
    first, _ = complete(results)
    edit_record(first, task=json.loads(first.read_text())["task"] | {"digest": "0" * 64})
    headings = [heading for heading, _ in read_board(results).groups()]
    assert len(headings) == 2
    assert all("task and data " in heading for heading in headings)


def test_other_splits_are_other_boards(results: Path) -> None:
    first, _ = complete(results)
    edit_record(first, task=json.loads(first.read_text())["task"] | {"split": "dev"})
    assert len(list(read_board(results).groups())) == 2


def test_partial_runs_are_left_out_with_the_reason(results: Path) -> None:
    board = read_board(results)
    assert len(board.records) == 2
    assert [reason for _, reason in board.left_out] == ["--limit: 2 of 12 clips"]


@pytest.mark.parametrize("what", ["changed", "gone"])
def test_a_record_needs_the_predictions_it_was_computed_from(results: Path, what: str) -> None:
    predictions = complete(results)[0].with_suffix(".predictions.jsonl")
    if what == "gone":
        predictions.unlink()
    else:
        predictions.write_text(predictions.read_text().replace("HELP", "WORLD", 1))
    board = read_board(results)
    assert len(board.records) == 1
    assert {"changed": "not the file that was scored", "gone": "are absent"}[what] in dict(board.left_out)[
        str(complete(results)[0])
    ]


def test_odd_files_do_not_hide_the_board(results: Path) -> None:
    folder = complete(results)[0].parent
    (folder / "folder.json").mkdir()
    (folder / "link.json").symlink_to(folder / "nowhere")
    board = read_board(results)
    assert len(board.records) == 2
    assert {str(folder / "folder.json"), str(folder / "link.json")} <= set(dict(board.left_out))


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"schema_version": 1, "run": 3}', "\udcff"])
def test_files_that_are_no_records_are_named(results: Path, text: str) -> None:
    path = complete(results)[0]
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    board = read_board(results)
    assert len(board.records) == 1
    assert str(path) in dict(board.left_out)


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="there is no such folder"):
        read_board(tmp_path / "nothing")


def test_other_poses_are_another_row_of_the_same_board(results: Path) -> None:
    first, second = complete(results)
    task = json.loads(first.read_text())["task"]
    theirs = {"pose_source": "rtmlib 1.2 (pose abababab)", "data_digest": "1" * 64, "manifest_digest": "2" * 64}
    edit_record(second, task=task | theirs)
    board = read_board(results)
    assert [len(rows) for _, rows in board.groups()] == [2]
    [whole] = json_of(board)
    assert {row["group"]: row["place"] for row in whole["rows"]} == {"A": 1, "B": 1}
    assert any(
        shared.endswith("poses: rtmlib 1.2 (pose abababab); places by value") for shared in whole["groups"].values()
    )


def test_other_references_are_another_board(results: Path) -> None:
    first = complete(results)[0]
    edit_record(first, task=json.loads(first.read_text())["task"] | {"references_digest": "1" * 64})
    assert [len(rows) for _, rows in read_board(results).groups()] == [1, 1]


def test_an_older_record_stands_beside_one_of_the_same_data(results: Path) -> None:
    first = complete(results)[0]
    edit_record(first, task=json.loads(first.read_text())["task"] | {"references_digest": "", "manifest_digest": ""})
    assert [len(rows) for _, rows in read_board(results).groups()] == [2]


def test_another_setting_is_another_row_that_says_so(results: Path) -> None:
    first, second = complete(results)
    record = json.loads(second.read_text())
    edit_record(
        second,
        options=record["options"] | {"decoding": "closed", "num_beams": 1},
        model=record["model"] | {"inputs": "rgb+pose", "selected_on": "test"},
    )
    board = read_board(results)
    [(_, rows)] = board.groups()
    assert {row.first.run for row in rows} == {first.stem, second.stem}
    setting = "closed vocabulary, greedy, checkpoint chosen on test"
    name = f"tiny (rgb+pose, {setting})"
    rows = {line.split("|")[6].strip(): line for line in markdown_of(board).splitlines() if "| test-" in line}
    assert rows[first.stem.replace("_", "\\_")].split("|")[2].strip() == "tiny"
    assert f"| {escaped(name)} |" in rows[second.stem.replace("_", "\\_")]
    assert name in " ".join(word for line in shown(board).splitlines() for word in line[10:].split("   ")[0].split())
    [whole] = json_of(board)
    labels = {row["source"].rpartition("/")[2]: (row["settings"], row["marks"]) for row in whole["rows"]}
    assert labels == {
        first.stem: ([], []),
        second.stem: (["rgb+pose", "closed vocabulary", "greedy", "checkpoint chosen on test"], ["chosen-on-test"]),
    }


def test_rows_of_the_papers_setting_say_nothing_of_it(results: Path) -> None:
    board = read_board(results)
    assert {tuple(row["settings"]) for row in json_of(board)[0]["rows"]} == {()}


def test_a_board_is_of_the_tasks_that_were_asked_for(results: Path) -> None:
    (results / "words").mkdir()
    assert read_board(results, ["made-up-islr"]) == read_board(results)
    assert read_board(results, ["words"]) == Board((), ())
    assert read_board(results, ["fingerspelling-islr"]) == Board((), ())
    with pytest.raises(CardError, match="did you mean fingerspelling-islr"):
        read_board(results, ["made-up-islr", "fingerspeling-islr"])


@pytest.mark.parametrize("place", ["copy.json", "../other/{name}"])
def test_a_copy_of_a_run_is_not_counted_twice(results: Path, place: str) -> None:
    first = complete(results)[0]
    copy = first.parent / place.format(name=first.name)
    copy.parent.mkdir(exist_ok=True)
    shutil.copy(first, copy)
    shutil.copy(first.with_suffix(".predictions.jsonl"), copy.with_suffix(".predictions.jsonl"))
    board = read_board(results)
    assert len(board.records) == 2
    [reason] = [reason for path, reason in board.left_out if Path(path).resolve() == copy.resolve()]
    assert reason.startswith(
        f"it is the record of made-up-islr/tiny/{first.name}; a run lies in its own place, and once"
    )


def test_a_record_that_was_changed_by_hand_is_not_ranked(results: Path) -> None:
    first = complete(results)[0]
    first.write_text(first.read_text().replace('"clips": 12', '"clips": 8'))
    board = read_board(results)
    assert len(board.records) == 1
    assert "was changed after the run" in dict(board.left_out)[str(first)]


def test_a_record_knows_its_training(results: Path, corpus: FakeCorpus) -> None:
    card = read_card(corpus.model_path, ModelCard)
    models = [record.model for record in read_board(results).records]
    assert {(model.seed, model.trained_on, model.trained_by) for model in models} == {(0, "nothing", "none")}
    assert len({model.untrained_digest for model in models}) == 2
    assert card.model_copy(update={"weights": None}).digest() in {model.untrained_digest for model in models}
