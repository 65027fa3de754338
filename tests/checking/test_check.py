"""Runs against baselines: each reason to fail by itself, and every format read by somebody else's parser."""

import json
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from edited import edit_record
from markdown_it import MarkdownIt

from slbench.checking.verdicts import Checked, Limits, Verdict, checked
from slbench.errors import DataError, OutputError
from slbench.files import file_digest
from slbench.metrics.protocols import get_protocol
from slbench.records import Prediction, parse_predictions, predictions_text, read_record
from slbench.report.checks import check_json, check_junit, check_markdown, check_text
from slbench.report.markup import visible

BASELINE = next((Path(__file__).parents[2] / "results" / "fingerspelling-islr" / "knn-dtw").glob("*.json"))
FIRST = read_record(BASELINE)
ANSWERED = parse_predictions(BASELINE.with_suffix(".predictions.jsonl").read_text(), "")
RIGHT = [one for one in ANSWERED if one.hypothesis == one.reference]
WRONG = [one for one in ANSWERED if one.hypothesis != one.reference]


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    """A copy of a committed run that tests may edit."""
    (tmp_path / "before").mkdir()
    shutil.copy(BASELINE.with_suffix(".predictions.jsonl"), tmp_path / "before")
    return Path(shutil.copy(BASELINE, tmp_path / "before"))


def run_of(baseline: Path, worse: int = 0, better: int = 0, text: str = "?", **changes: object) -> Path:
    """A run that answers so many clips wrong that the baseline has right, and the other way round."""
    new = {one.id: text for one in RIGHT[:worse]} | {one.id: one.reference for one in WRONG[:better]}
    answers = [
        one.model_copy(update={"hypothesis": new[one.id], "top_k": ()}) if one.id in new else one for one in ANSWERED
    ]
    return written(baseline.parent.parent / "after" / "test-after.json", answers, **changes)


def written(path: Path, answers: list[Prediction], **changes: object) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.with_suffix(".predictions.jsonl").write_text(predictions_text(answers))
    shutil.copy(BASELINE, path)
    edit_record(path, predictions_sha256=file_digest(path.with_suffix(".predictions.jsonl")), **changes)
    return path


def part(name: str, /, **changes: object) -> dict[str, object]:
    """A part of the record, changed."""
    return {name: json.loads(BASELINE.read_text())[name] | changes}


def verdicts(baseline: Path, run: Path, **limits: object) -> dict[str, Verdict]:
    return {verdict.name: verdict for verdict in checked(baseline, run, Limits(**limits)).verdicts}


def exact_p(changed: list[int]) -> float:
    """Of the two-sided test over all ways to swap these differences."""
    observed = abs(sum(changed))
    trials = [
        abs(sum(s * c for s, c in zip(signs, changed, strict=True))) for signs in product((1, -1), repeat=len(changed))
    ]
    return sum(trial >= observed for trial in trials) / len(trials)


@pytest.mark.parametrize(("worse", "better"), [(0, 0), (4, 0), (7, 0), (9, 4), (10, 1), (0, 9)])
def test_quality_fails_where_chance_does_not_explain_the_drop(baseline: Path, worse: int, better: int) -> None:
    p = exact_p([-1] * worse + [1] * better)
    assert abs(p - 0.05) > 0.01, "too close for sampled trials"
    verdict = verdicts(baseline, run_of(baseline, worse, better))["quality"]
    assert (verdict.status == "failed") == (p < 0.05 and worse > better)


def test_the_significance_is_the_users(baseline: Path) -> None:
    run = run_of(baseline, worse=4)
    assert verdicts(baseline, run, significance=0.2)["quality"].status == "failed"
    assert verdicts(baseline, run, significance=0.05)["quality"].status == "passed"


def test_the_tolerance_counts_points_whatever_chance_says(baseline: Path) -> None:
    run = run_of(baseline, worse=1)
    drop = 100 / len(ANSWERED)
    assert "tolerance" not in verdicts(baseline, run)
    assert verdicts(baseline, run, tolerance=drop - 0.01)["tolerance"].status == "failed"
    assert verdicts(baseline, run, tolerance=drop + 0.01)["tolerance"].status == "passed"
    assert verdicts(baseline, run_of(baseline, better=5), tolerance=0)["tolerance"].status == "passed"


def test_a_higher_error_rate_is_a_drop(tmp_path: Path) -> None:
    before = next(
        (Path(__file__).parents[2] / "results" / "fingerspelling-cslr" / "bilstm-ctc").glob("test-????????.json")
    )
    after = next((Path(__file__).parents[2] / "results" / "fingerspelling-cslr" / "knn-dtw").glob("test-????????.json"))
    assert verdicts(before, after, tolerance=5)["tolerance"].status == "failed"
    assert verdicts(before, after)["quality"].status == "failed"
    assert verdicts(after, before, tolerance=5)["quality"].status == "passed"


def test_other_predictions_fail_only_where_everything_claims_to_be_the_same(baseline: Path) -> None:
    run = run_of(baseline, worse=1, better=1)
    assert verdicts(baseline, run)["predictions"] == Verdict(
        "predictions", "passed", "2 of 104 clips are answered otherwise"
    )
    failed = verdicts(baseline, run, exact=True)["predictions"]
    assert failed.status == "failed"
    assert "2 of 104 clips" in failed.told
    same = run_of(baseline)
    assert verdicts(baseline, same, exact=True)["predictions"].status == "passed"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (part("model", digest="0" * 64), "the model card"),
        (part("model", code_sha256="0" * 64), "the model's code"),
        (part("model", weights_sha256="0" * 64), "the weights"),
        (part("task", digest="0" * 64), "the task card"),
        (part("task", data_digest="0" * 64), "the data"),
        (part("options", num_beams=1), "the option num_beams 4 → 1"),
        (part("model", name="other"), "the model knn-dtw → other"),
        (part("task", pictures_digest="0" * 64), "the pictures"),
    ],
)
def test_what_claims_to_be_another_is_not_compared_exactly_and_said(baseline: Path, changes: dict, told: str) -> None:
    verdict = verdicts(baseline, run_of(baseline, worse=1, **changes), exact=True)["predictions"]
    assert verdict.status == "not compared"
    assert f"not the same either: {told}" in verdict.told


def test_the_batch_size_is_no_excuse_in_float32_and_surroundings_are_named(baseline: Path) -> None:
    environment = part("environment", source_sha256="0" * 64)
    run = run_of(baseline, worse=1, **part("options", batch_size=3, workers=2), **environment)
    verdict = verdicts(baseline, run, exact=True)["predictions"]
    assert verdict.status == "failed"
    assert "what differs around them: slbench's own code" in verdict.told


def test_other_rankings_are_other_predictions(baseline: Path) -> None:
    answers = [one.model_copy(update={"measures": {"gate": 0.5}}) for one in ANSWERED]
    run = written(baseline.parent.parent / "after" / "test-after.json", answers)
    verdict = verdicts(baseline, run, exact=True)["predictions"]
    assert verdict.status == "failed"
    assert "all texts are the same" in verdict.told


SPEED = FIRST.cost.clips_per_second


def test_speeds_of_one_machine_are_compared_as_they_are(baseline: Path) -> None:
    run = run_of(baseline, **part("cost", clips_per_second=SPEED * 0.7))
    assert "throughput" not in verdicts(baseline, run)
    assert verdicts(baseline, run, slower=0.8)["throughput"].status == "failed"
    assert verdicts(baseline, run, slower=0.6)["throughput"].status == "passed"


@pytest.mark.parametrize(
    "other", [{"processor": "another"}, {"threads": 64}, {"accelerator": "NVIDIA H100"}, {"platform": "Windows-11"}]
)
def test_speeds_of_other_hardware_need_the_calibration(baseline: Path, other: dict[str, object]) -> None:
    """The new machine is half as fast at everything, so the same program has lost nothing."""
    environment = part("environment", **other)
    run = run_of(baseline, **environment, **part("cost", clips_per_second=SPEED * 0.5, calibration_seconds=0.02))
    verdict = verdicts(baseline, run, slower=0.8)["throughput"]
    assert verdict.status == "not compared"
    assert next(iter(other)) in verdict.told
    edit_record(baseline, **part("cost", calibration_seconds=0.01))
    assert verdicts(baseline, run, slower=0.99)["throughput"].status == "passed"
    slow = run_of(baseline, **environment, **part("cost", clips_per_second=SPEED * 0.5, calibration_seconds=0.01))
    assert verdicts(baseline, slow, slower=0.8)["throughput"].status == "failed"


def test_the_calibration_counts_where_it_is_asked_for_and_never_other_options(baseline: Path) -> None:
    edit_record(baseline, **part("cost", calibration_seconds=0.01))
    run = run_of(baseline, **part("cost", clips_per_second=SPEED * 0.5, calibration_seconds=0.02))
    assert verdicts(baseline, run, slower=0.9)["throughput"].status == "failed"
    assert verdicts(baseline, run, slower=0.9, calibrated=True)["throughput"].status == "passed"
    batches = run_of(baseline, **part("options", batch_size=1), **part("cost", calibration_seconds=0.02))
    verdict = verdicts(baseline, batches, slower=0.9)["throughput"]
    assert (verdict.status, "batch_size 32 → 1" in verdict.told) == ("not compared", True)


@pytest.mark.parametrize(
    "changes",
    [
        *(
            part("options", **option)
            for option in ({"num_beams": 1}, {"decoding": "closed"}, {"precision": "bfloat16"}, {"workers": 2})
        ),
        part("model", inputs="rgb+pose"),
    ],
)
@pytest.mark.parametrize("calibrated", [False, True])
def test_speeds_of_runs_that_were_asked_for_otherwise_are_not_compared(
    baseline: Path, changes: dict, calibrated: bool
) -> None:
    edit_record(baseline, **part("cost", calibration_seconds=0.01))
    run = run_of(baseline, **changes, **part("cost", clips_per_second=SPEED * 0.1, calibration_seconds=0.01))
    assert verdicts(baseline, run, slower=0.8, calibrated=calibrated)["throughput"].status == "not compared"


def test_a_speed_that_was_rounded_to_nothing_is_no_measure(baseline: Path) -> None:
    edit_record(baseline, **part("cost", clips_per_second=0.0))
    verdict = verdicts(baseline, run_of(baseline), slower=0.8)["throughput"]
    assert (verdict.status, "too slow" in verdict.told) == ("not compared", True)


def test_clips_that_are_no_longer_answered_are_counted(baseline: Path) -> None:
    names = {one.id for one in RIGHT[:2]}
    gone = {"hypothesis": None, "top_k": (), "error": "gone"}
    answers = [one.model_copy(update=gone) if one.id in names else one for one in ANSWERED]
    run = written(baseline.parent.parent / "after" / "test-after.json", answers, failed=dict.fromkeys(names, "gone"))
    told = verdicts(baseline, run)["predictions"].told
    assert told == "2 of 104 clips are answered otherwise, 2 of them not at all"


def test_clips_that_moved_are_named_the_worst_first(baseline: Path) -> None:
    answers = {one.id: "!" for one in WRONG[5:8]}
    gone = {RIGHT[3].id: None, RIGHT[4].id: ""}
    new = {
        name: {"hypothesis": text, "error": "gone" if text is None else None} for name, text in (answers | gone).items()
    }
    changed = [one.model_copy(update=new.get(one.id, {})) for one in ANSWERED]
    found = checked(baseline, written(baseline.parent.parent / "after" / "test-after.json", changed), Limits())
    assert {moved.id for moved in found.moved} == set(answers) | set(gone)
    assert {moved.id for moved in found.moved[:2]} == set(gone)
    assert [moved.influence for moved in found.moved[2:]] == [0, 0, 0]
    by_id = {one.id: one for one in ANSWERED}
    assert all(moved.before == by_id[moved.id].hypothesis for moved in found.moved)
    assert "(failed)" in check_text([found], 10)
    assert "(empty)" in check_text([found], 10)


def test_what_cannot_be_compared_is_refused(baseline: Path) -> None:
    cslr = next((Path(__file__).parents[2] / "results" / "fingerspelling-cslr" / "knn-dtw").glob("*.json"))
    with pytest.raises(
        OutputError, match=r"is of fingerspelling-cslr \S+, test.*; the baseline .* is of fingerspelling-islr"
    ):
        checked(baseline, cslr, Limits())
    fewer = written(baseline.parent.parent / "after" / "test-fewer.json", ANSWERED[:-1])
    with pytest.raises(DataError, match="not of the same samples"):
        checked(baseline, fewer, Limits())
    predictions = baseline.with_suffix(".predictions.jsonl")
    predictions.write_text(predictions.read_text() + "\n")
    with pytest.raises(OutputError, match="is not the file that was scored"):
        checked(baseline, BASELINE, Limits())
    predictions.unlink()
    with pytest.raises(OutputError, match="are absent"):
        checked(baseline, BASELINE, Limits())


def test_another_version_of_the_task_is_another_task(baseline: Path) -> None:
    with pytest.raises(OutputError, match=r"is of fingerspelling-islr 9\.9, test; .*compare runs of one task"):
        checked(baseline, run_of(baseline, **part("task", version="9.9")), Limits())


def test_a_run_is_not_its_own_baseline(baseline: Path) -> None:
    """Whoever names one file twice, perhaps by a link, would pass for ever."""
    link = baseline.with_name("link.json")
    link.symlink_to(baseline)
    link.with_suffix(".predictions.jsonl").symlink_to(baseline.with_suffix(".predictions.jsonl"))
    with pytest.raises(OutputError, match="is the baseline itself"):
        checked(baseline, link, Limits())


def test_what_is_not_the_same_is_said_whatever_is_checked(baseline: Path) -> None:
    same = checked(baseline, run_of(baseline), Limits())
    assert same.changed == []
    packages = FIRST.environment.packages | {"torch": "9.0", "jiwer": "1.0"}
    run = run_of(baseline, **part("model", weights_sha256="0" * 64), **part("environment", packages=packages))
    found = checked(baseline, run, Limits())
    old = FIRST.environment.packages
    told = [f"jiwer {old.get('jiwer', 'none')} → 1.0", f"torch {old['torch']} → 9.0"]
    assert found.changed == ["the weights", *told]
    for written in (check_text([found], 3), check_markdown([found], 3), check_junit([found], 3), check_json([found])):
        assert all(change in " ".join(written.split()) for change in found.changed)
    assert not found.failed


HOSTILE = ["<script>alert(1)</script>", "]]> & <b>", "a | b", "`x` *y* [z](javascript:0)", "\x00\x1b[31m\ufffe", "字 é"]


@pytest.fixture(params=HOSTILE)
def hostile(request: pytest.FixtureRequest, baseline: Path) -> tuple[str, Checked]:
    run = run_of(baseline, worse=12, text=request.param)
    return request.param, checked(baseline, run, Limits(exact=True, slower=0.5))


def test_junit_is_read_by_another_parser(hostile: tuple[str, Checked]) -> None:
    text, found = hostile
    root = ET.fromstring(check_junit([found, found], 100))
    assert (root.attrib["tests"], root.attrib["failures"]) == ("6", "4")
    assert [suite.attrib["failures"] for suite in root] == ["2", "2"]
    failures = root.findall("./testsuite/testcase/failure")
    assert len(failures) == 4
    visible = "".join(letter for letter in text if letter.isprintable())
    assert repr(visible)[1:-1] in (failures[0].text or "").replace(repr(text)[1:-1], repr(visible)[1:-1])
    assert {element.tag for element in root.iter()} <= {
        "testsuites",
        "testsuite",
        "testcase",
        "failure",
        "skipped",
        "system-out",
    }


def test_markdown_shows_what_was_answered_as_text(hostile: tuple[str, Checked]) -> None:
    text, found = hostile
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(check_markdown([found], 100))
    kinds = {child.type for token in tokens for child in token.children or []} | {token.type for token in tokens}
    assert not kinds & {"html_inline", "html_block", "link_open", "image", "code_inline", "em_open", "strong_open"}
    cells = ["".join(child.content for child in token.children or []) for token in tokens if token.type == "inline"]
    assert cells.count(visible(text)) == 12


def test_no_terminal_obeys_what_was_answered(hostile: tuple[str, Checked]) -> None:
    _, found = hostile
    for written_out in (check_text([found, found], 100), check_markdown([found], 100), check_junit([found], 100)):
        assert all(letter.isprintable() or letter == "\n" for letter in written_out)


def test_json_holds_every_clip_that_moved(hostile: tuple[str, Checked]) -> None:
    text, found = hostile
    [whole] = json.loads(check_json([found]))
    assert [moved["after"] for moved in whole["moved"]] == [text] * 12
    assert whole["failed"]
    assert whole["comparison"]["difference"] == pytest.approx(-1200 / 104)


def test_several_baselines_have_one_summary(baseline: Path) -> None:
    good, bad = (checked(baseline, run_of(baseline, worse=worse), Limits()) for worse in (0, 12))
    told = "3 baselines checked, 1 failed: fingerspelling-islr, test: knn-dtw (quality)"
    assert check_text([good, bad, good], 3).splitlines()[-1] == told
    tokens = MarkdownIt("commonmark").parse(check_markdown([good, bad, good], 3))
    assert "".join(child.content for child in tokens[1].children or []) == told
    assert check_text([good, good], 3).endswith("2 baselines checked, none failed\n")


def slbench(*arguments: str, **kwargs: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "slbench", *arguments], capture_output=True, text=True, **kwargs)


def test_exit_codes_and_reports(baseline: Path, tmp_path: Path) -> None:
    run = str(run_of(baseline, worse=12))
    reports = [
        word for suffix in ("json", "xml", "md", "txt") for word in ("--report", str(tmp_path / f"check.{suffix}"))
    ]
    done = slbench("check", "--baseline", str(baseline), "--run", run, *reports, "--changes", "3")
    assert done.returncode == 1
    assert "worse beyond chance" in " ".join(done.stdout.split())
    assert "3 of 12 clips that moved" in done.stdout
    assert json.loads((tmp_path / "check.json").read_text())[0]["failed"]
    assert ET.parse(tmp_path / "check.xml").getroot().attrib["failures"] == "1"
    assert (tmp_path / "check.md").read_text().startswith("## fingerspelling-islr, test: knn-dtw, 104 clips, failed")
    same = slbench("check", "--baseline", str(baseline), "--run", str(BASELINE), "--format", "junit")
    assert same.returncode == 0
    assert ET.fromstring(same.stdout).attrib["failures"] == "0"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--baseline", "nowhere.json", "--run", "nowhere.json"], "nowhere.json: cannot be read as a run record"),
        (["--baseline", "."], "--baseline .: the folder holds no record"),
        (["--baseline", str(BASELINE.parents[1]), "--run", str(BASELINE)], "is one run, but there are"),
        (["--baseline", str(BASELINE), "--report", "x.pdf"], "--report x.pdf: must end in .json, .xml, .md, .txt"),
        (["--baseline", str(BASELINE), "--output", str(BASELINE.parents[2])], "which no run may replace"),
    ],
)
def test_mistakes_end_with_2(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = slbench("check", *arguments, cwd=str(tmp_path))
    assert done.returncode == 2, done.stdout
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_the_scores_of_the_verdicts_are_those_of_the_protocol(baseline: Path) -> None:
    found = checked(baseline, run_of(baseline, worse=5), Limits())
    again = get_protocol(FIRST.protocol, "islr").score([one.answer() for one in ANSWERED])[0].value
    assert found.comparison.a == pytest.approx(again)
    assert found.comparison.b == pytest.approx(again - 500 / 104)
