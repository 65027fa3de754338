"""Every corpus in its owners' layout, three or four clips small."""

import gzip
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slbench.data.readers import Lists
from slbench.data.readers.csl_daily import CslDailyLists
from slbench.data.readers.csl_news import CslNewsLists
from slbench.data.readers.how2sign import How2SignLists
from slbench.data.readers.msasl import MsaslLists
from slbench.data.readers.openasl import OpenAslLists
from slbench.data.readers.phoenix14 import Phoenix14Lists
from slbench.data.readers.phoenix14t import Phoenix14TLists
from slbench.data.readers.uni_sign import UniSignLists
from slbench.data.readers.wlasl import WlaslLists
from slbench.data.readers.youtube_asl import YouTubeAslLists


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


def put_json(path: Path, value: object) -> None:
    put(path, json.dumps(value, ensure_ascii=False, indent=1))


def put_pickle(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(pickle.dumps(value)))


def wlasl(folder: Path) -> None:
    def videos(*ids: str) -> list:
        return [{"video_id": one, "signer_id": int(one) % 7, "fps": 25, "split": "train"} for one in ids]

    signs = [{"gloss": "book", "instances": videos("00001", "00003")}, {"gloss": "a lot", "instances": videos("00002")}]
    members = {
        "00003": {"subset": "val", "action": [0, 1, 50]},
        "00001": {"subset": "train", "action": [0, 1146, 1241]},
        "00002": {"subset": "test", "action": [1, 1, 20]},
        "00009": {"subset": "train", "action": [1, 1, 20]},
    }
    put_json(folder / "start_kit/WLASL_v0.3.json", signs)
    put_json(folder / "code/I3D/preprocess/nslt_100.json", members)


def msasl(folder: Path) -> None:
    def sample(video: str, label: int, text: str, **other: object) -> dict:
        url = f"www.youtube.com/watch?v={video}&t=4s"
        return {
            "url": url,
            "label": label,
            "text": text,
            "clean_text": f"{text} sign",
            "signer_id": 3,
            "fps": 30.0,
        } | other

    first = sample("aaaaaaaaaaa", 0, "hello", start=0, end=30, start_time=0.0, end_time=1.0)
    put_json(folder / "MSASL_train.json", [first, first, sample("bbb-bbb_bbb", 100, "sign", start=5, end=9)])
    put_json(folder / "MSASL_val.json", [sample("ccccccccccc", 99, "no", start_time=1.5, end_time=2)])
    put_json(folder / "MSASL_test.json", [sample("ddddddddddd", 7, "yes", start=1, end=2)])


def phoenix14(folder: Path) -> None:
    place = folder / "phoenix-2014-multisigner/annotations/manual"
    for split in ("train", "dev", "test"):
        rows = [
            f"{split}-1|{split}-1/1/*.png|Signer01|__ON__ loc-NORD  REGEN",
            f"{split}-2|{split}-2/1/*.png|Signer04|IX",
        ]
        put(place / f"{split}.corpus.csv", "\n".join(["id|folder|signer|annotation", *rows]) + "\n")


def phoenix14t(folder: Path) -> None:
    place = folder / "PHOENIX-2014-T/annotations/manual"
    for split in ("train", "dev", "test"):
        rows = [f"{split}-{n}|{split}-{n}/1/*.png|-1|-1|Signer01|REGEN NORD|im norden fällt regen" for n in (1, 2)]
        head = "name|video|start|end|speaker|orth|translation"
        put(place / f"PHOENIX-2014-T.{split}.corpus.csv", "\n".join([head, *rows]) + "\n")


CSL_DAILY = {
    "S000007_P0003_T00": ("我 好", "我 好 。"),
    "S000001_P0000_T00": ("你们 好", "你 们 好 ！"),
    "S000002_P0004_T00": ("今天 星期 多少", "今 天 星 期 几 ？"),
    "S000003_P0004_T00": ("他 4", "他 4 。"),
}


def csl_daily(folder: Path) -> None:
    info = [
        {"name": name, "length": 9, "label_gloss": gloss.split(), "label_char": char.split(), "label_word": []}
        for name, (gloss, char) in CSL_DAILY.items()
    ]
    put_pickle(folder / "sentence_label/csl2020ct_v2.pkl", {"info": info, "gloss_map": ["他"], "char_map": []})
    put(folder / "sentence_label/split_1.txt", SPLIT_LIST)


SPLIT_LIST = "name|split\nS000001_P0000_T00|train\nS000003_P0004_T00|test\nS000002_P0004_T00|dev"


def how2sign(folder: Path) -> None:
    head = "VIDEO_ID\tVIDEO_NAME\tSENTENCE_ID\tSENTENCE_NAME\tSTART_REALIGNED\tEND_REALIGNED\tSENTENCE"
    for split in ("train", "val", "test"):
        rows = [
            f'v\tv-1-rgb_front\tv_0\tv_0-1-{split}\t0.26\t6.79\t"We call it ""the bar""."',
            f"v\tv-1-rgb_front\tv_1\tv_1-1-{split}\t9.5\t6.79\tThat's it.",
        ]
        place = folder / f"sentence_level/{split}/text/en/raw_text/re_aligned"
        put(place / f"how2sign_realigned_{split}.csv", "\n".join([head, *rows]) + "\n")


def openasl(folder: Path) -> None:
    rows = ["vid\tyid\tstart\tend\traw-text\ttokenized-text\tgloss\tsplit"]
    for number, split in enumerate(("train", "valid", "test", "train")):
        start, end = f"00:01:0{number}.100", f"01:01:0{number}.200"
        rows.append(f"y{number}-{start}-{end}\ty{number}\t{start}\t{end}\tUSA! {number}\tusa\t\t{split}")
    put(folder / "data/openasl-v1.0.tsv", "\n".join(rows) + "\n")


def csl_news(folder: Path) -> None:
    entries = [{"video": f"n_{n}.mp4", "pose": f"n_{n}.pkl", "text": f"新闻{n}"} for n in range(150)]
    put_json(folder / "CSL_News_Labels.json", entries)


VTT = "WEBVTT\n\nNOTE made up\n\n00:01.000 --> 00:02.500\n<c>Hi,</c>\nyou &amp; me.\n\n00:03.000 --> 00:04.000\n\n"


def youtube_asl(folder: Path) -> None:
    put(folder / "youtube-asl.txt", "aaaaaaaaaaa\nbbbbbbbbbb_\nccccccccccc\n")
    put(folder / "captions/aaaaaaaaaaa.en.vtt", VTT)
    put(
        folder / "captions/bbbbbbbbbb_.srt",
        "1\n00:00:01,000 --> 00:00:02,000\n{\\an8}One\n\n2\n00:00:01,000 --> 00:00:03,000\nTwo\n",
    )


def uni_sign(folder: Path) -> None:
    for split in ("train", "dev", "test"):
        label = {"name": f"v.1-{split}.mp4", "gloss": ["A", "B"], "text": "Two.", "video_path": f"v.1-{split}.mp4"}
        other = {"name": f"w-{split}.mp4", "gloss": "", "text": "One.", "video_path": f"w-{split}.mp4"}
        put_pickle(folder / f"labels.{split}", {label["name"]: label, other["name"]: other})


@dataclass(frozen=True)
class Layout:
    """How to write a corpus, how to read it, and the clips in it by split."""

    lists: type[Lists]
    write: Callable[[Path], None]
    ids: dict[str, list[str]]
    subset: int | None = None


LAYOUTS = {
    "wlasl": Layout(WlaslLists, wlasl, {"train": ["00001", "00009"], "dev": ["00003"], "test": ["00002"]}, 100),
    "msasl": Layout(
        MsaslLists,
        msasl,
        {
            "train": ["aaaaaaaaaaa-0-30", "aaaaaaaaaaa-0-30-2"],
            "dev": ["ccccccccccc-1500ms-2000ms"],
            "test": ["ddddddddddd-1-2"],
        },
        100,
    ),
    "phoenix14": Layout(Phoenix14Lists, phoenix14, {s: [f"{s}-1", f"{s}-2"] for s in ("train", "dev", "test")}),
    "phoenix14t": Layout(Phoenix14TLists, phoenix14t, {s: [f"{s}-1", f"{s}-2"] for s in ("train", "dev", "test")}),
    "csl-daily": Layout(
        CslDailyLists,
        csl_daily,
        {"train": ["S000001_P0000_T00"], "dev": ["S000002_P0004_T00"], "test": ["S000003_P0004_T00"]},
    ),
    "how2sign": Layout(
        How2SignLists,
        how2sign,
        {s: [f"v_0-1-{n}", f"v_1-1-{n}"] for s, n in (("train", "train"), ("dev", "val"), ("test", "test"))},
    ),
    "openasl": Layout(
        OpenAslLists,
        openasl,
        {
            "train": ["y0-00:01:00.100-01:01:00.200", "y3-00:01:03.100-01:01:03.200"],
            "dev": ["y1-00:01:01.100-01:01:01.200"],
            "test": ["y2-00:01:02.100-01:01:02.200"],
        },
    ),
    "csl-news": Layout(
        CslNewsLists,
        csl_news,
        {"train": [f"n_{n}" for n in range(148)], "dev": ["n_148", "n_149"], "test": []},
    ),
    "youtube-asl": Layout(
        YouTubeAslLists,
        youtube_asl,
        {"train": ["aaaaaaaaaaa-1000", "bbbbbbbbbb_-1000", "bbbbbbbbbb_-1000-2"], "dev": [], "test": []},
    ),
    "uni-sign": Layout(UniSignLists, uni_sign, {s: [f"v.1-{s}", f"w-{s}"] for s in ("train", "dev", "test")}),
}


def lists_of(name: str, folder: Path) -> Lists:
    """A corpus in a folder, written if the folder is empty."""
    layout = LAYOUTS[name]
    if not folder.exists() or not any(folder.iterdir()):
        layout.write(folder)
    return layout.lists(folder, layout.subset)
