"""The dashboard in Chromium, on the demo, as a reader uses it (make e2e)."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browser import dashboard, open_page, wait_until_drawn
from tests.e2e.conftest import Watched
from tests.e2e.demo_workspace import status

pytestmark = pytest.mark.e2e

VIEWS = {
    "": "Today",
    "collection": "Collection",
    "alignment": "Alignment",
    "worst": "Worst candles",
    "candle": "Candle",
    "diagnosis": "Diagnosis",
    "features": "Features",
    "health": "Health",
}
SCREENS = [(1440, "light"), (1440, "dark"), (390, "light")]


@pytest.mark.parametrize("watched", SCREENS, indirect=True, ids=["light", "dark", "390px"])
@pytest.mark.parametrize("path", VIEWS)
def test_every_view_draws_cold_and_asks_nobody_else(watched: Watched, path: str) -> None:
    open_page(watched.page, f"{watched.address}/{path}")
    expect(watched.page.locator("h1")).to_have_text(VIEWS[path])
    assert watched.page.locator("[data-testid='stException']").count() == 0
    assert watched.outside == []
    assert watched.errors == []
    overflow = watched.page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert overflow <= 0


def test_the_glance_says_what_status_says(watched: Watched, demo: Path) -> None:
    open_page(watched.page, f"{watched.address}/?window=all")
    collection = status(demo)["collection"]
    text = watched.page.locator("[data-testid='stMainBlockContainer']").inner_text()
    missing = collection["expected"] - collection["logged"]
    ratio = int(collection["success_ratio"] * 10_000) / 100
    assert f"Logging {ratio:.2f} %" in text
    assert f"{missing} candles missing" in text
    assert f"{collection['logged']:,}" in text
    assert "Simulated bot" in text


def test_three_clicks_lead_from_today_to_the_cause(watched: Watched) -> None:
    page = watched.page
    open_page(page, f"{watched.address}/")
    page.get_by_role("link", name="Why it differs").click()
    expect(page.locator("h1")).to_have_text("Candle")
    wait_until_drawn(page)
    text = page.locator("[data-testid='stMainBlockContainer']").inner_text()
    assert "Why it differs" in text
    assert re.search(r"With a lookback of \d+ in place of \d+ .* is gone", text)
    assert re.search(r"carr(y|ies) 95 % of the difference", text)


def test_a_row_of_the_ranking_is_a_link_to_its_candle(watched: Watched) -> None:
    page = watched.page
    open_page(page, f"{watched.address}/worst")
    first = page.locator(".al-table a").first
    opened = first.inner_text()
    first.click()
    page.wait_for_url("**/candle?**")
    wait_until_drawn(page)
    expect(page.locator("h1")).to_have_text("Candle")
    assert opened in page.locator("[data-testid='stMainBlockContainer']").inner_text()


def test_the_selection_stays_in_the_address_through_views_and_reload(watched: Watched) -> None:
    page = watched.page
    open_page(page, f"{watched.address}/alignment?side=LONG&window=24h&zone=Asia%2FSeoul")
    assert "side=LONG" in page.url
    page.get_by_role("link", name="Worst candles").first.click()
    expect(page.locator("h1")).to_have_text("Worst candles")
    wait_until_drawn(page)
    assert "side=LONG" in page.url
    assert "window=24h" in page.url
    page.reload()
    wait_until_drawn(page)
    assert "side=LONG" in page.url
    assert "KST" in page.locator("[data-testid='stMainBlockContainer']").inner_text()
    assert page.locator(".al-table td", has_text="SHORT").count() == 0


def test_choosing_a_side_changes_address_and_page(watched: Watched) -> None:
    page = watched.page
    open_page(page, f"{watched.address}/worst")
    page.get_by_role("radio", name="SHORT").click()
    page.wait_for_url("**side=SHORT**")
    wait_until_drawn(page)
    assert page.locator(".al-table td", has_text="LONG").count() == 0


def test_a_note_survives_a_restart_of_the_dashboard(browser: Browser, demo: Path) -> None:
    note = "reviewed in the end-to-end test"
    with dashboard(demo) as first:
        page = browser.new_page()
        open_page(page, f"{first}/candle")
        link = page.url.removeprefix(first)
        page.get_by_label("Note").fill(note)
        page.locator("[data-testid='stCheckbox'] label").first.click()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Last saved")).to_be_visible()
        page.close()
    with dashboard(demo) as second:
        page = browser.new_page()
        open_page(page, f"{second}{link}")
        expect(page.get_by_label("Note")).to_have_value(note)
        open_page(page, f"{second}/worst")
        assert note in _text(page)
        page.close()


def test_the_keyboard_reaches_navigation_and_links(watched: Watched) -> None:
    page = watched.page
    open_page(page, f"{watched.address}/worst")
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.innerText || ''").strip())
    page.locator("h1").click()
    for _ in range(30):
        page.keyboard.press("Shift+Tab")
        reached.add(page.evaluate("document.activeElement.innerText || ''").strip())
    assert any("Collection" in words for words in reached)
    assert any("2026" in words or "UTC" in words for words in reached)


def _text(page: Page) -> str:
    return page.locator("[data-testid='stMainBlockContainer']").inner_text()
