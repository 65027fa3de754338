"""Connectionist temporal classification (Graves et al., ICML 2006): what a path needs, greedy and prefix beam search.

The loss is `uni_sign.ctc.ctc_loss`. Beam search is that of Hannun et al. (2014, arXiv 1408.2873) without a language
model: a beam is a prefix of labels, with the mass of its paths that end in the blank and of those that end in its last
label; all beams of all clips take a step of time together. It runs in NumPy and float64: the arrays are small, and
a value does not depend on where in them it stands, so that a clip has the same answer in any batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from slbench.modeling.uni_sign.ctc import BLANK

Array = np.ndarray[Any, Any]
NEVER = -np.inf
"""Logarithm of no mass."""


def steps_needed(labels: Sequence[int]) -> int:
    """Time steps of the shortest path that spells the labels: one each, and a blank between two that are the same."""
    return len(labels) + sum(a == b for a, b in pairwise(labels))


def greedy(logits_nv: Tensor, lengths: Sequence[int]) -> list[list[int]]:
    """Labels of each clip's likeliest path: repeats joined, blanks dropped.

    Args:
        logits_nv: packed, a row a time step.
        lengths: steps of each clip.
    """
    paths = logits_nv.argmax(-1).cpu().split(list(lengths))  # type: ignore[no-untyped-call]
    return [[label for label in path.unique_consecutive().tolist() if label != BLANK] for path in paths]


def search(logits_nv: Tensor, lengths: Sequence[int], width: int) -> list[list[int]]:
    """Labels of each clip that have the largest mass of paths, as far as `width` beams find them; 1: `greedy`."""
    if width == 1:
        return greedy(logits_nv, lengths)
    return beams(logits_nv, lengths, width).best()


@dataclass(frozen=True)
class Beams:
    """Prefixes of B clips, K each, with logarithms of their mass; a beam without any is no prefix.

    Attributes:
        labels_bkl: of each prefix, then `BLANK`.
        ends_bk: labels of each prefix.
        blank_bk: of the paths that end in the blank.
        label_bk: of the paths that end in the prefix's last label.
    """

    labels_bkl: Array
    ends_bk: Array
    blank_bk: Array
    label_bk: Array

    @classmethod
    def empty(cls, clips: int, width: int, longest: int) -> "Beams":
        """All mass in the first beam of each clip, which has no labels."""
        blank_bk = np.full((clips, width), NEVER)
        blank_bk[:, 0] = 0
        ends_bk = np.zeros((clips, width), np.int64)
        return cls(np.full((clips, width, longest), BLANK), ends_bk, blank_bk, np.full((clips, width), NEVER))

    @property
    def total_bk(self) -> Array:
        """Logarithm of each prefix's mass."""
        total_bk: Array = np.logaddexp(self.blank_bk, self.label_bk)
        return total_bk

    @property
    def last_bk(self) -> Array:
        """Last label of each prefix; `BLANK` if it has none."""
        places_bk1 = np.maximum(self.ends_bk - 1, 0)[..., None]
        return np.take_along_axis(self.labels_bkl, places_bk1, axis=2)[..., 0]

    def grown(self, labels_bkm: Array, scores_bkm: Array) -> Array:
        """(B, K, M): mass of each prefix with one label more; the same label again needs a blank before it."""
        repeats_bkm = labels_bkm == self.last_bk[..., None]
        return np.where(repeats_bkm, self.blank_bk[..., None], self.total_bk[..., None]) + scores_bkm

    def children(self) -> Array:
        """children_bij: whether prefix j is prefix i with one label more, both with mass."""
        longest = int(self.ends_bk.max())
        labels_bkl = self.labels_bkl[..., :longest]
        here_bkl = np.arange(longest) == self.ends_bk[..., None] - 1
        parents_bkl = np.where(here_bkl, BLANK, labels_bkl)
        same_bij = (labels_bkl[:, :, None] == parents_bkl[:, None]).all(-1)
        alive_bk = self.total_bk > NEVER
        grown_bk = alive_bk & (self.ends_bk > 0)
        children_bij: Array = same_bij & alive_bk[:, :, None] & grown_bk[:, None]
        return children_bij

    def best(self) -> list[list[int]]:
        """Labels of each clip's likeliest prefix; of equal ones the first."""
        winners = self.total_bk.argmax(1).tolist()
        return [self.labels_bkl[b, k, : self.ends_bk[b, k]].tolist() for b, k in enumerate(winners)]


def beams(logits_nv: Tensor, lengths: Sequence[int], width: int) -> Beams:
    """The likeliest prefixes at the end of each clip.

    A prefix can pass at most `width` others on with a label of its own, and `width` of its labels may be those of other
    beams; so the `2 * width` likeliest labels of a step are all that can matter to what is kept.

    Args:
        logits_nv: packed, a row a time step.
        lengths: steps of each clip, at least 1.
        width: beams of each clip.
    """
    rows = logits_nv.float().log_softmax(-1).cpu().split(list(lengths))  # type: ignore[no-untyped-call]
    padded_btv = pad_sequence(list(rows), batch_first=True)
    labels = min(2 * width, padded_btv.shape[2] - 1)
    likely_btm = (padded_btv[..., BLANK + 1 :].topk(labels).indices + BLANK + 1).numpy()
    scores_btv = padded_btv.double().numpy()
    found = Beams.empty(len(lengths), width, max(lengths))
    for time in range(max(lengths)):
        going = np.array(lengths) > time
        before = Beams(*(getattr(found, field.name)[going] for field in fields(Beams)))
        after = _stepped(before, scores_btv[going, time], likely_btm[going, time])
        for field in fields(Beams):
            getattr(found, field.name)[going] = getattr(after, field.name)
    return found


def _stepped(old: Beams, scores_bv: Array, likely_bm: Array) -> Beams:
    """The best of all prefixes that stay as they are, or grow by a label."""
    last_bk, width = old.last_bk, old.ends_bk.shape[1]
    last_scores_bk = np.take_along_axis(scores_bv, last_bk, axis=1)
    blank_bk = old.total_bk + scores_bv[:, BLANK, None]
    children_bij = old.children()
    joined_bij = old.grown(_alike(last_bk, width), _alike(last_scores_bk, width))
    from_parent_bk = np.where(children_bij, joined_bij, NEVER).max(1)  # a prefix has one parent
    label_bk = np.logaddexp(old.label_bk + last_scores_bk, from_parent_bk)

    likely_scores_bm = np.take_along_axis(scores_bv, likely_bm, axis=1)
    grown_bkm = old.grown(_alike(likely_bm, width), _alike(likely_scores_bm, width))
    there_bkm = (children_bij[..., None] & (last_bk[:, None, :, None] == likely_bm[:, None, None])).any(2)
    grown_bkm[there_bkm] = NEVER  # it has gone to the child
    return _kept(old, blank_bk, label_bk, likely_bm, grown_bkm)


def _alike(values_bm: Array, width: int) -> Array:
    """The same for each of so many beams: (B, K, M)."""
    return np.broadcast_to(values_bm[:, None], (len(values_bm), width, values_bm.shape[1]))


def _kept(old: Beams, blank_bk: Array, label_bk: Array, likely_bm: Array, grown_bkm: Array) -> Beams:
    """As many prefixes as before: of those that stay, then those that grow, the ones with the largest mass."""
    clips, width, labels = grown_bkm.shape
    grown_bc = grown_bkm.reshape(clips, -1)
    masses_bc = np.concatenate([np.logaddexp(blank_bk, label_bk), grown_bc], axis=1)
    chosen_bk = np.argsort(-masses_bc, axis=1, kind="stable")[:, :width]
    grows_bk = chosen_bk >= width
    place_bk = np.where(grows_bk, chosen_bk - width, 0)
    source_bk = np.where(grows_bk, place_bk // max(labels, 1), chosen_bk)
    ends_bk = np.take_along_axis(old.ends_bk, source_bk, axis=1)
    labels_bkl = np.take_along_axis(old.labels_bkl, source_bk[..., None], axis=1)
    if labels:
        clip, beam = grows_bk.nonzero()
        labels_bkl[clip, beam, ends_bk[clip, beam]] = likely_bm[clip, place_bk[clip, beam] % labels]
    stays = np.concatenate([label_bk, grown_bc], axis=1)
    blanks = np.concatenate([blank_bk, np.full_like(grown_bc, NEVER)], axis=1)
    taken = (np.take_along_axis(values, chosen_bk, axis=1) for values in (blanks, stays))
    return Beams(labels_bkl, ends_bk + grows_bk, *taken)
