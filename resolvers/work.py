"""Work as the API takes it: lines or an amount, as the core's requests have it."""

from __future__ import annotations

from collections.abc import Sequence

from rules.ledger.requests import PayableWork, Quoted, SavedWork, Work
from rules.pricing.rating import LineRequest
from schema.inputs import ActualInput, LineInput, WorkflowInput, WorkInput


def payable_work_of(given: WorkInput) -> PayableWork:
    """As `work_of`, or the quote or workflow that was given instead."""
    if given.workflow is not None:
        return saved_work_of(given.workflow)
    return work_of(given) if given.quote_id is None else Quoted(given.quote_id)


def saved_work_of(given: WorkflowInput) -> SavedWork:
    """The workflow that is named, to be resolved where it is used."""
    return SavedWork(given.name, given.version)


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
