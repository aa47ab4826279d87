"""Lines that nobody meant as signals: each costs itself, never the log."""

import json
import random

import numpy as np
import pytest

from core.errors import LogFormatError
from core.settings import SignalLogSettings
from core.signal_log.entry import Entry, Raw
from core.signal_log.parsers import OutOfTime, parser_for
from core.times import Timeframe

FIVE = Timeframe.parse("5m")
PATTERN = r"^(?P<logged_at>\S+ \S+) (?P<label>\d\d:\d\d) L (?P<long>[\d.]+) S (?P<short>[\d.]+)"
GOOD = {
    "jsonl": b'{"timestamp": "2025-11-03T00:00:00Z", "long": 0.5, "short": 0.25}',
    "csv": b"2025-11-03T00:00:00Z,0.5,0.25",
    "text": b"2025-11-03 00:05:09 00:00 L 0.5 S 0.25",
}
HEADER = b"timestamp,long,short"


def parse(log_format: str, *contents: bytes) -> list[Entry]:
    log = SignalLogSettings.model_validate(
        {"name": "s", "paths": "x", "format": log_format, "pattern": PATTERN}
    )
    head = [HEADER] if log_format == "csv" else []
    lines = [Raw(number, content) for number, content in enumerate([*head, *contents], 1)]
    return parser_for(log, FIVE).parse(lines)


HOSTILE = [
    ("jsonl", rb'{"timestamp": "\ud800", "long": 0.5, "short": 0.25}'),
    ("jsonl", rb'{"timestamp": "2025-11-03T00:00:00Z", "long": "\ud800", "short": 0.25}'),
    ("jsonl", b'{"timestamp": "2025-11-03T00:00:00Z", "long": 1e99999999999999999999}'),
    ("jsonl", b'{"timestamp": "2025-11-03T00:00:00Z", "long": ' + b"[" * 900 + b"]" * 900 + b"}"),
    ("jsonl", b'{"long": ' + b"[" * 100_000),
    ("jsonl", b'{"timestamp": 1e400, "long": 0.5}'),
    ("jsonl", b'{"timestamp": "2025-11-03T00:00:00Z", "long": 0.5\0}'),
    ("csv", b"2025-11-03T00:00:00Z,0.\x005,0.25"),
    ("csv", b"2025-11-03T00:00:00Z,0_1,0.25"),
    ("csv", "2025-11-03T00:00:00Z,\u0661,0.25".encode()),
    ("text", b"2025-11-03 00:05:09 00:00 L 0.5 S 0.25\0"),
]


@pytest.mark.parametrize(("log_format", "content"), HOSTILE)
def test_a_hostile_line_is_rejected_alone_and_can_be_stored(
    log_format: str, content: bytes
) -> None:
    first, hostile, last = parse(log_format, GOOD[log_format], content, GOOD[log_format])
    assert not first.is_rejected
    assert not last.is_rejected
    assert hostile.is_rejected
    for text in (hostile.raw, hostile.reason):
        assert text is not None
        assert "\0" not in text
        text.encode()


@pytest.mark.parametrize("log_format", GOOD)
def test_no_mutated_line_stops_a_log(log_format: str) -> None:
    """Each line is an entry or noise, whatever its bytes; those around it stand."""
    rng = random.Random(7)
    for _ in range(1_500):
        content = bytearray(GOOD[log_format])
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(content))
            content[at : at + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 3)).replace(
                b"\n", b""
            )
        entries = parse(log_format, bytes(content), GOOD[log_format])
        good = [entry for entry in entries if entry.line == len(entries) or not entry.is_rejected]
        assert any(entry.values[:2] == (0.5, 0.25) for entry in good)
        for entry in entries:
            json.dumps([entry.raw, entry.reason], ensure_ascii=False).encode()


def test_a_log_that_the_pattern_is_too_slow_for_is_given_up() -> None:
    log = SignalLogSettings.model_validate(
        {
            "name": "s",
            "paths": "x",
            "format": "text",
            "pattern": r"^(?P<label>(?:a|aa)+)(?P<long>[0-9])$",
        }
    )
    lines = [Raw(number, b"a" * 60 + b"!") for number in range(1, 8)]
    (slow,) = parser_for(log, FIVE).parse(lines[:1])
    assert slow.reason is not None and "does not come to an end" in slow.reason
    with pytest.raises(LogFormatError, match="avoid repetitions"):
        parser_for(log, FIVE).parse(lines)


def test_a_pattern_has_a_budget_for_all_lines_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen: twenty lines, none of them beyond the limit of one, held a step for a minute."""
    clock = iter(np.arange(0.0, 100.0, 0.9))
    monkeypatch.setattr("core.signal_log.parsers.time.perf_counter", lambda: next(clock))
    log = SignalLogSettings.model_validate(
        {
            "name": "s",
            "paths": "x",
            "format": "text",
            "pattern": r"^(?P<label>\S+) (?P<long>[0-9.]+)$",
        }
    )
    lines = [Raw(number, b"2025-11-01T00:00:00Z 0.5") for number in range(1, 21)]
    with pytest.raises(OutOfTime, match=r"took 5 s .* waits from line 7 on") as caught:
        parser_for(log, FIVE).parse(lines)
    assert [entry.line for entry in caught.value.entries] == [1, 2, 3, 4, 5, 6]
    assert caught.value.lines == 6
