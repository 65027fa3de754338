"""WLASL, MS-ASL and PHOENIX-2014: what their lists say of a clip."""

import json
from pathlib import Path

import pytest
from layouts import lists_of, put
from shared import shared

from slbench.data.pickles import read_pickle
from slbench.data.readers.base import Listed, Recording
from slbench.data.readers.msasl import MsaslLists
from slbench.data.readers.phoenix14 import BROKEN, Phoenix14Lists
from slbench.data.readers.phoenix14t import Phoenix14TLists
from slbench.data.readers.wlasl import WlaslLists
from slbench.errors import DataError

SPLITS = ("train", "dev", "test")


def test_wlasl_clip(tmp_path: Path) -> None:
    (clip,) = lists_of("wlasl", tmp_path).listed("dev")
    places = (Recording("00003"), Recording("val/00003"), Recording("dev/00003"))
    assert clip == Listed("00003", "book", "book", places, signer="3")


def test_wlasl_takes_a_gloss_by_number_where_the_signs_lack_the_video(tmp_path: Path) -> None:
    _, lacking = lists_of("wlasl", tmp_path).listed("train")
    assert (lacking.id, lacking.gloss, lacking.signer, lacking.missing) == ("00009", "a lot", "", None)
    path = tmp_path / "code/I3D/preprocess/nslt_100.json"
    path.write_text(path.read_text().replace('"00002"', '"00010"').replace("\n   1,", "\n   2,"))
    with pytest.raises(
        DataError, match=r"nslt_100\.json: video 00009: there is no class 2 among 2; is WLASL_v0\.3\.json"
    ):
        list(lists_of("wlasl", tmp_path).listed("train"))


def test_wlasl_honours_the_list_of_missing_videos(tmp_path: Path) -> None:
    lists_of("wlasl", tmp_path)
    put(tmp_path / "start_kit/missing.txt", "00009\r\n12345\r\n")
    lists = lists_of("wlasl", tmp_path)
    assert [(clip.id, clip.missing) for clip in lists.listed("train")] == [
        ("00001", None),
        ("00009", "missing.txt names it"),
    ]
    assert tmp_path / "start_kit/missing.txt" in lists.files("train")
    put(tmp_path / "start_kit/missing.txt", "")
    assert {clip.missing for clip in lists_of("wlasl", tmp_path).listed("train")} == {None}


def test_wlasl_needs_both_files_and_the_right_subset(tmp_path: Path) -> None:
    lists_of("wlasl", tmp_path)
    assert WlaslLists(tmp_path / "code", 300).files("train") == []
    (tmp_path / "start_kit/WLASL_v0.3.json").unlink()
    with pytest.raises(
        DataError, match=r"nslt_100\.json: there is no WLASL_v0\.3\.json with it; the list of dev is nslt_"
    ):
        WlaslLists(tmp_path, 100).files("dev")


def test_wlasl_with_an_unknown_split(tmp_path: Path) -> None:
    lists_of("wlasl", tmp_path)
    path = tmp_path / "code/I3D/preprocess/nslt_100.json"
    path.write_text(path.read_text().replace('"val"', '"devel"'))
    with pytest.raises(DataError, match=r"nslt_100\.json: video 00003: there is no split 'devel'"):
        list(lists_of("wlasl", tmp_path).listed("train"))


WLASL = {
    100: (1442, 338, 258),
    300: (3549, 901, 668),
    1000: (8978, 2320, 1876),
    2000: (14296, 3920, 2879),
}


@pytest.mark.parametrize("subset", WLASL)
def test_real_wlasl(subset: int) -> None:
    folder = shared(f"corpora/wlasl/nslt_{subset}.json").parent
    lists = WlaslLists(folder, subset)
    clips = {split: list(lists.listed(split)) for split in SPLITS}
    assert tuple(map(len, clips.values())) == WLASL[subset]
    classes = {clip.gloss for split in SPLITS for clip in clips[split]}
    assert len(classes) == subset
    numbered = dict(line.split("\t") for line in (folder / "wlasl_class_list.txt").read_text().splitlines())
    assert classes ^ set(list(numbered.values())[:subset]) == ({"lose", "losear"} if subset > 100 else set())


def test_real_wlasl_against_the_labels_of_another_lab() -> None:
    folder = shared("corpora/wlasl/labels-2000.test").parent
    lists = WlaslLists(folder, 2000)
    for split, lacking in (("train", 7), ("dev", 4), ("test", 1)):
        labels = {name: label["text"] for name, label in read_pickle(folder / f"labels-2000.{split}").items()}
        glosses = {clip.id: clip.gloss for clip in lists.listed(split)}
        assert len(glosses.keys() - labels.keys()) == lacking
        assert labels.items() <= glosses.items()


def test_msasl_clips(tmp_path: Path) -> None:
    lists = lists_of("msasl", tmp_path)
    first, again = lists.listed("train")
    here = (Recording("aaaaaaaaaaa-0-30"), Recording("train/aaaaaaaaaaa-0-30"))
    video = Recording("aaaaaaaaaaa", seconds=(0.0, 1.0))
    assert first == Listed("aaaaaaaaaaa-0-30", "hello", "hello", (*here, video), "3", 30.0)
    assert (again.id, again.recordings[0], again.recordings[-1]) == ("aaaaaaaaaaa-0-30-2", Recording(again.id), video)
    assert next(iter(lists.listed("dev"))).recordings[-1] == Recording("ccccccccccc", seconds=(1.5, 2.0))
    assert next(iter(lists.listed("test"))).recordings[-1] == Recording("ddddddddddd", frames=(1, 2))
    assert [clip.id for clip in MsaslLists(tmp_path, None).listed("train")][-1] == "bbb-bbb_bbb-5-9"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"url": "www.example.org/watch?v=x"}, "entry 2: 'www.example.org/watch?v=x' is no video on YouTube"),
        ({"start": None, "start_time": None}, "entry 2: neither start and end nor start_time and end_time"),
        ({"label": "0"}, r"1.label: Input should be a valid integer"),
        ({"text": None}, r"1.text: Input should be a valid string"),
    ],
)
def test_msasl_of_another_version(change: dict, fault: str, tmp_path: Path) -> None:
    lists_of("msasl", tmp_path)
    path = tmp_path / "MSASL_train.json"
    samples = json.loads(path.read_text())
    samples[1] |= change
    path.write_text(json.dumps(samples))
    with pytest.raises(DataError) as caught:
        list(lists_of("msasl", tmp_path).listed("train"))
    assert str(caught.value).startswith(str(path))
    assert fault in str(caught.value)


MSASL = {100: (3789, 1190, 757), 200: (6319, 2041, 1359), 500: (11401, 3702, 2720), 1000: (16054, 5287, 4172)}


@pytest.mark.parametrize("subset", MSASL)
def test_real_msasl(subset: int, tmp_path: Path) -> None:
    """Copies of the lists without times, under the owners' names; the 757 of test are also a list of their own."""
    for split in ("train", "val", "test"):
        (tmp_path / f"MSASL_{split}.json").symlink_to(shared(f"corpora/msasl/MS_ASL_SI_ASL1000_{split}.json"))
    clips = {split: list(MsaslLists(tmp_path, subset).listed(split)) for split in SPLITS}
    assert tuple(map(len, clips.values())) == MSASL[subset]
    assert len({clip.id for split in SPLITS for clip in clips[split]}) == sum(MSASL[subset])
    assert len({clip.gloss for split in SPLITS for clip in clips[split]}) == subset
    if subset == 100:
        theirs = json.loads(shared("corpora/msasl/MS_ASL_SI_ASL100_test.json").read_text())
        assert [clip.gloss for clip in clips["test"]] == [sample["text"] for sample in theirs]


def test_phoenix14_clip_is_raw_but_for_spaces(tmp_path: Path) -> None:
    clip, _ = lists_of("phoenix14", tmp_path).listed("dev")
    places = ("dev-1", "val/dev-1", "dev/dev-1", "dev-1/1", "val/dev-1/1", "dev/dev-1/1")
    assert clip == Listed("dev-1", "", "__ON__ loc-NORD REGEN", tuple(map(Recording, places)), "Signer01")


def test_phoenix14_leaves_the_broken_clip_out_wherever_it_is(tmp_path: Path) -> None:
    whole = [clip.id for clip in lists_of("phoenix14", tmp_path).listed("train")]
    path = tmp_path / "phoenix-2014-multisigner/annotations/manual/train.corpus.csv"
    rows = path.read_text().splitlines()
    for place in (1, 2, 3):
        broken = f"{BROKEN}|{BROKEN}/1/*.png|Signer07|WOCHENENDE"
        path.write_text("\n".join([*rows[:place], broken, *rows[place:]]))
        assert [clip.id for clip in lists_of("phoenix14", tmp_path).listed("train")] == whole


def stm(name: str) -> dict[str, tuple[str, str]]:
    """Id -> signer and glosses."""
    rows = [line.split(" ", 5) for line in shared(name).read_text(encoding="utf-8").splitlines()]
    return {row[0]: (row[2], " ".join(row[5].split())) for row in rows}


@pytest.mark.parametrize(("split", "clips"), [("train", 5671), ("dev", 540), ("test", 629)])
def test_real_phoenix14(split: str, clips: int, tmp_path: Path) -> None:
    """The owners' csv is rebuilt from one lab's lists, and read as another lab scores it."""
    rows = [
        "|".join((row["folder"].split("/")[0], row["folder"], row["signer"], row["gloss"]))
        for row in read_pickle(shared(f"corpora/phoenix14/twostream.{split}"))
    ]
    put(tmp_path / f"{split}.corpus.csv", "\n".join(["id|folder|signer|annotation", *rows]) + "\n")
    found = {clip.id: (clip.signer, clip.gloss) for clip in Phoenix14Lists(tmp_path, None).listed(split)}
    assert len(found) == clips
    assert found == stm(f"corpora/phoenix14/phoenix2014-groundtruth-{split}.stm")


def test_phoenix14t_clip(tmp_path: Path) -> None:
    clip = next(iter(lists_of("phoenix14t", tmp_path).listed("test")))
    places = (Recording("test-1"), Recording("test/test-1"))
    assert clip == Listed("test-1", "im norden fällt regen", "REGEN NORD", places, "Signer01")


def test_real_phoenix14t() -> None:
    """The first row of the owners' test list, against the STM file and another lab's text."""
    path = shared("corpora/phoenix14t/PHOENIX-2014-T.test.corpus.csv")
    (clip,) = Phoenix14TLists(path.parent, None).listed("test")
    assert (clip.signer, clip.gloss) == stm("corpora/phoenix14t/phoenix2014-T-groundtruth-test.stm")[clip.id]
    assert clip.text == read_pickle(path.with_name("labels.test"))[f"test/{clip.id}"]["text"]
