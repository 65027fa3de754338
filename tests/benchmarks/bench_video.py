"""Reading a tenth of a video's frames against decoding all of them, and crops against both: ratios of one run."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from slbench.data.clip import Clip
from slbench.data.cropping import crops_of, squares
from slbench.data.crops import Cropped
from slbench.data.mock import moving_figure
from slbench.data.picking import pick
from slbench.data.pictured import VideoPictures
from slbench.data.rendered import RenderedHands, write_video
from slbench.data.video import frames

FRAMES, SIZE = 120, (512, 512)
SHARE = 0.1
PICKING = 1.2
"""How many times as fast as decoding all at least, with a keyframe every 12 frames."""


def grainy(hands: RenderedHands) -> list[np.ndarray]:
    """With the noise of a camera, without which H.264 and PNG have little to do."""
    chance = np.random.default_rng(0)
    return [np.clip(picture + chance.normal(0, 4, picture.shape), 0, 255).astype(np.uint8) for picture in hands]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    keypoints, scores = moving_figure(FRAMES, np.random.default_rng(0))
    path = tmp_path_factory.mktemp("videos") / "a.mp4"
    write_video(path, grainy(RenderedHands(keypoints, scores, SIZE)))
    return Clip("a", keypoints, scores, 25.0, "", video=VideoPictures("a", path, 0, FRAMES))


@pytest.fixture(scope="module")
def wanted() -> list[int]:
    return sorted(np.random.default_rng(1).permutation(FRAMES)[: int(SHARE * FRAMES)].tolist())


def seconds(work: Callable[[], object], times: int = 5) -> float:
    """The shortest of several."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def path_of(clip: Clip) -> Path:
    assert isinstance(clip.video, VideoPictures)
    return clip.video.path


def test_a_tenth_of_the_frames(benchmark, clip: Clip, wanted: list[int]) -> None:
    path = path_of(clip)
    ratio = seconds(lambda: list(frames(path))) / seconds(lambda: pick(path, wanted))
    benchmark.extra_info["times as fast as decoding all"] = round(ratio, 2)
    benchmark.pedantic(lambda: pick(path, wanted), rounds=3)
    assert ratio > PICKING


def test_crops(benchmark, clip: Clip, wanted: list[int], tmp_path: Path) -> None:
    """Of both hands in a tenth of the frames."""
    row = crops_of(clip, clip.video)
    cropped = Cropped(held(row, tmp_path), "a", None)
    regions = [region for region in squares(clip, SIZE) if region.frame in wanted]
    ratio = seconds(lambda: clip.video.regions(regions)) / seconds(lambda: cropped.regions(regions))
    benchmark.extra_info |= {
        "times as fast as decoding": round(ratio, 2),
        "KB of crops a clip": sum(map(len, row["png"])) // 1024,
        "KB of video": path_of(clip).stat().st_size // 1024,
        "side": regions[0].side,
    }
    benchmark.pedantic(lambda: cropped.regions(regions), rounds=3)
    assert ratio > 1


def held(row: dict, folder: Path):
    """The crops of one clip, as they are in the store."""
    import pyarrow as pa

    from slbench.data.crops import MANIFEST, SCHEMA, Crops, CropsManifest

    columns = [pa.array([(row | {"id": "a", "state": ""})[field.name]], field.type) for field in SCHEMA]
    with pa.OSFile(str(folder / "0.arrow"), "wb") as file, pa.ipc.new_stream(file, SCHEMA) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=SCHEMA))
    about = {"slbench": "", "made_from": "", "content_sha256": "", "clips": 1, "readable": 1, "pictures": 1, "size": 1}
    (folder / MANIFEST).write_text(CropsManifest(**about, shards=("0.arrow",)).model_dump_json())
    return Crops(folder)
