"""Runs the suites: `python -m conformance`, or with the names of some of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from conformance.stage import StageFailed, stage, tail
from conformance.suites import SUITES, Outcome, run

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2


def main(names: Sequence[str]) -> int:
    """Runs what is named, or all, against one server; the exit code is 0 only if everything passed.

    Nor may the server have logged an error: what clients do wrong is none, and nothing else is wrong here.
    """
    known = {suite.name: suite for suite in SUITES}
    if unknown := [name for name in names if name not in known]:
        print(f"There is no suite {unknown[0]}; there are: {', '.join(known)}", file=sys.stderr)
        return EXIT_USAGE
    try:
        with stage() as served:
            outcomes = []
            for suite in [known[name] for name in names] or SUITES:
                outcomes.append(run(suite, served))
                print(_line(outcomes[-1]), flush=True)
            failed = [outcome for outcome in outcomes if not outcome.passed]
            log, errors = tail(served.log), served.errors
    except StageFailed as failure:
        print(failure, file=sys.stderr)
        return EXIT_FAILED
    for outcome in failed:
        print(f"\n== {outcome.suite.name}\n{outcome.output}")
    if failed:
        print(f"\n== the server's log, its end\n{log}")
    if errors:
        print("\n== what went wrong in the server", *errors, sep="\n")
    passed = len(outcomes) - len(failed)
    print(f"\n{passed} of {len(outcomes)} suites passed; errors in the server's log: {len(errors)}")
    return EXIT_FAILED if failed or errors else 0


def _line(outcome: Outcome) -> str:
    word = "passed" if outcome.passed else "FAILED"
    suite = outcome.suite
    return f"{word}  {suite.name:<15} {outcome.checks:>5} checks {outcome.seconds:>6.1f} s  {suite.meaning}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
