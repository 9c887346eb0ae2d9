"""Figures in aligned columns."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.rounds import Spread


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns; the first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def shown_figure(spread: Spread, digits: int) -> str:
    """The median, and in brackets the least and the most."""
    return f"{spread.median:,.{digits}f} ({spread.least:,.{digits}f}..{spread.most:,.{digits}f})"


def shown_rate(spread: Spread) -> str:
    """So many a second."""
    return shown_figure(spread, 0)


def shown_ratio(spread: Spread) -> str:
    """So many times."""
    return shown_figure(spread, 1)


def shown_milliseconds(spread: Spread, digits: int = 1) -> str:
    """Of a time in seconds."""
    return shown_figure(spread.times(1_000), digits)
