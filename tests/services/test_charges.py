"""Charges explained: whatever was done to a hold, its charge is recomputed to the unit, and tampering is told."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from models.database import Database
from models.statements import statement
from rules.identity import IdKind, public_id
from rules.ledger.charges import ChargeBasis
from rules.ledger.kinds import EntryKind, GrantSource, HoldState, OverrunPolicy
from rules.ledger.outcomes import HoldEffect
from rules.ledger.records import Quote
from rules.ledger.requests import EstimateRequest, Quoted
from rules.pricing.price_book import PriceBook
from rules.pricing.rating import LineRequest
from rules.pricing.tokens import MICROS
from services.charges import ExplainedCharge
from services.ledger import reads
from services.ledger.line_views import AMOUNT_CAPTURED, NOT_CHARGED, NOT_ITS_PRICE, SET_ASIDE_BEYOND_COST
from tests.conftest import TenantBuilder
from tests.rules.pricing.books import PRICE_BOOKS
from tests.services.ledger.cashier import Cashier, held, move_clock, value_of
from tests.services.shop import Shop, a_line, a_source, open_shop
from tests.services.test_affordable import a_value

FARES = 40
STEPS_MAX = 6

FALLING = """
[[prices]]
name = "Bulk"
category = "image"
dimensions = [{ name = "units", type = "integer", minimum = 1, maximum = 100, default = 1 }]
[prices.formula]
rates = [{ of = ["units"], tokens = 2, per = 1 }]
multipliers = [{ dimension = "units", ranges = [{ up_to = 10, times = 1 }, { times = 0.5 }] }]
"""
METERED = """
[[prices]]
name = "Talk"
category = "text"
rounding = "hold"
[[prices.dimensions]]
name = "words"
type = "integer"
minimum = 0
maximum = 100000
default = 1
[prices.metered]
of = "words"
tokens = 0.3
"""


@pytest.fixture
async def shop(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Shop]:
    async with open_shop(database, (await a_tenant()).id) as shop:
        yield shop


async def explained(shop: Shop, account: UUID, hold: int) -> ExplainedCharge:
    charge = await shop.charges.explain(shop.tenant_id, account, hold)
    assert charge is not None
    check = charge.check
    assert sum(line.line.amount for line in check.lines) == charge.facts.hold.captured
    for view in charge.views:
        assert sum(step.amount for step in view.steps) == view.cost
    return charge


def bases(charge: ExplainedCharge) -> list[tuple[str | None, ChargeBasis, int]]:
    return [(check.line.model, check.basis, check.line.amount // MICROS) for check in charge.check.lines]


def kinds(charge: ExplainedCharge) -> list[EntryKind]:
    return [entry.kind for entry in charge.facts.entries]


class TestOfAHold:
    async def test_that_is_open_nothing_was_burned_yet(self, shop: Shop) -> None:
        account = await shop.open()
        hold = held(await shop.fares.reserve(shop.reserve_request(account, "r"))).hold.hold_id

        charge = await explained(shop, account, hold)

        assert (charge.facts.hold.state, kinds(charge)) == (HoldState.OPEN, [EntryKind.HOLD])
        assert (charge.views, charge.facts.burned, charge.check.lines) == ((), (), ())
        assert (charge.check.recomputed, charge.check.matches) == (0, True)

    async def test_that_was_committed_each_line_has_its_price_and_its_steps(self, shop: Shop) -> None:
        account = await shop.open()
        line = a_line("picture", 2, ref="n1", steps=50)
        hold = held(await shop.fares.reserve(shop.reserve_request(account, "r", line, a_line()))).hold.hold_id
        await shop.publish(a_source(picture=100))
        held(await shop.fares.commit(shop.commit_request(account, "c", hold, a_line("picture", ref="n1", steps=50))))

        charge = await explained(shop, account, hold)

        assert (charge.check.recomputed, charge.check.matches) == (12 * MICROS, True)
        assert bases(charge) == [("picture", ChargeBasis.PRICE, 12)]
        (view,) = charge.views
        assert (view.ref, view.model, view.count, view.cost, view.price_book_version) == (
            "n1",
            "picture",
            1,
            12 * MICROS,
            1,
        )
        assert len(view.steps) > 1
        assert kinds(charge) == [EntryKind.HOLD, EntryKind.CAPTURE, EntryKind.RELEASE]
        (part,) = charge.facts.burned
        assert (part.source, part.captured, part.refunded) == (GrantSource.TRIAL, 12 * MICROS, 0)

    async def test_that_was_charged_in_one_step(self, shop: Shop) -> None:
        account = await shop.open()
        hold = held(
            await shop.fares.charge(shop.reserve_request(account, "c", a_line("upscale", 2), a_line("picture")))
        )

        charge = await explained(shop, account, hold.hold.hold_id)

        assert bases(charge) == [("upscale", ChargeBasis.PRICE, 16), ("picture", ChargeBasis.PRICE, 10)]
        assert kinds(charge) == [EntryKind.HOLD, EntryKind.CAPTURE, EntryKind.CAPTURE]
        assert (charge.check.recomputed, charge.check.matches) == (26 * MICROS, True)

    async def test_that_was_released_or_expired_only_its_captures_count(self, database: Database, shop: Shop) -> None:
        account = await shop.open()
        for name, end in (("r", EntryKind.RELEASE), ("x", EntryKind.RELEASE)):
            hold = held(
                await shop.fares.reserve(shop.reserve_request(account, name, a_line("upscale", 2)))
            ).hold.hold_id
            held(await shop.fares.commit(shop.commit_request(account, name, hold, a_line(), final=False)))
            if name == "r":
                held(await shop.fares.release(shop.release_request(account, name, hold)))
            else:
                await move_clock(database, shop.tenant_id, 900)

            charge = await explained(shop, account, hold)

            assert charge.facts.hold.state is (HoldState.RELEASED if name == "r" else HoldState.EXPIRED)
            assert kinds(charge) == [EntryKind.HOLD, EntryKind.CAPTURE, end]
            assert (charge.check.recomputed, charge.check.matches) == (8 * MICROS, True)

    async def test_that_was_refunded_shows_what_was_charged_and_what_came_back(self, shop: Shop) -> None:
        account = await shop.open(tokens=100)
        effect = held(await shop.fares.charge(shop.reserve_request(account, "c", a_line("upscale", 10))))
        held(await shop.fares.refund(shop.refund_request(account, "f", effect.hold.hold_id, amount=40 * MICROS)))

        charge = await explained(shop, account, effect.hold.hold_id)

        assert kinds(charge) == [EntryKind.HOLD, EntryKind.CAPTURE, EntryKind.REFUND]
        assert (charge.check.recomputed, charge.check.matches) == (80 * MICROS, True)
        # The bonus ends sooner than the trial tokens, so it burns first and comes back last.
        assert [(part.source, part.captured, part.refunded) for part in charge.facts.burned] == [
            (GrantSource.BONUS, 80 * MICROS, 40 * MICROS)
        ]

    async def test_on_grants_and_then_on_credit(self, shop: Shop) -> None:
        account = await shop.open()
        await shop.accounts.update(shop.tenant_id, account, credit_limit=50 * MICROS)
        effect = held(await shop.fares.charge(shop.reserve_request(account, "c", a_line("upscale", 10))))
        held(await shop.fares.refund(shop.refund_request(account, "f", effect.hold.hold_id, amount=35 * MICROS)))

        charge = await explained(shop, account, effect.hold.hold_id)

        assert [(part.source, part.captured, part.refunded) for part in charge.facts.burned] == [
            (GrantSource.TRIAL, 50 * MICROS, 5 * MICROS),
            (None, 30 * MICROS, 30 * MICROS),
        ]
        assert charge.check.matches is True

    async def test_of_a_plain_amount(self, shop: Shop) -> None:
        account = await shop.open()
        hold = held(await shop.fares.reserve(shop.reserve_request(account, "r", work=9 * MICROS))).hold.hold_id
        held(await shop.fares.commit(shop.commit_request(account, "c", hold, actual=4 * MICROS)))

        charge = await explained(shop, account, hold)

        assert (charge.views, bases(charge)) == ((), [(None, ChargeBasis.AMOUNT, 4)])
        assert (charge.check.recomputed, charge.check.matches) == (4 * MICROS, True)

    async def test_an_amount_of_its_only_line(self, shop: Shop) -> None:
        account = await shop.open()
        hold = held(await shop.fares.reserve(shop.reserve_request(account, "r", a_line("picture")))).hold.hold_id
        for number in range(2):
            commit = shop.commit_request(account, f"c{number}", hold, actual=3 * MICROS, final=number == 1)
            held(await shop.fares.commit(commit))

        charge = await explained(shop, account, hold)

        assert bases(charge) == [("picture", ChargeBasis.AMOUNT, 3)] * 2
        assert [[step.label for step in view.steps] for view in charge.views] == [[AMOUNT_CAPTURED]] * 2
        assert charge.check.matches is True

    async def test_all_that_was_set_aside(self, shop: Shop) -> None:
        await shop.publish(a_source(more=FALLING))
        account = await shop.open()
        hold = held(await shop.fares.reserve(shop.reserve_request(account, "r", a_line("bulk", units=11), a_line())))
        held(await shop.fares.commit(shop.commit_request(account, "c", hold.hold.hold_id)))

        charge = await explained(shop, account, hold.hold.hold_id)

        assert bases(charge) == [("bulk", ChargeBasis.SET_ASIDE, 20), ("upscale", ChargeBasis.PRICE, 8)]
        assert charge.views[0].steps[-1].label == SET_ASIDE_BEYOND_COST
        assert (charge.check.recomputed, charge.check.matches) == (28 * MICROS, True)

    async def test_what_could_not_be_charged_is_a_step(self, shop: Shop) -> None:
        account = await shop.open()
        hold = held(await shop.fares.reserve(shop.reserve_request(account, "r"))).hold.hold_id
        actual = shop.commit_request(account, "c", hold, a_line("upscale", 2), overrun=OverrunPolicy.CAP)
        assert held(await shop.fares.commit(actual)).uncovered == 8 * MICROS

        charge = await explained(shop, account, hold)

        (view,) = charge.views
        assert (view.cost, view.steps[-1].label, view.steps[-1].amount) == (8 * MICROS, NOT_CHARGED, -8 * MICROS)
        assert (charge.check.recomputed, charge.check.matches) == (8 * MICROS, True)

    async def test_metered_work_is_rounded_once_at_its_end(self, shop: Shop) -> None:
        await shop.publish(a_source(more=METERED))
        account = await shop.open()
        hold = held(
            await shop.fares.reserve(shop.reserve_request(account, "r", a_line("talk", words=100)))
        ).hold.hold_id
        for number in range(3):
            line = a_line("talk", words=7)
            commit = shop.commit_request(account, f"c{number}", hold, line, final=number == 2)
            held(await shop.fares.commit(commit))

        charge = await explained(shop, account, hold)

        assert [(check.basis, check.line.amount, check.recomputed) for check in charge.check.lines] == [
            *[(ChargeBasis.PRICE, 2_100_000, 2_100_000)] * 3,
            (ChargeBasis.ROUNDING, 700_000, 700_000),
        ]
        assert kinds(charge)[-2:] == [EntryKind.ROUNDING, EntryKind.RELEASE]
        assert (charge.check.recomputed, charge.check.matches) == (7 * MICROS, True)

    async def test_that_is_not_there_or_not_the_tenants(self, database: Database, shop: Shop, a_tenant: Any) -> None:
        account = await shop.open()
        hold = held(await shop.fares.reserve(shop.reserve_request(account, "r"))).hold.hold_id
        async with open_shop(database, (await a_tenant()).id) as elsewhere:
            assert await elsewhere.charges.explain(elsewhere.tenant_id, account, hold) is None
        assert await shop.charges.explain(shop.tenant_id, account, hold + 1) is None
        assert await shop.charges.explain(shop.tenant_id, uuid4(), hold) is None

    async def test_with_more_lines_than_are_explained_says_so(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reads, "EXPLAINED_LINES_MAX", 2)
        monkeypatch.setattr(reads, "EXPLAINED_ENTRIES_MAX", 3)
        account = await shop.open()
        effect = held(await shop.fares.charge(shop.reserve_request(account, "c", a_line(), a_line(), a_line())))

        charge = await shop.charges.explain(shop.tenant_id, account, effect.hold.hold_id)

        assert charge is not None
        assert (len(charge.views), len(charge.facts.entries), charge.facts.more_entries) == (2, 3, True)
        assert (charge.check.recomputed, charge.check.matches) == (None, None)


async def test_a_long_journal_is_not_read_through_for_one_hold(database: Database, shop: Shop) -> None:
    account = await shop.open(tokens=1_000)
    hold = held(await shop.fares.reserve(shop.reserve_request(account, "r", a_line("upscale", 2)))).hold
    held(await shop.fares.extend(shop.extend_request(account, "e", hold.hold_id, work=MICROS)))
    held(await shop.fares.commit(shop.commit_request(account, "c", hold.hold_id, a_line())))
    async with database.owner() as connection:
        # As many entries of other holds as make reading all of them the wrong plan.
        await connection.execute(
            """
            INSERT INTO entry (account_id, version, at, tenant_id, kind, total_change, held_change, owed_change,
                               clawed_change, spent, available_after, credit_limit, hold_id, text_digest, hash)
            SELECT account_id, 1000 + n, at, tenant_id, (ARRAY['HOLD', 'CAPTURE', 'RELEASE', 'REFUND'])[1 + n % 4],
                   0, 0, 0, 0, 0, 0, 0, 1000 + n - n % 4, '', hash
            FROM entry, generate_series(1, 20000) n WHERE version = $1 AND account_id = $2
            """,
            hold.hold_id,
            account,
        )
        await connection.execute("ANALYZE entry")
    async with database.reader(shop.tenant_id) as connection:
        plan = await connection.fetch(
            "EXPLAIN (ANALYZE, FORMAT JSON) " + statement("list_hold_entries"),
            account,
            hold.hold_id,
            hold.created_at,
            100,
        )
    read = list(rows_read(json.loads(plan[0][0])[0]["Plan"]))
    assert max(read) <= 10, read

    charge = await shop.charges.explain(shop.tenant_id, account, hold.hold_id)
    assert charge is not None
    assert kinds(charge) == [EntryKind.HOLD, EntryKind.HOLD, EntryKind.CAPTURE, EntryKind.RELEASE]


def rows_read(plan: dict[str, Any]) -> Iterator[int]:
    """What each step of a plan looked at, kept or not."""
    yield (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    for part in plan.get("Plans", ()):
        yield from rows_read(part)


class TestWhatWasTamperedWithIsTold:
    @pytest.fixture
    async def fare(self, shop: Shop) -> tuple[UUID, int]:
        """Two lines and a rounding."""
        await shop.publish(a_source(more=METERED))
        account = await shop.open()
        effect = held(await shop.fares.charge(shop.reserve_request(account, "c", a_line(), a_line("talk", words=7))))
        assert effect.amount == 11 * MICROS
        return account, effect.hold.hold_id

    @pytest.mark.parametrize(
        ("change", "wrong"),
        [
            ("UPDATE captured_line SET cost = cost + 1, amount = amount + 1 WHERE model = 'upscale'", [0]),
            ("UPDATE captured_line SET params = '{\"words\":\"8\"}' WHERE model = 'talk'", [1]),
            ("UPDATE captured_line SET count = 2 WHERE model = 'upscale'", [0]),
            ("UPDATE captured_line SET amount = amount - 1, cost = cost - 1 WHERE rounding", [2]),
            ("UPDATE hold SET metered = metered + 100000", [2]),
            ("UPDATE hold_allocation SET captured = captured - 1", []),
            ("UPDATE entry SET spent = spent + 1 WHERE kind = 'ROUNDING'", []),
        ],
    )
    async def test_line_by_line(
        self, database: Database, shop: Shop, fare: tuple[UUID, int], change: str, wrong: list[int]
    ) -> None:
        assert (await explained(shop, *fare)).check.matches is True
        connection = await asyncpg.connect(database.dsn)
        try:
            await connection.execute("SET session_replication_role = replica")
            assert await connection.execute(change) != "UPDATE 0"
        finally:
            await connection.close()

        charge = await shop.charges.explain(shop.tenant_id, *fare)

        assert charge is not None
        assert charge.check.matches is False
        assert [place for place, check in enumerate(charge.check.lines) if not check.matches] == wrong
        if 0 in wrong:
            assert charge.views[0].steps[-1].label == NOT_ITS_PRICE


@pytest.mark.parametrize("slug", sorted(path.stem for path in PRICE_BOOKS.glob("*.toml")))
async def test_whatever_is_done_with_the_shipped_books_every_charge_is_recomputed(
    database: Database, shop: Shop, slug: str
) -> None:
    book = (await shop.publish((PRICE_BOOKS / f"{slug}.toml").read_text(encoding="utf-8"))).book
    dice = random.Random(slug)
    account = await Cashier(shop.writer, shop.tenant_id).open("rider", tokens=10**9 * MICROS)
    await shop.lift(account, book)
    seen: set[ChargeBasis] = set()

    for number in range(FARES):
        hold = await a_random_fare(shop, account, book, dice, f"f{number}")
        if hold is None:
            continue
        charge = await explained(shop, account, hold)
        assert charge.check.matches is True, charge.check
        assert charge.check.recomputed == charge.facts.hold.captured
        seen |= {check.basis for check in charge.check.lines}
        expected = await value_of(database, "SELECT count(*) FROM entry WHERE hold_id = $1", hold)
        assert len(charge.facts.entries) == expected

    assert {ChargeBasis.PRICE, ChargeBasis.AMOUNT} <= seen


async def a_random_fare(shop: Shop, account: UUID, book: PriceBook, dice: random.Random, key: str) -> int | None:
    """Some work with everything that can happen to it; None where the params are not allowed together."""
    lines = tuple(some_line(book, dice) for _ in range(dice.randint(1, 3)))
    work: Any = lines
    if dice.random() < 0.3:
        quote = await shop.fares.quote(EstimateRequest(shop.tenant_id, lines, account))
        if isinstance(quote, Quote):
            work = Quoted(public_id(IdKind.QUOTE, quote.owner_id, quote.number))
    start = shop.fares.charge if dice.random() < 0.3 else shop.fares.reserve
    outcome = await start(shop.reserve_request(account, key, work=work))
    if not isinstance(outcome, HoldEffect):
        return None
    hold = outcome.hold.hold_id
    for step in range(dice.randint(0, STEPS_MAX)):
        name = f"{key}/{step}"
        actual: Any = dice.choice([None, dice.randint(0, 3 * MICROS), lines[: dice.randint(1, len(lines))]])
        overrun = dice.choice(list(OverrunPolicy))
        match dice.randint(0, 9):
            case 0:
                await shop.fares.release(shop.release_request(account, name, hold))
            case 1:
                await shop.fares.extend(shop.extend_request(account, name, hold, work=lines[:1]))
            case 2 | 3:
                await shop.fares.refund(
                    shop.refund_request(account, name, hold, amount=dice.choice([None, dice.randint(1, MICROS)]))
                )
            case _:
                await shop.fares.commit(
                    shop.commit_request(account, name, hold, actual=actual, overrun=overrun, final=dice.random() < 0.3)
                )
    return hold


def some_line(book: PriceBook, dice: random.Random) -> LineRequest:
    price = dice.choice(book.prices)
    params = {dimension.name: a_value(dimension, dice) for dimension in price.dimensions}
    return LineRequest(price.model, params, dice.randint(1, 3), dice.choice([None, "node"]))
