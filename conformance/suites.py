"""Which suites there are, how each is run, and how many checks it made."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from conformance.stage import ROOT, Stage

FOLDER: Final = Path(__file__).parent
SUITE_SECONDS_MAX: Final = 120.0
"""A suite that takes longer hangs."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A program that fails by its exit code; `count` finds in what it wrote how many checks it made."""

    name: str
    meaning: str
    command: tuple[str, ...]
    count: Callable[[str], int]
    directory: Path = FOLDER
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a suite ended. `checks` 0 counts as a failure: a suite that tried nothing shows nothing."""

    suite: Suite
    passed: bool
    checks: int
    seconds: float
    output: str


def run(suite: Suite, stage: Stage) -> Outcome:
    """Runs one suite to its end, or stops it when it hangs."""
    begin = time.monotonic()
    try:
        ended = subprocess.run(
            suite.command,
            cwd=suite.directory,
            env=stage.environment | suite.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=SUITE_SECONDS_MAX,
            check=False,
        )
        output, code = ended.stdout, ended.returncode
    except subprocess.TimeoutExpired as late:
        output, code = f"{_text(late.stdout)}\nit did not end within {SUITE_SECONDS_MAX:g} s", -1
    except FileNotFoundError as missing:
        output, code = f"{missing.filename} is not installed", -1
    checks = suite.count(output)
    return Outcome(suite, code == 0 and checks > 0, checks, time.monotonic() - begin, output)


def _text(output: str | bytes | None) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""


def _found(pattern: str) -> Callable[[str], int]:
    def count(output: str) -> int:
        found = re.search(pattern, output, flags=re.MULTILINE)
        return int(found[1]) if found else 0

    return count


def _of_node(name: str, meaning: str) -> Suite:
    command = ("node", "--test", "--test-reporter=tap", f"{name}.test.js")
    return Suite(name, meaning, command, _found(r"^# pass (\d+)$"))


def _of_pytest(name: str, meaning: str, file: str) -> Suite:
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"conformance/{file}")
    return Suite(name, meaning, command, _found(r"^(\d+) passed"), ROOT)


def _of_schemathesis(name: str, meaning: str, mode: str, examples: int) -> Suite:
    command = (
        sys.executable,
        *("-m", "schemathesis.cli", "--config-file", "conformance/schemathesis.toml"),
        *("run", "schema.graphql", "--no-color", "--mode", mode, "--max-examples", str(examples)),
    )
    hooks = {"SCHEMATHESIS_HOOKS": "conformance.fuzzing"}
    return Suite(name, meaning, command, _found(r"^ *(\d+) generated"), ROOT, hooks)


SUITES: Final = (
    _of_node("graphql-eslint", "the schema, by the rules of @graphql-eslint"),
    _of_node("types", "the types of the JavaScript policies, by TypeScript"),
    _of_node("order", "how the policies order snapshots"),
    _of_node("graphql-http", "GraphQL over HTTP: the audits of graphql-http"),
    _of_node("graphql-ws", "the client graphql-ws"),
    _of_node("graphql-sse", "the client graphql-sse"),
    _of_node("urql", "the client urql, its cache policies"),
    _of_node("apollo", "Apollo Client, its cache policies"),
    _of_pytest("gql", "the Python client gql", "test_gql.py"),
    _of_schemathesis("schemathesis", "everything in the schema, with what fits its types", "positive", 15),
    _of_schemathesis("schemathesis-wrong", "everything in the schema, with what does not", "negative", 6),
    Suite(
        "audit",
        "every invariant of the ledger, after all of that",
        (sys.executable, "-m", "server", "audit"),
        _found(r"^Checked \d+ accounts and (\d+) entries"),
        ROOT,
    ),
)
"""In the order in which they run: the quick ones first."""
