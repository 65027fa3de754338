"""A video with the pose and a caption drawn over it."""

import textwrap
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from slbench.data.clip import Array
from slbench.data.poses import Poses
from slbench.data.poses.facts import SEEN
from slbench.data.video import Image, frames
from slbench.errors import OutputError
from slbench.files import atomic_path

FPS = 25.0
"""Of a drawing whose video does not say."""
LINES = 16
"""Lines of text that would fill the picture."""


def draw(video: Path, poses: Poses, target: Path, caption: str = "") -> None:
    """Write an mp4 (H.264 where PyAV has it, else MPEG-4) with the pose over the video and a caption below.

    Args:
        video: a file or a folder of images.
        poses: of its frames.
        target: appears whole or not at all.
        caption: left out where no font of this machine has its letters.

    Raises:
        ClipError: the video cannot be read.
        OutputError: the drawing cannot be written.
    """
    import av

    rate = Fraction(poses.fps or FPS).limit_denominator(1001)
    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    with atomic_path(target) as temporary:
        try:
            with av.open(str(temporary), "w", format="mp4") as container:
                stream: Any = container.add_stream(codec, rate=rate)
                stream.pix_fmt = "yuv420p"
                for image in _drawn(video, poses, caption):
                    if not stream.codec_context.is_open:
                        stream.height, stream.width = image.shape[:2]
                    container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
                container.mux(stream.encode())
        except av.error.FFmpegError as error:
            raise OutputError(f"{target}: cannot be written as a video ({error})") from error


def _drawn(video: Path, poses: Poses, caption: str) -> Iterator[Image]:
    """All of the size of the first, with even sides, as yuv420p needs it."""
    import cv2

    strip: Image | None = None
    for image, keypoints, scores in zip(frames(video), poses.keypoints, poses.scores, strict=True):
        picture = with_pose(image, keypoints, scores)
        if strip is None:
            height, width = (side + side % 2 for side in image.shape[:2])
            strip = caption_strip(caption, width, height)
        resized: Any = cv2.resize(picture, (width, height))
        yield np.concatenate([resized, strip])


def with_pose(image: Image, keypoints: Array, scores: Array) -> Image:
    """A copy of the image with rtmlib's drawing of a skeleton; points that score less than `SEEN` are left out.

    Args:
        image: (H, W, 3).
        keypoints: (133, 2), divided by width and height.
        scores: (133,).
    """
    from rtmlib import draw_skeleton

    height, width = image.shape[:2]
    thickness = max(1, round(min(height, width) / 250))
    drawn: Image = draw_skeleton(
        image.copy(),
        keypoints[None] * np.array([width, height]),
        scores[None],
        kpt_thr=SEEN,
        radius=thickness,
        line_width=thickness,
    )
    return drawn


def caption_strip(text: str, width: int, height: int) -> Image:
    """White text on black, as wide as the picture and as high as its lines need, an even number of pixels.

    Without text, or a font that has its letters, the height is 0.

    Args:
        text: to write.
        width, height: of the picture, pixels.
    """
    from PIL import Image as Pillow
    from PIL import ImageDraw, ImageFont

    path = font_with(text)
    if not text.strip() or path is None:
        return np.zeros((0, width, 3), np.uint8)
    size = max(8, height // LINES)
    font = ImageFont.truetype(path, round(0.7 * size))
    fitting = max(1, int((width - size) * len(text) / font.getlength(text)))
    lines = textwrap.wrap(text, fitting)[: LINES // 2]
    picture = Pillow.new("RGB", (width, (size * len(lines) + size // 3 + 1) // 2 * 2))
    pen = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        pen.text((size // 2, size * number + size // 6), line, font=font, fill="white")
    return np.array(picture)


def font_with(text: str) -> Path | None:
    """A font that has every letter: DejaVu, which comes with matplotlib, or else one of this machine's."""
    import matplotlib
    from matplotlib import font_manager

    own = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    if _has(own, text):
        return own
    return next((Path(path) for path in sorted(font_manager.findSystemFonts()) if _has(Path(path), text)), None)


def _has(font: Path, text: str) -> bool:
    from matplotlib.ft2font import FT2Font

    try:
        face = FT2Font(str(font))
    except RuntimeError:  # a font that FreeType cannot open
        return False
    return all(face.get_char_index(ord(letter)) for letter in text if not letter.isspace())
