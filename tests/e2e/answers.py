"""`python -m tests.e2e.answers URL TEXT`: does the page in a browser show this text?"""

import sys

from tests.e2e.browser import chromium, wait_until_drawn

TIMEOUT_S = 120


def main(address: str, text: str) -> int:
    with chromium() as browser:
        page = browser.new_page()
        page.goto(address, wait_until="domcontentloaded")
        wait_until_drawn(page, timeout_s=TIMEOUT_S)
        page.get_by_text(text).first.wait_for(timeout=TIMEOUT_S * 1000)
        heading = page.locator("h1").first.inner_text()
    print(f"the page answers: {heading!r} shows {text!r}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
