"""A dashboard process and a Chromium, for end-to-end tests, screenshots and benchmarks."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def dashboard(config: Path, port: int | None = None) -> Iterator[str]:
    """`python -m dashboard` on a free port until the block ends; yields its address."""
    number = port or free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "dashboard", "--config", str(config), "--port", str(number)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    address = f"http://127.0.0.1:{number}"
    try:
        wait_until_answers(address, process)
        yield address
    finally:
        process.terminate()
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def open_page(page: Page, address: str, *, charts: bool = True, timeout_s: float = 40) -> None:
    """Go there and wait until the view stands still, its charts painted."""
    page.goto(address, wait_until="domcontentloaded")
    wait_until_drawn(page, timeout_s=timeout_s)


def wait_until_drawn(page: Page, *, timeout_s: float = 40) -> None:
    """Wait for a title, for the end of the run, and for every chart to be painted."""
    timeout = timeout_s * 1000
    page.wait_for_selector("[data-testid='stApp'] h1", timeout=timeout)
    page.wait_for_function(
        """() => {
            const app = document.querySelector("[data-testid='stApp']");
            if (!app || app.dataset.testScriptState !== "notRunning") return false;
            if (document.querySelector("[data-testid='stSkeleton']")) return false;
            const charts = [...document.querySelectorAll("[data-testid='stPlotlyChart']")];
            return charts.every(one => one.querySelector(".main-svg"));
        }""",
        timeout=timeout,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_answers(address: str, process: subprocess.Popen[Any]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            output = process.stdout.read() if process.stdout else ""
            raise RuntimeError(f"the dashboard ended at once: {output}")
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the dashboard did not answer within a minute")
