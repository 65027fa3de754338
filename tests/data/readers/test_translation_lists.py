"""CSL-Daily, How2Sign, OpenASL, CSL-News and Uni-Sign's labels: what their lists say of a clip."""

import pickle
from pathlib import Path

import pytest
from layouts import CSL_DAILY, SPLIT_LIST, lists_of, put, put_json, put_pickle
from shared import shared

from slbench.data.pickles import read_pickle
from slbench.data.readers.base import Listed, Recording
from slbench.data.readers.csl_daily import CslDailyLists
from slbench.data.readers.how2sign import How2SignLists
from slbench.data.readers.uni_sign import UniSignLists
from slbench.errors import DataError

SPLITS = ("train", "dev", "test")
TABLE = "index|name|length|gloss|char|word|postag\n" + "".join(
    f"{number}|{name}|9|{gloss}|{char}|x|x\n" for number, (name, (gloss, char)) in enumerate(CSL_DAILY.items())
)


def test_csl_daily_clip(tmp_path: Path) -> None:
    (clip,) = lists_of("csl-daily", tmp_path).listed("test")
    places = (Recording("S000003_P0004_T00"), Recording("test/S000003_P0004_T00"))
    assert clip == Listed("S000003_P0004_T00", "他4。", "他 4", places, "P0004")


def test_csl_daily_leaves_out_what_has_no_split(tmp_path: Path) -> None:
    lists = lists_of("csl-daily", tmp_path)
    assert "S000007_P0003_T00" in CSL_DAILY
    assert "S000007_P0003_T00" not in {clip.id for split in SPLITS for clip in lists.listed(split)}


def test_csl_daily_from_its_table_is_the_same(tmp_path: Path) -> None:
    from_pickle = lists_of("csl-daily", tmp_path / "pickle")
    put(tmp_path / "table/sentence_label/video_map.txt", TABLE)
    put(tmp_path / "table/sentence_label/split_1.txt", SPLIT_LIST)
    from_table = CslDailyLists(tmp_path / "table", None)
    for split in SPLITS:
        assert list(from_table.listed(split)) == list(from_pickle.listed(split))


def test_csl_daily_without_labels(tmp_path: Path) -> None:
    put(tmp_path / "split_1.txt", SPLIT_LIST)
    with pytest.raises(
        DataError, match=r"there is no csl2020ct_v2\.pkl with it; .* csl2020ct_v2\.pkl \(or video_map\.txt\)"
    ):
        CslDailyLists(tmp_path, None).files("train")
    put(tmp_path / "video_map.txt", TABLE.replace("S000001", "S999999"))
    with pytest.raises(DataError, match=r"split_1\.txt:2: S000001_P0000_T00 is not in .*video_map\.txt; get both"):
        list(CslDailyLists(tmp_path, None).listed("train"))


def test_labels_that_would_run_code_are_refused(tmp_path: Path) -> None:
    lists_of("csl-daily", tmp_path)
    path = tmp_path / "sentence_label/csl2020ct_v2.pkl"
    path.write_bytes(pickle.dumps({"info": [print]}))
    with pytest.raises(DataError, match=r"csl2020ct_v2\.pkl: this pickle asks for builtins\.print"):
        list(lists_of("csl-daily", tmp_path).listed("train"))


@pytest.mark.parametrize(("split", "clips"), [("train", 18401), ("dev", 1077), ("test", 1176)])
def test_real_csl_daily(split: str, clips: int, tmp_path: Path) -> None:
    """The owners' pickle is rebuilt from another lab's labels: the real split_1.txt asks for them and no others."""
    folder = shared("corpora/csl-daily/split_1.txt").parent
    labels = {name: label for one in SPLITS for name, label in read_pickle(folder / f"labels.{one}").items()}
    info = [
        {"name": name, "label_gloss": label["gloss"], "label_char": list(label["text"])}
        for name, label in labels.items()
    ]
    put_pickle(tmp_path / "csl2020ct_v2.pkl", {"info": info})
    (tmp_path / "split_1.txt").symlink_to(folder / "split_1.txt")
    found = {clip.id: clip for clip in CslDailyLists(tmp_path, None).listed(split)}
    theirs = {clip.id: clip for clip in UniSignLists(folder, None).listed(split)}
    assert len(found) == clips
    assert found.keys() == theirs.keys()
    assert all(theirs[name].text == clip.text and theirs[name].gloss == clip.gloss for name, clip in found.items())


@pytest.mark.parametrize("split", ["dev", "test"])
def test_real_csl_daily_labels_against_the_stm_file_and_a_third_lab(split: str) -> None:
    path = shared(f"corpora/csl-daily/CSL-Daily-groundtruth-{split}.stm")
    rows = [line.split(" ", 5) for line in path.read_text(encoding="utf-8").splitlines()]
    clips = list(UniSignLists(path.parent, None).listed(split))
    assert {clip.id: clip.gloss for clip in clips} == {row[0]: row[5] for row in rows}
    third = {row["name"]: row for row in read_pickle(path.with_name(f"twostream.{split}"))}
    assert {clip.id: clip.text for clip in clips} == {name: row["text"] for name, row in third.items()}


def test_how2sign_clips(tmp_path: Path) -> None:
    clip, backwards = lists_of("how2sign", tmp_path).listed("dev")
    places = (Recording("v_0-1-val"), Recording("val/v_0-1-val"), Recording("dev/v_0-1-val"))
    video = Recording("v-1-rgb_front", seconds=(0.26, 6.79))
    assert clip == Listed("v_0-1-val", 'We call it "the bar".', "", (*places, video))
    assert backwards.missing == "the list has it end at 6.79 s and begin at 9.5 s"


def test_how2sign_with_the_old_list_and_no_times(tmp_path: Path) -> None:
    lists_of("how2sign", tmp_path)
    path = next(tmp_path.rglob("*_test.csv"))
    text = path.read_text()
    path.write_text(text.replace("_REALIGNED", ""))
    with pytest.raises(
        DataError, match=r"_test\.csv:1: there is no column START_REALIGNED, END_REALIGNED but VIDEO_ID"
    ):
        list(lists_of("how2sign", tmp_path).listed("test"))
    path.write_text(text.replace("\t6.79", "\tsoon"))
    with pytest.raises(DataError, match=r"_test\.csv:2: 'soon' is no time"):
        list(lists_of("how2sign", tmp_path).listed("test"))
    path.write_text(text.replace('bar""."', 'bar""'))
    with pytest.raises(DataError, match=r"_test\.csv:3: a quotation mark that opens in a line above is not closed"):
        list(lists_of("how2sign", tmp_path).listed("test"))


def test_real_how2sign_against_the_labels_of_another_lab() -> None:
    """They lack eight sentences of one video; every other text is the same."""
    folder = shared("corpora/how2sign/how2sign_realigned_test.csv").parent
    listed = {clip.id: clip.text for clip in How2SignLists(folder, None).listed("test")}
    labels = {clip.id: clip.text for clip in UniSignLists(folder, None).listed("test")}
    assert (len(listed), len(labels)) == (2357, 2349)
    assert labels.items() <= listed.items()
    assert listed.keys() - labels.keys() == {f"g0yUlOaqL6k_{number}-3-rgb_front" for number in range(17, 25)}
    assert len(list(UniSignLists(folder, None).listed("train"))) == 31086
    assert UniSignLists(folder, None).files("dev") == []


def test_openasl_clip(tmp_path: Path) -> None:
    (clip,) = lists_of("openasl", tmp_path).listed("test")
    name = "y2-00:01:02.100-01:01:02.200"
    places = (name, f"test/{name}", "y2-00%01%02.100-01%01%02.200")
    video = Recording("y2", seconds=(62.1, 3662.2))
    assert clip == Listed(name, "USA! 2", "", (*map(Recording, places), video))


def test_openasl_clip_that_ends_before_it_begins(tmp_path: Path) -> None:
    lists_of("openasl", tmp_path)
    path = tmp_path / "data/openasl-v1.0.tsv"
    path.write_text(path.read_text().replace("\t01:01:02.200", "\t00:00:02.200"))
    (clip,) = lists_of("openasl", tmp_path).listed("test")
    assert clip.missing == "the list has it end at 2.2 s, before it begins"


@pytest.mark.parametrize(("split", "clips"), [("dev", 967), ("test", 976)])
def test_real_openasl_labels(split: str, clips: int) -> None:
    """Their names say the times, as the owners' `vid` does."""
    folder = shared(f"corpora/openasl/labels.{split}").parent
    found = list(UniSignLists(folder, None).listed(split))
    assert len(found) == clips
    assert all(clip.id.count(":") == 4 and not clip.id.endswith(".mp4") and clip.text for clip in found)
    assert UniSignLists(folder, None).files("train") == []


@pytest.mark.parametrize(("entries", "train"), [(1, 0), (99, 98), (100, 99), (101, 99), (150, 148), (200, 198)])
def test_csl_news_cuts_off_the_last_percent_as_the_released_code_does(entries: int, train: int, tmp_path: Path) -> None:
    rows = ", ".join(f'{{"video": "{n}.mp4", "pose": "{n}.pkl", "text": "好", "more": 1}}' for n in range(entries))
    put(tmp_path / "data/train/CSL_News_Labels.json", f"[{rows}]")
    lists = lists_of("csl-news", tmp_path)
    assert [clip.id for clip in lists.listed("train")] == [str(n) for n in range(train)]
    assert [clip.id for clip in lists.listed("dev")] == [str(n) for n in range(train, entries)]


def test_csl_news_clip_has_the_name_of_its_pose(tmp_path: Path) -> None:
    put(tmp_path / "CSL_News_Labels.json", '[{"video": "a.b_0-9_1.mp4", "pose": "p.b_0-9_1.pkl", "text": "好"}]')
    (clip,) = lists_of("csl-news", tmp_path).listed("dev")
    assert clip == Listed("a.b_0-9_1", "好", "", (Recording("p.b_0-9_1"), Recording("a.b_0-9_1")))
    put_json(tmp_path / "CSL_News_Labels.json", [{"video": "a.mp4", "pose": "a.pkl", "text": ""}] * 2)
    with pytest.raises(DataError, match=r"json: entry 2: the id 'a' is also at .*json: entry 1;"):
        list(lists_of("csl-news", tmp_path).listed("dev"))


def test_uni_sign_clips(tmp_path: Path) -> None:
    clip, other = lists_of("uni-sign", tmp_path).listed("dev")
    places = tuple(map(Recording, ("v.1-dev", "val/v.1-dev", "dev/v.1-dev")))
    assert clip == Listed("v.1-dev", "Two.", "A B", places)
    assert other.gloss == ""


def test_uni_sign_subset_is_in_the_name_and_its_text_is_the_gloss(tmp_path: Path) -> None:
    label = {"name": "00001", "gloss": "", "text": "a lot", "video_path": "00001.mp4"}
    put_pickle(tmp_path / "data/labels-2000.dev", {"00001": label})
    lists = UniSignLists(tmp_path, 2000)
    (clip,) = lists.listed("dev")
    assert (clip.text, clip.gloss) == ("a lot", "a lot")
    assert UniSignLists(tmp_path, 100).files("dev") == []
    assert lists.wanted("train") == "labels-2000.train"


def test_uni_sign_two_labels_of_one_clip(tmp_path: Path) -> None:
    put_pickle(tmp_path / "labels.dev", {key: {"name": "a.mp4", "text": ""} for key in ("a", "b")})
    with pytest.raises(DataError, match=r"labels\.dev: b: the id 'a' is also at .*labels\.dev: a;"):
        list(UniSignLists(tmp_path, None).listed("dev"))


@pytest.mark.parametrize(("split", "clips"), [("train", 7096), ("dev", 519), ("test", 642)])
def test_real_phoenix14t_labels(split: str, clips: int) -> None:
    folder = shared(f"corpora/phoenix14t/labels.{split}").parent
    found = {clip.id: clip for clip in UniSignLists(folder, None).listed(split)}
    assert len(found) == clips
    assert all(Recording(f"{split}/{name}") in clip.recordings for name, clip in found.items())
    if split != "train":
        lines = shared(f"corpora/phoenix14t/phoenix2014-T-groundtruth-{split}.stm").read_text().splitlines()
        assert found.keys() == {line.split(" ", 1)[0] for line in lines}


def test_real_wlasl_labels() -> None:
    folder = shared("corpora/wlasl/labels-2000.test").parent
    found = {split: list(UniSignLists(folder, 2000).listed(split)) for split in SPLITS}
    assert [len(clips) for clips in found.values()] == [14289, 3916, 2878]
    assert [len({clip.gloss for clip in clips}) for clips in found.values()] == [2000, 2000, 1999]
