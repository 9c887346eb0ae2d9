"""Reads the SQL files beside this module: one statement a file, named verb_noun."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "sql"


@cache
def statement(name: str) -> str:
    """The text of models/sql/<name>.sql."""
    return (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")
