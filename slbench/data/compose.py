"""Continuous signing put together from recordings of its parts.

Nothing here is real continuous signing: co-articulation is an interpolation, and whoever shows such clips says so
(`composed` on the dataset card).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from slbench.data.clip import Array, Clip
from slbench.data.signing import active_frames, leading_hand
from slbench.data.skeleton import LEFT_SHOULDER, RIGHT_SHOULDER

FPS = 25.0


@dataclass(frozen=True)
class Manner:
    """How one clip is signed; drawn once a clip, so that a clip has one pace, size and place.

    Attributes:
        speed: how many times faster than the recordings, before the `JITTER` of each part.
        size: relative size in the image.
        shift: (2,) in image sizes.
    """

    speed: float
    size: float
    shift: Array

    @classmethod
    def drawn(cls, chance: np.random.Generator) -> "Manner":
        """2 to 3.5 times as fast as single letters are recorded, up to 15 % smaller or larger, up to 5 % aside."""
        speed, size = chance.uniform(2.0, 3.5), chance.uniform(0.85, 1.15)
        return cls(speed, size, chance.uniform(-0.05, 0.05, 2).astype(np.float32))


TRANSITION = (2, 6)
"""Least number of frames between two parts, and the number that is never reached."""
PAUSE = (8, 14)
"""The same between two words."""
JITTER = 0.2
"""Largest relative change of speed from part to part."""


def composed(clip_id: str, text: str, gloss: str, words: Sequence[Sequence[Clip]], chance: np.random.Generator) -> Clip:
    """One clip that shows the parts one after another, with longer transitions between words.

    Args:
        text, gloss: of the new clip.
        words: the parts of each word, recordings that begin and end at rest; at least one part.
        chance: the only source of randomness; the same state gives the same clip.
    """
    manner = Manner.drawn(chance)
    model = words[0][0]
    parts: list[Clip] = []
    for word in words:
        for position, part in enumerate(word):
            gap = TRANSITION if position else PAUSE
            placed = aligned(paced(trimmed(part), manner.speed * (1 + JITTER * chance.uniform(-1, 1))), model)
            if parts:
                parts.append(transition(parts[-1], placed, int(chance.integers(*gap))))
            parts.append(placed)
    keypoints = np.concatenate([part.keypoints for part in parts])
    scores = np.concatenate([part.scores for part in parts])
    moved = ((keypoints - 0.5) * manner.size + 0.5 + manner.shift).astype(np.float32)
    return Clip(clip_id, np.where(scores[..., None] > 0, moved, 0), scores, FPS, text, gloss)


def trimmed(clip: Clip) -> Clip:
    """The clip without its resting frames, judged by the hand that signs more."""
    active = active_frames(clip.keypoints, clip.scores, leading_hand(clip.keypoints, clip.scores))
    return replace(clip, keypoints=clip.keypoints[active], scores=clip.scores[active])


def paced(clip: Clip, speed: float) -> Clip:
    """The clip so many times faster, at `FPS` frames a second; frames are chosen, not blended."""
    wanted = max(2, round(clip.frames * FPS / (clip.fps * speed)))
    chosen = np.linspace(0, clip.frames - 1, wanted).round().astype(int)
    return replace(clip, keypoints=clip.keypoints[chosen], scores=clip.scores[chosen], fps=FPS)


def aligned(clip: Clip, model: Clip) -> Clip:
    """The clip moved and scaled so that its shoulders are where another clip's are (medians over time)."""
    (middle, width), (to_middle, to_width) = _shoulders(clip), _shoulders(model)
    return replace(clip, keypoints=((clip.keypoints - middle) * (to_width / width) + to_middle).astype(np.float32))


def _shoulders(clip: Clip) -> tuple[Array, float]:
    """Middle (2,) and distance of the shoulders."""
    pair = np.median(clip.keypoints[:, [LEFT_SHOULDER, RIGHT_SHOULDER]], axis=0)
    return pair.mean(axis=0), max(float(np.linalg.norm(pair[0] - pair[1])), 1e-6)


def transition(before: Clip, after: Clip, frames: int) -> Clip:
    """The frames between two clips: points move straight from the last place to the first.

    A point that is seen on one side only stays where it is seen, and its score fades.
    """
    share = (np.arange(1, frames + 1, dtype=np.float32) / (frames + 1))[:, None]
    first, last = before.scores[-1], after.scores[0]
    start = np.where(first[:, None] > 0, before.keypoints[-1], after.keypoints[0])
    end = np.where(last[:, None] > 0, after.keypoints[0], start)
    keypoints = start + share[..., None] * (end - start)
    return replace(after, keypoints=keypoints.astype(np.float32), scores=(first + share * (last - first)))
