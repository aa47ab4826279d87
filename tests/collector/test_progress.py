import logging
import sys

import pytest

from collector.progress import ProgressBar, ProgressLines, watcher


def test_without_a_terminal_a_long_step_says_a_line_every_ten_seconds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    now = [0.0]
    say = ProgressLines(clock=lambda: now[0])
    for second in range(26):
        now[0] = float(second)
        say("features.csv", second * 4, 100)
    assert [record.getMessage() for record in caplog.records] == [
        "features.csv: 40 %",
        "features.csv: 80 %",
    ]


def test_short_steps_say_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    say = ProgressLines(clock=lambda: 0.0)
    for file in ("a", "b", "c"):
        say(file, 1, 1)
    assert caplog.records == []


def test_a_bar_is_shown_where_a_person_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert isinstance(watcher(), ProgressBar)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    assert isinstance(watcher(), ProgressLines)


def test_a_bar_follows_one_file_after_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    bar = ProgressBar()
    for what, done, total in (("a", 5, 10), ("a", 10, 10), ("b", 1, 3), ("b", 3, 3)):
        bar(what, done, total)
    bar.close()
    assert capsys.readouterr().out == ""
