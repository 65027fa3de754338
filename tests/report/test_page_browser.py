"""The page in headless Chromium: what a person does with it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from slbench.report.gathering import Wanted, gather
from slbench.report.page import board_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None, reason="needs chromium and chromedriver (Debian: chromium chromium-driver)"
)
TASKS = ("csl-daily-slt", "fingerspelling-islr", "wlasl2000-islr")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(board_page(gather(None, Wanted(tasks=TASKS))), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator["webdriver.Chrome"]:  # noqa: F821 - imported where it is needed
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def page(browser, address):
    browser.set_window_size(1280, 900)
    browser.get("about:blank")
    browser.get(address)
    yield browser
    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []


def visible(page, selector: str) -> list:
    return [one for one in page.find_elements("css selector", selector) if one.is_displayed()]


def rows(page, attribute: str) -> list[str]:
    return [one.get_attribute(f"data-{attribute}") for one in visible(page, "tbody")]


def goto(page, address: str, fragment: str) -> None:
    page.get("about:blank")
    page.get(f"{address}#{fragment}")


def test_columns_are_sorted_either_way(page, address: str) -> None:
    goto(page, address, "family=islr&task=fingerspelling-islr/test/top1-instance")
    values = [float(value) for value in rows(page, "value")]
    assert len(values) == 8
    assert values == sorted(values, reverse=True)
    [header] = visible(page, "th[data-sort=value]")
    header.find_element("css selector", "button").click()
    assert [float(value) for value in rows(page, "value")] == sorted(values)
    assert header.get_attribute("aria-sort") == "ascending"
    [models] = visible(page, "th[data-sort=model] button")
    models.click()
    models.click()
    assert rows(page, "model") == sorted(rows(page, "model"), reverse=True)
    assert header.get_attribute("aria-sort") is None


def test_filters_leave_the_rows_that_fit(page, address: str) -> None:
    from selenium.webdriver.support.ui import Select

    goto(page, address, "family=slt")
    before = len(rows(page, "kind"))
    Select(page.find_element("name", "kind")).select_by_value("scored")
    assert set(rows(page, "kind")) == {"scored"}
    Select(page.find_element("name", "kind")).select_by_value("")
    Select(page.find_element("name", "protocol")).select_by_visible_text("uni-sign")
    assert set(rows(page, "protocol")) == {"uni-sign"}
    Select(page.find_element("name", "protocol")).select_by_value("")
    page.find_element("name", "q").send_keys("mska readme")
    assert {name.partition(" ")[0] for name in rows(page, "model")} == {"MSKA-SLT"}
    assert page.find_element("css selector", ".count").text == f"{len(rows(page, 'model'))} rows"
    assert 0 < len(rows(page, "model")) < before
    assert all(dot.get_attribute("aria-label").startswith("MSKA-SLT") for dot in visible(page, ".dot"))


def test_an_address_restores_what_was_shown(page, address: str) -> None:
    from selenium.webdriver.support.ui import Select

    page.find_element("id", "tab-slt").click()
    Select(page.find_element("name", "task")).select_by_value("csl-daily-slt/dev/BLEU-4")
    page.find_element("name", "q").send_keys("sign")
    visible(page, "th[data-sort=year] button")[0].click()
    there, shown = page.current_url, rows(page, "model")
    assert "task=csl-daily-slt%2Fdev%2FBLEU-4" in there
    goto(page, address, there.partition("#")[2])
    assert rows(page, "model") == shown
    assert page.find_element("id", "tab-slt").get_attribute("aria-selected") == "true"
    years = [int(year) for year in rows(page, "year")]
    assert years == sorted(years)


@pytest.mark.parametrize(
    "fragment", ["family=none&task=x&sort=y:z", "sort=value:up", "nothing", "%00", "q=<script>&kind=z"]
)
def test_odd_addresses_do_no_harm(page, address: str, fragment: str) -> None:
    goto(page, address, fragment)
    assert len(visible(page, "[role=tabpanel]")) == 1


def test_tabs_follow_the_arrow_keys(page) -> None:
    from selenium.webdriver.common.keys import Keys

    first = page.find_element("css selector", "[role=tab]")
    first.click()
    first.send_keys(Keys.ARROW_RIGHT)
    focused = page.switch_to.active_element
    assert (focused.get_attribute("role"), focused.get_attribute("aria-selected")) == ("tab", "true")
    assert focused != first
    [panel] = visible(page, "[role=tabpanel]")
    assert panel.get_attribute("aria-labelledby") == focused.get_attribute("id")
    focused.send_keys(Keys.ARROW_LEFT)
    assert page.switch_to.active_element == first


def test_a_score_opens_its_source_by_keyboard_and_escape_closes_it(page, address: str) -> None:
    from selenium.webdriver.common.keys import Keys

    goto(page, address, "family=slt&task=csl-daily-slt/test/BLEU-4&kind=scored")
    button = visible(page, "button.score")[0]
    assert visible(page, ".more") == []
    button.send_keys(Keys.ENTER)
    [more] = visible(page, ".more")
    assert "github.com/ZechengLi19/Uni-Sign@2c9028f" in more.text
    assert "scored from the released predictions" in more.text
    assert button.get_attribute("aria-expanded") == "true"
    more.find_element("css selector", "a").send_keys(Keys.ESCAPE)
    assert visible(page, ".more") == []
    assert page.switch_to.active_element == button


def test_a_dot_leads_to_its_row(page, address: str) -> None:
    from selenium.webdriver.common.keys import Keys

    goto(page, address, "family=islr&task=fingerspelling-islr/test/top1-instance")
    dot = visible(page, ".dot")[0]
    dot.send_keys(Keys.ENTER)
    [more] = visible(page, ".more")
    assert more.get_attribute("id") == f"{dot.get_attribute('data-row')}more"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_whole_in_both_schemes(page, address: str, scheme: str) -> None:
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        goto(page, address, "family=slt")
        assert page.execute_script("return document.documentElement.scrollWidth") <= 390
        colours = page.execute_script("const s = getComputedStyle(document.body); return [s.color, s.backgroundColor]")
        assert contrast(*map(rgb, colours)) > 7
        assert (sum(rgb(colours[1])) < 200) == (scheme == "dark")
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def rgb(text: str) -> list[int]:
    return [int(part) for part in text[text.index("(") + 1 : -1].split(",")[:3]]


def contrast(one: list[int], other: list[int]) -> float:
    """As WCAG 2 defines it."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: list[int]) -> float:
    parts = [value / 255 for value in colour]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_nothing_is_fetched(page, address: str) -> None:
    import json

    page.get_log("performance")
    goto(page, address, "family=islr")
    messages = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = {m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"}
    assert {url.partition("#")[0] for url in asked} <= {address, "about:blank", "data:,"}


def test_the_page_is_readable_without_its_script(page, address: str, tmp_path: Path) -> None:
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        goto(page, address, "")
        assert len(page.find_elements("css selector", "[role=tabpanel]")) == 2
        assert all(one.is_displayed() for one in page.find_elements("css selector", ".more")[:20])
    finally:
        page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
