"""The proofs of prices are shown to fail: every listed fault, planted into a copy of the core, is found by one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rules.mutant import Mutant, assert_found
from tests.rules.pricing.mutants import MUTANTS

ROOT = Path(__file__).parents[3]
CORE = Path("rules/pricing")
COPIED = ("rules", "pricebooks", "tests/rules")
SECONDS_MAX = 300


@pytest.mark.parametrize(("proof", "mutant"), MUTANTS, ids=lambda part: getattr(part, "breaks", ""))
def test_the_list_of_mutants_is_not_stale(proof: str, mutant: Mutant) -> None:
    assert (ROOT / "tests" / CORE / proof).is_file()
    assert mutant.is_fresh(ROOT / CORE)


@pytest.mark.soak
@pytest.mark.parametrize(("proof", "mutant"), MUTANTS, ids=lambda part: getattr(part, "breaks", ""))
def test_a_proof_notices_when_it_is_not_so_that(proof: str, mutant: Mutant, tmp_path: Path) -> None:
    for folder in COPIED:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    mutant.plant(tmp_path / CORE)

    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"tests/{CORE}/{proof}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert_found(run.returncode, run.stdout + run.stderr)
