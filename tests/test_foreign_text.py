import pytest

from core.foreign_text import cut_short, storable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain – ü 🐢", "plain – ü 🐢"),
        ("a\0b", "a␀b"),
        ("a_\udcff.csv", "a_\\xff.csv"),
        ("bad \ud800 value", "bad \\ud800 value"),
        ("\udcff and \ud800", "\\udcff and \\ud800"),
    ],
)
def test_a_text_is_made_storable(text: str, shown: str) -> None:
    assert storable(text) == shown


def test_only_a_long_text_is_cut() -> None:
    assert cut_short("x" * 10, 10) == "x" * 10
    assert cut_short("x" * 11, 10) == "x" * 10 + "…"
    assert cut_short("\ud800" + "x" * 100_000, 3) == "\\ud800xx…"
