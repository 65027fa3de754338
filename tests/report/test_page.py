"""The page without a browser: what an HTML parser finds in it."""

from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from boarded import rules

from slbench.report.boards import name
from slbench.report.entries import NO_POSES, Entry
from slbench.report.gathering import Gathered, Wanted, gather
from slbench.report.page import board_page
from slbench.report.page.charts import BAR, HEIGHT, WIDTH, bars, score_against_speed, score_against_year
from slbench.report.standings import standings

ONE = Entry(
    "published", "M", (), "wlasl2000-islr", "test", "top1-instance", "higher", "%", "uni-sign", "rgb", NO_POSES, "",
    50.0, by="authors", year=2024, source="here",
)  # fmt: skip
HOSTILE = [
    "<script>alert(1)</script>", "</script><img src=x onerror=alert(1)>", '" onclick="alert(1)', "' & <!--",
    "{{ 1 + 1 }}", "</td></table>", "javascript:alert(1)",
]  # fmt: skip


class Page(HTMLParser):
    """Elements by name, attributes that run something or load something, and all text of table cells."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: Counter[str] = Counter()
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements[tag] += 1
        self.attributes |= {name for name, _ in attrs}
        self.links |= {value or "" for name, value in attrs if name in ("href", "src")}

    def handle_data(self, data):
        self.texts.append(data)


def page_of(*entries: Entry) -> str:
    return board_page(Gathered(tuple(standings(entries, rules())), rules(), 0, ()))


@pytest.mark.parametrize("text", HOSTILE)
def test_markup_in_data_is_text(text: str) -> None:
    plain = Page(page_of(ONE))
    entry = replace(
        ONE, model=text, settings=(text,), poses=text, modality=text, source=text, note=text, hardware=text, data=text,
    )  # fmt: skip
    found = Page(page_of(replace(entry, task=f"{text}-islr"), ONE))
    assert found.elements["script"] == plain.elements["script"] == 1
    assert found.elements["img"] == 0
    assert not {name for name in found.attributes if name.startswith("on")}
    assert found.links <= plain.links | {link for link in found.links if link.startswith("#t")}
    assert f"{text} ({text})" in found.texts
    assert found.texts.count(text) >= 4


def test_every_row_of_the_board_is_on_the_page_with_its_source() -> None:
    found = gather(None, Wanted(tasks=("csl-daily-slt", "fingerspelling-cslr")))
    page = Page(board_page(found))
    rows = [line for standing in found.standings for line in standing.lines]
    assert page.elements["tbody"] == len(rows) > 60
    assert page.elements["table"] == len(found.standings)
    texts = {text.strip() for text in page.texts}
    for line in rows:
        assert set(line.entry.source.split(" | ")) <= set(page.texts)
        assert name(line.entry) in texts
    assert any("composed clips" in text for text in page.texts)
    outside = {link for link in page.links if not link.startswith(("#", "data:,"))}
    assert all(link.startswith(("https://github.com/", "https://arxiv.org/abs/")) for link in outside)
    assert "https://github.com/ZechengLi19/Uni-Sign/tree/2c9028f" in outside
    assert "https://github.com/FangyunWei/SLRT/issues/10" in outside


def test_the_page_is_the_same_bytes_twice() -> None:
    wanted = Wanted(tasks=("openasl-slt",))
    assert board_page(gather(None, wanted)) == board_page(gather(None, wanted))


def test_an_empty_board_is_a_page() -> None:
    assert Page(page_of()).elements["table"] == 0


def test_dots_are_inside_and_better_ones_are_higher() -> None:
    rows = [(f"r{n}", replace(ONE, value=10.0 * n, year=2018 + n, clips_per_second=3.0**n)) for n in range(1, 7)]
    for chart in (score_against_year(rows), score_against_speed(rows)):
        assert chart is not None
        assert all(0 < dot.x < WIDTH and 0 < dot.y < HEIGHT for dot in chart.dots)
        assert [dot.y for dot in chart.dots] == sorted((dot.y for dot in chart.dots), reverse=True)
        assert [dot.x for dot in chart.dots] == sorted(dot.x for dot in chart.dots)
        assert 2 <= len(chart.y_ticks) <= 6
        assert 2 <= len(chart.x_ticks) <= 7


def test_equal_factors_of_speed_are_equally_far_apart() -> None:
    chart = score_against_speed([(f"r{n}", replace(ONE, clips_per_second=10.0**n)) for n in range(3)])
    first, second, third = (dot.x for dot in chart.dots)
    assert second - first == pytest.approx(third - second, abs=0.11)


def test_there_is_no_chart_of_a_single_year_or_speed() -> None:
    assert score_against_year([("a", ONE), ("b", ONE)]) is None
    assert score_against_speed([("a", ONE), ("b", replace(ONE, clips_per_second=2.0))]) is None


def test_bars_of_a_table_have_one_scale() -> None:
    wide = replace(ONE, value=50.0, low=40.0, high=60.0)
    spread = replace(ONE, value=30.0, deviation=5.0, seeds=3)
    first, second, third = bars([wide, spread, replace(ONE, value=0.0)])
    assert 0 <= third.value < second.low < second.value < second.high < first.low < first.value < first.high <= BAR
    assert first.high - first.low == pytest.approx(2 * (second.high - second.low), abs=0.3)
