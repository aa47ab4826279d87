"""Secrets out of texts: what an error says, and where, may hold one by accident."""

import os
import re

MASK = "•••"
_WORDS = r"(?:api[_-]?key|apikey|secret|token|passw(?:or)?d|passphrase|authorization|signature)"
# Every repetition has an end: these look through texts of any length, which strangers wrote.
_NAMED = re.compile(
    rf"(?i)({_WORDS}[\w-]{{0,64}}[\"']?\s{{0,8}}(?:=>|[=:])\s{{0,8}}(?:bearer\s{{1,8}}|basic\s{{1,8}})?[\"']?)"
    r"([^\s\"'&,;)}\]]{3,})"
)
_IN_QUERY = re.compile(rf"(?i)([?&][\w-]{{0,64}}{_WORDS}[\w-]{{0,64}}=)([^\s\"'&#]+)")
_IN_ADDRESS = re.compile(r"(://[^\s:/@]{0,256}:)([^\s@]{1,512})(@)")
_NAMES_A_SECRET = re.compile(rf"(?i){_WORDS}|_KEY$|_PASS$")
# A shorter value may stand in any text by chance.
_SHORTEST = 6


def mask_secrets(text: str) -> str:
    """The text with every value masked that looks like a secret, or is one of the environment.

    Masked are values behind names such as api_key, token, password; passwords in addresses and
    in their parameters; and whatever an environment variable with such a name holds.
    """
    for value in _secrets_of_environment():
        text = text.replace(value, MASK)
    text = _IN_ADDRESS.sub(rf"\1{MASK}\3", text)
    text = _IN_QUERY.sub(rf"\1{MASK}", text)
    return _NAMED.sub(rf"\1{MASK}", text)


def _secrets_of_environment() -> list[str]:
    values = {
        value
        for name, value in os.environ.items()
        if _NAMES_A_SECRET.search(name) and len(value) >= _SHORTEST
    }
    return sorted(values, key=len, reverse=True)
