"""Preparing poses and reading them prepared, against the way that the released loader goes: ratios of one run.

The loader of Uni-Sign (code of commit 2c9028f) opens the pickle of a clip whenever it needs the clip, and for each of
the four parts goes through it frame by frame. `load_frame_by_frame` does so too; a test compares it with figures of
that code.
"""

import gzip
import json
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from slbench.cards import DatasetCard
from slbench.data.building import usable_cores
from slbench.data.corpus import Source
from slbench.data.ingest import Choices, ingest
from slbench.data.store import Split
from slbench.modeling.uni_sign.poses import PARTS, part_inputs

CLIPS, FRAMES = 1000, 120
THRESHOLD = 0.3
HANDS = {"left": slice(91, 112), "right": slice(112, 133)}
"""Points that lie together, which is faster than to name each."""
PREPARING, READING = 5, 20
"""How many times as many clips a second are aimed at."""
GROWTH = 48
"""Most MB by which the peak memory may grow from 500 to 2,000 clips; the poses of the 1,500 are 287 MB."""
GOLDEN = Path(__file__).parents[1] / "golden" / "uni_sign_pose.json"


def make_corpus(folder: Path, clips: int) -> Path:
    """The layout that Uni-Sign released: gzip-pickled labels, and a pickle a clip."""
    (folder / "pose_format").mkdir(parents=True)
    labels = {}
    for number in range(clips):
        name = f"S{number:06}_P0000_T00"
        labels[name] = {"name": name, "gloss": ["这", "是"], "text": "这是。", "video_path": f"{name}.mp4"}
        (folder / "pose_format" / f"{name}.pkl").write_bytes(pickle.dumps(made_up(number)))
    with gzip.open(folder / "labels.train", "wb") as file:
        pickle.dump(labels, file)
    return folder


def made_up(seed: int) -> dict[str, list[np.ndarray]]:
    """A figure of which one point in five is not seen, a frame an array as in the released files."""
    chance = np.random.default_rng(seed)
    places = chance.uniform(0.2, 0.8, (1, 133, 2)) + chance.normal(0, 0.02, (FRAMES, 133, 2)).cumsum(axis=0) / 10
    scores = chance.uniform(0.13, 1.0, (FRAMES, 133))
    return {
        "keypoints": list(places.astype(np.float32)[:, None]),
        "scores": list(scores.astype(np.float32)[:, None]),
    }


def card_of(clips: int) -> DatasetCard:
    return DatasetCard(
        name="made-up", title="", owner="nobody", licence="none", obtain="", homepage="", signed_languages=(),
        pose_source="random", needs_source=True, splits={"train": clips},
        reader="slbench.data.readers.uni_sign:UniSignLists",
    )  # fmt: skip


def load_frame_by_frame(path: Path) -> dict[str, np.ndarray]:
    """What the released loader does for a clip, each time."""
    with path.open("rb") as file:
        held = pickle.load(file)
    return normalise_frame_by_frame(held["keypoints"], held["scores"])


def normalise_frame_by_frame(keypoints: list[np.ndarray], scores: list[np.ndarray]) -> dict[str, np.ndarray]:
    parts: dict[str, np.ndarray] = {}
    scale = 0.0
    for name, part in PARTS.items():
        chosen = HANDS.get(name, list(part.points))
        places, seen = [], []
        for frame, frame_scores in zip(keypoints, scores, strict=True):
            points = frame[0][chosen]
            if part.root is not None:
                points = points - points[part.root]
            places.append(points)
            seen.append(frame_scores[0][chosen])
        part_tvc = np.concatenate([np.stack(places), np.stack(seen)[..., None]], axis=-1)
        if part.root is None:
            part_tvc[..., :2], scale = in_the_box(part_tvc)
        elif scale:
            part_tvc[..., :2] /= scale
        part_tvc = np.clip(part_tvc, -1, 1) if scale else np.zeros_like(part_tvc)
        part_tvc[part_tvc[..., 2] <= THRESHOLD] = 0
        parts[name] = part_tvc.astype(np.float32)
    return parts


def in_the_box(body: np.ndarray) -> tuple[np.ndarray, float]:
    """Places in the square around all that is seen of the body, from -1 to 1, and its side."""
    seen = body[body[..., 2] > THRESHOLD][:, :2]
    if len(seen) < 4:
        return body[..., :2], 0.0
    low, high = seen.min(axis=0), seen.max(axis=0)
    side = (high - low).max()
    corner = (low + high - side) / 2
    return ((body[..., :2] - corner) / side - 0.5) * 2, float(side)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    return make_corpus(tmp_path_factory.mktemp("corpus"), CLIPS)


def prepared(folder: Path, clips: int, jobs: int | None = None) -> Split:
    (made,) = ingest(card_of(clips), Source(folder), jobs or usable_cores(), Choices(any_version=True))
    assert made.clips is not None
    assert len(made.clips) == clips
    assert not made.before
    return made.clips


class Baseline:
    """Loads all clips frame by frame before each round of the other side, so that both meet the same machine."""

    def __init__(self, corpus: Path) -> None:
        self.paths = sorted((corpus / "pose_format").iterdir())
        self.seconds: list[float] = []

    def round(self) -> None:
        start = time.perf_counter()
        for path in self.paths:
            load_frame_by_frame(path)
        self.seconds.append(time.perf_counter() - start)

    def compare(self, benchmark, capsys, aim: float) -> None:
        """The best round of both; fails where the other side is not so many times as fast."""
        ours, theirs = (len(self.paths) / seconds for seconds in (benchmark.stats["min"], min(self.seconds)))
        benchmark.extra_info.update(clips_a_second=ours, frame_by_frame=theirs, ratio=ours / theirs)
        with capsys.disabled():
            sys.stdout.write(f"\n{ours:,.0f} clips/s, frame by frame {theirs:,.0f}: {ours / theirs:.1f} times\n")
        assert ours / theirs >= aim


def test_the_baseline_gives_the_golden_parts() -> None:
    """Else it would be no baseline: what the released code gives for clip 0 of the golden file."""
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    t, j = np.arange(golden["lengths"][0])[:, None], np.arange(133)[None]
    x = 0.5 + 0.25 * np.sin(0.37 * j) + 0.05 * np.sin(0.11 * t + 0.29 * j)
    y = 0.5 + 0.25 * np.cos(0.53 * j) + 0.05 * np.cos(0.13 * t + 0.31 * j)
    scores = 0.55 + 0.45 * np.sin(0.7 * j + 0.05 * t)
    parts = normalise_frame_by_frame(list(np.stack([x, y], axis=-1)[:, None]), list(scores[:, None]))
    for name, expected in golden["parts"].items():
        assert parts[name].sum() == pytest.approx(expected["sum"], rel=1e-4)
        assert np.abs(parts[name]).sum() == pytest.approx(expected["abs_sum"], rel=1e-4)
        np.testing.assert_allclose(parts[name][0].ravel(), expected["frame0"], atol=1e-5)


def test_prepare(benchmark, capsys, corpus: Path, tmp_path: Path, monkeypatch) -> None:
    baseline = Baseline(corpus)

    def anew() -> None:
        monkeypatch.setenv("SLBENCH_HOME", str(tmp_path / str(len(baseline.seconds))))
        baseline.round()

    benchmark.pedantic(prepared, (corpus, CLIPS), setup=anew, rounds=4)
    baseline.compare(benchmark, capsys, PREPARING)


def test_read_prepared_parts(benchmark, capsys, corpus: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SLBENCH_HOME", str(tmp_path))
    split, baseline = prepared(corpus, CLIPS), Baseline(corpus)
    for index, path in enumerate(baseline.paths[:100]):
        clip, expected = split.clip(index), load_frame_by_frame(path)
        for name, part in part_inputs(clip.keypoints, clip.scores).items():
            np.testing.assert_allclose(part, expected[name], atol=1e-5)

    def read_all() -> None:
        for index in range(CLIPS):
            clip = split.clip(index)
            part_inputs(clip.keypoints, clip.scores)

    benchmark.pedantic(read_all, setup=baseline.round, rounds=5)
    baseline.compare(benchmark, capsys, READING)


PREPARE = """
import re, resource, sys
from pathlib import Path
from slbench.cards import DatasetCard
from slbench.data.corpus import Source
from slbench.data.ingest import Choices, ingest
ingest(DatasetCard.model_validate_json(sys.argv[1]), Source(Path(sys.argv[2])), choices=Choices(any_version=True))
status = Path("/proc/self/status")  # where it is there: the peak of this program alone; the other is its parent's, too
if status.is_file():
    print(int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text())[1]) / 1024)
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2 ** 20)
"""


def peak_of(folder: Path, clips: int) -> float:
    """MB at most while a process prepares so many clips."""
    corpus = make_corpus(folder / "corpus", clips)
    result = subprocess.run(
        [sys.executable, "-c", PREPARE, card_of(clips).model_dump_json(), corpus],
        env=os.environ | {"SLBENCH_HOME": str(folder / "home")}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return float(result.stdout)


def test_memory_does_not_grow_with_the_corpus(benchmark, capsys, tmp_path: Path) -> None:
    few = peak_of(tmp_path / "few", 500)
    many = benchmark.pedantic(peak_of, (tmp_path / "many", 2000), rounds=1)
    benchmark.extra_info.update(few=few, many=many)
    with capsys.disabled():
        sys.stdout.write(f"\npeak memory: {few:.0f} MB for 500 clips, {many:.0f} MB for 2,000\n")
    assert many - few <= GROWTH
