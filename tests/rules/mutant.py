"""Faults that are planted into a copy of the core, to show that its tests would notice them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault to plant: in `file` of the core's folder `text` becomes `replacement`; `breaks` says which rule."""

    breaks: str
    file: str
    text: str
    replacement: str

    def is_fresh(self, core: Path) -> bool:
        """Whether its text stands in the core exactly once."""
        return (core / self.file).read_text(encoding="utf-8").count(self.text) == 1

    def plant(self, core: Path) -> None:
        """Breaks a copy of the core."""
        broken = core / self.file
        broken.write_text(broken.read_text(encoding="utf-8").replace(self.text, self.replacement), encoding="utf-8")


def assert_found(code: int, output: str) -> None:
    """One test failed, and for the fault: not because the copy could not be read."""
    assert code == pytest.ExitCode.TESTS_FAILED, output
    assert re.search(r"^1 failed", output, re.MULTILINE), output
    assert not re.search(r"^E +(ImportError|SyntaxError|NameError)", output, re.MULTILINE), output
