"""`slbench predict`: one's own videos, with a tiny model and with the weights that come with slbench."""

import gzip
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from fakes import FakeCorpus
from shared import shared
from tiny_poses import HEIGHT, WIDTH, Models, render, scene, walk

from slbench import catalog
from slbench.cli.app import app
from slbench.data import draw as drawing
from slbench.data.clip import Clip
from slbench.data.corpus import Source
from slbench.data.draw import caption_strip, draw, font_with, with_pose
from slbench.data.extract import Extraction, ExtractRequest
from slbench.data.ingest import Choices, ingest
from slbench.data.mock import moving_figure
from slbench.data.pictures import cut
from slbench.data.poses import Poses
from slbench.data.video import frame_rate, frames
from slbench.data.wholebody import EstimatorOptions
from slbench.engine.checks import task_dataset
from slbench.engine.models import build_model, looking_at, setting_of
from slbench.engine.own_videos import OwnVideos, PredictRequest
from slbench.errors import CardError, DataError, OptionError


def slbench(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "slbench", "predict", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | {"COLUMNS": "120"})


class Decoded:
    """All frames of a video at once; meets `Pictures`."""

    def __init__(self, video: Path) -> None:
        self.frames = [np.ascontiguousarray(frame[..., ::-1]) for frame in frames(video)]
        self.asked = 0

    def size(self) -> tuple[int, int]:
        height, width, _ = self.frames[0].shape
        return width, height

    def regions(self, wanted):
        self.asked += len(wanted)
        return [cut(self.frames[region.frame], region) for region in wanted]


@pytest.fixture
def models(tmp_path: Path) -> Models:
    return Models(tmp_path / "models")


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return render(tmp_path / "walk.mp4", walk())


@pytest.fixture
def poses(video: Path, models: Models, tmp_path: Path) -> Path:
    """The file that `slbench extract` makes of the video."""
    estimator = EstimatorOptions(det=models.det, pose=models.pose, device="cpu")
    Extraction(ExtractRequest((video,), tmp_path / "poses", estimator)).execute()
    return tmp_path / "poses" / "walk.npz"


def own(corpus: FakeCorpus, models: Models | None, *videos: Path, **others: object) -> OwnVideos:
    names = {"model": str(corpus.model_path), "task": str(corpus.task_path), "device": "cpu"} | others
    files = {} if models is None else {"det": models.det, "pose": models.pose}
    return OwnVideos(PredictRequest(videos, estimator=EstimatorOptions(device="cpu", **files), **names))


def test_options_are_a_promise() -> None:
    words = slbench("--help").stdout.split()
    options = {word.lstrip("-") for word in words if word.startswith("--")} - {"help"}
    assert options == {
        "model",
        "task",
        "draw",
        "mode",
        "det",
        "pose",
        "device",
        "num-beams",
        "decoding",
        "seed",
        "format",
        "checkpoint",
        "modality",
    }


def test_closed_decoding_holds_own_clips_to_the_glosses_of_train(corpus: FakeCorpus, poses: Path) -> None:
    corpus.edit_card(corpus.dataset_path, "fakes:FakeReader", "fakes:SentenceReader")
    corpus.edit_card(corpus.task_path, 'family = "islr"', 'family = "cslr"')
    listed = corpus.task_path.read_text()
    corpus.task_path.write_text(listed[: listed.index("glosses = [")])
    corpus.edit_card(corpus.model_path, '"islr",', '"islr", "cslr",')
    planned = own(corpus, None, poses, decoding="closed")
    assert planned.task.glosses == ("AGAIN", "HELP", "SIGN", "WORLD")
    [found] = planned.execute()
    assert set(found.answer.split()) < set(planned.task.glosses)
    corpus.edit_card(corpus.task_path, 'family = "cslr"', 'family = "slt"')
    corpus.edit_card(corpus.model_path, '"islr", "cslr",', '"slt",')
    with pytest.raises(OptionError, match="is translation, which has no glosses"):
        own(corpus, None, poses, decoding="closed")


def test_the_answer_is_the_models_own(corpus: FakeCorpus, models: Models, video: Path, poses: Path) -> None:
    """Against the model asked by hand; the same for the video, its poses, and with others beside it."""
    planned = own(corpus, models, video)
    with np.load(poses) as held:
        clip = Clip("walk", held["keypoints"], held["scores"], 25.0, "")
        with torch.inference_mode():
            (expected,) = planned.model.decode(planned.model.encode([planned.model.prepare(clip)]))
    alone = planned.execute()
    best = planned.task.glosses[int(np.argmax(expected.log_likelihoods))]
    assert (alone[0].answer, alone[0].prediction.hypothesis) == (best, expected.text)
    short = render(video.parent / "short.mp4", walk(3))
    together = own(corpus, models, short, poses, video).execute()
    assert [one.video for one in together] == [short, poses, video]
    assert [one.prediction for one in together[1:]] == [alone[0].prediction] * 2
    assert {len(one.prediction.top_k) for one in together} == {3}


def test_pictures_are_those_of_the_video(corpus: FakeCorpus, models: Models, video: Path, poses: Path) -> None:
    """Against the model asked by hand with frames that PyAV decodes; poses alone are refused."""
    corpus.edit_card(corpus.model_path, "modalities = []", 'modalities = ["pose", "rgb+pose"]')
    card = looking_at(catalog.get_model(str(corpus.model_path)), "rgb+pose")
    torch.manual_seed(0)
    network = build_model(card, setting_of(catalog.get_task(str(corpus.task_path)), inputs="rgb+pose")).network
    torch.save(network.state_dict(), checkpoint := video.parent / "both.pth")
    planned = own(corpus, models, video, checkpoint=checkpoint, modality="rgb+pose")
    with np.load(poses) as held, torch.inference_mode():
        pictures = Decoded(video)
        clip = Clip("walk", held["keypoints"], held["scores"], 25.0, "", video=pictures)
        (expected,) = planned.model.decode(planned.model.encode([planned.model.prepare(clip)]))
    (found,) = planned.execute()
    assert pictures.asked
    assert [one.log_likelihood for one in found.prediction.top_k] == pytest.approx(
        sorted(expected.log_likelihoods, reverse=True), abs=1e-3
    )
    assert found.prediction.measures == {"gate": pytest.approx(expected.measures["gate"], abs=1e-3)}
    with pytest.raises(OptionError, match=r"walk.npz: holds poses alone, .*name the video"):
        own(corpus, models, poses, checkpoint=checkpoint, modality="rgb+pose")


def test_files_of_poses_need_no_estimator(corpus: FakeCorpus, poses: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slbench.engine.own_videos.Estimator", None)
    answered = own(corpus, None, poses).execute()
    assert answered[0].extractor is not None
    assert answered[0].extractor.name == "rtmlib Wholebody own models"


def test_poses_of_other_formats(corpus: FakeCorpus) -> None:
    path = shared("clips/wholebody/SOUP.pose")
    (answered,) = own(corpus, None, path).execute()
    assert answered.prediction.error is None
    assert answered.extractor is None


def test_one_bad_video_does_not_stop_the_others(
    corpus: FakeCorpus, models: Models, video: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"")
    (tmp_path / "bad.npz").write_bytes(b"PK")
    found = own(corpus, models, tmp_path / "bad.mp4", video, tmp_path / "bad.npz").execute()
    assert [one.prediction.error is None for one in found] == [False, True, False]
    assert "bad.mp4: is empty" in found[0].prediction.error
    assert "bad.npz" in found[2].prediction.error


def test_it_is_said_whose_poses_they_are(
    corpus: FakeCorpus, models: Models, video: Path, poses: Path, tmp_path: Path
) -> None:
    planned = own(corpus, models, video)
    (line,) = planned.about_poses(planned.execute())
    assert "poses by rtmlib Wholebody own models" in line
    assert "those of made-up are by random" in line
    shutil.copy(poses, tmp_path / "copy.npz")
    planned = own(corpus, None, tmp_path / "copy.npz")
    assert planned.about_poses(planned.execute())[0].startswith("poses by an extractor that nobody names")
    corpus.edit_card(corpus.dataset_path, '"random"', '"rtmlib Wholebody own models, of these tests"')
    planned = own(corpus, models, video, poses)
    assert planned.about_poses(planned.execute()) == []


def test_glosses_that_stand_in_the_corpus(corpus: FakeCorpus, poses: Path) -> None:
    corpus.edit_card(corpus.task_path, 'glosses = [\n    "HELP",\n    "WORLD",\n    "SIGN",\n]\n', "")
    with pytest.raises(CardError, match="needs its vocabulary here"):
        own(corpus, None, poses)
    corpus.edit_card(corpus.dataset_path, "reader = ", "needs_source = true\nreader = ")
    with pytest.raises(DataError, match=r"made-up-islr: its glosses stand in the corpus.*slbench data prepare made-up"):
        own(corpus, None, poses)


def test_glosses_of_a_prepared_corpus(corpus: FakeCorpus, poses: Path, tmp_path: Path) -> None:
    """With any one split prepared, the answer is that of a card that lists the glosses."""
    (expected,) = own(corpus, None, poses).execute()
    lists = tmp_path / "lists"
    shutil.copytree(poses.parent, lists / "poses")
    labels = {
        f"walk-{gloss}": {"name": f"walk-{gloss}", "gloss": "", "text": gloss, "video_path": "walk.mp4"}
        for gloss in ("SIGN", "HELP", "WORLD")
    }
    (lists / "labels-3.dev").write_bytes(gzip.compress(pickle.dumps(labels)))
    told = 'subset = 3\nneeds_source = true\nreader = "slbench.data.readers.uni_sign:UniSignLists"'
    corpus.edit_card(corpus.dataset_path, 'reader = "fakes:FakeReader"', told)
    corpus.edit_card(corpus.task_path, 'glosses = [\n    "HELP",\n    "WORLD",\n    "SIGN",\n]\n', "")
    with pytest.raises(DataError, match="slbench data prepare made-up --source FOLDER"):
        own(corpus, None, poses)
    ingest(task_dataset(catalog.get_task(str(corpus.task_path))), Source(lists), choices=Choices(any_version=True))
    planned = own(corpus, None, poses)
    assert planned.task.glosses == ("HELP", "SIGN", "WORLD")
    (found,) = planned.execute()
    assert {one.gloss: one.log_likelihood for one in found.prediction.top_k} == pytest.approx(
        {one.gloss: one.log_likelihood for one in expected.prediction.top_k}
    )
    assert found.answer == expected.answer


def test_mistakes(corpus: FakeCorpus, models: Models, video: Path, poses: Path, tmp_path: Path) -> None:
    other = render(tmp_path / "other" / "walk.mp4", walk(2))
    for videos, change, message in (
        ((tmp_path / "nowhere.mp4",), {}, "nowhere.mp4: there is no such file or folder"),
        ((video,), {"num_beams": 0}, "--num-beams 0: must be at least 1"),
        ((video,), {"seed": -1}, "--seed -1"),
        ((video,), {"device": "abacus"}, "--device abacus"),
        ((video, other), {"draw": tmp_path / "out.mp4"}, "--draw .*out.mp4: there are several videos; name a folder"),
        ((video, other), {"draw": tmp_path / "out"}, "--draw: two videos would be drawn to"),
        ((video,), {"draw": video}, "would replace the video itself"),
        ((video,), {"draw": tmp_path}, "would replace the video itself"),
        ((poses,), {"draw": tmp_path / "out.mp4"}, "walk.npz holds poses alone"),
    ):
        with pytest.raises(OptionError, match=message):
            own(corpus, models, *videos, **change)


def drawn_poses(count: int, fps: float = 25.0) -> Poses:
    keypoints, scores = moving_figure(count, np.random.default_rng(0))
    return Poses(keypoints, scores, fps, 1)


def test_points_are_drawn_where_they_are() -> None:
    """Only around points that are seen does the picture change, and it does at each of them."""
    keypoints, scores = moving_figure(1, np.random.default_rng(0))
    scores[0, 112:] = 0.1
    before = np.zeros((200, 300, 3), np.uint8)
    after = with_pose(before, keypoints[0], scores[0])
    assert not before.any()
    for (x, y), score in zip(keypoints[0] * [300, 200], scores[0], strict=True):
        if score > 0.3:
            assert after[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2].any()
    hand = (keypoints[0, 120] * [300, 200]).astype(int)
    assert not after[hand[1], hand[0]].any()


@pytest.mark.parametrize("codecs", [{"libx264", "mpeg4"}, {"mpeg4"}])
@pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (63, 95)])
def test_a_drawing_is_a_video_that_others_can_read(
    codecs: set, size: tuple, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(av, "codecs_available", codecs)
    folder = tmp_path / "clip"
    folder.mkdir()
    for number in range(5):
        cv2.imwrite(str(folder / f"{number}.png"), scene((30, 20, 20))[: size[0], : size[1]])
    target = tmp_path / "deep" / "out.mp4"
    draw(folder, drawn_poses(5, fps=30000 / 1001), target, "Hello")
    found = list(frames(target))
    strip = len(caption_strip("Hello", WIDTH, HEIGHT))
    assert [image.shape for image in found] == [(HEIGHT + strip, WIDTH, 3)] * 5
    assert strip > 0
    assert frame_rate(target) == pytest.approx(29.97, abs=1e-3)
    expected = with_pose(
        scene((30, 20, 20))[: size[0], : size[1]], drawn_poses(1).keypoints[0], drawn_poses(1).scores[0]
    )
    assert np.abs(found[0][10:50, 10:90].astype(int) - expected[10:50, 10:90]).mean() < 25
    assert found[0][HEIGHT:].max() > 150
    with av.open(str(target)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == (
            "h264" if "libx264" in codecs else "mpeg4",
            "yuv420p",
        )
    assert [path.name for path in target.parent.iterdir()] == ["out.mp4"]


def test_captions(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = caption_strip("Grüße", 300, 160), caption_strip("many words " * 10, 300, 160)
    assert one.shape[1] == 300
    assert 0 < len(one) < len(two)
    assert len(one) % 2 == len(two) % 2 == 0
    assert one.max() == 255
    assert caption_strip("", 300, 160).shape == (0, 300, 3)
    monkeypatch.setattr("matplotlib.font_manager.findSystemFonts", list)
    assert font_with("Привет") is not None
    assert font_with("你好") is None
    assert caption_strip("你好", 300, 160).shape == (0, 300, 3)


def test_from_video_to_text_with_the_weights_that_come_with_slbench(
    models: Models, tmp_path: Path, video: Path
) -> None:
    """The models of poses are made up, so only the way is tested, not the answer."""
    names = ("--model", "uni-sign-mini", "--task", "fingerspelling-islr")
    (tmp_path / "bad.mp4").write_bytes(b"")
    done = slbench(
        video, tmp_path / "bad.mp4", *names, *models.arguments, "--draw", tmp_path / "out", "--format", "json"
    )
    assert done.returncode == 1
    good, bad = json.loads(done.stdout)
    assert (good["frames"], good["fps"], good["error"]) == (12, 25.0, None)
    assert good["people"] >= 2
    assert len(good["top_k"]) == 5
    assert good["answer"] == good["top_k"][0]["gloss"]
    assert (bad["answer"], bad["top_k"]) == (None, [])
    assert "is empty" in bad["error"]
    assert "those of fingerspelling are by MediaPipe Holistic" in done.stderr
    assert len(list(frames(tmp_path / "out" / "walk.mp4"))) == 12


def test_tables(models: Models, video: Path, poses: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["--model", "uni-sign-mini", "--device", "cpu"]
    app(["predict", str(poses), *names, "--task", "fingerspelling-islr"], standalone_mode=False)
    assert len(capsys.readouterr().out.split("─")[-1].split()) == 1 + 2 * 5
    app(["predict", str(video), *names, "--task", "fingerspelling-slt", *models.arguments], standalone_mode=False)
    assert str(video) in capsys.readouterr().out


def test_an_unknown_name_is_one_message(video: Path, tmp_path: Path) -> None:
    done = slbench(video, "--model", "uni-sgn", "--task", "fingerspelling-islr")
    assert done.returncode == 2
    assert "did you mean uni-sign" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_drawing_that_fails_leaves_no_file(video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(drawing, "with_pose", fail)
    with pytest.raises(KeyboardInterrupt):
        draw(video, drawn_poses(12), tmp_path / "out" / "x.mp4")
    assert list((tmp_path / "out").iterdir()) == []
