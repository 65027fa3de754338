"""The pickles that Uni-Sign released: a file a clip, gzipped or not.

`{keypoints: [T x (N, 133, 2)], scores: [T x (N, 133)]}` with N persons, of whom the released code takes the first.
Optional `start` and `end` are a half-open range of frames, of the poses and of the video, and that code never looks
outside. Arrays (T, N, 133, 2) or (T, 133, 2), frames without the axis of persons, and torch tensors are taken too.
"""

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from slbench.data.clip import POINTS, Array
from slbench.data.pickles import LARGEST, read_pickle_bytes
from slbench.data.poses.base import AGAIN, MOST_FRAMES, Poses, check_layout, finished
from slbench.errors import ClipError, DataError

DEEPEST = 4
"""Frames, persons, points, x and y."""
_NOBODY = {"keypoints": (0, POINTS, 2), "scores": (0, POINTS)}


def read_uni_sign(data: bytes, file: str) -> Poses:
    """Read one pickle.

    Raises:
        ClipError: it is no whole pickle or a dangerous one, or does not hold poses of 133 points.
    """
    try:
        held = read_pickle_bytes(data, file)
    except DataError as error:
        raise ClipError(str(error)) from error
    if not isinstance(held, dict) or not {"keypoints", "scores"} <= held.keys():
        keys = ", ".join(map(str, held)) if isinstance(held, dict) else f"a {type(held).__name__}"
        raise ClipError(f'{file}: holds {keys[:200]} instead of "keypoints" and "scores"; it is no pose file')
    try:
        return _poses(held, file)
    except (
        ValueError,
        TypeError,
        OverflowError,
        AttributeError,
        MemoryError,
        RecursionError,
    ) as error:  # ragged lists, strings, sets, ...
        raise ClipError(f"{file}: its keypoints and scores are no arrays of numbers ({error}); {AGAIN}") from error


def _poses(held: dict[str, Any], file: str) -> Poses:
    for name in _NOBODY:
        _check_size(held[name], name, file)
    keypoints, scores = _sequence(held["keypoints"]), _sequence(held["scores"])
    if len(keypoints) != len(scores):
        raise ClipError(f"{file}: has {len(keypoints)} frames of keypoints and {len(scores)} of scores; {AGAIN}")
    part = _part(held, len(scores), file)
    places, people = _persons(keypoints[part], "keypoints", file)
    seen, scored = _persons(scores[part], "scores", file)
    check_layout(places.shape[1], places.shape[2], file)
    check_layout(seen.shape[1], 2, file)
    differ = people != scored
    if differ.any():
        frame = int(differ.argmax())
        raise ClipError(
            f"{file}: frame {frame} has keypoints of {people[frame]} and scores of {scored[frame]} persons; {AGAIN}"
        )
    most = max(1, int(people.max(initial=0)))
    return finished(_first(places, people), _first(seen, people), 0.0, most, file, part.start)


def _check_size(value: Any, name: str, file: str) -> None:
    """Before anything is copied: a list may hold one frame a million times, and lists that do so lists that do so."""
    if len(value) > MOST_FRAMES or _numbers(value, DEEPEST, {}) > LARGEST // 8:
        raise ClipError(f"{file}: its {name} are far more numbers than a recording has; {AGAIN}")


def _numbers(value: Any, deeper: int, known: dict[int, int]) -> int:
    """How many numbers an array of the nested lists has; each list is counted once, however often it is held."""
    if isinstance(value, np.ndarray):
        return value.size
    if not isinstance(value, list | tuple):
        return 1
    if id(value) not in known:
        if not deeper:
            raise ValueError(f"lists in lists, more than {DEEPEST} deep")
        known[id(value)] = sum(_numbers(one, deeper - 1, known) for one in value)
    return known[id(value)]


def _first(rows: Array, counts: np.ndarray) -> Array:
    """(sum of counts, ...) persons one after another -> (T, ...): the first of each frame; 0 where there is none."""
    if (counts == 1).all():
        return rows
    first = np.zeros((len(counts), *rows.shape[1:]), np.float32)
    there = counts > 0
    first[there] = rows[(counts.cumsum() - counts)[there]]
    return first


def _sequence(value: Any) -> Any:
    """One array of all frames, or a list of frames."""
    return value if isinstance(value, list | tuple) else _array(value)


def _array(value: Any) -> np.ndarray:
    if isinstance(value, np.ndarray):
        return value
    return np.asarray(value)


def _part(held: dict[str, Any], frames: int, file: str) -> slice:
    start, end = (0 if held.get("start") is None else index(held["start"])), held.get("end")
    end = frames if end is None else index(end)
    if frames and not 0 <= start < end <= frames:
        raise ClipError(f"{file}: its start {start} and end {end} lie outside its {frames} frames; {AGAIN}")
    return slice(start, end)


def _persons(frames: Any, name: str, file: str) -> tuple[Array, np.ndarray]:
    """All persons of all frames one after another, (sum, points, ...), and how many there are in each frame, (T,)."""
    axes = len(_NOBODY[name])  # of the persons of one frame
    if isinstance(frames, np.ndarray) and frames.dtype != object:
        if frames.ndim == axes:
            frames = frames[:, None]
        if frames.ndim != axes + 1:
            raise ClipError(f"{file}: {name} {frames.shape} should be (frames, persons, {POINTS}, ...); {AGAIN}")
        return frames.reshape(-1, *frames.shape[2:]), np.full(len(frames), frames.shape[1])
    if all(isinstance(frame, np.ndarray) for frame in frames) and len(shapes := {frame.shape for frame in frames}) == 1:
        shape = shapes.pop()
        if len(shape) == axes and 0 not in shape and frames[0].dtype != object:  # nearly always, and much faster
            return np.concatenate(frames), np.full(len(frames), shape[0])
    return _joined([_array(frame) for frame in frames], name, file)


def _joined(frames: Sequence[np.ndarray], name: str, file: str) -> tuple[Array, np.ndarray]:
    axes = len(_NOBODY[name])
    frames = [frame[None] if frame.ndim == axes - 1 and frame.size else frame for frame in frames]
    counts = np.array([len(frame) if frame.size else 0 for frame in frames], int)
    filled = [frame for frame in frames if frame.size]
    if len({frame.shape[1:] for frame in filled}) > 1:
        number = next(i for i, frame in enumerate(frames) if frame.size and frame.shape[1:] != filled[0].shape[1:])
        raise ClipError(
            f"{file}: {name} of frame {number} are {frames[number].shape}, those before are {filled[0].shape}; {AGAIN}"
        )
    if filled and filled[0].ndim != axes:
        raise ClipError(f"{file}: {name} of a frame are {filled[0].shape}, not (persons, {POINTS}, ...); {AGAIN}")
    return (np.concatenate(filled) if filled else np.zeros(_NOBODY[name], np.float32)), counts
