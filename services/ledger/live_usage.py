"""Usage as it happens: what came since it was last read, and the running day of those who are told of it first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

import asyncpg

from models.statements import statement
from rules.ledger.usage import UsageKey
from rules.ledger.usage_events import (
    ROWS_MAX,
    Breakdown,
    DaySums,
    Sums,
    UsageEvent,
    UsagePosition,
    UsageView,
    is_another_day,
    next_usage,
    snapshot_of_usage,
)


async def read_usage(
    connection: asyncpg.Connection, position: UsagePosition, known: Mapping[UsageView, UsageEvent | None]
) -> dict[UsageView, tuple[UsageEvent, UsageEvent | None]]:
    """For each view the snapshot at this position, and what is told to those who have the one that is known.

    `connection` has the database's snapshot of that position. Two statements at most, however many views there are,
    unless some of them were read last at another version than the others.
    """
    unknown = [view for view, event in known.items() if event is None or is_another_day(event, position)]
    days = await _days(connection, position, unknown) if unknown else {}
    versions = {event.version for event in known.values() if event is not None and event.version < position.version}
    found = {version: await _captured_since(connection, position.account_id, version) for version in versions}
    events: dict[UsageView, tuple[UsageEvent, UsageEvent | None]] = {}
    for view, event in known.items():
        if event is None:
            events[view] = snapshot_of_usage(view, position, days[view]), None
        else:
            events[view] = next_usage(event, position, found.get(event.version, {}), days.get(view))
    return events


async def _captured_since(connection: asyncpg.Connection, account_id: UUID, version: int) -> dict[UsageKey, Sums]:
    found = await connection.fetch(statement("list_captures_since"), account_id, version)
    return {UsageKey(*row[:5]): Sums(*row[5:]) for row in map(tuple, found)}


async def _days(
    connection: asyncpg.Connection, position: UsagePosition, views: Sequence[UsageView]
) -> dict[UsageView, DaySums]:
    found = await connection.fetch(
        statement("sum_usage_of_views"),
        position.account_id,
        position.day.day,
        [view.member_id for view in views],
        [view.project for view in views],
        [view.by_member for view in views],
        ROWS_MAX,
    )
    by_number: dict[int, list[asyncpg.Record]] = {}
    for row in found:
        by_number.setdefault(row["number"], []).append(row)
    return {view: _day(position, by_number.get(number, ())) for number, view in enumerate(views, start=1)}


def _day(position: UsagePosition, rows: Iterable[asyncpg.Record]) -> DaySums:
    by_key: dict[UsageKey, Sums] = {}
    today, told = Sums(), Sums()
    for _, member_id, project, model, category, *figures in map(tuple, rows):
        sums, today = Sums(*figures[:4]), Sums(*figures[4:])
        by_key[UsageKey(position.day.day, member_id, project, model, category)] = sums
        told = told.plus(sums)
    return DaySums(today, Breakdown.cut(by_key, today.less(told)))
