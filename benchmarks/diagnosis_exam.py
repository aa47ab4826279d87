"""The diagnosis exam: faults from demo.faults, judged from files alone (make exam).

Prints one line a fault and size, the answers that were not right, and the goals.
Exit 0 when every goal is met, 1 when one is not.
"""

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path

from benchmarks.exam_cases import SEEDS, SHORT_SEEDS, Case, all_cases, short_cases
from benchmarks.exam_judge import Answer, be_modest, judge
from benchmarks.exam_score import complaints, goals, mark, table


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    cases = _chosen(options)
    if not cases:
        sys.stderr.write("no case fits --cases\n")
        return 2
    start = time.perf_counter()
    answers = _judged(cases, options)
    marks = [mark(answer) for answer in answers]
    print("\n".join(table(marks)))
    wrong = complaints(marks)
    if wrong:
        print("\nnot right:")
        print("\n".join(f"  {line}" for line in wrong))
    verdicts = goals(marks)
    print(f"\n{len(cases)} cases in {time.perf_counter() - start:.0f} s")
    for goal in verdicts:
        print(f"{'met ' if goal.is_met else 'MISS'}  {goal.name}: {goal.text}")
    return 0 if all(goal.is_met for goal in verdicts) and not _failed(answers) else 1


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="the form for CI, under 3 minutes")
    parser.add_argument("--seeds", type=int, nargs="+", help="other seeds (while building)")
    parser.add_argument("--cases", nargs="+", help="only cases whose name holds one of these")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--out", type=Path, help="write each answer here at once, as a line of JSON"
    )
    return parser.parse_args(arguments)


def _chosen(options: argparse.Namespace) -> list[Case]:
    if options.short:
        cases = short_cases(options.seeds or SHORT_SEEDS)
    else:
        cases = all_cases(options.seeds or SEEDS)
    if options.cases is None:
        return cases
    return [case for case in cases if any(part in case.label for part in options.cases)]


def _judged(cases: Sequence[Case], options: argparse.Namespace) -> list[Answer]:
    """Answers in the order of the cases; spawned processes, since XGBoost hangs in forked ones."""
    context = multiprocessing.get_context("spawn")
    answers: dict[Case, Answer] = {}
    with ExitStack() as stack:
        out = options.out and stack.enter_context(options.out.open("w", encoding="utf-8"))
        pool = stack.enter_context(
            ProcessPoolExecutor(options.processes, mp_context=context, initializer=be_modest)
        )
        futures = [pool.submit(judge, case) for case in cases]
        for number, future in enumerate(as_completed(futures), start=1):
            answer = future.result()
            answers[answer.case] = answer
            sys.stderr.write(f"\r{number}/{len(cases)} {answer.case.label:60}")
            sys.stderr.flush()
            if out is not None:
                out.write(_line(answer))
                out.flush()
    sys.stderr.write("\n")
    return [answers[case] for case in cases]


def _failed(answers: Sequence[Answer]) -> bool:
    return any(answer.problems for answer in answers)


def _line(answer: Answer) -> str:
    row = {
        "case": answer.case.label,
        "kind": answer.case.kind,
        "causes": answer.case.causes,
        "cycle_s": answer.cycle_s,
        "diagnose_s": answer.diagnose_s,
        "problems": answer.problems,
        "document": answer.document,
    }
    return json.dumps(row, default=str) + "\n"


if __name__ == "__main__":
    sys.exit(main())
