"""Which of the ledger's SQL files a migration runs, and in which order."""

from __future__ import annotations

from pathlib import Path
from typing import Final

LEDGER_FOLDER: Final = Path(__file__).parent.parent / "ledger"

LEDGER_SQL_FILES: Final = {
    "m0001": ("tables.sql", "journal.sql", "types.sql", "load.sql", "write.sql"),
    "m0004": ("tables.sql", "usage.sql", "types.sql", "load.sql", "write.sql", "notices.sql"),
    "m0006": ("types.sql", "load.sql", "write.sql"),
}
"""Names in models/ledger/<step>/, tables before functions. The newest load and write are the ones in force."""


def ledger_sql(step: str) -> list[str]:
    """The texts of one step, in order."""
    return [(LEDGER_FOLDER / step / name).read_text(encoding="utf-8") for name in LEDGER_SQL_FILES[step]]
