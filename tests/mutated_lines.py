"""Lines of files as accidents and strangers leave them, for tests that account for every line.

ALIGN_FUZZ_LINES says how many mutated lines of each kind of file (100,000 in the long form).
"""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

_HOSTILE = (
    *(b"", b" ", b"nan", b"inf", b"-0.0", b"1_0", b"1e99999", b"0x10", b"9" * 400, b"-1"),
    *(b"now", b"2025-13-01", b"0001-01-01T00:00:00Z", b"\\ud800", b"null", b"[[[[", b"{}"),
    *(b"\xff\xfe", b"\0", "１２".encode(), "\u2028".encode(), b"=1+1", b"<b>"),
)
_SHARES = (0.01, 0.05, 0.2, 1.0)  # of a file's lines that are mutated: a slip, or rubble


def seeded() -> Iterator[tuple[int, random.Random]]:
    """Seeds, each with its own chance, for as long as the test asks for more."""
    seed = 0
    while True:
        seed += 1
        yield seed, random.Random(seed)


def wanted_lines() -> int:
    return int(os.environ.get("ALIGN_FUZZ_LINES", "1500"))


def mutate_until_enough(folder: Path, account_for: Callable[[Path, random.Random], int]) -> int:
    """Call `account_for(folder, chance)` with folders of their own until the lines are reached.

    It answers how many lines it mutated and asserts that each is accounted for; the sum is
    returned.
    """
    wanted, done = wanted_lines(), 0
    for seed, chance in seeded():
        own = folder / str(seed)
        own.mkdir()
        done += account_for(own, chance)
        if done >= wanted:
            break
    return done


def mutated(text: str, chance: random.Random) -> tuple[bytes, int]:
    """The text with some lines other than they were, and how many; its first and last stay."""
    lines = text.encode().split(b"\n")
    inner = range(1, len(lines) - 1)
    share = chance.choice(_SHARES)
    chosen = chance.sample(inner, max(1, round(share * len(inner))))
    for at in chosen:
        lines[at] = _mutated_line(lines[at], chance)
    return b"\n".join(lines), len(chosen)


def _mutated_line(line: bytes, chance: random.Random) -> bytes:
    """Quotes, cuts, doubled pieces, foreign bytes and values of another world."""
    place = chance.randrange(len(line) + 1)
    cell = max(line.find(sign, place) for sign in (b",", b":", b"|")) + 1
    return chance.choice(
        [
            line[:place] + b'"' + line[place:],
            line[:cell] + b'"' + line[cell:],
            line[:place] + line[place + chance.randint(1, 20) :],
            line[:place] + chance.randbytes(3).replace(b"\n", b"") + line[place:],
            line[:place] + b"\r" + line[place:],
            line[:place] + line[: chance.randint(0, 40)] + line[place:],
            b'"' * chance.randint(1, 3) + line,
            line[:cell] + chance.choice(_HOSTILE) + line[line.find(b",", cell) :],
            line[:cell] + chance.choice(_HOSTILE) + line[cell:],
            line + line,
            line[::-1],
            b"",
        ]
    )
