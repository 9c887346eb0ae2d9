"""The proofs of prices are shown to fail: every listed fault, planted into a copy of the core, is found by one."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rules.ledger.mutants import Mutant
from tests.rules.pricing.mutants import MUTANTS

ROOT = Path(__file__).parents[3]
CORE = Path("rules/pricing")
COPIED = ("rules", "pricebooks", "tests/rules")
SECONDS_MAX = 300


@pytest.mark.parametrize(("proof", "mutant"), MUTANTS, ids=lambda part: getattr(part, "breaks", ""))
def test_the_list_of_mutants_is_not_stale(proof: str, mutant: Mutant) -> None:
    assert (ROOT / "tests" / CORE / proof).is_file()
    assert (ROOT / CORE / mutant.file).read_text(encoding="utf-8").count(mutant.text) == 1


@pytest.mark.soak
@pytest.mark.parametrize(("proof", "mutant"), MUTANTS, ids=lambda part: getattr(part, "breaks", ""))
def test_a_proof_notices_when_it_is_not_so_that(proof: str, mutant: Mutant, tmp_path: Path) -> None:
    for folder in COPIED:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    broken = tmp_path / CORE / mutant.file
    broken.write_text(broken.read_text(encoding="utf-8").replace(mutant.text, mutant.replacement), encoding="utf-8")

    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"tests/{CORE}/{proof}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    output = run.stdout + run.stderr
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, output
    assert re.search(r"^1 failed", output, re.MULTILINE), output
    assert not re.search(r"^E +(ImportError|SyntaxError|NameError)", output, re.MULTILINE), output
