"""What mmpose writes for a video: JSON with a list of frames, each with a list of persons, in pixels.

`[{frame_id, instances: [{keypoints [133][2], keypoint_scores [133], ...}]}]`, or the same list under `instance_info`.
mmpose does not say how large the image was, so that is read from the video beside the file.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from slbench.data.clip import POINTS, Array
from slbench.data.poses.base import AGAIN, BEYOND, Poses, check_layout, finished, spread, surest
from slbench.data.video import Header, read_header, video_beside
from slbench.errors import ClipError


def read_mmpose(data: bytes, file: str, path: Path | None) -> Poses:
    """Read one JSON file.

    Args:
        data: its bytes.
        file: its name, for messages.
        path: where it lies, so that the video beside it is found; None: in an archive.

    Raises:
        ClipError: it is damaged, does not hold poses of 133 points in pixels, or the image's size is not known.
    """
    try:
        held = json.loads(data)
        frames = _frames(held, file)
        persons = [person for frame in frames for person in frame]
        places = np.array([person["keypoints"] for person in persons] or np.zeros((0, POINTS, 2)), float)
        scores = np.array([person["keypoint_scores"] for person in persons] or np.zeros((0, POINTS)), float)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ClipError(f"{file}: is no whole JSON of poses as mmpose writes it ({error!r}); {AGAIN}") from error
    counts = np.array([len(frame) for frame in frames], int)
    if places.ndim != 3 or scores.ndim != 2:
        raise ClipError(f"{file}: keypoints {places.shape} and scores {scores.shape} should be lists a person; {AGAIN}")
    check_layout(places.shape[1], places.shape[2], file)
    check_layout(scores.shape[1], 2, file)
    return _divided(places, scores, counts, _header(held, file, path), file)


def _divided(places: Array, scores: Array, counts: np.ndarray, header: Header, file: str) -> Poses:
    if (scores > 0).any() and np.abs(places[scores > 0]).max() <= BEYOND:
        raise ClipError(f"{file}: its coordinates are no pixels; mmpose's are, so something has changed them")
    places = places / np.array([header.width, header.height])
    every, sure = spread(places, counts), spread(scores, counts)
    frames, chosen = np.arange(len(counts)), surest(sure)
    most = max(1, int(counts.max(initial=0)))
    return finished(every[frames, chosen], sure[frames, chosen], header.fps, most, file)


def _frames(held: Any, file: str) -> list[Sequence[dict[str, Any]]]:
    """The persons of each frame."""
    listed = held["instance_info"] if isinstance(held, dict) else held
    numbers = [frame["frame_id"] for frame in listed]
    expected = list(range(numbers[0], numbers[0] + len(numbers))) if numbers else []
    if numbers != expected:
        place = next(i for i, (number, right) in enumerate(zip(numbers, expected, strict=True)) if number != right)
        raise ClipError(
            f"{file}: frame_id {numbers[place]} comes where {expected[place]} should; every frame must be there, "
            "also those without a person; run mmpose again"
        )
    return [frame["instances"] for frame in listed]


def _header(held: Any, file: str, path: Path | None) -> Header:
    said = _said(held)
    if said is not None:
        return said
    video = None if path is None else video_beside(path)
    if video is None:
        raise ClipError(
            f"{file}: is in pixels, and the size of the image is not known; put the video beside it under the same "
            'name (.mp4), or write {"image_size": [width, height], "instance_info": [...]} into the file'
        )
    return read_header(video)


def _said(held: Any) -> Header | None:
    """What the file itself says of its video."""
    if not isinstance(held, dict):
        return None
    size = held.get("image_size") or (held.get("width"), held.get("height"))
    if not isinstance(size, list | tuple) or len(size) != 2 or not all(_is_positive(one) for one in size):
        return None
    fps = held.get("fps")
    return Header(float(size[0]), float(size[1]), float(fps) if _is_positive(fps) else 0.0)


def _is_positive(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and value > 0
