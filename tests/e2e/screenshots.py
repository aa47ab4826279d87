"""Pictures of every view for the documentation: `python -m tests.e2e.screenshots [FOLDER]`.

On the demo, in the light and in the dark, and the first page at 390 px. The bot and the
collector go on running beside it, so that no picture is of a stale page.
"""

import io
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from tests.e2e.browser import ROOT, chromium, dashboard, open_page
from tests.e2e.demo_workspace import make_demo

VIEWS = ("", "collection", "alignment", "worst", "candle", "diagnosis", "features", "health")
SCREENS = {"light": (1440, "light"), "dark": (1440, "dark"), "narrow": (390, "light")}
_TALLEST = 4000
_MAIN = "[data-testid='stMainBlockContainer']"


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as workspace:
        config = make_demo(Path(workspace) / "demo")
        with alive(config), dashboard(config) as address, chromium() as browser:
            for name, (width, scheme) in SCREENS.items():
                suffix = "" if name == "light" else f"-{name}"
                context = browser.new_context(
                    viewport={"width": width, "height": 900},
                    color_scheme="dark" if scheme == "dark" else "light",
                )
                for view in VIEWS if name != "narrow" else VIEWS[:1]:
                    page = context.new_page()
                    open_page(page, f"{address}/{view}")
                    _whole_page(page, width)
                    _save(page, folder / f"{view or 'today'}{suffix}.png")
                    page.close()
                context.close()


@contextmanager
def alive(config: Path) -> Iterator[None]:
    """The demo's bot and the collector, until the block ends."""
    commands = (
        ("demo", "--dir", str(config.parent)),
        ("collector", "--config", str(config), "run"),
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for command in commands
    ]
    try:
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(timeout=60)


def _save(page: Page, file: Path) -> None:
    """A picture of at most 256 colours: a third of the size, and no eye sees it."""
    shown = Image.open(io.BytesIO(page.screenshot()))
    shown.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(file, optimize=True)


def _whole_page(page: Page, width: int) -> None:
    """Make the window as tall as what is drawn, and let the charts settle."""
    page.wait_for_timeout(800)
    height = page.evaluate(f'document.querySelector("{_MAIN}").scrollHeight')
    page.set_viewport_size({"width": width, "height": min(int(height) + 40, _TALLEST)})
    page.wait_for_timeout(1200)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images")
