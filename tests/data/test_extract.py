"""Poses of rendered videos against rtmlib's own `Wholebody`, frame by frame; folders of poses survive everything."""

import errno
import hashlib
import json
import os
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
import rtmlib
from shared import shared
from tiny_poses import HEIGHT, WIDTH, Models, render, rtmpose, walk

from slbench.data.estimator import Estimator
from slbench.data.extract import Extraction, ExtractRequest, in_shard
from slbench.data.extractor import read_extractor
from slbench.data.persons import signer
from slbench.data.poses import PoseFile
from slbench.data.wholebody import EstimatorOptions
from slbench.errors import ClipError, ModelError, OptionError, OutputError

DARK = (4, 5)
"""Frames of `walk` without a person."""


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    monkeypatch.setattr(onnxruntime, "InferenceSession", partial(onnxruntime.InferenceSession, sess_options=options))


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return render(tmp_path / "videos" / "walk.mp4", walk(dark=DARK))


def options(models: Models, batch_size: int = 5, **others: object) -> EstimatorOptions:
    return EstimatorOptions(det=models.det, pose=models.pose, device="cpu", batch_size=batch_size, **others)


def by_rtmlib(path: Path, models: Models) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For each frame what rtmlib alone sees: boxes (N, 4), keypoints (N or 1, 133, 2) in pixels, scores."""
    wholebody = rtmlib.Wholebody(
        det=str(models.det), det_input_size=(64, 64), pose=str(models.pose), pose_input_size=(48, 64)
    )
    capture, found = cv2.VideoCapture(str(path)), []
    while True:
        there, frame = capture.read()
        if not there:
            return found
        found.append((wholebody.det_model(frame).reshape(-1, 4), *wholebody(frame)))


@pytest.mark.parametrize("detector", ["without NMS", "with NMS"])
@pytest.mark.parametrize("batch", ["batch", 1])
def test_every_frame_is_as_rtmlib_has_it(detector: str, batch: int | str, video: Path, tmp_path: Path) -> None:
    """Places are the same to the bit; scores differ by the rounding of sums, whose order depends on the batch."""
    models = Models(tmp_path / "models", detector, batch)
    expected = by_rtmlib(video, models)
    seen = [len(boxes) for boxes, _, _ in expected]
    assert {0, 1, 2} <= set(seen)
    assert all(keypoints.any() for _, keypoints, _ in expected), "rtmlib itself takes the whole image for a person"
    for batch_size in (1, 5, 64):
        poses = Estimator(options(models, batch_size)).poses(video)
        assert (poses.keypoints.shape, poses.scores.shape) == ((12, 133, 2), (12, 133))
        assert (poses.keypoints.dtype, poses.scores.dtype) == (np.float32, np.float32)
        assert (poses.fps, poses.people) == (25.0, max(seen))
        previous = None
        for (boxes, keypoints, scores), found, certain in zip(expected, poses.keypoints, poses.scores, strict=True):
            if len(boxes) == 0:
                assert not found.any()
                assert not certain.any()
                continue
            one = signer(boxes, previous)
            previous = boxes[one]
            np.testing.assert_array_equal(found, (keypoints[one] / [WIDTH, HEIGHT]).astype(np.float32))
            np.testing.assert_allclose(certain, scores[one], rtol=1e-5, atol=1e-5)


def test_frames_without_a_person_are_the_dark_ones(video: Path, tmp_path: Path) -> None:
    poses = Estimator(options(Models(tmp_path / "models"))).poses(video)
    assert tuple(np.flatnonzero(~poses.scores.any(axis=1))) == DARK


def test_onnxruntime_is_asked_for_whole_batches(video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    for batch, expected in (("batch", {5, 2}), (1, {1})):
        estimator = Estimator(options(Models(tmp_path / str(batch), batch=batch)))
        run = estimator.det.session.run
        session = type("Session", (), {
            "get_inputs": estimator.det.session.get_inputs, "get_outputs": estimator.det.session.get_outputs,
            "run": lambda self, names, inputs, run=run: asked.append(len(inputs["input"])) or run(names, inputs),
        })  # fmt: skip
        monkeypatch.setattr(estimator.det, "session", session())
        asked.clear()
        estimator.poses(video)
        assert set(asked) == expected


SMALL, LARGE, FAR = (0, 0, 10, 10), (12, 0, 32, 20), (50, 0, 60, 10)


@pytest.mark.parametrize(
    ("boxes", "previous", "expected"),
    [
        ([SMALL, LARGE], None, 1),
        ([LARGE, SMALL, LARGE], None, 0),
        ([LARGE, SMALL], (1, 1, 11, 11), 1),
        ([SMALL, LARGE], (11, 0, 33, 21), 1),
        ([SMALL, (1, 1, 11, 11)], (1, 1, 11, 11), 1),
        ([(0, 0, 40, 40), SMALL], (0, 0, 11, 11), 1),
        ([SMALL, LARGE, FAR], (80, 80, 90, 90), 1),
        ([FAR], SMALL, 0),
    ],
)
def test_one_person_is_followed(boxes: list, previous: tuple | None, expected: int) -> None:
    chosen = signer(np.array(boxes, float), None if previous is None else np.array(previous, float))
    assert chosen == expected


def test_a_real_video(tmp_path: Path) -> None:
    poses = Estimator(options(Models(tmp_path / "models"))).poses(shared("clips/autsl/signer0_sample1000_color.mp4"))
    assert poses.keypoints.shape == (43, 133, 2)


def extraction(models: Models, out: Path, *videos: Path, shard: str | None = None, **others: object) -> Extraction:
    return Extraction(ExtractRequest(videos, out, options(models, **others), shard))


@pytest.fixture
def models(tmp_path: Path) -> Models:
    return Models(tmp_path / "models")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Seven short videos in two sub-folders."""
    for number in range(7):
        render(
            tmp_path / "videos" / ("train" if number % 2 else "dev") / f"{number}.mp4", walk(4 + number, dark=())[1:]
        )
    return tmp_path / "videos"


def test_a_folder_of_videos_becomes_a_folder_of_poses(models: Models, folder: Path, tmp_path: Path) -> None:
    done = extraction(models, tmp_path / "out", folder).execute()
    assert done.written == ("dev/0", "dev/2", "dev/4", "dev/6", "train/1", "train/3", "train/5")
    assert (done.there, done.failed, done.nobody) == (0, {}, ())
    with np.load(tmp_path / "out" / "train" / "3.npz") as arrays:
        assert {name: (array.shape, str(array.dtype)) for name, array in arrays.items()} == {
            "keypoints": ((6, 133, 2), "float32"), "scores": ((6, 133), "float32"),
            "fps": ((), "float64"), "people": ((), "int64"), "source": ((), f"<U{len(str(arrays['source']))}"),
        }  # fmt: skip
        assert (float(arrays["fps"]), int(arrays["people"])) == (25.0, 2)
    extractor = read_extractor(tmp_path / "out")
    assert extractor is not None
    digests = {role: hashlib.sha256(getattr(models, role).read_bytes()).hexdigest() for role in ("det", "pose")}
    assert extractor.weights == digests
    assert extractor.name == "rtmlib Wholebody own models"
    assert extractor.settings["pose input"] == "48x64"
    assert "device" not in extractor.settings
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["dev", "extractor.json", "train"]


def test_a_stopped_extraction_continues(models: Models, folder: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    extraction(models, whole, folder).execute()

    def stop(progress: object) -> None:
        if progress.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extraction(models, out, folder).execute(stop)
    assert len(list(out.rglob("*.npz"))) == 3
    cut_off = out / "dev" / "2.npz"
    cut_off.write_bytes(cut_off.read_bytes()[:1000])
    kept = (out / "dev" / "0.npz").stat().st_mtime_ns
    done = extraction(models, out, folder, batch_size=2).execute()
    assert (len(done.written), done.there) == (5, 2)
    assert (out / "dev" / "0.npz").stat().st_mtime_ns == kept
    for path in sorted(whole.rglob("*.npz")):
        with np.load(path) as expected, np.load(out / path.relative_to(whole)) as found:
            np.testing.assert_array_equal(found["keypoints"], expected["keypoints"])
            np.testing.assert_allclose(found["scores"], expected["scores"], rtol=1e-5, atol=1e-5)


def test_a_replaced_video_is_read_again(models: Models, folder: Path, tmp_path: Path) -> None:
    for number, image in enumerate(walk(3, dark=())):
        (folder / "images").mkdir(exist_ok=True)
        cv2.imwrite(str(folder / "images" / f"{number}.png"), image)
    out = tmp_path / "out"
    extraction(models, out, folder).execute()
    assert extraction(models, out, folder).execute().there == 8
    os.utime(folder / "dev" / "2.mp4", ns=(1, 1))
    render(folder / "train" / "3.mp4", walk(9))
    cv2.imwrite(str(folder / "images" / "3.png"), walk(1, dark=())[0])
    done = extraction(models, out, folder).execute()
    assert (done.written, done.there) == (("dev/2", "images", "train/3"), 5)
    assert [len(PoseFile(out / f"{name}.npz").read().scores) for name in ("train/3", "images")] == [9, 4]
    assert extraction(models, out, folder).execute().written == ()


def test_poses_of_an_unknown_video_are_made_again(models: Models, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    extraction(models, out, folder).execute()
    with np.load(out / "dev" / "0.npz") as arrays:
        np.savez(out / "dev" / "0.npz", **{name: array for name, array in arrays.items() if name != "source"})
    np.save(out / "plain.npy", np.zeros(3))
    (out / "plain.npy").replace(out / "dev" / "2.npz")
    assert extraction(models, out, folder).execute().written == ("dev/0", "dev/2")


def test_a_video_that_vanishes_is_listed(models: Models, folder: Path, tmp_path: Path) -> None:
    (folder / "gone.mp4").symlink_to(tmp_path / "nowhere")
    done = extraction(models, tmp_path / "out", folder).execute()
    assert list(done.failed) == ["gone"]
    assert "gone.mp4" in done.failed["gone"]
    assert len(done.written) == 7


def test_what_a_killed_extraction_left_is_removed(models: Models, folder: Path, tmp_path: Path) -> None:
    """Only of the videos of one's own part: other machines may be at work in the same folder."""
    out = tmp_path / "out"
    names = [video.name for video in extraction(models, out, folder, shard="1/2").videos]
    assert 0 < len(names) < 7
    for path in folder.rglob("*.mp4"):
        name = path.relative_to(folder).with_suffix("").as_posix()
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).with_name(f".{path.stem}.npz.x_1z.tmp").write_bytes(b"half")
    (out / "dev" / ".mine.tmp").write_bytes(b"somebody else's")
    extraction(models, out, folder, shard="1/2")
    left = {path.relative_to(out).as_posix() for path in out.rglob(".*.tmp")}
    others = {"dev/0", "dev/2", "dev/4", "dev/6", "train/1", "train/3", "train/5"} - set(names)
    assert left == {"dev/.mine.tmp"} | {f"{name[:-1]}.{name[-1]}.npz.x_1z.tmp" for name in others}
    extraction(models, out, folder)
    assert [path.name for path in out.rglob(".*.tmp")] == [".mine.tmp"]


def test_videos_that_cannot_be_read_are_listed_and_passed_over(models: Models, folder: Path, tmp_path: Path) -> None:
    (folder / "dev" / "0.mp4").write_bytes(b"")
    data = (folder / "train" / "3.mp4").read_bytes()
    (folder / "train" / "3.mp4").write_bytes(data[: len(data) // 2])
    render(folder / "dark.mp4", walk(3, dark=range(3)))
    done = extraction(models, tmp_path / "out", folder).execute()
    assert sorted(done.failed) == ["dev/0", "train/3"]
    assert "is empty" in done.failed["dev/0"]
    assert done.nobody == ("dark",)
    assert len(done.written) == 6
    assert not (tmp_path / "out" / "dev" / "0.npz").exists()


def test_parts_are_whole_disjoint_and_do_not_depend_on_other_videos(
    models: Models, folder: Path, tmp_path: Path
) -> None:
    parts = [
        extraction(models, tmp_path / "out", folder, shard=f"{number}/3").execute().written for number in (1, 2, 3)
    ]
    assert sorted(sum(parts, ())) == sorted(
        path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.mp4")
    )
    render(folder / "more.mp4", walk(2))
    names = [video.name for video in extraction(models, tmp_path / "other", folder, shard="2/3").videos]
    assert [name for name in names if name != "more"] == list(parts[1])
    counts = [sum(in_shard(f"clip-{i}", number, 4) for i in range(4000)) for number in (1, 2, 3, 4)]
    assert sum(counts) == 4000
    assert min(counts) > 900


@pytest.mark.parametrize("shard", ["0/3", "4/3", "1", "a/b", "1/0", "-1/2", "1/2/3"])
def test_parts_that_make_no_sense(models: Models, folder: Path, tmp_path: Path, shard: str) -> None:
    with pytest.raises(OptionError, match=f"--shard {shard}: must be like 2/5"):
        extraction(models, tmp_path / "out", folder, shard=shard)


def test_poses_of_two_extractors_are_never_mixed(models: Models, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    extraction(models, out, folder, shard="1/3").execute()
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    other = Models(tmp_path / "other", "with NMS")
    with pytest.raises(
        OutputError, match=r"(?s)another extractor.*weights of det: [0-9a-f]{12} there, [0-9a-f]{12} here"
    ):
        extraction(other, out, folder)
    (out / "extractor.json").write_text(
        json.dumps(json.loads((out / "extractor.json").read_text()) | {"version": "0.0.1"})
    )
    with pytest.raises(OutputError, match=r"version: 0.0.1 there"):
        extraction(models, out, folder)
    (out / "extractor.json").unlink()
    with pytest.raises(OutputError, match=r"no extractor.json says who made them"):
        extraction(models, out, folder)
    assert {path: path.read_bytes() for path in out.rglob("*.npz")} == {
        p: d for p, d in before.items() if p.suffix == ".npz"
    }


def test_a_full_disk_leaves_whole_files_only(
    models: Models, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of an array is written when there is no room any more."""
    planned, savez, written = extraction(models, tmp_path / "out", folder), np.savez, []

    def fill(file, **arrays: np.ndarray) -> None:
        written.append(file)
        if len(written) == 3:
            file.write(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        savez(file, **arrays)

    monkeypatch.setattr(np, "savez", fill)
    with pytest.raises(OutputError, match="No space left"):
        planned.execute()
    monkeypatch.undo()
    assert (
        len([path for path in (tmp_path / "out").rglob("*") if path.is_file() and path.name != "extractor.json"]) == 2
    )
    assert len(extraction(models, tmp_path / "out", folder).execute().written) == 5


def test_models_of_another_kind_are_refused(models: Models, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"pose.onnx: is no YOLOX detector"):
        Estimator(EstimatorOptions(det=models.pose, pose=models.det))
    with pytest.raises(ModelError, match=r"det.onnx: is no RTMPose model"):
        Estimator(EstimatorOptions(det=models.det, pose=models.det))
    body = rtmpose(tmp_path / "body.onnx", points=17)
    with pytest.raises(ModelError, match=r"body.onnx: gives 17 keypoints instead of COCO-WholeBody's 133"):
        Estimator(EstimatorOptions(det=models.det, pose=body))
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(ModelError, match=r"onnxruntime cannot load the models"):
        Estimator(EstimatorOptions(det=tmp_path / "text.onnx", pose=models.pose))
    with pytest.raises(ModelError, match=r"det.onnx: onnxruntime fails on 1 images"):
        Estimator(EstimatorOptions(det=Models(tmp_path / "fixed", batch=3).det, pose=models.pose))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"det": Path("nowhere.onnx")}, "--det nowhere.onnx: there is no such file"),
        ({"device": "cuda"}, "--device cuda: this onnxruntime has no CUDA"),
        ({"device": "cuda:1"}, "--device cuda:1: this onnxruntime has no CUDA"),
        ({"device": "cuda1"}, "--device cuda1: poses are made on cpu, cuda"),
        ({"device": "tpu"}, "--device tpu: poses are made on cpu, cuda"),
        ({"batch_size": 0}, "--batch-size 0: must be at least 1"),
    ],
)
def test_options_that_make_no_sense(
    models: Models, change: dict, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(OptionError, match=message):
        Estimator(EstimatorOptions(**{"det": models.det, "pose": models.pose} | change))


def test_a_cuda_that_does_not_start_is_said(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    """onnxruntime falls back to the CPU with no more than a warning."""
    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
    with pytest.warns(UserWarning, match="not in available"), pytest.raises(OptionError, match="cannot start CUDA"):
        Estimator(EstimatorOptions(det=models.det, pose=models.pose, device="cuda"))


def test_weights_that_cannot_be_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, models: Models) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("offline")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("rtmlib.tools.file.urlopen", offline)
    with pytest.raises(ModelError, match=r"offline.*rtmw-dw-l-m_simcc.*--det and --pose") as caught:
        Estimator(EstimatorOptions(mode="lightweight", det=models.det, device="cpu"))
    assert "yolox" not in str(caught.value)


def test_the_mode_is_named_where_the_models_have_its_sizes(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"det": "", "pose": "", "det_input_size": (64, 64), "pose_input_size": (48, 64)}
    monkeypatch.setitem(rtmlib.Wholebody.MODE, "balanced", sizes)
    assert Estimator(options(models, mode="balanced")).extractor.name == "rtmlib Wholebody balanced"


def test_an_error_of_a_video_says_which(models: Models, tmp_path: Path) -> None:
    with pytest.raises(ClipError, match="nowhere.mp4"):
        Estimator(options(models)).poses(tmp_path / "nowhere.mp4")
