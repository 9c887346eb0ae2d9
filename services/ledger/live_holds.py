"""Holds as they change: what changed since they were last read, and what is open for those who are told first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from models.ledger import rows
from models.statements import statement
from rules.ledger.hold_events import (
    CHANGED_HOLDS_MAX,
    HOLDS_MAX,
    SPARE_HOLDS,
    ChangedHold,
    HoldsEvent,
    HoldsPosition,
    HoldsView,
    OpenHolds,
    next_holds,
    snapshot_of_holds,
    with_changes,
)

_HOLD_COLUMNS: Final = 24
"""Of a row as ledger_hold_v2."""


async def read_holds(
    connection: asyncpg.Connection, position: HoldsPosition, known: Mapping[HoldsView, HoldsEvent | None]
) -> dict[HoldsView, tuple[HoldsEvent, HoldsEvent | None]]:
    """For each view the snapshot at this position, and what is told to those who have the one that is known.

    `connection` has the database's snapshot of that position. Two statements at most, however many views there are,
    unless some of them were read last at another version than the others.
    """
    before = {(event.version, event.as_of) for event in known.values() if event and event.version < position.version}
    changes = {
        version: await _changed_since(connection, position.account_id, version, as_of) for version, as_of in before
    }
    found: dict[HoldsView, OpenHolds | None] = {}
    for view, event in known.items():
        changed = () if event is None else changes.get(event.version, ())
        found[view] = None if event is None or changed is None else with_changes(event, changed)
    unknown = [view for view, holds in found.items() if holds is None]
    read = await _open(connection, position, unknown) if unknown else {}
    events: dict[HoldsView, tuple[HoldsEvent, HoldsEvent | None]] = {}
    for view, event in known.items():
        holds = found[view] or read[view]
        anew = snapshot_of_holds(view, position, holds)
        if event is None:
            events[view] = anew, None
            continue
        changed = changes.get(event.version, ())
        events[view] = (anew, anew) if changed is None else next_holds(event, position, changed, holds)
    return events


async def _changed_since(
    connection: asyncpg.Connection, account_id: UUID, version: int, since: datetime
) -> list[ChangedHold] | None:
    """None: more than are read at once."""
    found = await connection.fetch(statement("list_changed_holds"), account_id, version, since, CHANGED_HOLDS_MAX + 1)
    if len(found) > CHANGED_HOLDS_MAX:
        return None
    return [ChangedHold(rows.read_hold(row[:_HOLD_COLUMNS]), *row[_HOLD_COLUMNS:]) for row in map(tuple, found)]


async def _open(
    connection: asyncpg.Connection, position: HoldsPosition, views: Sequence[HoldsView]
) -> dict[HoldsView, OpenHolds]:
    found = await connection.fetch(
        statement("list_open_holds"),
        position.account_id,
        [view.member_id for view in views],
        [view.seen.everyone for view in views],
        [view.seen.member_id for view in views],
        HOLDS_MAX + SPARE_HOLDS,
    )
    by_number: dict[int, list[tuple[Any, ...]]] = {}
    for row in map(tuple, found):
        by_number.setdefault(row[0], []).append(row[1:])
    return {view: _open_of(by_number[number]) for number, view in enumerate(views, start=1)}


def _open_of(found: Sequence[tuple[Any, ...]]) -> OpenHolds:
    """From rows of one view; one without a hold where none is open."""
    (number, held), newest = found[0][:2], tuple(rows.read_hold(row[2:]) for row in found if row[3] is not None)
    return OpenHolds(number, held, newest)
