"""A model on one's own videos: from files to texts, outside any corpus."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch

from slbench import catalog
from slbench.cards import DatasetCard, Modality, ModelCard, Released, TaskCard
from slbench.data.clip import Clip
from slbench.data.draw import draw
from slbench.data.estimator import Estimator
from slbench.data.extractor import Extractor, extractor_of
from slbench.data.pictured import VideoPictures
from slbench.data.poses import PoseFile, Poses
from slbench.data.poses.files import POSE_SUFFIXES
from slbench.data.store import ClipRow, Store, folder_of, prepared_splits
from slbench.data.wholebody import EstimatorOptions, need_extra
from slbench.engine.checks import (
    check_closed,
    check_seed,
    closed_sentences,
    task_dataset,
    with_sentence_glosses,
    with_vocabulary,
)
from slbench.engine.determinism import choose_device, make_deterministic
from slbench.engine.models import build_model, check_fit, load_weights, looking_at, setting_of
from slbench.engine.predict import load_batches, predict_batch
from slbench.engine.released import fetched, weights_of
from slbench.errors import CardError, ClipError, DataError, OptionError
from slbench.modeling.base import Decoding, Model
from slbench.records import Prediction

BATCH = 8
"""Clips that go through the model together; in float32 the answers do not depend on it."""


@dataclass(frozen=True)
class PredictRequest:
    """What `slbench predict` was asked for; names as on the command line.

    Attributes:
        videos: video files, folders of images, or files of poses.
        estimator: of the poses of videos.
        draw: an .mp4 for one video, or a folder.
        checkpoint: the user's own weights instead of the card's.
        modality: what the model looks at; None: what its card says.
    """

    videos: tuple[Path, ...]
    model: str
    task: str
    estimator: EstimatorOptions = field(default_factory=EstimatorOptions)
    device: str = "auto"
    num_beams: int = 4
    seed: int = 0
    draw: Path | None = None
    checkpoint: Path | None = None
    decoding: Decoding = "open"
    modality: Modality | None = None


@dataclass(frozen=True)
class OwnPrediction:
    """The answer for one video.

    Attributes:
        video: as it was named.
        prediction: with an error where the video cannot be used.
        poses: what was read; None with an error.
        extractor: who made the poses; None where nobody says.
    """

    video: Path
    prediction: Prediction
    poses: Poses | None
    extractor: Extractor | None

    @property
    def answer(self) -> str:
        """The likeliest gloss of isolated recognition, or else the text."""
        best = self.prediction.top_k[:1]
        return best[0].gloss if best else self.prediction.hypothesis or ""


class OwnClips:
    """Clips by number, for the engine; a video that cannot be used keeps its place, with its error."""

    def __init__(self, videos: Sequence[Path], read: Sequence[Poses | ClipError]) -> None:
        self.videos, self.read = videos, read

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, index: int, /) -> ClipRow:
        poses, name = self.read[index], _name(self.videos[index])
        if isinstance(poses, ClipError):
            return ClipRow(name, "", "", 0, str(poses))
        return ClipRow(name, "", "", len(poses.keypoints), None)

    def clip(self, index: int) -> Clip:
        """One clip; its id is the name of the file alone, since some models draw frames by it."""
        poses = self.read[index]
        if isinstance(poses, ClipError):
            raise poses
        name = _name(self.videos[index])
        video = self.videos[index]
        pictures = None if holds_poses(video) else VideoPictures(name, video, 0, len(poses.keypoints))
        clip = Clip(name, poses.keypoints, poses.scores, poses.fps, text="", people=poses.people, video=pictures)
        clip.check()
        return clip


class OwnVideos:
    """A prediction that can start: everything a user can get wrong has been checked.

    Args:
        report: is told when released weights are fetched, and on which terms.

    Raises:
        SlbenchError: on construction, with what is wrong and what to do.
    """

    def __init__(self, request: PredictRequest, report: Callable[[str], None] = lambda _: None) -> None:
        self.request = request
        task: TaskCard = catalog.get_task(request.task)
        self.card: ModelCard = looking_at(catalog.get_model(request.model), request.modality)
        self._check_options()
        check_fit(self.card, task)
        self.dataset = task_dataset(task)
        check_closed(task, self.dataset, request.decoding)
        weights = weights_of(self.card, task, request.checkpoint)
        self.task = _with_glosses(task, self.dataset, request.decoding)
        device = choose_device(request.device)
        make_deterministic(request.seed)
        setting = setting_of(self.task, request.num_beams, request.seed, self.card.inputs, request.decoding)
        self.model: Model = build_model(self.card, setting)
        load_weights(self.model, fetched(weights, report) if isinstance(weights, Released) else weights)
        self.model.network.to(device).eval()
        if not all(map(holds_poses, request.videos)):
            self.estimator  # noqa: B018 - made now, so that what is wrong with it is said before any work

    @cached_property
    def estimator(self) -> Estimator:
        """Of the poses of videos; not needed for files of poses."""
        return Estimator(self.request.estimator)

    def _check_options(self) -> None:
        request = self.request
        check_seed(request.seed)
        if request.num_beams < 1:
            raise OptionError(f"--num-beams {request.num_beams}: must be at least 1")
        for video in request.videos:
            if not video.exists():
                raise OptionError(
                    f"{video}: there is no such file or folder; name a video, a folder of images or poses"
                )
        if not all(map(holds_poses, request.videos)):
            need_extra()
            request.estimator.check()
        poses = next(filter(holds_poses, request.videos), None)
        if poses is not None and self.card.inputs != "pose":
            raise OptionError(
                f"{poses}: holds poses alone, and {self.card.name} is to look at pictures; name the video"
            )
        if request.draw is not None:
            _check_targets([self.drawing(video) for video in request.videos], request.videos)

    def drawing(self, video: Path) -> Path:
        """Where the drawing of a video goes."""
        place = self.request.draw or Path()
        if holds_poses(video):
            raise OptionError(f"--draw: {video} holds poses alone; name the video, to draw over it")
        if place.suffix.lower() != ".mp4":
            return place / f"{_name(video)}.mp4"
        if len(self.request.videos) > 1:
            raise OptionError(f"--draw {place}: there are several videos; name a folder, without .mp4 at its end")
        return place

    def execute(self, report: Callable[[int], None] = lambda _: None) -> list[OwnPrediction]:
        """Answer every video, in the order in which they were named.

        Args:
            report: is told how many videos have poses.

        Raises:
            OptionError: out of memory.
        """
        videos = self.request.videos
        read: list[Poses | ClipError] = []
        for video in videos:
            read.append(self._poses(video))
            report(len(read))
        found = dict(self._answers(OwnClips(videos, read)))
        return [
            OwnPrediction(video, found[index], None if found[index].error else _usable(poses), self._extractor(video))
            for index, (video, poses) in enumerate(zip(videos, read, strict=True))
        ]

    def _poses(self, video: Path) -> Poses | ClipError:
        try:
            return PoseFile(video).read() if holds_poses(video) else self.estimator.poses(video)
        except ClipError as error:
            return error

    def _answers(self, clips: OwnClips) -> Iterator[tuple[int, Prediction]]:
        """Number and answer of each clip, the longest first."""
        try:
            for batch in load_batches(self.model, clips, range(len(clips)), BATCH, workers=0):
                closed = self.request.decoding == "closed"
                result = predict_batch(self.model, self.task, clips, batch, torch.float32, closed)
                yield from zip((loaded.index for loaded in batch), result.predictions, strict=True)
        except torch.OutOfMemoryError as error:
            raise OptionError(
                f"--device {self.request.device}: out of memory; name fewer videos at once, or use --device cpu"
            ) from error

    def _extractor(self, video: Path) -> Extractor | None:
        if not holds_poses(video):
            return self.estimator.extractor
        return extractor_of(video, [video])

    def about_poses(self, predictions: Sequence[OwnPrediction]) -> list[str]:
        """A line for each extractor whose poses are not those of the task's corpus, which models are trained on."""
        made = {one.extractor.label() if one.extractor else "" for one in predictions if one.poses is not None}
        names = {one.extractor.label(): one.extractor.name for one in predictions if one.extractor}
        theirs = self.dataset.pose_source
        return [
            f"poses by {label or 'an extractor that nobody names'}; those of {self.dataset.name} are by {theirs}, "
            "and a model answers best on the poses that it was trained on"
            for label in sorted(made)
            if not label or names[label] not in theirs
        ]

    def draw(self, predictions: Sequence[OwnPrediction]) -> Iterator[Path]:
        """Draw pose and answer over each video that was answered; the files, as they are finished.

        Raises:
            OutputError: a drawing cannot be written.
        """
        for one in predictions:
            if one.poses is not None:
                target = self.drawing(one.video)
                draw(one.video, one.poses, target, one.answer)
                yield target


def _with_glosses(task: TaskCard, dataset: DatasetCard, decoding: Decoding) -> TaskCard:
    """The task with its closed vocabulary, which may stand in the prepared corpus."""
    train = closed_sentences(task, dataset, decoding)
    if train is not None:
        return with_sentence_glosses(task, train)
    if task.family == "islr" and not task.glosses and dataset.needs_source:
        splits = prepared_splits(dataset)
        if not splits:
            raise DataError(
                f"{task.name}: its glosses stand in the corpus, which is not prepared; do it once with: "
                f"slbench data prepare {dataset.name} --source FOLDER"
            )
        task = with_vocabulary(task, Store(folder_of(dataset)).split(splits[0]))
    if task.family == "islr" and not task.glosses:
        raise CardError(f"{task.path}: glosses: isolated recognition (islr) needs its vocabulary here")
    return task


def holds_poses(path: Path) -> bool:
    """Whether a file is one of poses and not of pictures, going by its name."""
    return path.is_file() and path.suffix in POSE_SUFFIXES


def _usable(poses: Poses | ClipError) -> Poses | None:
    return None if isinstance(poses, ClipError) else poses


def _name(video: Path) -> str:
    return video.absolute().name if video.is_dir() else video.stem


def _check_targets(targets: Sequence[Path], videos: Sequence[Path]) -> None:
    """Raise OptionError where a drawing would replace a video or another drawing."""
    for index, target in enumerate(targets):
        if any(target.absolute() == video.absolute() for video in videos):
            raise OptionError(f"--draw {target}: would replace the video itself; name another file or folder")
        if target in targets[:index]:
            raise OptionError(f"--draw: two videos would be drawn to {target}; do them separately")
