"""The proofs of prices are shown to fail: each listed fault, planted into a copy of the core, is found by its proof."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rules.mutant import Mutant, assert_found
from tests.rules.pricing.mutants import AFFORDABLE, BOOKS, MUTANTS, PROOFS, REPLAY

ROOT = Path(__file__).parents[3]
CORE = Path("rules/pricing")
COPIED = ("rules", "pricebooks", "tests/rules", "tests/pricebooks/test_proofs.py", "pyproject.toml")
SECONDS_MAX = 300


def proofs(file: str) -> Iterator[str]:
    """Every test of a file that tries more than its examples: those of hypothesis, and those over the shipped books."""
    for test in ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8")).body:
        if isinstance(test, ast.FunctionDef) and test.name.startswith("test_"):
            decorators = {ast.unparse(decorator).partition("(")[0] for decorator in test.decorator_list}
            if "given" in decorators or file == BOOKS:
                yield f"{file}::{test.name}"


@pytest.mark.parametrize("file", [PROOFS, BOOKS, AFFORDABLE, REPLAY])
def test_every_proof_has_a_mutant(file: str) -> None:
    assert set(proofs(file)) == {proof for proof, _ in MUTANTS if proof.startswith(f"{file}::")}


@pytest.mark.parametrize(("proof", "mutant"), MUTANTS, ids=lambda part: getattr(part, "breaks", ""))
def test_the_list_of_mutants_is_not_stale(proof: str, mutant: Mutant) -> None:
    assert proof in set(proofs(proof.partition("::")[0]))
    assert mutant.is_fresh(ROOT / CORE)


@pytest.mark.soak
@pytest.mark.parametrize(("proof", "mutant"), MUTANTS, ids=lambda part: getattr(part, "breaks", ""))
def test_a_proof_notices_when_it_is_not_so_that(proof: str, mutant: Mutant, tmp_path: Path) -> None:
    for copied in COPIED:
        if (ROOT / copied).is_dir():
            shutil.copytree(ROOT / copied, tmp_path / copied, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (tmp_path / copied).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / copied, tmp_path / copied)
    mutant.plant(tmp_path / CORE)

    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"tests/{proof}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert_found(run.returncode, run.stdout + run.stderr)
