"""A made-up corpus whose hands move, with videos in which they are drawn."""

import pickle
from pathlib import Path

import numpy as np
from told import COUNTS, ToldCorpus

from slbench.data.mock import moving_figure
from slbench.data.rendered import RenderedHands, write_video

SIZE = (160, 120)
FRAMES = 30
OPTIONS = {"x264-params": "keyint=10:bframes=2"}


def film(told: ToldCorpus, videos: Path, start: int = 0) -> dict[str, RenderedHands]:
    """Write poses of every clip, which begin at frame `start` of their recording, and its video; gives what was drawn.

    Clip 1 of each split signs beyond the left edge of the picture.
    """
    drawn = {}
    for split, count in COUNTS.items():
        for number in range(count):
            keypoints, scores = moving_figure(FRAMES, np.random.default_rng([number, len(split)]))
            keypoints[..., 0] -= 0.4 * (number == 1)
            frames = {"keypoints": list(keypoints[:, None]), "scores": list(scores[:, None])}
            name = f"{split}-{number:02}"
            (told.poses / split / f"{name}.pkl").write_bytes(pickle.dumps(frames | {"start": start, "end": FRAMES}))
            drawn[name] = RenderedHands(keypoints, scores, SIZE)
            write_video(videos / split / f"{name}.mp4", drawn[name], options=OPTIONS)
    return drawn
