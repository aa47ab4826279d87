"""`python -m benchmarks.worlds`: bots of another hand's making, and what is said of them.

Prints a table a family, and keeps the workspace of every world of which something false was
said, with a line of what it was.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.worlds.families import FAMILIES
from benchmarks.worlds.judge import FALSE_KINDS, Judged, compare, judge
from benchmarks.worlds.product import ask, busy_machine
from benchmarks.worlds.workspace import write_workspace

SHORT = dict.fromkeys(FAMILIES, 1)


@dataclass(frozen=True)
class Told:
    """One world and its verdict; kept: where its workspace lies, empty when nothing is false."""

    family: str
    name: str
    seed: int
    truth: tuple[str, ...]
    judged: Judged
    kept: str


def examine(family: str, seed: int, keep: str) -> Told:
    """Make a world, ask the program about it, judge the answer."""
    world = FAMILIES[family](seed)
    with tempfile.TemporaryDirectory(prefix="world-") as scratch:
        folder = Path(scratch) / "bot"
        write_workspace(world.play, folder)
        answer = ask(folder, (world.comparison,))
        judged = judge(world, answer)
        if world.is_asked_twice:
            again = Path(scratch) / "again"
            write_workspace(FAMILIES[family](seed).play, again)
            with busy_machine():
                second = ask(again, (world.comparison,))
            judged = replace(judged, false=(*judged.false, *compare(answer, second)))
        kept = ""
        if keep:
            answers = Path(keep) / "answers"
            answers.mkdir(parents=True, exist_ok=True)
            text = json.dumps({"world": world.name, **answer.documents}, indent=1)
            (answers / f"{family}-{seed}.json").write_text(text)
        if judged.false and keep:
            place = Path(keep) / f"{family}-{seed}"
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(folder, place)
            truth = {change.name: dict(change.parameters) for change in world.changes}
            lines = [f"{kind}: {said}" for kind, said in judged.false]
            (place / "false.txt").write_text("\n".join([f"made with: {truth}", *lines]) + "\n")
            kept = str(place)
    causes = tuple(change.cause for change in world.truth)
    return Told(family, world.name, seed, causes, judged, kept)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worlds", description=__doc__)
    parser.add_argument("--family", action="append", choices=list(FAMILIES), help="default: all")
    parser.add_argument("--count", type=int, default=20, help="worlds a family")
    parser.add_argument("--seed", type=int, default=1, help="the first world's seed")
    parser.add_argument("--short", action="store_true", help="some three minutes")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument(
        "--keep", default="", help="folder for answers, and for workspaces with a false word"
    )
    given = parser.parse_args(arguments)
    wanted = [
        (family, given.seed + i)
        for family in given.family or list(FAMILIES)
        for i in range(SHORT[family] if given.short else given.count)
    ]
    tolds: list[Told] = []
    for answer in _examined(wanted, given.keep, given.jobs):
        tolds.append(answer)
        print(_line(answer), flush=True)
    for family in dict.fromkeys(answer.family for answer in tolds):
        print(*_table(family, [answer for answer in tolds if answer.family == family]), sep="\n")
    return 1 if any(answer.judged.false for answer in tolds) else 0


def _examined(wanted: list[tuple[str, int]], keep: str, jobs: int) -> Iterator[Told]:
    if jobs == 1:
        for family, seed in wanted:
            yield examine(family, seed, keep)
        return
    families, seeds = zip(*wanted, strict=True)
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(examine, families, seeds, [keep] * len(wanted))


def _line(answer: Told) -> str:
    judged = answer.judged
    place = {None: "", True: " first", False: " second, third" if judged.is_in_three else " missed"}
    head = f"{answer.family} {answer.seed} {answer.name}: {judged.seconds:.0f} s"
    head += place[judged.is_first]
    lines = [f"    {kind}: {said}" for kind, said in judged.false]
    return "\n".join([head, *lines, *([f"    kept in {answer.kept}"] if answer.kept else [])])


def _table(family: str, tolds: list[Told]) -> Iterator[str]:
    """The figures of one family."""
    yield f"\n{family}: {len(tolds)} worlds"
    worlds = Counter(kind for answer in tolds for kind in {kind for kind, _ in answer.judged.false})
    for kind in FALSE_KINDS:
        bound = f", 95 % upper bound {min(1.0, 3 / len(tolds)):.1%}" if not worlds[kind] else ""
        yield f"  worlds with a {kind}: {worlds[kind]}{bound}"
    seen = [told for told in tolds if told.judged.is_first is not None]
    if not seen:
        return
    for label, hits in (
        ("right cause first", sum(bool(told.judged.is_first) for told in seen)),
        ("in the first three", sum(bool(told.judged.is_in_three) for told in seen)),
        ("the whole set and nothing else", sum(bool(told.judged.is_whole_set) for told in seen)),
        ("baseline: largest carrier", sum(told.judged.carrier in told.truth for told in seen)),
        ("baseline: always lookback", sum("lookback" in told.truth for told in seen)),
    ):
        yield f"  {label}: {hits} of {len(seen)} ({hits / len(seen):.0%})"
    slow = sorted(told.judged.seconds for told in tolds)
    yield f"  seconds a world: median {slow[len(slow) // 2]:.0f}, worst {slow[-1]:.0f}"


if __name__ == "__main__":
    sys.exit(main())
