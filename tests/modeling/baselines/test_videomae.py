"""VideoMAE: what it looks at, its weights from others, and its place in trainings and runs."""

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import GLOSSES, TINY_VIDEO, FakeCorpus, made_up_clip
from filmed import film
from PIL import Image
from safetensors.torch import load_file, save_file
from told import ToldCorpus
from transformers import VideoMAEConfig as HubConfig
from transformers import VideoMAEForPreTraining, VideoMAEForVideoClassification, ViTConfig, ViTModel

from slbench.cli.app import app
from slbench.data.clip import Clip
from slbench.data.pictures import Region, Squares, cut, part
from slbench.data.rendered import RenderedHands, write_video
from slbench.data.skeleton import LEFT_HAND, RIGHT_HAND
from slbench.engine.determinism import make_deterministic
from slbench.errors import ClipError, DataError, ModelError, OptionError
from slbench.modeling.base import Setting
from slbench.modeling.baselines.videomae import VideoMAE, spread_frames
from slbench.modeling.uni_sign.poses import chance

SIZES = TINY_VIDEO
SETTING = Setting("islr", "English", GLOSSES, inputs="rgb+pose")


@pytest.fixture
def model() -> VideoMAE:
    make_deterministic(0)
    model = VideoMAE(SIZES, SETTING)
    model.network.eval()
    return model


class Coloured:
    """Meets `Pictures`: a ramp of x and y in red and green, the number of the frame in blue."""

    def __init__(self, frames: int, size: tuple[int, int] = (200, 100)) -> None:
        self.frames, self.dimensions = frames, size

    def size(self) -> tuple[int, int]:
        return self.dimensions

    def whole(self, number: int) -> np.ndarray:
        y, x = np.mgrid[: self.dimensions[1], : self.dimensions[0]]
        return np.stack([x, y, np.full_like(x, number)], axis=-1).astype(np.uint8)

    def regions(self, wanted: list[Region]) -> Squares:
        return Squares(wanted, [part(self.whole(region.frame), region) for region in wanted])


def standing(frames: int, seen: bool = True) -> Clip:
    """Points between (0.4, 0.2) and (0.6, 0.8); legs and unseen points far beyond."""
    clip = made_up_clip("c", frames, 0)
    keypoints, scores = np.full_like(clip.keypoints, 0.5), np.full_like(clip.scores, float(seen))
    keypoints[0, RIGHT_HAND], keypoints[-1, LEFT_HAND] = (0.4, 0.2), (0.6, 0.8)
    keypoints[:, 11:23] = 0.99
    keypoints[:, 30], scores[:, 30] = 5.0, 0.2
    return replace(clip, keypoints=keypoints, scores=scores, video=Coloured(frames))


def test_the_square_holds_all_that_is_seen_of_the_signer(model: VideoMAE) -> None:
    """In pixels 80 to 120 and 20 to 80: centre (100, 50), side 1.2 * 60."""
    clip = standing(8)
    wanted = [Region(number, 64, 14, 72) for number in (1, 3, 5, 7)]
    assert model.regions(clip, (200, 100)) == wanted
    frames = model.prepare(clip)["frames_f3hw"]
    assert frames.shape == (4, 3, 32, 32)
    for frame, region in zip(frames, wanted, strict=True):
        square = Image.fromarray(cut(clip.video.whole(region.frame), region))
        expected = square.resize((32, 32), Image.Resampling.BICUBIC)
        assert np.array_equal(frame.transpose(1, 2, 0), np.asarray(expected))


def test_the_largest_square_in_the_middle_where_nobody_is_seen(model: VideoMAE) -> None:
    for clip in (standing(4, seen=False), replace(standing(4), keypoints=np.full((4, 133, 2), 0.3, np.float32))):
        assert {(one.left, one.top, one.side) for one in model.regions(clip, (200, 100))} == {(50, 0, 100)}


def test_points_beyond_the_picture_count_as_at_its_edge(model: VideoMAE) -> None:
    clip = standing(4)
    clip.keypoints[0, RIGHT_HAND] = (-50.0, 0.5)
    assert model.regions(clip, (200, 100))[0] == Region(0, -12, -7, 144)  # from 0 to 120 and 50 to 80


@pytest.mark.parametrize("frames", [1, 3, 4, 16, 17, 301])
def test_frames_lie_in_their_parts_of_the_clip(frames: int) -> None:
    """The middle one for an answer; any, and another each time, in training."""
    edges = np.arange(17) * frames / 16
    middle = spread_frames(frames, 16, None)
    assert middle.tolist() == [int((2 * one + 1) * frames / 32) for one in range(16)]
    drawn = np.array([spread_frames(frames, 16, chance(0, "c", draw)) for draw in range(1, 40)])
    assert (drawn >= np.floor(edges[:-1])).all()
    assert (drawn < np.ceil(edges[1:])).all()
    if frames == 301:
        assert (np.ptp(drawn, axis=0) > 10).all()


def test_training_moves_square_and_frames_by_clip_seed_and_draw(model: VideoMAE) -> None:
    clip, size = standing(100), (200, 100)
    drawn = [model.regions(clip, size, draw) for draw in range(1, 60)]
    assert drawn[2] == model.regions(clip, size, 3)
    assert drawn[2] != VideoMAE(SIZES, replace(SETTING, seed=1)).regions(clip, size, 3)
    assert drawn[2] != model.regions(replace(clip, id="d"), size, 3)
    sides = {regions[0].side for regions in drawn}
    assert min(sides) in range(64, 68)
    assert max(sides) in range(77, 80)
    still = VideoMAE({**SIZES, "jitter": 0.0}, SETTING)
    assert {(one.left, one.side) for draw in range(9) for one in still.regions(clip, size, draw)} == {(64, 72)}


def test_every_bit_is_the_same_in_any_batch(model: VideoMAE) -> None:
    clips = [made_up_clip(f"c{i}", 3 + 5 * i, i) for i in range(7)]
    inputs = [model.prepare(replace(clip, video=RenderedHands(clip.keypoints, clip.scores))) for clip in clips]
    with torch.inference_mode():
        alone = torch.cat([model.encode([one]) for one in inputs])
        assert len(alone.unique(dim=0)) == 7
        for batch in (range(7), (3, 1), (6, 5, 4, 0)):
            assert torch.equal(model.encode([inputs[index] for index in batch]), alone[list(batch)])


def test_the_mean_over_the_tubelets_is_classified(model: VideoMAE) -> None:
    """Transformers' network, given pictures brought to mean and deviation of ImageNet."""
    inputs = model.prepare(standing(9))
    pixels = inputs["frames_f3hw"].transpose(0, 2, 3, 1) / 255
    pixels = ((pixels - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).transpose(0, 3, 1, 2)
    with torch.inference_mode():
        tokens = model.network.videomae(torch.tensor(pixels, dtype=torch.float32)[None]).last_hidden_state
        assert tokens.shape == (1, 2 * 2 * 2, 16)  # tubelets of 2 frames and 16 x 16 pixels
        expected = model.network.classifier(model.network.fc_norm(tokens.mean(1))).log_softmax(-1)
        torch.testing.assert_close(model.encode([inputs]), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_size": 40}, "image_size: 40 is no multiple of patch_size = 16"),
        ({"num_frames": 3}, "num_frames: 3 is no multiple of tubelet_size = 2"),
        ({"hidden_size": 15}, "hidden_size: 15 is no multiple of num_attention_heads = 2"),
        ({"margin": 0.0}, "margin"),
        ({"flip": True}, "flip"),
    ],
)
def test_sizes_that_do_not_fit(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VideoMAE({**SIZES, **changes}, SETTING)


def test_a_clip_without_pictures(model: VideoMAE) -> None:
    with pytest.raises(ClipError, match="clip c: there are no pictures of it.*--videos"):
        model.prepare(made_up_clip("c", 5, 0))


DECODER = {
    "decoder_hidden_size": 8, "decoder_num_hidden_layers": 1, "decoder_num_attention_heads": 2,
    "decoder_intermediate_size": 8,
}  # fmt: skip
KINDS = {
    "pre-trained": (VideoMAEForPreTraining, {"use_mean_pooling": False, **DECODER}),
    "fine-tuned": (VideoMAEForVideoClassification, {"num_labels": 5}),
}


def saved(folder: Path, kind: str = "pre-trained", **changes: object) -> Path:
    network, options = KINDS[kind]
    network(HubConfig(**{**SIZES, **options, **changes})).save_pretrained(folder)
    tensors = load_file(folder / "model.safetensors")
    save_file(
        {name: torch.randn_like(one) for name, one in tensors.items()}, folder / "model.safetensors", {"format": "pt"}
    )
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_the_encoder_arrives_as_it_was_saved(model: VideoMAE, tmp_path: Path, kind: str, capfd) -> None:
    """Files have the names that those on the hub have: biases of queries and values are called otherwise in memory."""
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    model.load_pretrained("videomae", str(saved(tmp_path, kind)))
    file, now = load_file(tmp_path / "model.safetensors"), model.network.state_dict()
    renamed = {"query.bias": "q_bias", "value.bias": "v_bias"}
    for name in now:
        old, new = next(((a, b) for a, b in renamed.items() if name.endswith(a)), ("", ""))
        expected = file[name.removesuffix(old) + new] if name.startswith("videomae.") else before[name]
        assert torch.equal(now[name], expected), name
    assert "UNEXPECTED" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"num_attention_heads": 4, "num_frames": 8},
            "num_frames 8 there, 4 here; num_attention_heads 4 there, 2 here",
        ),
        ({"hidden_size": 32}, "hidden_size 32 there, 16 here; set its sizes under .config."),
    ],
)
def test_an_encoder_of_other_sizes(model: VideoMAE, tmp_path: Path, changes: dict[str, int], message: str) -> None:
    """Heads and frames change no shape of a tensor, so that nothing else would notice."""
    with pytest.raises(ModelError, match=message):
        model.load_pretrained("videomae", str(saved(tmp_path, **changes)))


def test_weights_that_cannot_be_had(model: VideoMAE, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    for source in ("MCG-NJU/videomae-base", str(tmp_path / "nothing")):
        with pytest.raises(ModelError, match=rf"from {source}: cannot be loaded.*--pretrained videomae=FOLDER"):
            model.load_pretrained("videomae", source)
    with pytest.raises(ModelError, match="--pretrained encoder: videomae takes the part videomae alone"):
        model.load_pretrained("encoder", str(tmp_path))
    folder = saved(tmp_path / "damaged")
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ModelError, match="cannot be loaded"):
        model.load_pretrained("videomae", str(folder))


def test_weights_of_another_network(model: VideoMAE, tmp_path: Path) -> None:
    sizes = {key: value for key, value in SIZES.items() if key != "num_frames"}
    ViTModel(ViTConfig(**sizes)).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="videomae from .*: (lacks .*it is no whole VideoMAEModel)"):
        model.load_pretrained("videomae", str(tmp_path))


class Filmed:
    """A made-up corpus with videos, and the card at a tiny size."""

    def __init__(self, corpus: FakeCorpus) -> None:
        told = ToldCorpus(corpus)
        self.folder, self.videos, self.task = corpus.folder, corpus.folder / "videos", corpus.task_path
        film(told, self.videos)
        told.ingest()
        recipe = {"epochs": 2, "batch_size": 4, "learning_rate": 1e-3, "precision": "float32", "threads": 1}
        self.card = corpus._card("mae.toml", {
            "name": "mae", "title": "", "implementation": "slbench.modeling.baselines.videomae:VideoMAE", "paper": "",
            "families": ["islr"], "inputs": "rgb+pose", "config": SIZES, "recipe": recipe,
        })  # fmt: skip

    def __call__(self, command: str, *words: object) -> None:
        common = ("--task", self.task, "--device", "cpu")
        app([str(word) for word in (command, *common, *words)], standalone_mode=False)

    def run(self, name: str, videos: Path, *words: object) -> tuple[dict, str]:
        """The record and the predictions."""
        output = self.folder / name
        model = self.folder / "trained" / "best.toml"
        with suppress(SystemExit):  # with 1 where a clip failed
            self("run", "--model", model, "--videos", videos, "--output", output, *words)
        (record,) = output.rglob("test-????????.json")
        return json.loads(record.read_text()), next(output.rglob("*.predictions.jsonl")).read_text()


@pytest.fixture
def filmed(corpus: FakeCorpus) -> Filmed:
    return Filmed(corpus)


def test_a_training_and_its_runs(filmed: Filmed, tmp_path: Path) -> None:
    """From weights of others; the batch size changes no byte; a video that is short or away is that clip's fault."""
    pretrained = f"videomae={saved(tmp_path / 'hub')}"
    words = ("--model", filmed.card, "--videos", filmed.videos, "--output", filmed.folder / "trained")
    filmed("train", *words, "--pretrained", pretrained)
    found = [filmed.run(f"out{size}", filmed.videos, "--batch-size", size) for size in (1, 3, 12)]
    assert len({predictions for _, predictions in found}) == 1
    assert found[0][0]["failed"] == {}
    test = filmed.videos / "test"
    (test / "test-03.mp4").unlink()
    keypoints = made_up_clip("c", 4, 0)
    write_video(test / "test-04.mp4", RenderedHands(keypoints.keypoints, keypoints.scores, (160, 120)))
    failed = filmed.run("faulty", filmed.videos)[0]["failed"]
    assert failed.keys() == {"test-03", "test-04"}
    assert "there is no video" in failed["test-03"]
    assert "has 4 frames, and its poses have 30" in failed["test-04"]


def test_it_has_no_answer_without_videos(filmed: Filmed, tmp_path: Path) -> None:
    words = ("--model", filmed.card, "--output", tmp_path / "out")
    with pytest.raises(DataError, match="there are no pictures to look at; name their folder with --videos"):
        filmed("train", *words)
    with pytest.raises(OptionError, match="recipe.augmentation moves the keypoints away from the pictures"):
        filmed("train", *words, "--videos", filmed.videos, "--set", "recipe.augmentation.rotation=5.0")
    with pytest.raises(OptionError, match="mae looks at rgb.pose"):
        filmed("train", *words, "--modality", "pose")
