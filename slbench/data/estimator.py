"""Poses of a video by rtmlib's `Wholebody`: a detector of persons, then 133 keypoints of one person.

What goes into the two models and what is made of their answers is rtmlib's own code; only the call of onnxruntime is
ours, since rtmlib asks one frame at a time. In two things the result differs from `Wholebody`'s, which looks at the
whole image where no person is seen and gives every person's keypoints: here such a frame has scores 0, and one person
is followed (`slbench.data.persons`).
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slbench.data.clip import POINTS, Array
from slbench.data.persons import real_boxes, signer
from slbench.data.poses import Poses
from slbench.data.video import Image, frame_rate, frames
from slbench.data.wholebody import EstimatorOptions, describe, load_models, run_model
from slbench.errors import ModelError


class Estimator:
    """Both models, ready to use.

    Attributes:
        extractor: who makes the poses, to the byte of the weights.

    Raises:
        MissingExtraError: the extra "pose" is not installed.
        OptionError: an option is impossible on this machine.
        ModelError: the weights cannot be fetched, or are not what they should be.
    """

    def __init__(self, options: EstimatorOptions) -> None:
        wholebody = load_models(options)
        self.batch_size = options.batch_size
        self.det, self.pose = wholebody.det_model, wholebody.pose_model
        self._try_out()
        self.extractor = describe(wholebody, options)

    def poses(self, path: Path, report: Callable[[int], None] = lambda _: None) -> Poses:
        """The poses of every frame of a video.

        Args:
            path: a video file or a folder of images.
            report: is told how many frames are done.

        Raises:
            ClipError: the video cannot be read.
            ModelError: a model fails on its frames.
        """
        fps, images, people, box = frame_rate(path), frames(path), 0, None
        keypoints: list[Array] = []
        scores: list[Array] = []
        while batch := list(islice(images, self.batch_size)):
            chosen: list[NDArray[Any] | None] = []
            for boxes in self.boxes(batch):
                people = max(people, len(boxes))
                found = boxes[signer(boxes, box)] if len(boxes) else None
                box = box if found is None else found
                chosen.append(found)
            for points, seen in self.keypoints(batch, chosen):
                keypoints.append(points)
                scores.append(seen)
            report(len(keypoints))
        return Poses(np.stack(keypoints), np.stack(scores), fps, people, str(path))

    def boxes(self, images: Sequence[Image]) -> list[NDArray[Any]]:
        """For each image (N, 4): the persons in it, as rtmlib's detector gives them."""
        prepared, ratios = zip(*(self.det.preprocess(image) for image in images), strict=True)
        answers = run_model(self.det, prepared)
        return [
            real_boxes(self.det.postprocess(answer[0], ratio)) for answer, ratio in zip(answers, ratios, strict=True)
        ]

    def keypoints(self, images: Sequence[Image], boxes: Sequence[NDArray[Any] | None]) -> Iterator[tuple[Array, Array]]:
        """For each image the keypoints (133, 2), divided by its size, and scores (133,) of the person in the box.

        Args:
            images: of a batch.
            boxes: one (4,) an image; None where there is no person, and so nothing is seen.
        """
        prepared = [self.pose.preprocess(i, box) for i, box in zip(images, boxes, strict=True) if box is not None]
        answers = iter(run_model(self.pose, [one[0] for one in prepared]))
        places = iter([one[1:] for one in prepared])
        for image, box in zip(images, boxes, strict=True):
            if box is None:
                yield np.zeros((POINTS, 2), np.float32), np.zeros(POINTS, np.float32)
            else:
                xy, scores = self.pose.postprocess(next(answers), *next(places))
                size = np.array([image.shape[1], image.shape[0]])
                yield (xy[0] / size).astype(np.float32), scores[0].astype(np.float32)

    def _try_out(self) -> None:
        """Find a model of another kind before a video does."""
        blank: Image = np.zeros((64, 64, 3), np.uint8)
        wrong = (LookupError, TypeError, ValueError)
        try:
            self.boxes([blank])
        except wrong as error:
            raise ModelError(f"{self.det.onnx_model}: is no YOLOX detector of persons ({error}); see --det") from error
        try:
            points = len(next(self.keypoints([blank], [np.array([0, 0, 64, 64])]))[1])
        except wrong as error:
            raise ModelError(f"{self.pose.onnx_model}: is no RTMPose model ({error}); see --pose") from error
        if points != POINTS:
            raise ModelError(
                f"{self.pose.onnx_model}: gives {points} keypoints instead of COCO-WholeBody's {POINTS}; "
                "take an RTMW or RTMPose wholebody model"
            )
