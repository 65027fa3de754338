"""What is found in a split: each fault is put in, and everything else stays as it was."""

import math
import tracemalloc
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from test_export import Row
from test_poses_formats import video

from slbench.data.clip import Clip
from slbench.data.mock import moving_figure
from slbench.data.poses.facts import measure
from slbench.data.verify import Report, verify
from slbench.errors import ClipError, DataError
from slbench.files import ids_digest

LISTS = (
    "errors", "changed", "not_finite", "tiny", "huge", "no_hands", "several_people", "frozen", "duplicates",
)  # fmt: skip
"""Of a report: what stands out."""


def digest(clip: Clip) -> str:
    """A stand-in for the store's."""
    return sha256(clip.id.encode() + clip.keypoints.tobytes() + clip.scores.tobytes()).hexdigest()


def figure(clip_id: str, frames: int, seed: int) -> Clip:
    return Clip(clip_id, *moving_figure(frames, np.random.default_rng(seed)), 25.0, "text")


class Split:
    """Clips in memory, as they were prepared (`digests`) and as they are now."""

    def __init__(self, clips: list[Clip], **errors: str) -> None:
        self.clips, self.errors = clips, errors
        self.digests = [digest(clip) for clip in clips]
        self.sources = [f"source-{clip.id}" for clip in clips]

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> Row:
        clip, error = self.clips[index], self.errors.get(self.clips[index].id)
        frames, found = (0, "") if error else (clip.frames, self.digests[index])
        return Row(clip.id, "", "", frames, error, source=self.sources[index], people=clip.people, sha256=found)

    def clip(self, index: int) -> Clip:
        if self[index].error:
            raise ClipError(str(self[index].error))
        return self.clips[index]


def figures(count: int = 6) -> list[Clip]:
    return [figure(f"c{number}", 10 + 10 * number, number) for number in range(count)]


def changed(clips: list[Clip], number: int, **values) -> list[Clip]:
    return [replace(clip, **values) if index == number else clip for index, clip in enumerate(clips)]


def test_a_sound_split() -> None:
    clips = figures()
    split = Split(clips)
    content = ids_digest(f"{clip.id} {digest(clip)}" for clip in clips)
    report = verify(split, digest, content_sha256=content)
    assert report.sound
    assert (report.clips, report.readable, report.frames) == (6, 6, 10 + 20 + 30 + 40 + 50 + 60)
    assert (report.content_sha256, report.content_matches) == (content, True)
    assert not any(getattr(report, name) for name in LISTS)
    assert (report.empty_frames, report.repeated_frames, report.outside, report.scores_above_one) == (0, 0, 0, 0)
    assert report.videos is None
    assert {(one.first, one.last): one.clips for one in report.lengths if one.clips} == {
        (1, 15): 1, (16, 31): 2, (32, 63): 3,
    }  # fmt: skip
    assert report.lengths[-1].last is None


def test_scores_are_those_of_all_points_together() -> None:
    clips = figures()
    report = verify(Split(clips), digest)
    scores = np.concatenate([clip.scores for clip in clips]).astype(np.float64)
    for part, where in (("body", slice(0, 17)), ("left hand", slice(91, 112)), ("right hand", slice(112, 133)),
                        ("face", slice(23, 91))):  # fmt: skip
        found = next(one for one in report.scores if one.part == part)
        assert found.mean == pytest.approx(scores[:, where].mean())
        assert found.seen == pytest.approx((scores[:, where] > 0.3).mean())
    assert report.highest_score == pytest.approx(scores.max())


def only(report: Report, **expected: object) -> None:
    """Nothing but these fields differs from the report of the figures as they are."""
    plain = verify(Split(figures()), digest)
    for name, value in expected.items():
        assert getattr(report, name) == value, name
    for name in (*LISTS, "empty_frames", "repeated_frames", "outside", "scores_above_one", "readable", "frames"):
        if name not in expected:
            assert getattr(report, name) == getattr(plain, name), name


def test_numbers_that_are_not_finite() -> None:
    clips = figures()
    bad = clips[2].keypoints.copy()
    bad[4, 7, 1] = np.nan
    report = verify(Split(changed(clips, 2, keypoints=bad)), digest)
    only(report, not_finite=("c2",))
    assert not report.sound
    assert all(math.isfinite(one.mean) for one in report.scores), "other clips are still measured"


@pytest.mark.parametrize(("factor", "field"), [(0.05, "tiny"), (8, "huge")])
def test_signers_of_the_wrong_scale(factor, field) -> None:
    clips = figures()
    place = ((clips[1].keypoints - 0.5) * np.float32(factor) + 0.5) * (clips[1].scores > 0)[..., None]
    report = verify(Split(changed(clips, 1, keypoints=place.astype(np.float32))), digest)
    only(report, **{field: ("c1",)}, outside=report.outside)
    assert (report.outside > 0) == (field == "huge")


def test_hands_that_are_never_seen() -> None:
    clips = figures()
    scores = clips[3].scores.copy()
    scores[:, 91:] = 0.3  # as much as does not count
    only(verify(Split(changed(clips, 3, scores=scores)), digest), no_hands=("c3",))
    scores[7, 95] = 0.31
    only(verify(Split(changed(clips, 3, scores=scores)), digest))


def test_several_people() -> None:
    only(verify(Split(changed(figures(), 0, people=3)), digest), several_people=("c0",))


def test_frames_that_repeat_and_frames_without_anybody() -> None:
    clips = figures()
    still = [clip[[0, 1, 2, 3, *[4] * 16]] for clip in (clips[1].keypoints, clips[1].scores)]
    only(
        verify(Split(changed(clips, 1, keypoints=still[0], scores=still[1])), digest),
        repeated_frames=15,
        frozen=("c1",),
    )
    empty = [clips[1].keypoints.copy(), clips[1].scores.copy()]
    empty[0][5:], empty[1][5:] = 0, 0
    only(verify(Split(changed(clips, 1, keypoints=empty[0], scores=empty[1])), digest), empty_frames=15)


def test_scores_above_one_and_places_outside() -> None:
    clips = figures(1)
    clips[0].scores[2:4, 0] = 1.25
    clips[0].keypoints[0, :2] = [[1.01, 0.5], [0.5, -0.01]]
    report = verify(Split(clips), digest)
    assert report.highest_score == 1.25
    assert report.scores_above_one == pytest.approx(2 / (10 * 133))
    assert report.outside == pytest.approx(2 / (clips[0].scores > 0.3).sum())


def test_the_same_poses_under_two_ids() -> None:
    clips = figures()
    twins = [*clips, replace(clips[4], id="other"), replace(clips[0], id="twin"), replace(clips[4], id="third")]
    report = verify(Split(twins), digest)
    assert report.duplicates == (("c0", "twin"), ("c4", "other", "third"))


def test_content_that_has_changed_on_disk() -> None:
    split = Split(figures())
    before = ids_digest(f"{clip.id} {found}" for clip, found in zip(split.clips, split.digests, strict=True))
    split.clips[2].scores[0, 0] += 0.01
    report = verify(split, digest, content_sha256=before)
    only(report, changed=("c2",))
    assert report.content_matches is False
    assert not report.sound


def test_errors_are_grouped_by_reason() -> None:
    errors = {
        "c1": "clip c1: /data/poses/c1.pkl: is empty (0 bytes); get it again",
        "c2": "clip c2: /data/poses/c2.pkl: has 17 points a person, which looks like COCO body alone",
        "c4": "clip c4: /data/poses/c4.pkl: is empty (0 bytes); get it again",
        "c5": "clip c5: there is no pose file c5.* in /data/poses",
    }
    report = verify(Split(figures(), **errors), digest)
    assert [one.ids for one in report.errors] == [("c1", "c4"), ("c2",), ("c5",)]
    assert report.errors[0].example == errors["c1"]
    assert (report.clips, report.readable, report.frames) == (6, 2, 10 + 40)
    assert not report.sound
    nothing = verify(Split(figures(1), c0="gone"), digest)
    assert math.isnan(nothing.scores[0].mean)
    assert math.isnan(nothing.outside)


def test_an_empty_split() -> None:
    report = verify(Split([]), digest)
    assert (report.clips, report.frames, report.duplicates) == (0, 0, ())


def frame_folder(folder: Path, frames: int) -> None:
    folder.mkdir(parents=True)
    for number in range(frames):
        (folder / f"images{number:04}.png").write_bytes(b"")


def test_frames_of_poses_against_videos(tmp_path) -> None:
    split = Split(figures(9), c8="gone")
    split.sources[5] = split.sources[6] = "long"
    (tmp_path / "videos").mkdir()
    video(tmp_path / "videos/source-c0.mp4", frames=10)
    video(tmp_path / "videos/c1.mp4", frames=19)
    frame_folder(tmp_path / "videos/frames/test/source-c2", 30)
    frame_folder(tmp_path / "videos/frames/test/source-c3/1", 41)
    frame_folder(tmp_path / "videos/frames/train/source-c3/1", 40)
    (tmp_path / "videos/source-c4.mp4").write_bytes(b"no video")
    report = verify(split, digest, videos=tmp_path / "videos", name="test").videos
    assert report is not None
    assert (report.compared, report.parts) == (4, 2)
    assert [(one.id, one.poses, one.video) for one in report.mismatches] == [("c1", 20, 19), ("c3", 40, 41)]
    assert report.absent == ("c7",)
    assert [one.ids for one in report.unreadable] == [("c4",)]
    assert "source-c4.mp4: cannot be read as a video" in report.unreadable[0].example


def test_a_folder_of_videos_that_is_not_there(tmp_path) -> None:
    with pytest.raises(DataError, match="nowhere: there is no such folder"):
        verify(Split(figures(1)), digest, videos=tmp_path / "nowhere")


def test_progress() -> None:
    told: list[int] = []
    verify(Split(figures(3)), digest, report=told.append)
    assert told == [1, 2, 3]


class Endless(Split):
    """Clips that are made when they are asked for."""

    def __init__(self, count: int) -> None:
        self.count, self.sources, self.errors = count, [], {}

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Row:
        return Row(f"c{index}", "", "", 100)

    def clip(self, index: int) -> Clip:
        return figure(f"c{index}", 100, 0)


def test_memory_does_not_hold_the_corpus() -> None:
    """160 clips of 100 frames are 26 MB, and one is 0.16 MB."""
    peaks = []
    for count in (10, 160):
        tracemalloc.start()
        verify(Endless(count), digest)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 500_000


def test_facts_of_one_frame_and_of_nobody() -> None:
    one = figure("a", 1, 0)
    assert measure(one).repeated == 0
    assert measure(one).frames == 1
    nobody = measure(Clip("a", np.zeros((3, 133, 2), np.float32), np.zeros((3, 133), np.float32), 25.0, ""))
    assert (nobody.empty, nobody.scale, nobody.seen_points, nobody.repeated) == (3, 0, 0, 0)
    body = one.keypoints[0, :11]
    assert measure(one).scale == pytest.approx(float((body.max(axis=0) - body.min(axis=0)).max()))
