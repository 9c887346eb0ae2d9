"""Gifts to many: each account once under a key, and nobody goes without because another could not be given to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from models.database import Database
from rules.ledger.commands import AnyCommand
from rules.ledger.kinds import GrantSource
from rules.ledger.outcomes import GrantEffect
from rules.ledger.records import Slice
from rules.ledger.refusals import IdempotencyConflict, NotFound
from rules.ledger.requests import GiftRequest
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MICROS
from services.gifts import ACCOUNTS_MAX, Gifts, Unanswered
from services.ledger.lane import LedgerUnavailable
from services.ledger.submission import NO_RIDERS, LedgerOutcome, Riders
from tests.conftest import TenantBuilder
from tests.services.ledger.cashier import granted, of_kind, value_of
from tests.services.ledger.sums import contradictions
from tests.services.shop import Shop, open_shop


@pytest.fixture
async def shop(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Shop]:
    async with open_shop(database, (await a_tenant()).id) as shop:
        yield shop


def a_gift(shop: Shop, **changes: Any) -> GiftRequest:
    return GiftRequest(shop.tenant_id, **{"key": "spring", "amount": 5 * MICROS, "note": "the fair", **changes})


async def gifts(database: Database) -> int:
    count: int = await value_of(database, "SELECT count(*) FROM token_grant WHERE source = 'BONUS'")
    return count


async def test_everybody_named_has_it_once_however_often_and_from_wherever_it_is_given(
    database: Database, shop: Shop
) -> None:
    accounts = [await shop.open(f"{number}") for number in range(20)]
    async with open_shop(database, shop.tenant_id) as elsewhere:
        rounds = await asyncio.gather(
            shop.gifts.give(a_gift(shop), [*accounts, *accounts]), elsewhere.gifts.give(a_gift(shop), accounts)
        )

    outcomes = [outcome for outcomes in rounds if not isinstance(outcomes, InvalidInput) for outcome in outcomes]
    assert sorted(granted(outcome).replayed for outcome in outcomes) == [False] * 20 + [True] * 40
    assert await gifts(database) == 20
    assert await contradictions(database) == []


async def test_who_cannot_be_given_to_is_told_by_place_and_the_others_have_it(
    database: Database, shop: Shop, a_tenant: TenantBuilder
) -> None:
    first, last = [await shop.open(name) for name in ("first", "last")]
    async with open_shop(database, (await a_tenant()).id) as other:
        foreign = await other.open()
    bad_name = InvalidInput("accountId", "no")

    outcomes = await shop.gifts.give(a_gift(shop), [first, NotFound("account"), uuid4(), foreign, bad_name, last])

    assert not isinstance(outcomes, InvalidInput)
    assert outcomes[1:5] == (NotFound("account"), NotFound("account"), NotFound("account"), bad_name)
    assert len(of_kind(list(outcomes), GrantEffect)) == 2
    assert await gifts(database) == 2


async def test_a_corrected_list_gives_to_those_who_are_new(database: Database, shop: Shop) -> None:
    first, second = [await shop.open(name) for name in ("first", "second")]
    await shop.gifts.give(a_gift(shop), [first])
    outcomes = await shop.gifts.give(a_gift(shop), [first, second])
    assert not isinstance(outcomes, InvalidInput)
    assert [granted(outcome).replayed for outcome in outcomes] == [True, False]


async def test_another_gift_under_a_known_key_is_a_conflict_for_those_who_have_the_first(shop: Shop) -> None:
    first, second = [await shop.open(name) for name in ("first", "second")]
    await shop.gifts.give(a_gift(shop), [first])
    outcomes = await shop.gifts.give(a_gift(shop, amount=6 * MICROS), [first, second])
    assert not isinstance(outcomes, InvalidInput)
    assert outcomes[0] == IdempotencyConflict("spring")
    assert granted(outcomes[1]).grant.granted == 6 * MICROS


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("idempotencyKey", {"key": ""}),
        ("amount", {"amount": 0}),
        ("amount", {"amount": -1}),
        ("priority", {"priority": -1}),
        ("note", {"note": "\x00"}),
        *[
            ("source", {"source": source})
            for source in GrantSource
            if source not in ("BONUS", "LOYALTY", "PROMO", "ADJUSTMENT")
        ],
    ],
)
async def test_a_gift_out_of_form_is_given_to_nobody(
    database: Database, shop: Shop, field: str, changes: dict[str, Any]
) -> None:
    outcome = await shop.gifts.give(a_gift(shop, **changes), [await shop.open()])
    assert isinstance(outcome, InvalidInput)
    assert outcome.field == field
    assert await gifts(database) == 0


@pytest.mark.parametrize("number", [0, ACCOUNTS_MAX + 1])
async def test_a_call_names_a_thousand_at_most_and_somebody_at_least(shop: Shop, number: int) -> None:
    outcome = await shop.gifts.give(a_gift(shop), [await shop.open()] * number)
    assert isinstance(outcome, InvalidInput)
    assert outcome.field == "accountIds"


async def test_everyone_is_served_page_by_page(shop: Shop) -> None:
    accounts = {name: await shop.open(name) for name in ("c", "a", "b")}
    first = await shop.gifts.everyone(shop.tenant_id, Slice(2))
    rest = await shop.gifts.everyone(shop.tenant_id, Slice(2, first.rows[-1][0]))
    assert dict(first.rows + rest.rows) == accounts
    assert ([name for name, _ in first.rows], first.has_more, rest.has_more) == (["a", "b"], True, False)


async def test_an_account_that_the_ledger_does_not_answer_for_is_told_and_finished_by_the_same_call(
    database: Database, shop: Shop
) -> None:
    accounts = [await shop.open(f"{number}") for number in range(3)]

    class DyingWriter:
        async def submit(self, command: AnyCommand, riders: Riders = NO_RIDERS) -> LedgerOutcome:
            outcome = await shop.writer.submit(command, riders) if command.account_id != accounts[0] else None
            if command.account_id == accounts[2] or outcome is None:
                raise LedgerUnavailable("away")
            return outcome

    writer: Any = DyingWriter()
    outcomes = await Gifts(database, writer, shop.price_books).give(a_gift(shop), accounts)
    assert not isinstance(outcomes, InvalidInput)
    assert (outcomes[0], outcomes[2]) == (Unanswered(), Unanswered())
    assert await gifts(database) == 2

    again = await shop.gifts.give(a_gift(shop), accounts)

    assert not isinstance(again, InvalidInput)
    assert [granted(outcome).replayed for outcome in again] == [False, True, True]
    assert await gifts(database) == 3
