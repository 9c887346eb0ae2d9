"""The runner of `make conformance` itself; the suites run there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from conformance import suites
from conformance.__main__ import EXIT_USAGE, main
from conformance.stage import ROOT, Stage
from conformance.suites import SUITES, Suite, run

PAGE = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(
        url="http://127.0.0.1:1/graphql",
        key="a key",
        fuzzed={"ACCOUNT": "acc_1"},
        data_dir=tmp_path / "data",
        log=tmp_path / "server.log",
    )


def a_suite(program: str, pattern: str = r"^(\d+) passed") -> Suite:
    def count(output: str) -> int:
        found = re.search(pattern, output, flags=re.MULTILINE)
        return int(found[1]) if found else 0

    return Suite("one", "a program", (sys.executable, "-c", program), count)


def test_a_suite_is_told_of_the_server_and_passes_by_its_exit_code(stage: Stage) -> None:
    program = "import os; assert os.environ['CONFORMANCE_FUZZED_ACCOUNT'] == 'acc_1'; print('3 passed')"
    outcome = run(a_suite(program), stage)
    assert (outcome.passed, outcome.checks) == (True, 3)


def test_a_suite_hears_of_no_other_server(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://somewhere/else")
    monkeypatch.setenv("BUS_URL", "redis://somewhere")
    monkeypatch.setenv("FAREBOX_ROOT_KEY", "another's")
    assert not {"DATABASE_URL", "BUS_URL", "FAREBOX_ROOT_KEY"} & stage.environment.keys()
    assert stage.environment["FAREBOX_DATA_DIR"] == str(stage.data_dir)


def test_a_failure_is_one_whatever_was_written(stage: Stage) -> None:
    assert not run(a_suite("print('3 passed'); raise SystemExit(1)"), stage).passed


def test_a_suite_that_tried_nothing_shows_nothing(stage: Stage) -> None:
    assert not run(a_suite("print('0 passed')"), stage).passed
    assert not run(a_suite("pass"), stage).passed


def test_a_suite_that_hangs_is_ended_and_its_output_is_kept(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suites, "SUITE_SECONDS_MAX", 1.0)
    outcome = run(a_suite("import time; print('2 passed', flush=True); time.sleep(60)"), stage)
    assert not outcome.passed
    assert outcome.output == "2 passed\n\nit did not end within 1 s"


def test_a_program_that_is_missing_fails_the_suite(stage: Stage) -> None:
    outcome = run(Suite("none", "nothing", ("no-such-program-of-farebox",), len), stage)
    assert not outcome.passed
    assert "not installed" in outcome.output


def test_errors_in_the_servers_log_are_found(stage: Stage) -> None:
    stage.log.write_text("2026-11-27 WARNING uvicorn: x\n2026-11-27 ERROR farebox: broken\nready\n")
    assert stage.errors == ["2026-11-27 ERROR farebox: broken"]


def test_a_suite_that_does_not_exist_is_refused_before_anything_starts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graphql-ws", "no-such"]) == EXIT_USAGE
    assert "There is no suite no-such; there are: " in capsys.readouterr().err


def test_the_page_names_every_suite_and_every_test_that_it_names_exists() -> None:
    promises = PAGE[PAGE.index("| Promise ") :]
    for suite in SUITES:
        assert f"`{suite.name}`" in PAGE, suite.name
    directory = ROOT / "tests"
    for promise in promises.splitlines():
        folder = directory
        for name in re.findall(r"`([\w/]*test_\w+\.py)`", promise):
            # A bare name stands for the folder of the one before.
            path = directory / name if "/" in name else folder / name
            assert path.is_file(), path
            folder = path.parent
