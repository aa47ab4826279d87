import time

import pytest

from core.masking import MASK, mask_secrets


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("KeyError: api_key=abcdef123", f"KeyError: api_key={MASK}"),
        ('{"secret": "s3cr3t!", "side": "LONG"}', f'{{"secret": "{MASK}", "side": "LONG"}}'),
        ("Authorization: Bearer eyJhbGciOi.abc-_1", f"Authorization: Bearer {MASK}"),
        ("postgresql://align:pa55word@host/db", f"postgresql://align:{MASK}@host/db"),
        (
            "https://x.example/?symbol=BTC&signature=deadbeef&x=1",
            f"https://x.example/?symbol=BTC&signature={MASK}&x=1",
        ),
        ("BINANCE_API_SECRET='xyz98765'", f"BINANCE_API_SECRET='{MASK}'"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, masked: str) -> None:
    assert mask_secrets(text) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("pg://h/db?user=u&password=S3&x=1", f"pg://h/db?user=u&password={MASK}&x=1"),
        ("pg://h/db?sslpassword=a,b;c)d&x=1", f"pg://h/db?sslpassword={MASK}&x=1"),
        ("postgresql+psycopg://u:a/b:c@h/db", f"postgresql+psycopg://u:{MASK}@h/db"),
    ],
)
def test_passwords_of_addresses_are_masked_whole(text: str, masked: str) -> None:
    assert mask_secrets(text) == masked


@pytest.mark.parametrize("part", ["x", "token", "://u:", "token ", "?token", "-", "password=a "])
def test_a_text_of_any_length_is_looked_through_at_once(part: str) -> None:
    begin = time.process_time()
    mask_secrets(part * 100_000)
    assert time.process_time() - begin < 5


@pytest.mark.parametrize(
    "text",
    ["column close is missing", "file a.py, line 3, in token_count", "5m: 288 candles", "key: 12"],
)
def test_other_words_stay(text: str) -> None:
    assert mask_secrets(text) == text


def test_a_secret_of_the_environment_is_masked_wherever_it_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_BOT_API_KEY", "q9w8e7r6")
    assert mask_secrets("cannot sign in with q9w8e7r6 today") == f"cannot sign in with {MASK} today"
