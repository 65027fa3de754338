"""`.pose` files of the library pose-format: MediaPipe Holistic, which is mapped, or COCO-WholeBody.

Read by that library, but for one thing: of a version 0.1 file that is cut short it makes a shorter recording with
confidences from the wrong place, so the number of bytes is checked here.
"""

import struct
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from slbench.data.clip import Array
from slbench.data.poses.base import AGAIN, LAYOUTS, Poses, finished, surest
from slbench.data.skeleton import from_mediapipe
from slbench.errors import ClipError, MissingExtraError

HOLISTIC = {
    "POSE_LANDMARKS": (33,),
    "FACE_LANDMARKS": (468, 478),
    "LEFT_HAND_LANDMARKS": (21,),
    "RIGHT_HAND_LANDMARKS": (21,),
}
"""Components that are mapped, with the numbers of points that they may have."""
WHOLE_BODY = {"BODY": 23, "FACE": 68, "LEFT_HAND": 21, "RIGHT_HAND": 21}
"""Components of COCO-WholeBody, in its order; AlphaPose's names end in `_133`."""
_BODY_HEAD = {1: "<HHH", 2: "<fIH"}
"""Frame rate, frames and persons as file versions 0.1 and 0.2 hold them."""


def read_pose_format(data: bytes, file: str) -> Poses:
    """Read one `.pose` file.

    Raises:
        ClipError: it is damaged, or holds other components.
        MissingExtraError: pose-format is not installed.
    """
    if find_spec("pose_format") is None:
        raise MissingExtraError(f"reading {file}", "demo")
    from pose_format.numpy import NumPyPoseBody
    from pose_format.pose_header import PoseHeader
    from pose_format.utils.reader import BufferReader

    try:
        reader = BufferReader(data)
        header = PoseHeader.read(reader)
        _check_bytes(data, header, reader.read_offset, file)
        body = NumPyPoseBody.read(header, reader)
    except ClipError:
        raise
    except Exception as error:  # pose-format raises struct.error, ValueError, KeyError, IndexError, ... on bad bytes
        raise ClipError(f"{file}: cannot be read as a .pose file ({error!r}); {AGAIN}") from error
    size = header.dimensions.width, header.dimensions.height
    if not all(size):
        raise ClipError(f"{file}: does not say how large the image is; {AGAIN}")
    keypoints, scores = _mapped(header.components, body, size, file)
    people = int((body.confidence > 0).any(axis=2).sum(axis=1).max(initial=1))
    return finished(keypoints, scores, float(body.fps), people, file)


def _check_bytes(data: bytes, header: Any, offset: int, file: str) -> None:
    """Raise ClipError unless the file is as long as its header says."""
    form = _BODY_HEAD.get(round(header.version * 10))
    if form is None:
        raise ClipError(f"{file}: is of version {header.version:g}; slbench reads 0.1 and 0.2")
    _, frames, people = struct.unpack_from(form, data, offset)
    a_frame = people * header.total_points() * (header.num_dims() + 1) * 4
    there = len(data) - offset - struct.calcsize(form)
    whole, rest = divmod(there, a_frame) if a_frame else (0, there)
    counted = whole % (1 << 16) if form == "<HHH" else whole  # version 0.1 counts in 16 bits, and longer files exist
    if rest or counted != frames or not people:
        raise ClipError(f"{file}: says that it has {frames} frames of {people} persons, and holds {whole}; {AGAIN}")


def _mapped(components: Sequence[Any], body: Any, size: tuple[int, int], file: str) -> tuple[Array, Array]:
    """(T, 133, 2) and (T, 133) of the person that is surest in each frame."""
    places = {one.name: len(one.points) for one in components}
    holistic = [name for name, counts in HOLISTIC.items() if places.get(name) in counts]
    names = [name.removesuffix("_133") for name in places]
    if len(holistic) != len(HOLISTIC) and dict(zip(names, places.values(), strict=True)) != WHOLE_BODY:
        raise ClipError(_unknown(places, file))
    if len(holistic) != len(HOLISTIC):
        xy, scores = _person(body, slice(None))
        return (xy / np.array(size)).astype(np.float32), scores
    xy, scores = _person(body, _points(places))
    return from_mediapipe(xy, scores, *size, face_points=places["FACE_LANDMARKS"])


def _points(places: dict[str, int]) -> np.ndarray:
    """Points of the file that the mapping takes: body, face, left hand, right hand."""
    ends = dict(zip(places, np.cumsum([*places.values()]), strict=True))
    return np.concatenate([np.arange(ends[name] - places[name], ends[name]) for name in HOLISTIC])


def _person(body: Any, points: slice | np.ndarray) -> tuple[Array, Array]:
    scores = body.confidence[:, :, points]
    frames, person = np.arange(len(scores)), surest(scores)
    return body.data.data[frames, person][:, points, :2], scores[frames, person]


def _unknown(places: dict[str, int], file: str) -> str:
    total = sum(places.values())
    looks = LAYOUTS.get(total, "no layout that slbench knows")
    if "FACE_LANDMARKS" in places:
        looks = "MediaPipe Holistic with components or points left out"
    held = ", ".join(f"{name} ({count})" for name, count in places.items())
    return (
        f"{file}: holds {held}, together {total} points, which looks like {looks}; slbench takes MediaPipe Holistic "
        "with its whole face and COCO-WholeBody, which `slbench extract` makes from the video"
    )
