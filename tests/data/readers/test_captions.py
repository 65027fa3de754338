"""YouTube-ASL: captions as people fetch them."""

import json
from pathlib import Path

import pytest
from layouts import lists_of, put

from slbench.data.readers.base import Listed, Recording
from slbench.data.readers.captions import Caption, read_captions
from slbench.data.readers.youtube_asl import YouTubeAslLists
from slbench.errors import DataError

EXPECTED = [Caption(1.0, 2.5, "Hi, you & me."), Caption(3725.25, 3726.0, "Next: 1 --> 2")]
FORMS = {
    "a.vtt": "WEBVTT - made up\n\nSTYLE\n::cue {}\n\nname\n00:01.000 --> 00:02.500 align:start position:0%\n"
    "<v Ann><c.yellow>Hi,</c>\nyou &amp; me.\n\n01:02:05.250 --> 01:02:06.000\nNext: 1 --> 2\n",
    "a.srt": "1\n00:00:01,000 --> 00:00:02,500\n<i>Hi,</i>\n{\\an8}you & me.\n\n"
    "2\n01:02:05,250 --> 01:02:06,000\nNext: 1 --> 2\n",
    "a.json3": json.dumps(
        {
            "wireMagic": "pb3",
            "events": [
                {"tStartMs": 1000, "dDurationMs": 1500, "segs": [{"utf8": "Hi,\n"}, {"utf8": "you & me."}]},
                {"tStartMs": 3725250, "dDurationMs": 750, "segs": [{"utf8": "Next: 1 --> 2", "acAsrConf": 0}]},
            ],
        }
    ),
    "a.json": json.dumps(
        [
            {"text": "Hi,\nyou &amp; me.", "start": 1, "duration": 1.5},
            {"text": "Next: 1 --> 2", "start": 3725.25, "end": 3726.0},
        ]
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_says_the_same(name: str, tmp_path: Path) -> None:
    put(tmp_path / name, FORMS[name])
    assert read_captions(tmp_path / name) == EXPECTED
    put(tmp_path / name, FORMS[name].replace("\n", "\r\n"))
    assert read_captions(tmp_path / name) == EXPECTED


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("a.srt", "Hello.\n", "holds no captions; fetch them again"),
        ("a.vtt", "WEBVTT\n\n00:01.000 --> \nHi\n", "'00:01.000 --> ': '' is no time"),
        ("a.srt", "1\n0:00:01,000 --> now\nHi\n", "'now' is no time"),
        ("a.json", '[{"text": "Hi", "start": 1}]', "caption 1 has neither duration nor end"),
        ("a.json", '[{"text": "Hi", "start": 1', "is cut off or of another version"),
    ],
)
def test_damaged_captions(name: str, text: str, fault: str, tmp_path: Path) -> None:
    put(tmp_path / name, text)
    with pytest.raises(DataError) as caught:
        read_captions(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert fault in str(caught.value)


def test_clips_are_captions_with_text(tmp_path: Path) -> None:
    clips = list(lists_of("youtube-asl", tmp_path).listed("train"))
    first = (Recording("aaaaaaaaaaa-1000"), Recording("aaaaaaaaaaa", seconds=(1.0, 2.5)))
    assert clips[0] == Listed("aaaaaaaaaaa-1000", "Hi, you & me.", "", first)
    assert [(clip.text, clip.recordings[-1].seconds) for clip in clips[1:]] == [
        ("One", (1.0, 2.0)),
        ("Two", (1.0, 3.0)),
    ]


def test_a_caption_without_length_is_listed_as_missing(tmp_path: Path) -> None:
    put(tmp_path / "ids.txt", "aaaaaaaaaaa\n")
    put(tmp_path / "aaaaaaaaaaa.vtt", "WEBVTT\n\n00:02.000 --> 00:02.000\nHi\n")
    (clip,) = YouTubeAslLists(tmp_path, None).listed("train")
    assert clip.missing == "the caption ends at 2 s, before it begins"


def test_english_captions_are_chosen_and_other_files_left_alone(tmp_path: Path) -> None:
    put(tmp_path / "youtube_asl_video_ids.txt", "aaaaaaaaaaa\nbbbbbbbbbbb\n")
    for name in (
        "aaaaaaaaaaa.en-GB.vtt",
        "aaaaaaaaaaa.de.vtt",
        "aaaaaaaaaaa.info.json",
        "zzzzzzzzzzz.vtt",
        "bbbbbbbbbbb.mp4",
    ):
        put(tmp_path / name, "WEBVTT\n\n00:01.000 --> 00:02.000\n" + name)
    assert [clip.text for clip in YouTubeAslLists(tmp_path, None).listed("train")] == ["aaaaaaaaaaa.en-GB.vtt"]
    put(tmp_path / "captions/aaaaaaaaaaa.en.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\nplain")
    assert [clip.text for clip in YouTubeAslLists(tmp_path, None).listed("train")] == ["plain"]


def test_ids_that_are_none_and_ids_without_captions(tmp_path: Path) -> None:
    put(tmp_path / "ids.txt", "aaaaaaaaaaa\nhttps://youtu.be/b\n")
    with pytest.raises(DataError, match=r"ids\.txt:2: 'https://youtu\.be/b' is no id of a video"):
        YouTubeAslLists(tmp_path, None).files("train")
    put(tmp_path / "ids.txt", "aaaaaaaaaaa\nbbbbbbbbbbb\n")
    with pytest.raises(DataError, match=r"ids\.txt: of 2 videos none has captions; fetch them into .*captions as"):
        YouTubeAslLists(tmp_path, None).files("train")
    put(tmp_path / "ids.txt", "aaaaaaaaaaa\naaaaaaaaaaa\n")
    with pytest.raises(DataError, match=r"ids\.txt:2: the id 'aaaaaaaaaaa' is also at .*ids\.txt:1;"):
        YouTubeAslLists(tmp_path, None).files("train")
