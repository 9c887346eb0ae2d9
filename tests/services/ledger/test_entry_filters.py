"""The journal's filters: each is what it says, alone and with others, in lists either way round and in downloads."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any
from uuid import UUID

import pytest

from models.database import Database
from rules.ledger.journal import Entry
from rules.ledger.kinds import EntryKind
from rules.ledger.records import EntryFilter, EntryOrder, Slice
from rules.ledger.refusals import NotFound
from services.ledger.reads import LedgerReads
from services.ledger.usage import Usage
from services.price_books import PriceBooks
from tests.rules.ledger.notation import a_line, tokens
from tests.services.ledger.cashier import Cashier, held, move_clock

ALL = EntryFilter()
MANY = Slice(1_000)


@pytest.fixture
def reads(database: Database, cashier: Cashier) -> LedgerReads:
    return LedgerReads(database, cashier.writer, PriceBooks(database))


async def some_work(database: Database, cashier: Cashier, account: UUID) -> None:
    """Of two members and nobody, for two projects and none, with two models, over three days."""
    anna, bob = await cashier.add_members(account, "anna", "bob")
    for day, spender in enumerate(
        ({"member_id": anna, "project": "film"}, {"member_id": bob, "project": "game"}, {"member_id": anna}, {})
    ):
        hold = await cashier.hold(account, tokens(9), **spender)
        lines = (a_line(2, model="flux"), a_line(3, model="llm", category="text"))
        held(await cashier.commit(account, hold, lines=lines[: 1 + day % 2]))
        await move_clock(database, cashier.tenant_id, 86_400)


async def test_every_filter_takes_what_it_says_wherever_it_is_asked(
    database: Database, cashier: Cashier, reads: LedgerReads
) -> None:
    account = await cashier.open(tokens=tokens(100))
    await some_work(database, cashier, account)
    journal = (await reads.entries(cashier.tenant_id, account, MANY, ALL)).rows
    middle = journal[len(journal) // 2]
    member = next(entry.member_id for entry in journal if entry.kind is EntryKind.CAPTURE and entry.member_id)
    wanted: dict[str, tuple[Any, Callable[[Entry], bool]]] = {
        "after_version": (3, lambda entry: entry.version > 3),
        "kinds": (frozenset({EntryKind.CAPTURE, EntryKind.HOLD}), lambda entry: entry.kind in ("CAPTURE", "HOLD")),
        "project": ("film", lambda entry: entry.project == "film"),
        "model": ("flux", lambda entry: entry.model == "flux"),
        "member_id": (member, lambda entry: entry.member_id == member),
        "since": (middle.at, lambda entry: entry.at >= middle.at),
        "before": (middle.at, lambda entry: entry.at < middle.at),
    }
    exports = Usage(database, reads)

    for names in (*combinations(wanted, 1), *combinations(wanted, 2)):
        asked = EntryFilter(**{name: wanted[name][0] for name in names})
        expected = [entry.version for entry in journal if all(wanted[name][1](entry) for name in names)]
        assert len(names) > 1 or 0 < len(expected) < len(journal), names
        downwards = await reads.entries(cashier.tenant_id, account, MANY, asked)
        upwards = await reads.entries(cashier.tenant_id, account, MANY, asked, order=EntryOrder.OLDEST_FIRST)
        exported = await exports.export_entries(cashier.tenant_id, account, asked)
        assert not isinstance(exported, NotFound)

        assert [entry.version for entry in downwards.rows] == expected, names
        assert [entry.version for entry in upwards.rows] == expected[::-1], names
        assert [entry.version async for page in exported for entry in page] == expected[::-1], names
        assert await reads.count_entries(cashier.tenant_id, account, asked) == len(expected), names
