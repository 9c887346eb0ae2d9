"""Lines of CSV (RFC 4180), for spreadsheets and programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Final

_FORMULA_MARKS: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_line(cells: Iterable[str]) -> str:
    """One line with its end."""
    line = io.StringIO(newline="")
    csv.writer(line).writerow(cells)
    return line.getvalue()


def csv_text(text: str | None) -> str:
    """A text that no spreadsheet takes for a formula: one that looks like it begins with an apostrophe."""
    text = text or ""
    return f"'{text}" if text.lstrip().startswith(_FORMULA_MARKS) else text
