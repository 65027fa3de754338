"""The clean-ups on real lines, rule by rule, and against sed and perl, which the official script is made of.

Lines are from the STM files of PHOENIX-2014; a comment says where one was changed.
"""

import os
import re
import shutil
import subprocess
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared import shared

from slbench.metrics import phoenix
from slbench.metrics.phoenix import Rule, clean_2014, clean_2014_official, clean_2014t

LETTERS = [
    (r"^([A-Z]) ([A-Z][+ ])", "E Z BERG THUERINGEN WALD", "E+Z BERG THUERINGEN WALD"),
    # The joined letter is parted from the one before: that is what the script does, whatever was meant.
    (r"[ +]([A-Z]) ([A-Z]) ", "E R Z BERG KOENNEN FUENF SIEBZIG", "E R+Z BERG KOENNEN FUENF SIEBZIG"),
    (r"([ +][A-Z]) ([A-Z][ +])", "TAG E R Z BERG VIER GRAD", "TAG E+R+Z BERG VIER GRAD"),
    (r"([ +]SCH) ([A-Z][ +])", "TAG SCH H STEIN DREIZEHN GRAD", "TAG SCH+H STEIN DREIZEHN GRAD"),
    (r"([ +]NN) ([A-Z][ +])", "TIEF G U NN E R WOLKE", "TIEF G+U+NN+E+R WOLKE"),
    (r"([ +][A-Z]) (NN[ +])", "TIEF G U NN E R WOLKE", "TIEF G+U+NN+E+R WOLKE"),
    (r"([ +][A-Z]) ([A-Z])$", "INTERNET LESEN Z D F", "INTERNET LESEN Z+D+F"),
    # Made from it: NN twice.
    (" +", "TIEF G U NN __PU__ NN E R WOLKE", "TIEF G+U+NN+E+R WOLKE"),
    (phoenix.REPEATS.pattern, "TIEF G U NN NN E R WOLKE", "TIEF G+U+NN+E+R WOLKE"),
]
ONCE_TOO_FEW = [
    # Made from a line with D A M I A N.
    (r"([ +][A-Z]) ([A-Z][ +])", "HOCH D A M I A+N IX", "HOCH D+A+M+I+A+N IX"),
    (phoenix.REPEATS.pattern, f"TIEF G U {'NN ' * 9}E R WOLKE", "TIEF G+U+NN+E+R WOLKE"),
]
CASES_2014 = [
    ("loc-", "loc-STREIFEN loc-SUED", "STREIFEN SUED"),
    ("cl-", "__ON__ TAG cl-KOMMEN __OFF__", "__ON__ TAG KOMMEN __OFF__"),
    ("qu-", "qu-DU qu-MOEGEN WARM SUPER", "DU MOEGEN WARM SUPER"),
    ("poss-", "__ON__ ABEND poss-EUCH __OFF__", "__ON__ ABEND EUCH __OFF__"),
    ("lh-", "SUEDWESTRAUM lh-HOCH __LEFTHAND__ FREITAG", "SUEDWEST HOCH FREITAG"),
    ("S0NNE", "DONNERSTAG MEISTENS SONNE S0NNE SONNE IX", "DONNERSTAG MEISTENS SONNE IX"),
    ("HABEN2", "OST loc-REGION IX SONNE HABEN2 __OFF__", "OST REGION IX SONNE HABEN __OFF__"),
    ("__EMOTION__", "IX IX GERADE OST __EMOTION__ BERG", "IX GERADE OST BERG"),
    ("__PU__", "DABEI __PU__ cl-KOMMEN __OFF__", "DABEI KOMMEN __OFF__"),
    ("__LEFTHAND__", "FLUSS __LEFTHAND__ K MUENCHEN ZU", "FLUSS K MUENCHEN ZU"),
    ("WIE AUSSEHEN", "__ON__ WETTER WIE AUSSEHEN MORGEN", "__ON__ WETTER WIE-AUSSEHEN MORGEN"),
    ("ZEIGEN ", "__ON__ WIND ZEIGEN __OFF__", "__ON__ WIND ZEIGEN-BILDSCHIRM __OFF__"),
    ("ZEIGEN$", "TIEF DRUCK SEHEN ZEIGEN", "TIEF DRUCK SEHEN ZEIGEN-BILDSCHIRM"),
    *LETTERS,
    ("([A-Z][A-Z])RAUM", "NORDRAUM IX STURM IX WEHEN", "NORD IX STURM IX WEHEN"),
    ("-PLUSPLUS", "IX REGEN-PLUSPLUS KOENNEN FREITAG", "IX REGEN KOENNEN FREITAG"),
]
CASES_2014T = [
    # The next three are made from lines: the mark follows without a space, where the rule for other marks ends.
    ("__LEFTHAND__", "FLUSS__LEFTHAND__ K MUENCHEN ZU", "FLUSS K MUENCHEN ZU"),
    ("__EPENTHESIS__", "GERADE OST__EPENTHESIS__ BERG", "GERADE OST BERG"),
    ("__EMOTION__", "GERADE OST__EMOTION__ BERG", "GERADE OST BERG"),
    (r"\b__[^_ ]*__\b", "DABEI __PU__ cl-KOMMEN __OFF__", "DABEI KOMMEN"),
    (r"\bloc-([^ ]*)\b", "loc-STREIFEN loc-SUED", "STREIFEN SUED"),
    (r"\bcl-([^ ]*)\b", "__ON__ TAG cl-KOMMEN __OFF__", "TAG KOMMEN"),
    (r"\b([^ ]*)-PLUSPLUS\b", "IX REGEN-PLUSPLUS KOENNEN FREITAG", "IX REGEN KOENNEN FREITAG"),
    (r"\b([A-Z][A-Z]*)RAUM\b", "NORDRAUM IX STURM IX WEHEN", "NORD IX STURM IX WEHEN"),
    ("WIE AUSSEHEN", "__ON__ WETTER WIE AUSSEHEN MORGEN", "WETTER WIE-AUSSEHEN MORGEN"),
    *LETTERS,
]
CASES_OFFICIAL = [
    *CASES_2014[:4],
    ("lh-", "SUEDWESTRAUM lh-HOCH __LEFTHAND__ __LEFTHAND__ FREITAG", "SUEDWEST HOCH FREITAG"),
    ("S0NNE", "DONNERSTAG MEISTENS SONNE S0NNE IX", "DONNERSTAG MEISTENS SONNE SONNE IX"),
    ("HABEN2", "OST loc-REGION IX SONNE HABEN2 __OFF__", "OST REGION IX SONNE HABEN __OFF__"),
    # Made from lines: such a mark drops the whole gloss if it is left, so the rule shows where it is part of a gloss.
    ("__EMOTION__", "GERADE OST__EMOTION__ BERG", "GERADE OST BERG"),
    ("__PU__", "DABEI __PU__ cl-KOMMEN __OFF__", "DABEI KOMMEN __OFF__"),
    ("__LEFTHAND__", "FLUSS__LEFTHAND__ K MUENCHEN ZU", "FLUSS K MUENCHEN ZU"),
    ("ZEIGEN$", "__ON__ WIND ZEIGEN __OFF__", "__ON__ WIND ZEIGEN-BILDSCHIRM __OFF__"),
    *CASES_2014[-2:],
]


EVERY_CASE = [
    pytest.param(clean, table, *case, id=f"{clean.__name__}-{case[0]}")
    for clean, table, cases in (
        (clean_2014, "RULES_2014", CASES_2014),
        (clean_2014t, "RULES_2014T", CASES_2014T),
        (clean_2014_official, "RULES_2014", CASES_OFFICIAL),
    )
    for case in cases
]


@pytest.fixture
def use_rules(monkeypatch):
    """Give a table other rules; what the official clean-up has learnt of them is forgotten."""

    def use(table: str, rules: tuple[Rule, ...]) -> None:
        monkeypatch.setattr(phoenix, table, rules)
        phoenix._official_gloss.cache_clear()

    yield use
    phoenix._official_gloss.cache_clear()


@pytest.mark.parametrize(("clean", "table", "pattern", "line", "expected"), EVERY_CASE)
def test_every_rule_does_its_work(use_rules, clean, table, pattern, line, expected) -> None:
    rules = getattr(phoenix, table)
    assert clean(line) == expected
    use_rules(table, tuple(rule for rule in rules if rule.pattern != pattern))
    assert clean(line) != expected


@pytest.mark.parametrize(("clean", "table"), [(clean_2014, "RULES_2014"), (clean_2014t, "RULES_2014T")])
@pytest.mark.parametrize(("pattern", "line", "expected"), ONCE_TOO_FEW)
def test_rules_go_over_a_line_as_often_as_the_script(use_rules, clean, table, pattern, line, expected) -> None:
    rules = getattr(phoenix, table)
    assert clean(line) == expected
    use_rules(table, tuple(rule._replace(times=rule.times - (rule.pattern == pattern)) for rule in rules))
    assert clean(line) != expected


@pytest.mark.parametrize(("table", "cases"), [("RULES_2014", CASES_2014), ("RULES_2014T", CASES_2014T)])
def test_no_rule_is_forgotten(table: str, cases) -> None:
    rules = getattr(phoenix, table)
    assert {rule.pattern for rule in rules} == {pattern for pattern, _, _ in cases}
    assert {rule.pattern for rule in rules if rule.times > 1} == {pattern for pattern, _, _ in ONCE_TOO_FEW}


def test_repeats_go_only_where_sentences_are_cleaned() -> None:
    """The official rule for repeats takes neither these, for their hyphen, nor two that stand on two lines."""
    line = "__ON__ SONNTAG AUCH WIE-IMMER WIE-IMMER __OFF__"
    assert clean_2014(line) == "__ON__ SONNTAG AUCH WIE-IMMER __OFF__"
    assert clean_2014t(line) == "SONNTAG AUCH WIE-IMMER"
    assert clean_2014_official(line) == line
    assert clean_2014_official("MITTWOCH TEIL GUT GUT TROCKEN") == "MITTWOCH TEIL GUT GUT TROCKEN"


def test_rules_that_join_glosses_do_not_reach_over_lines() -> None:
    for _, line, _ in LETTERS[:-2]:
        assert clean_2014_official(line) == line
    assert clean_2014_official("WETTER WIE AUSSEHEN MORGEN") == "WETTER WIE AUSSEHEN MORGEN"


@pytest.mark.parametrize("mark", ["__EPENTHESIS__", "OST__EPENTHESIS__", "__EMO__PU__TION__", "__LEFT-PLUSPLUSHAND__"])
def test_glosses_that_still_hold_a_mark_are_dropped(mark: str) -> None:
    assert clean_2014_official(f"GERADE {mark} BERG") == "GERADE BERG"
    assert clean_2014_official(mark) == "[EMPTY]"


def test_the_port_keeps_epenthesis() -> None:
    assert clean_2014("GERADE __EPENTHESIS__ BERG") == "GERADE __EPENTHESIS__ BERG"


def test_nothing_and_nothing_left() -> None:
    for nothing in ("", "  ", "__LEFTHAND__ __PU__"):
        assert (clean_2014(nothing), clean_2014t(nothing), clean_2014_official(nothing)) == ("", "", "[EMPTY]")


def test_the_two_corpora_differ() -> None:
    line = "IX TRAUM qu-DU poss-EUCH HABEN2 ZEIGEN"
    assert clean_2014(line) == "IX TRAUM DU EUCH HABEN ZEIGEN-BILDSCHIRM"
    assert clean_2014t(line) == "IX T qu-DU poss-EUCH HABEN2 ZEIGEN"


SED = r"""
s/loc-//g; s/cl-//g; s/qu-//g; s/poss-//g; s/lh-//g
s/S0NNE/SONNE/g; s/HABEN2/HABEN/g
s/__EMOTION__//g; s/__PU__//g; s/__LEFTHAND__//g
s/WIE AUSSEHEN/WIE-AUSSEHEN/g
s/ZEIGEN /ZEIGEN-BILDSCHIRM /g; s/ZEIGEN$/ZEIGEN-BILDSCHIRM/
s/^([A-Z]) ([A-Z][+ ])/\1+\2/g
s/[ +]([A-Z]) ([A-Z]) / \1+\2 /g
s/([ +][A-Z]) ([A-Z][ +])/\1+\2/g
s/([ +][A-Z]) ([A-Z][ +])/\1+\2/g
s/([ +][A-Z]) ([A-Z][ +])/\1+\2/g
s/([ +]SCH) ([A-Z][ +])/\1+\2/g
s/([ +]NN) ([A-Z][ +])/\1+\2/g
s/([ +][A-Z]) (NN[ +])/\1+\2/g
s/([ +][A-Z]) ([A-Z])$/\1+\2/g
s/([A-Z][A-Z])RAUM/\1/g
s/-PLUSPLUS//g
"""
PERL = r"s/(?<![\w-])(\b[A-Z]+(?![\w-])) \1(?![\w-])/\1/g;" * 4
FRAGMENTS = re.findall(
    r"\S+",
    "loc- cl- qu- poss- lh- S0NNE HABEN2 __EMOTION__ __PU__ __LEFTHAND__ __EPENTHESIS__ __ON__ WIE AUSSEHEN ZEIGEN "
    "NORD RAUM TRAUM IX -PLUSPLUS - + _ A B SCH NN",
)
SPELLED = st.sampled_from(["A", "B", "C", "SCH", "NN", "A+B", "C+NN", "IX", "WIE", "AUSSEHEN"])
GLOSSES = SPELLED | st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=4).map("".join)
SENTENCES = st.lists(st.lists(GLOSSES, max_size=9).map(" ".join), min_size=1, max_size=40)
official = pytest.mark.skipif(not (shutil.which("sed") and shutil.which("perl")), reason="sed or perl is not installed")


def by_script(lines: list[str], then_sed: str = "") -> list[str]:
    """What sed and perl make of the lines, before the script drops any."""
    text = "".join(f"{line}\n" for line in lines)
    for command in (["sed", "-E", SED + then_sed], ["perl", "-pe", PERL]):
        environment = {**os.environ, "LC_ALL": "C"}
        text = subprocess.run(command, input=text, capture_output=True, text=True, check=True, env=environment).stdout
    return text.splitlines()


def official_answers(sentences: list[str]) -> list[str]:
    """A line a gloss; lines with a mark are dropped, and so are lines without a gloss."""
    numbered = [(number, gloss) for number, sentence in enumerate(sentences) for gloss in sentence.split()]
    kept = defaultdict(list)
    for line in by_script([f"{number} 1 0.00 0.01 {gloss}" for number, gloss in numbered]):
        if not any(mark in line for mark in ("__LEFTHAND__", "__EPENTHESIS__", "__EMOTION__")):
            number, _, _, _, *glosses = line.split()
            kept[int(number)] += glosses
    return [" ".join(kept[number]) or "[EMPTY]" for number in range(len(sentences))]


def ported_answers(sentences: list[str]) -> list[str]:
    """A line a sentence, spaces squeezed where the port does that, and a gloss that follows itself counts once."""
    found = [line.split() for line in by_script(sentences, "s/ +/ /g")]
    return [" ".join(g for g, before in zip(line, [None, *line], strict=False) if g != before) for line in found]


@official
@settings(max_examples=40, deadline=None)
@given(SENTENCES)
def test_made_up_sentences_as_by_sed_and_perl(sentences: list[str]) -> None:
    assert [clean_2014_official(s) for s in sentences] == official_answers(sentences)
    assert [clean_2014(s) for s in sentences] == ported_answers(sentences)


@official
@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_real_lines_as_by_sed_and_perl(split: str) -> None:
    file = shared(f"corpora/phoenix14/phoenix2014-groundtruth-{split}.stm")
    sentences = [line.split(maxsplit=5)[5].strip() for line in file.read_text().splitlines()]
    assert [clean_2014_official(s) for s in sentences] == official_answers(sentences)
    assert [clean_2014(s) for s in sentences] == ported_answers(sentences)
