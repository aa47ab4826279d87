import pytest

from core.line_pattern import SlowPatternError, compile_pattern

PATTERN = (
    r"^(?P<logged_at>\S+ \S+) - INFO - \[Candle (?P<label>\d\d:\d\d:\d\d) \w+\] "
    r"Price: \$(?P<price>[\d,.]+) .* LONG: (?P<long>[\d.]+) \| SHORT: (?P<short>[\d.]+)"
)
LINE = (
    "2025-10-24 18:40:10,229 - INFO - [Candle 18:35:00 KST] Price: $111,277.6 | "
    "Balance: $4,641.59 | LONG: 0.1381 | SHORT: 0.3734"
)


def test_groups_of_a_signal_line() -> None:
    assert compile_pattern(PATTERN).groups(LINE) == {
        "logged_at": "2025-10-24 18:40:10,229",
        "label": "18:35:00",
        "price": "111,277.6",
        "long": "0.1381",
        "short": "0.3734",
    }


@pytest.mark.parametrize(
    "line",
    [
        LINE.replace("0.3734", "nan"),
        LINE.replace("18:35:00", "??:??"),
        LINE.replace("111,277.6", "None"),
        LINE[:90],  # cut off behind the price
        LINE[:80] + "2025-10-24 18:40:10,230 - INFO - another process wrote here",
    ],
)
def test_broken_signal_lines_look_like_one(line: str) -> None:
    pattern = compile_pattern(PATTERN)
    assert pattern.groups(line) is None
    assert pattern.looks_like_a_signal(line)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "=" * 80,
        "2025-10-24 18:40:10,225 - INFO - 🔍 DEBUG - Latest Candle Selection:",
        "2025-10-24 18:36:01,876 - INFO -   LONG Threshold: 0.7",
        "2025-10-24 18:40:10,229 - INFO - [Candle 18:35:00 KST] no entry on this candle",
        LINE[:60],  # cut off inside the price: nothing tells that a signal followed
        "x" * 100_000,
    ],
)
def test_other_lines_are_noise(line: str) -> None:
    pattern = compile_pattern(PATTERN)
    assert pattern.groups(line) is None
    assert not pattern.looks_like_a_signal(line)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(?P<label>", "no valid regular expression"),
        (r"(?P<long>\d) (?P<short>\d)", "the group label is missing"),
        (r"(?P<label>\d+)", "the groups long and short are missing"),
        (r"(?P<label>\d+) (?P<long>\d) (?P<sort>\d)", "unknown group sort"),
    ],
)
def test_unusable_patterns_say_why(pattern: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compile_pattern(pattern)


def test_one_side_is_enough() -> None:
    found = compile_pattern(r"(?P<label>\S+) p=(?P<long>\S+)").groups("12:00 p=0.5")
    assert found == {"label": "12:00", "long": "0.5"}


def test_parentheses_and_classes_inside_groups_are_no_end_of_it() -> None:
    pattern = compile_pattern(r"<(?P<label>[)\d:]+(?:x)?)> (?P<long>\(?[\d.]+\)?) end")
    assert pattern.groups("<12:00> (0.5) end") == {"label": "12:00", "long": "(0.5)"}
    assert pattern.looks_like_a_signal("<noon> zero end")
    assert not pattern.looks_like_a_signal("noon zero end")


def test_a_pattern_whose_groups_cannot_be_loosened_still_reads_its_lines() -> None:
    # The second time has to be the first again: without the group nothing is left to compare.
    pattern = compile_pattern(r"(?P<label>\d\d:\d\d) LONG: (?P<long>[\d.]+) until (?P=label)")
    assert pattern.groups("12:05 LONG: 0.5 until 12:05") == {"label": "12:05", "long": "0.5"}
    assert pattern.groups("12:05 LONG: 0.5 until 12:10") is None
    assert not pattern.looks_like_a_signal("12:05 LONG: nan until 12:05")


def test_an_escaped_parenthesis_opens_no_group() -> None:
    pattern = compile_pattern(r"\(?P<(?P<label>\d\d:\d\d)> (?P<long>[\d.]+)")
    assert pattern.groups("(P<12:05> 0.5") == {"label": "12:05", "long": "0.5"}
    assert pattern.groups("P<12:05> 0.5") == {"label": "12:05", "long": "0.5"}


def test_a_very_long_line_is_noise_unless_it_is_a_signal() -> None:
    pattern = compile_pattern(PATTERN)
    assert pattern.groups(LINE + " " * 5000) is not None
    assert not pattern.looks_like_a_signal(LINE.replace("0.3734", "nan") + " " * 5000)


def test_a_pattern_without_end_is_ended() -> None:
    pattern = compile_pattern(r"^(?P<label>(?:a|aa)+)(?P<long>[0-9])$")
    with pytest.raises(SlowPatternError, match="does not come to an end within 1 s"):
        pattern.groups("a" * 60 + "!")
    assert pattern.groups("aaa5") == {"label": "aaa", "long": "5"}


def test_a_pattern_has_a_longest_length() -> None:
    with pytest.raises(ValueError, match="4096 are the limit"):
        compile_pattern("(?P<label>x)(?P<long>1)" + "a?" * 2050)
