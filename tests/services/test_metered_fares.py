"""Metered work from estimate to the last capture: exact lines, one rounding, and never more than was held."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from models.database import Database
from rules.ledger.kinds import HoldState, OverrunPolicy
from rules.ledger.records import Estimated
from rules.ledger.refusals import InsufficientTokens
from rules.ledger.requests import EstimateRequest
from rules.pricing.affordable import Affordable, largest_affordable
from rules.pricing.rating import MAX_COUNT, LineRequest
from rules.pricing.refusals import InvalidParams
from rules.pricing.tokens import MICROS
from tests.conftest import TenantBuilder
from tests.services.ledger.cashier import held, rows_of
from tests.services.ledger.sums import contradictions
from tests.services.shop import Shop, a_line, a_source, open_shop

MORE = """
[[prices]]
name = "Chat"
category = "text"
dimensions = [
  { name = "inputTokens", type = "integer", minimum = 0, maximum = 100000, default = 0 },
  { name = "outputTokens", type = "integer", minimum = 0, maximum = 100000, default = 0 },
]
[prices.composite]
components = [
  { of = "inputTokens", tokens = 1, per = 1000 },
  { of = "outputTokens", tokens = 4, per = 3000 },
]
[[prices]]
name = "Transcript"
category = "stt"
rounding_unit = 0.5
dimensions = [{ name = "seconds", type = "number", minimum = 0, maximum = 100000, default = 60 }]
metered = { of = "seconds", volume = [{ up_to = 60, tokens = 0.1 }, { tokens = 0.05 }] }
[[prices]]
name = "Narrator"
category = "tts"
dimensions = [{ name = "characters", type = "integer", unit = "character", minimum = 1, unbounded = true }]
metered = { of = "characters", tokens = 3, per = 1000 }
"""


def chat(inputs: int, outputs: int = 0) -> LineRequest:
    return a_line("chat", inputTokens=inputs, outputTokens=outputs)


@pytest.fixture
async def shop(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Shop]:
    async with open_shop(database, (await a_tenant()).id) as shop:
        await shop.publish(a_source(more=MORE))
        yield shop


async def commit(shop: Shop, account: UUID, hold: int, key: str, *lines: LineRequest, **more: object) -> int:
    effect = held(await shop.fares.commit(shop.commit_request(account, key, hold, *lines, **more)))
    return effect.amount


async def entries(database: Database) -> list[tuple[str, int, int]]:
    rows = await rows_of(
        database, "SELECT kind, spent, held_change FROM entry WHERE hold_id IS NOT NULL ORDER BY version"
    )
    return [(row["kind"], row["spent"], row["held_change"]) for row in rows]


async def test_parts_are_captured_exactly_and_the_final_commit_rounds_their_sum_once(
    database: Database, shop: Shop
) -> None:
    account = await shop.open()
    hold = held(await shop.fares.reserve(shop.reserve_request(account, "r", chat(1_500, 4_000)))).hold
    assert hold.amount == 7 * MICROS, "1.5 + 5.333334, rounded up"

    assert await commit(shop, account, hold.hold_id, "1", chat(1_200), final=False) == 1_200_000
    assert await commit(shop, account, hold.hold_id, "2", chat(0, 100), final=False) == 133_334
    assert await commit(shop, account, hold.hold_id, "3", chat(1, 200)) == 266_667 + 1_000 + 398_999

    assert await entries(database) == [
        ("HOLD", 0, 7 * MICROS),
        ("CAPTURE", 1_200_000, -1_200_000),
        ("CAPTURE", 133_334, -133_334),
        ("CAPTURE", 267_667, -267_667),
        ("ROUNDING", 398_999, -398_999),
        ("RELEASE", 0, -5 * MICROS),
    ]
    assert await contradictions(database) == []


async def test_an_estimate_shows_what_a_charge_takes(database: Database, shop: Shop) -> None:
    account = await shop.open()
    lines = (chat(1_250, 100), a_line("upscale"), a_line("transcript", seconds=90.0))
    estimated = await shop.fares.estimate(EstimateRequest(shop.tenant_id, lines, account))
    assert isinstance(estimated, Estimated)
    assert [line.cost for line in estimated.lines] == [1_383_334, 8 * MICROS, 4_500_000]
    # Both exact lines together are 5.883334; the chat's unit of a whole token is the wider one.
    assert (estimated.rounding, estimated.total) == (116_666, 14 * MICROS)

    charged = held(await shop.fares.charge(shop.reserve_request(account, "c", *lines)))
    assert (charged.amount, charged.hold.rounding) == (14 * MICROS, 116_666)
    assert charged.balance.available == estimated.balance_after
    assert await contradictions(database) == []


async def test_lines_of_both_kinds_share_a_hold(database: Database, shop: Shop) -> None:
    account = await shop.open()
    lines = (a_line("picture", steps=26), chat(2_100))
    hold = held(await shop.fares.reserve(shop.reserve_request(account, "r", *lines))).hold
    assert hold.amount == (11 + 3) * MICROS
    await commit(shop, account, hold.hold_id, "1", a_line("picture", steps=26), final=False)
    assert await commit(shop, account, hold.hold_id, "2", chat(2_100)) == 3 * MICROS
    assert [kind for kind, _, _ in await entries(database)] == ["HOLD", "CAPTURE", "CAPTURE", "ROUNDING"]
    assert await contradictions(database) == []


async def test_a_price_rounds_to_its_own_unit(shop: Shop) -> None:
    account = await shop.open()
    charged = held(await shop.fares.charge(shop.reserve_request(account, "c", a_line("transcript", seconds=61.5))))
    assert (charged.amount, charged.hold.rounding) == (3_500_000, 425_000)


async def test_a_hold_covers_a_shorter_use_that_costs_more(shop: Shop) -> None:
    """61 seconds cost 3.05 tokens by volume, 60 cost 6."""
    account = await shop.open()
    hold = held(await shop.fares.reserve(shop.reserve_request(account, "r", a_line("transcript", seconds=61)))).hold
    assert hold.amount == 6 * MICROS
    assert await commit(shop, account, hold.hold_id, "c", a_line("transcript", seconds=60)) == 6 * MICROS


async def test_all_that_remains_of_an_untouched_hold_is_its_lines_and_their_rounding(shop: Shop) -> None:
    account = await shop.open()
    hold = held(await shop.fares.reserve(shop.reserve_request(account, "r", chat(1_100), chat(0, 100)))).hold
    effect = held(await shop.fares.commit(shop.commit_request(account, "c", hold.hold_id)))
    assert (effect.amount, effect.hold.rounding) == (2 * MICROS, 2 * MICROS - 1_100_000 - 133_334)


async def test_no_rounding_takes_more_than_is_held(database: Database, shop: Shop) -> None:
    account = await shop.open()
    hold = held(await shop.fares.reserve(shop.reserve_request(account, "r", work=1_200_000))).hold
    effect = held(await shop.fares.commit(shop.commit_request(account, "c", hold.hold_id, chat(1_100))))
    assert (effect.hold.captured, effect.hold.rounding, effect.hold.state) == (1_200_000, 100_000, HoldState.COMMITTED)
    beyond = held(await shop.fares.reserve(shop.reserve_request(account, "r2", chat(1_000)))).hold
    capped = shop.commit_request(account, "c2", beyond.hold_id, chat(1_500), overrun=OverrunPolicy.CAP)
    assert held(await shop.fares.commit(capped)).amount == MICROS
    assert await contradictions(database) == []


async def test_work_added_to_a_hold_is_rounded_with_the_rest(database: Database, shop: Shop) -> None:
    account = await shop.open()
    hold = held(await shop.fares.reserve(shop.reserve_request(account, "r", a_line()))).hold
    extended = held(await shop.fares.extend(shop.extend_request(account, "x", hold.hold_id, work=(chat(1_300),))))
    assert extended.hold.amount == (8 + 2) * MICROS
    effect = held(await shop.fares.commit(shop.commit_request(account, "c", hold.hold_id, a_line(), chat(1_300))))
    assert (effect.amount, effect.hold.rounding) == (10 * MICROS, 700_000)
    assert await contradictions(database) == []


async def test_the_largest_affordable_answer_goes_through_and_the_next_is_refused(shop: Shop) -> None:
    account = await shop.open()
    price = (await shop.price_books.current(shop.tenant_id)).book.prices_by_model["chat"]
    answer = largest_affordable(price, {"inputTokens": 1_000}, "outputTokens", 50 * MICROS, count_max=MAX_COUNT)
    assert answer == Affordable("36750", False, 50 * MICROS, "balance")
    refused = await shop.fares.reserve(shop.reserve_request(account, "r", chat(1_000, 36_751)))
    assert refused == InsufficientTokens(51 * MICROS, 50 * MICROS)
    assert held(await shop.fares.reserve(shop.reserve_request(account, "r", chat(1_000, 36_750)))).hold


async def test_what_nothing_bounds_is_reserved_up_to_the_bound_that_is_given_and_not_without_one(shop: Shop) -> None:
    account = await shop.open()

    refused = await shop.fares.reserve(shop.reserve_request(account, "r", a_line("narrator")))
    assert isinstance(refused, InvalidParams)
    assert (refused.model, refused.param) == ("narrator", "characters")

    reserved = held(await shop.fares.reserve(shop.reserve_request(account, "r", a_line("narrator", characters=10_000))))
    assert reserved.hold.amount == 30 * MICROS
