"""Poses of a whole recording, and the checks that all formats share."""

import math
from dataclasses import dataclass

import numpy as np

from slbench.data.clip import POINTS, Array, check_numbers, largest_size
from slbench.data.readers.base import Recording
from slbench.errors import ClipError

AGAIN = "get it again from its source, or make it again from the video"
"""What to do about a file that is damaged."""
OVERRUN = 0.5
"""Seconds that a listed end may lie past the last frame; it is then the end of the recording."""
BEYOND = 2.0
"""Where most points that are seen lie further out than this many image sizes, they are pixels."""
MOST_FRAMES = 600_000
"""Frames of one recording: over six hours at 25 a second, and 1 GB of poses; a small file can claim any number."""
FASTEST = 1000.0
"""Frames a second of any camera for signing."""
LAYOUTS = {
    17: "COCO body alone",
    18: "OpenPose COCO body alone",
    21: "one hand alone",
    25: "OpenPose BODY_25 alone",
    26: "Halpe body alone",
    33: "MediaPipe Pose, body alone",
    42: "two hands alone",
    68: "the 68 points of a face alone",
    75: "MediaPipe Holistic without a face",
    130: "OpenPose with 18 body points, face and hands",
    134: "COCO-WholeBody in OpenPose's order with a neck added, which rtmlib gives with to_openpose=True; "
    "run it again with to_openpose=False",
    135: "OpenPose BODY_135",
    136: "Halpe or AlphaPose with 136 points",
    137: "OpenPose with 25 body points, face and hands",
    468: "the mesh of a MediaPipe face alone",
    478: "the mesh of a MediaPipe face alone",
    543: "MediaPipe Holistic",
    553: "MediaPipe Holistic with irises",
    576: "MediaPipe Holistic with world coordinates",
    586: "MediaPipe Holistic with irises and world coordinates",
}
"""What other numbers of points look like."""


@dataclass(frozen=True, eq=False)
class Poses:
    """One person in a whole recording.

    Attributes:
        keypoints: (T, 133, 2) float32, divided by image width and height.
        scores: (T, 133) float32; 0 means not seen.
        fps: frames a second; 0 where the file does not say.
        people: most persons in one frame of the file. Of several, pickles give the first, as Uni-Sign's code takes it;
            JSON and `.pose` files the one with the highest mean score in each frame, the first of equals.
        file: where they were read from, for messages.
        first: frame of the video that is the first of these.
    """

    keypoints: Array
    scores: Array
    fps: float
    people: int = 1
    file: str = "poses"
    first: int = 0

    def __post_init__(self) -> None:
        """Raise ClipError unless the arrays have their shapes."""
        frames = len(self.keypoints)
        if self.keypoints.shape != (frames, POINTS, 2) or self.scores.shape != (frames, POINTS):
            raise ClipError(
                f"{self.file}: keypoints {self.keypoints.shape} and scores {self.scores.shape} "
                f"should be (T, {POINTS}, 2) and (T, {POINTS})"
            )

    def __len__(self) -> int:
        """Number of frames, T."""
        return len(self.keypoints)

    def cut(self, recording: Recording, fps: float | None) -> "Poses":
        """The frames of a clip: those from its first second on and before its last, or its range of frames.

        Args:
            recording: which part; without seconds and frames, all of it.
            fps: frame rate that the corpus states, for a file that does not say.

        Raises:
            ClipError: they lie outside, no frame rate is known, or what is there cannot be meant (`check`).
        """
        rate = self.fps or fps or 0.0
        start, end = self._range(recording, rate)
        part = Poses(
            self.keypoints[start:end], self.scores[start:end], rate, self.people, self.file, self.first + start
        )
        part.check()
        return part

    def _range(self, recording: Recording, rate: float) -> tuple[int, int]:
        if recording.frames is not None:
            start, end = recording.frames[0], recording.frames[1]
            return self._inside(start, len(self) if end is None else end, f"frames {start} to {end}")
        if recording.seconds is None:
            return 0, len(self)
        if not rate:
            raise ClipError(
                f"{self.file}: the clip is a part in seconds, and neither this file nor the corpus states a frame "
                "rate; extract the poses with `slbench extract`, which keeps it"
            )
        first, last = recording.seconds
        end = _frame(last, rate)
        if len(self) < end <= len(self) + math.ceil(OVERRUN * rate):
            end = len(self)
        return self._inside(_frame(first, rate), end, f"seconds {first:g} to {last:g} at {rate:g} fps")

    def _inside(self, start: int, end: int, asked: str) -> tuple[int, int]:
        if 0 <= start < end <= len(self):
            return start, end
        raise ClipError(
            f"{self.file}: the clip is {asked}, and the recording has {len(self)} frames; "
            "the recording is cut short or another version, or the list is wrong"
        )

    def check(self) -> None:
        """Raise ClipError unless every number is finite and of a size that can be meant."""
        check_numbers(self.keypoints, self.scores, self.file)


def _frame(second: float, rate: float) -> int:
    """The first frame at or after a time; frame n is shown from n / rate on."""
    return math.ceil(round(second * rate, 6))


def check_layout(points: int, axes: int, file: str) -> None:
    """Raise ClipError, which names the layout that it looks like, unless there are 133 points of x and y."""
    if points != POINTS:
        looks = LAYOUTS.get(points, "no layout that slbench knows")
        raise ClipError(
            f"{file}: has {points} points a person, which looks like {looks}; "
            f"slbench needs the {POINTS} of COCO-WholeBody, which `slbench extract` makes from the video"
        )
    if axes != 2:
        raise ClipError(f"{file}: has {axes} numbers a point; keypoints are x and y alone, with scores beside them")


def spread(rows: Array, counts: np.ndarray) -> Array:
    """(sum of counts, ...) persons one after another -> (T, most in a frame, ...); 0 where there are fewer."""
    most = max(1, int(counts.max(initial=0)))
    if len(rows) == len(counts) * most:
        return rows.reshape(len(counts), most, *rows.shape[1:])
    full = np.zeros((len(counts), most, *rows.shape[1:]), np.float32)
    full[np.arange(most) < counts[:, None]] = rows
    return full


def surest(scores: Array) -> np.ndarray:
    """(T, N, points) -> (T,): in each frame the person with the highest mean score, the first of equals."""
    index: np.ndarray = scores.mean(axis=2, dtype=np.float64).argmax(axis=1)
    return index


def finished(keypoints: Array, scores: Array, fps: float, people: int, file: str, first: int = 0) -> Poses:
    """Poses that were read: read-only, as several clips may share them.

    Raises:
        ClipError: there are no frames or far too many, they are pixels, or `fps` or `people` can't be meant.
    """
    if not 0 < len(keypoints) <= MOST_FRAMES:
        much = "no" if len(keypoints) == 0 else f"{len(keypoints)}, which is more than {MOST_FRAMES},"
        raise ClipError(f"{file}: has {much} frames; {AGAIN}")
    if not 0 <= fps <= FASTEST or not 0 <= people < 2**31:  # NaN as well
        raise ClipError(f"{file}: says {fps:g} frames a second and {people} people, which can't be; {AGAIN}")
    with np.errstate(over="ignore"):  # too large for float32: becomes infinite, which `check` finds
        keypoints = np.ascontiguousarray(keypoints, np.float32)
        scores = np.ascontiguousarray(scores, np.float32)
    if _are_pixels(keypoints, scores):
        raise ClipError(
            f"{file}: most points lie beyond {BEYOND:g} image sizes, so these are pixels; "
            "divide x by the image's width and y by its height"
        )
    keypoints.flags.writeable = scores.flags.writeable = False
    return Poses(keypoints, scores, fps, people, file, first)


def _are_pixels(keypoints: Array, scores: Array) -> bool:
    if largest_size(keypoints) <= BEYOND:  # nearly always, and much faster
        return False
    furthest = np.maximum(np.abs(keypoints[..., 0]), np.abs(keypoints[..., 1]))
    seen = scores > 0
    return bool(((furthest > BEYOND) & seen).sum() * 2 > seen.sum())
