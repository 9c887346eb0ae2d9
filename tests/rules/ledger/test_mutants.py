"""The stateful test is shown to fail: every listed fault, planted into a copy of the core, is found by it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rules.ledger.mutants import MUTANTS
from tests.rules.mutant import Mutant, assert_found

ROOT = Path(__file__).parents[3]
CORE = Path("rules/ledger")
TESTS = Path("tests/rules/ledger")
SECONDS_MAX = 300
EXAMPLES = 2_000
"""Far more than usual: most faults are found in the first hundred sequences, those that need a rare state later."""


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.breaks)
def test_the_list_of_mutants_is_not_stale(mutant: Mutant) -> None:
    assert mutant.is_fresh(ROOT / CORE)


@pytest.mark.soak
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.breaks)
def test_the_stateful_test_notices_when(mutant: Mutant, tmp_path: Path) -> None:
    a_copy_of_core_and_test(tmp_path)
    mutant.plant(tmp_path / CORE)

    code, output = the_stateful_test(tmp_path, EXAMPLES)

    assert_found(code, output)


@pytest.mark.soak
def test_the_stateful_test_passes_on_the_copy_of_a_sound_core(tmp_path: Path) -> None:
    a_copy_of_core_and_test(tmp_path)

    code, output = the_stateful_test(tmp_path, EXAMPLES // 10)

    assert code == pytest.ExitCode.OK, output


def a_copy_of_core_and_test(target: Path) -> None:
    unwanted = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "rules", target / "rules", ignore=unwanted)
    shutil.copytree(ROOT / TESTS, target / TESTS, ignore=unwanted)
    shutil.copy(ROOT / "pyproject.toml", target)


def the_stateful_test(root: Path, examples: int) -> tuple[int, str]:
    """Runs it there, and nothing else; without shrinking, because only the verdict counts."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(TESTS / "test_stateful.py")],
        cwd=root,
        env=os.environ | {"FAREBOX_STATEFUL_EXAMPLES": str(examples), "FAREBOX_STATEFUL_SHRINK": "0", "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    return run.returncode, run.stdout + run.stderr
