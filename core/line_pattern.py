"""The pattern of a text log: which lines are signals, and which only look like one.

A line counts as a signal line when the pattern matches. It is a rejected one when the
pattern does not match but the line looks like a signal, that is when either
- the pattern matches with its named groups replaced by "anything" (LONG: nan), or
- the pattern matches up to the end of its second group among label, long, short and
  price (a line that was cut off, or into which another process wrote).
All other lines are noise and are not counted.

A pattern is a stranger's program: some need ages on some lines ((a+)+$ on aaaa…!). The package
`regex` ends a search in time, which Python's own `re` cannot.
"""

import re
from dataclasses import dataclass

import regex

_ALLOWED = {"label", "logged_at", "long", "short", "price"}
_VALUES = {"label", "long", "short", "price"}
_GROUP = re.compile(r"\(\?P<(\w+)>")
# Looking twice at very long lines is not worth it: signals are short.
_LONGEST_LOOK = 4096
_LONGEST_SEARCH = 65_536  # characters of a line that are searched at all
_LONGEST_PATTERN = 4096
# A search takes microseconds; this long only where the pattern backtracks without end.
_SEARCH_LIMIT_S = 1.0


class SlowPatternError(Exception):
    """A search that did not end in time; a sentence."""


@dataclass(frozen=True)
class TextPattern:
    """A compiled pattern with its two looser forms."""

    exact: regex.Pattern[str]
    looser: tuple[regex.Pattern[str], ...]

    def groups(self, line: str) -> dict[str, str | None] | None:
        """The named groups of a signal line, None for any other line; raises SlowPatternError."""
        match = _search(self.exact, line[:_LONGEST_SEARCH])
        if match is None:
            return None
        names = self.exact.groupindex  # at least two; groupdict() takes twice the time
        return dict(zip(names, match.group(*names.values()), strict=True))

    def looks_like_a_signal(self, line: str) -> bool:
        """Whether a line that the pattern does not match is a broken signal line.

        Raises SlowPatternError.
        """
        if len(line) > _LONGEST_LOOK:
            return False
        return any(_search(pattern, line) for pattern in self.looser)


def compile_pattern(text: str) -> TextPattern:
    """Compile and check a pattern; raises ValueError that says what is wrong with it."""
    if len(text) > _LONGEST_PATTERN:
        raise ValueError(f"pattern has {len(text)} characters; {_LONGEST_PATTERN} are the limit")
    try:
        exact = regex.compile(text)
    except (regex.error, RecursionError, OverflowError) as error:
        raise ValueError(f"pattern is no valid regular expression: {error}") from error
    names = set(exact.groupindex)
    if unknown := sorted(names - _ALLOWED):
        raise ValueError(
            f"pattern: unknown group {', '.join(unknown)} (known: {', '.join(sorted(_ALLOWED))})"
        )
    if "label" not in names:
        raise ValueError("pattern: the group label is missing: (?P<label>…) is the candle's time")
    if not names & {"long", "short"}:
        raise ValueError("pattern: the groups long and short are missing, e.g. (?P<long>[0-9.]+)")
    return TextPattern(exact, _looser(text))


def _search(pattern: regex.Pattern[str], line: str) -> "regex.Match[str] | None":
    try:
        return pattern.search(line, timeout=_SEARCH_LIMIT_S)
    except TimeoutError as error:
        raise SlowPatternError(
            f"the pattern does not come to an end within {_SEARCH_LIMIT_S:g} s on the line "
            f"{line[:60]!r}; avoid repetitions inside repetitions, e.g. (a+)+"
        ) from error


def _looser(text: str) -> tuple[regex.Pattern[str], ...]:
    spans = _named_groups(text)
    anything, at = "", 0
    for start, end, _ in spans:
        if start >= at:
            anything += text[at:start] + ".*?"
            at = end
    candidates = [anything + text[at:]]
    values = [end for _, end, name in spans if name in _VALUES]
    if len(values) > 2:
        candidates.append(text[: values[1]])
    patterns = []
    for candidate in candidates:
        try:
            patterns.append(regex.compile(candidate))
        except regex.error:  # a group inside a group, or a reference to one: no looser form
            continue
    return tuple(patterns)


def _named_groups(text: str) -> list[tuple[int, int, str]]:
    """Start, end and name of each named group, in order."""
    spans = []
    for match in _GROUP.finditer(text):
        end = _closing(text, match.end())
        if end is not None:
            spans.append((match.start(), end, match.group(1)))
    return spans


def _closing(text: str, at: int) -> int | None:
    """The place after the parenthesis that closes a group whose content starts at `at`."""
    depth, in_class = 1, False
    while at < len(text):
        sign = text[at]
        if sign == "\\":
            at += 1
        elif in_class:
            in_class = sign != "]"
        elif sign == "[":
            in_class = True
            at += text[at + 1 : at + 2] in ("]", "^")
        elif sign in "()":
            depth += 1 if sign == "(" else -1
            if depth == 0:
                return at + 1
        at += 1
    return None
