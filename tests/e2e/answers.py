"""`python -m tests.e2e.answers URL BOT`: does the page in a browser show this bot's data?"""

import sys

from tests.e2e.browser import chromium, wait_until_drawn

TIMEOUT_S = 120
# The bot's name is the value of a field, the numbers are text.
_SHOWS_BOT = """bot => [...document.querySelectorAll("input")].some(one => one.value === bot)
    || document.body.innerText.includes(bot)"""


def main(address: str, bot: str) -> int:
    with chromium() as browser:
        page = browser.new_page()
        page.goto(address, wait_until="domcontentloaded")
        wait_until_drawn(page, timeout_s=TIMEOUT_S)
        page.wait_for_function(_SHOWS_BOT, arg=bot, timeout=TIMEOUT_S * 1000)
        page.get_by_text("Success ratio").first.wait_for(timeout=TIMEOUT_S * 1000)
        heading = page.locator("h1").first.inner_text()
    print(f"the page answers: {heading!r} shows {bot!r}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
