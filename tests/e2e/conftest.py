from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.browser import chromium, dashboard
from tests.e2e.demo_workspace import make_demo

# Streamlit asks for its own health below the page's path first, and is told 404 there.
_OWN_PROBES = ("/_stcore/health", "/_stcore/host-config")


@dataclass
class Watched:
    """A page with what it asked for and complained about."""

    page: Page
    address: str
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_demo(tmp_path_factory.mktemp("demo") / "workspace")


@pytest.fixture(scope="session")
def address(demo: Path) -> Iterator[str]:
    with dashboard(demo) as started:
        yield started


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def watched(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Watched]:
    """A new page; a test may be parametrised with width and colour scheme."""
    asked: tuple[int, Literal["light", "dark"]] = getattr(request, "param", (1440, "light"))
    width, scheme = asked
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, timezone_id="Asia/Seoul"
    )
    found = Watched(context.new_page(), address)
    own = (address, address.replace("http", "ws", 1), "data:", "blob:")

    def note_request(url: str) -> None:
        if not url.startswith(own):
            found.outside.append(url)

    found.page.on("request", lambda one: note_request(one.url))
    found.page.on("websocket", lambda one: note_request(one.url))
    found.page.on("pageerror", lambda error: found.errors.append(str(error)))
    found.page.on(
        "console",
        lambda message: (
            found.errors.append(f"{message.text} {message.location['url']}")
            if message.type == "error" and not message.location["url"].endswith(_OWN_PROBES)
            else None
        ),
    )
    yield found
    context.close()
