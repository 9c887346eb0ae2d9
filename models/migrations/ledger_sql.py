"""Which of the ledger's SQL files the first migration runs, and in which order."""

from __future__ import annotations

from pathlib import Path
from typing import Final

LEDGER_FOLDER: Final = Path(__file__).parent.parent / "ledger"

LEDGER_SQL_FILES: Final = ("tables.sql", "journal.sql", "types.sql", "load.sql", "write.sql")
"""Names in models/ledger/, tables before functions."""


def ledger_sql() -> list[str]:
    """The texts, in order."""
    return [(LEDGER_FOLDER / name).read_text(encoding="utf-8") for name in LEDGER_SQL_FILES]
