"""Work as the API takes it: lines or an amount, as the core's requests have it."""

from __future__ import annotations

from collections.abc import Sequence

from rules.ledger.requests import PayableWork, Quoted, Work
from rules.pricing.rating import LineRequest
from schema.inputs import ActualInput, LineInput, WorkInput


def payable_work_of(given: WorkInput) -> PayableWork:
    """As `work_of`, or the quote that was given instead."""
    return work_of(given) if given.quote_id is None else Quoted(given.quote_id)


def work_of(given: WorkInput | ActualInput) -> Work:
    """The one member that was given; the schema has seen to it that there is exactly one."""
    if given.lines is not None:
        return lines_of(given.lines)
    if given.amount is None:
        raise ValueError("an input of exactly one member has none")
    return given.amount


def lines_of(lines: Sequence[LineInput]) -> tuple[LineRequest, ...]:
    """The lines as pricing takes them."""
    return tuple([_line(line) for line in lines])


def _line(line: LineInput) -> LineRequest:
    return LineRequest(
        model=line.model,
        params={} if line.params is None else line.params,
        count=1 if line.count is None else line.count,
        ref=line.ref,
    )
