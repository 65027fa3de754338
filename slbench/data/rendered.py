"""Pictures that are drawn instead of taken: hands as thick coloured bones, for tests, mock runs and benchmarks."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from slbench.data.clip import Array
from slbench.data.pictures import Picture, Region, Squares, part
from slbench.data.skeleton import LEFT_HAND, RIGHT_HAND
from slbench.errors import ClipError, MissingExtraError, OutputError
from slbench.files import atomic_path

SIZE = (256, 256)
"""Width and height in pixels, unless other ones are asked for."""
GROUND = (24, 28, 36)
FINGERS = ((255, 196, 140), (255, 96, 96), (96, 224, 96), (96, 144, 255), (240, 224, 80))
"""Colours of thumb, index, middle, ring and little finger."""
_JOINTS = 4
"""Of each finger, after the wrist."""
_THICKNESS = 0.15
"""Of a bone, by the longer side of its hand."""
_NO_OPTIONS: Mapping[str, str] = MappingProxyType({})
_CONTAINERS = {
    ".mp4": "mp4",
    ".mov": "mov",
    ".mkv": "matroska",
    ".webm": "webm",
    ".avi": "avi",
    ".ts": "mpegts",
    ".mpg": "mpeg",
}


class RenderedHands:
    """Meets `Pictures`: both hands as their keypoints have them, on a dark ground; nothing else is drawn.

    Attributes:
        keypoints: (T, 133, 2), divided by width and height.
        scores: (T, 133); a bone is drawn if both its ends score more than 0.
        dimensions: width and height in pixels.
    """

    def __init__(self, keypoints: Array, scores: Array, size: tuple[int, int] = SIZE) -> None:
        self.keypoints, self.scores, self.dimensions = keypoints, scores, size

    def size(self) -> tuple[int, int]:
        """Width and height, in pixels."""
        return self.dimensions

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.keypoints)

    def __iter__(self) -> Iterator[Picture]:
        """All frames in order, such as for `write_video`."""
        return (self.frame(number) for number in range(len(self)))

    def frame(self, number: int) -> Picture:
        """(H, W, 3): a whole frame."""
        image = Image.new("RGB", self.dimensions, GROUND)
        for hand in (LEFT_HAND, RIGHT_HAND):
            points = self.keypoints[number, hand].astype(np.float64) * self.dimensions
            _draw_hand(ImageDraw.Draw(image), points, self.scores[number, hand] > 0)
        return np.array(image)

    def regions(self, wanted: Sequence[Region]) -> Squares:
        """As `Pictures.regions`; each frame is drawn once."""
        beyond = [region.frame for region in wanted if not 0 <= region.frame < len(self)]
        if beyond:
            raise ClipError(
                f"frame {beyond[0]} is wanted of {len(self)} drawn ones; draw them from the clip's keypoints"
            )
        drawn = {number: self.frame(number) for number in {region.frame for region in wanted}}
        return Squares(wanted, [part(drawn[region.frame], region) for region in wanted])


def _draw_hand(pen: ImageDraw.ImageDraw, points: np.ndarray, seen: np.ndarray) -> None:
    """Args: points (21, 2) in pixels; seen (21,)."""
    if not seen.any():
        return
    width = max(2, round(_THICKNESS * float(np.ptp(points[seen], axis=0).max())))
    for finger, colour in enumerate(FINGERS):
        chain = [0, *range(1 + finger * _JOINTS, 1 + (finger + 1) * _JOINTS)]
        for a, b in pairwise(chain):
            if seen[a] and seen[b]:
                pen.line([tuple(points[a].round()), tuple(points[b].round())], fill=colour, width=width)


def write_video(
    path: Path,
    pictures: Iterable[Picture],
    fps: float = 25.0,
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    options: Mapping[str, str] = _NO_OPTIONS,
    container: Mapping[str, str] = _NO_OPTIONS,
) -> Path:
    """Write a video; H.264 has B-frames, and a keyframe at least every 12 frames unless `options` say otherwise.

    Args:
        path: .mp4, .mov, .mkv, .webm, .avi, .ts or .mpg; it appears whole or not at all.
        pictures: (H, W, 3) each, red, green, blue, all of the size of the first; even sides for yuv420p.
        fps: frames a second.
        codec: a video encoder of FFmpeg.
        pixels: format that it stores.
        options: of the encoder, such as `{"g": "250", "bf": "0"}`.
        container: options of the file format, such as `{"movflags": "frag_keyframe+empty_moov"}`.

    Raises:
        OutputError: it cannot be written.
        MissingExtraError: PyAV is not installed.
    """
    if find_spec("av") is None:
        raise MissingExtraError(f"writing {path}", "pose")
    import av

    with atomic_path(path) as temporary:
        try:
            with av.open(
                str(temporary),
                "w",
                format=_CONTAINERS.get(path.suffix.lower(), "mp4"),
                container_options=dict(container),
            ) as output:
                stream: Any = output.add_stream(codec, Fraction(fps).limit_denominator(1001))
                stream.pix_fmt = pixels
                stream.options = {"g": "12", **options}
                for picture in pictures:
                    if not stream.codec_context.is_open:
                        stream.height, stream.width = picture.shape[:2]
                    output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
                output.mux(stream.encode())
        except av.error.FFmpegError as error:
            raise OutputError(f"{path}: cannot be written as a video ({error})") from error
    return path
