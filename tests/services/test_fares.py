"""Reserve, commit and their kin as callers ask them: priced, checked, and replayed whatever was published meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from models.database import Database
from rules.identity import member_id_of
from rules.ledger.commands import ManageMembers
from rules.ledger.kinds import HoldState, MemberRole, OverrunPolicy, WorkOutcome
from rules.ledger.member_changes import AddMember
from rules.ledger.outcomes import HoldEffect, MembersEffect
from rules.ledger.records import EntryFilter, Estimated, EstimateWarning, Slice
from rules.ledger.refusals import (
    AccountFrozen,
    HoldExceeded,
    HoldExpired,
    HoldNotOpen,
    IdempotencyConflict,
    InsufficientTokens,
    NotFound,
    NotRefundable,
)
from rules.ledger.requests import EstimateRequest
from rules.pricing.refusals import InvalidInput, InvalidParams, UnknownModel
from rules.pricing.tokens import MAX_MICROS, MICROS
from services.ledger.line_views import AMOUNT_CAPTURED
from tests.conftest import TenantBuilder
from tests.services.ledger.cashier import held, of_kind, rows_of, value_of
from tests.services.ledger.sums import contradictions
from tests.services.shop import Shop, a_line, a_source, open_shop

BAD_KEYS = ["", "k" * 256, "a NUL \x00", "half a pair \ud800"]
BAD_TEXTS = ["a NUL \x00", "half a pair \udfff", "t" * 2_001]
BAD_PROJECTS = ["", "  ", "p" * 256, "a NUL \x00", "half a pair \ud800"]
BAD_TIMES = [0, -1, 86_401, 2**31, 2**63]
BAD_AMOUNTS = [-1, -(2**63), MAX_MICROS + 1, 2**63, 2**64]


@pytest.fixture
async def shop(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Shop]:
    async with open_shop(database, (await a_tenant()).id) as shop:
        yield shop


async def test_a_fare_is_paid(database: Database, shop: Shop) -> None:
    account = await shop.open()
    reserved = held(
        await shop.fares.reserve(
            shop.reserve_request(
                account, "r", a_line("picture", steps=50, ref="node 1"), a_line("upscale", ref="node 2")
            )
        )
    )
    assert (reserved.hold.amount, reserved.balance.available) == (20 * MICROS, 30 * MICROS)

    committed = held(
        await shop.fares.commit(
            shop.commit_request(account, "c", reserved.hold.hold_id, a_line("picture", steps=25, ref="node 1"))
        )
    )

    assert (committed.amount, committed.hold.state) == (10 * MICROS, HoldState.COMMITTED)
    assert (committed.balance.available, committed.balance.held) == (40 * MICROS, 0)
    (line,) = await rows_of(database, "SELECT * FROM captured_line")
    assert (line["model"], line["ref"], line["params"]) == ("picture", "node 1", '{"steps":"25","quality":"fast"}')
    assert await contradictions(database) == []


async def test_a_hold_and_what_is_captured_of_it_say_for_whom_and_what(shop: Shop) -> None:
    account = await shop.open()
    member = AddMember(member_id_of(account, "ada"), "ada", "Ada", MemberRole.MEMBER)
    assert isinstance(await shop.writer.submit(ManageMembers(shop.tenant_id, account, (member,))), MembersEffect)
    spender = {"member_id": member.member_id, "project": "film"}
    request = shop.reserve_request(account, "r", a_line("picture", ref="a"), a_line("upscale", ref="b"), **spender)
    hold = held(await shop.fares.reserve(request)).hold
    hold = held(await shop.fares.commit(shop.commit_request(account, "c", hold.hold_id))).hold

    lines = await shop.reads.hold_lines(shop.tenant_id, account, hold)
    (capture,) = await shop.reads.hold_captures(shop.tenant_id, account, hold)
    entries = (await shop.reads.entries(shop.tenant_id, account, Slice(2), EntryFilter())).rows

    work = [("a", "picture", "image"), ("b", "upscale", "upscale")]
    assert (hold.member_id, hold.project) == (member.member_id, "film")
    assert [(line.ref, line.model, line.category) for line in lines] == work
    assert [(line.ref, line.model, line.category) for line in capture.lines] == work
    assert [(entry.ref, entry.model, entry.category) for entry in reversed(entries)] == work
    assert {(entry.member_id, entry.project) for entry in entries} == {(member.member_id, "film")}


async def test_charge_does_both_steps(database: Database, shop: Shop) -> None:
    account = await shop.open()

    charged = held(await shop.fares.charge(shop.reserve_request(account, "c", a_line("upscale", 3))))

    assert (charged.amount, charged.hold.state) == (24 * MICROS, HoldState.COMMITTED)
    assert charged.balance.available == 26 * MICROS
    assert held(await shop.fares.charge(shop.reserve_request(account, "c", a_line("upscale", 3)))).replayed
    assert await contradictions(database) == []


async def test_release_gives_back_and_keeps_the_outcome(shop: Shop) -> None:
    account = await shop.open()
    hold = held(await shop.fares.reserve(shop.reserve_request(account, "r"))).hold

    released = held(
        await shop.fares.release(shop.release_request(account, "x", hold.hold_id, outcome=WorkOutcome.FILTERED))
    )

    assert (released.hold.state, released.hold.outcome) == (HoldState.RELEASED, WorkOutcome.FILTERED)
    assert released.balance.available == 50 * MICROS


async def test_a_refund_gives_captured_tokens_back(database: Database, shop: Shop) -> None:
    account = await shop.open()
    hold = held(await shop.fares.charge(shop.reserve_request(account, "c", a_line(), a_line(count=2)))).hold

    part = held(await shop.fares.refund(shop.refund_request(account, "r1", hold.hold_id, amount=5 * MICROS)))
    rest = held(await shop.fares.refund(shop.refund_request(account, "r2", hold.hold_id)))

    assert (part.amount, rest.amount) == (5 * MICROS, 19 * MICROS)
    assert rest.balance.available == 50 * MICROS
    assert await shop.fares.refund(shop.refund_request(account, "r3", hold.hold_id)) == NotRefundable(0, 0)
    assert await contradictions(database) == []


async def test_a_replay_after_a_publish_is_the_first_answer(shop: Shop) -> None:
    account = await shop.open()
    request = shop.reserve_request(account, "r", a_line("picture"))
    first = held(await shop.fares.reserve(request))

    # The model is ten times as dear, then gone.
    for source in (a_source(picture=100), a_source().replace('"Picture"', '"Painting"')):
        await shop.publish(source)
        again = held(await shop.fares.reserve(request))
        assert again.replayed
        assert again.hold == first.hold

    fresh = await shop.fares.reserve(shop.reserve_request(account, "other", a_line("picture")))
    assert isinstance(fresh, UnknownModel)


async def test_a_replay_after_the_hold_ended_shows_it_as_it_is_now(shop: Shop) -> None:
    account = await shop.open()
    reserve = shop.reserve_request(account, "r")
    hold = held(await shop.fares.reserve(reserve)).hold
    commit = shop.commit_request(account, "c", hold.hold_id)
    committed = held(await shop.fares.commit(commit))

    for request, ask in ((reserve, shop.fares.reserve), (commit, shop.fares.commit)):
        again = held(await ask(request))
        assert again.replayed
        assert (again.hold.hold_id, again.hold.amount, again.hold.state) == (hold.hold_id, hold.amount, "COMMITTED")
        assert again.balance == committed.balance
    assert held(await shop.fares.commit(commit)).amount == committed.amount


async def test_a_replay_after_the_hold_expired_is_no_refusal(shop: Shop) -> None:
    account = await shop.open()
    request = shop.reserve_request(account, "r", ttl_seconds=60)
    await shop.fares.reserve(request)
    await shop.clock.advance(shop.tenant_id, 61)

    again = held(await shop.fares.reserve(request))

    assert again.replayed
    assert (again.hold.state, again.balance.available) == (HoldState.EXPIRED, 50 * MICROS)


async def test_a_replay_is_judged_before_bad_input_of_today(shop: Shop) -> None:
    account = await shop.open()
    soon = await shop.clock.advance(shop.tenant_id, 1)
    assert not isinstance(soon, InvalidInput)
    request = shop.reserve_request(account, "r", not_after=soon + timedelta(minutes=1))
    held(await shop.fares.reserve(request))
    await shop.clock.advance(shop.tenant_id, 120)

    assert held(await shop.fares.reserve(request)).replayed
    late = await shop.fares.reserve(shop.reserve_request(account, "r2", not_after=soon + timedelta(minutes=1)))
    assert isinstance(late, InvalidInput)
    assert late.field == "notAfter"


async def test_fifty_at_once_under_one_key_across_a_publish_have_one_effect(database: Database, shop: Shop) -> None:
    account = await shop.open()
    request = shop.reserve_request(account, "r", a_line("picture"))
    async with open_shop(database, shop.tenant_id) as elsewhere:
        asked = [asyncio.create_task([shop, elsewhere][i % 2].fares.reserve(request)) for i in range(50)]
        await shop.publish(a_source(picture=20))
        outcomes = [held(outcome) for outcome in await asyncio.gather(*asked)]

    assert sorted(outcome.replayed for outcome in outcomes) == [False] + [True] * 49
    assert len({(outcome.hold.hold_id, outcome.hold.amount) for outcome in outcomes}) == 1
    assert await value_of(database, "SELECT count(*) FROM hold") == 1


async def test_another_input_under_a_known_key_is_a_conflict(shop: Shop) -> None:
    account = await shop.open()
    held(await shop.fares.reserve(shop.reserve_request(account, "r")))
    changes: list[dict[str, Any]] = [
        {"ttl_seconds": 901},
        {"project": "film"},
        {"description": "another"},
        {"work": (a_line("upscale", 2),)},
        {"work": (a_line("picture", steps=26),)},
        {"work": 8 * MICROS},
    ]

    for change in changes:
        assert await shop.fares.reserve(shop.reserve_request(account, "r", **change)) == IdempotencyConflict("r")


async def test_one_key_may_serve_every_verb_and_every_account(shop: Shop) -> None:
    for name in ("one", "two"):
        account = await shop.open(name)
        hold = held(await shop.fares.reserve(shop.reserve_request(account, "job"))).hold.hold_id
        held(await shop.fares.extend(shop.extend_request(account, "job", hold, ttl_seconds=1_000)))
        held(await shop.fares.commit(shop.commit_request(account, "job", hold)))
        held(await shop.fares.refund(shop.refund_request(account, "job", hold)))
        charged = held(await shop.fares.charge(shop.reserve_request(account, "job")))
        assert not charged.replayed


async def test_a_commit_is_priced_at_its_holds_version(database: Database, shop: Shop) -> None:
    account = await shop.open()
    hold = held(await shop.fares.reserve(shop.reserve_request(account, "r", a_line("picture", steps=50)))).hold
    await shop.publish(a_source(picture=1))
    await shop.publish(a_source(picture=999))

    committed = held(
        await shop.fares.commit(shop.commit_request(account, "c", hold.hold_id, a_line("picture", steps=50)))
    )

    assert committed.amount == 12 * MICROS
    assert await value_of(database, "SELECT price_book_version FROM captured_line") == 1


async def test_an_extension_is_priced_at_its_holds_version(shop: Shop) -> None:
    account = await shop.open()
    hold = held(await shop.fares.reserve(shop.reserve_request(account, "r", a_line("picture")))).hold
    await shop.publish(a_source(picture=999))

    extended = held(await shop.fares.extend(shop.extend_request(account, "e", hold.hold_id, work=(a_line("picture"),))))

    assert extended.hold.amount == 20 * MICROS


async def test_a_model_that_the_holds_version_lacks_is_priced_at_the_current_one(
    database: Database, shop: Shop
) -> None:
    account = await shop.open()
    hold = held(await shop.fares.reserve(shop.reserve_request(account, "r", a_line(count=3)))).hold
    newer = '[[prices]]\nname = "Newcomer"\ncategory = "image"\ntokens = 7\n'
    await shop.publish(a_source(more=newer))
    await shop.publish(a_source(more=newer.replace("7", "9")))

    committed = held(
        await shop.fares.commit(shop.commit_request(account, "c", hold.hold_id, a_line(), a_line("newcomer")))
    )

    assert committed.amount == 17 * MICROS
    lines = await rows_of(database, "SELECT model, price_book_version FROM captured_line ORDER BY version")
    assert [tuple(line) for line in lines] == [("upscale", 1), ("newcomer", 3)]


async def test_a_model_that_was_taken_off_is_still_captured_from_an_older_hold(shop: Shop) -> None:
    account = await shop.open()
    hold = held(await shop.fares.reserve(shop.reserve_request(account, "r", a_line("picture")))).hold
    await shop.publish(a_source().replace('"Picture"', '"Painting"'))

    assert (
        held(await shop.fares.commit(shop.commit_request(account, "c", hold.hold_id, a_line("picture")))).amount
        == 10 * MICROS
    )


async def test_a_commit_of_an_ended_hold_at_an_older_version_says_that_it_ended(shop: Shop) -> None:
    account = await shop.open()
    hold = held(await shop.fares.reserve(shop.reserve_request(account, "r"))).hold
    held(await shop.fares.release(shop.release_request(account, "x", hold.hold_id)))
    await shop.publish(a_source(picture=11))

    outcome = await shop.fares.commit(shop.commit_request(account, "c", hold.hold_id, a_line()))

    assert outcome == HoldNotOpen(HoldState.RELEASED)


async def test_work_that_has_run_is_not_refused_for_its_bounds(shop: Shop) -> None:
    account = await shop.open()
    hold = held(await shop.fares.reserve(shop.reserve_request(account, "r", a_line("picture", steps=100)))).hold
    beyond = (a_line("picture", steps=150),)

    assert isinstance(await shop.fares.reserve(shop.reserve_request(account, "r2", *beyond)), InvalidParams)
    exceeded = await shop.fares.commit(shop.commit_request(account, "c", hold.hold_id, *beyond))
    assert exceeded == HoldExceeded(held=16 * MICROS, required=20 * MICROS)
    capped = shop.commit_request(account, "c", hold.hold_id, *beyond, overrun=OverrunPolicy.CAP)
    committed = held(await shop.fares.commit(capped))
    assert (committed.amount, committed.uncovered) == (16 * MICROS, 4 * MICROS)


async def test_a_key_that_cannot_be_kept_is_refused(shop: Shop) -> None:
    account = await shop.open()
    outcomes = [
        outcome
        for key in BAD_KEYS
        for outcome in (
            await shop.fares.reserve(shop.reserve_request(account, key)),
            await shop.fares.charge(shop.reserve_request(account, key)),
            await shop.fares.commit(shop.commit_request(account, key, 1)),
            await shop.fares.release(shop.release_request(account, key, 1)),
            await shop.fares.extend(shop.extend_request(account, key, 1, ttl_seconds=60)),
            await shop.fares.refund(shop.refund_request(account, key, 1)),
        )
    ]

    assert {outcome.field for outcome in of_kind(outcomes, InvalidInput)} == {"idempotencyKey"}
    assert len(of_kind(outcomes, InvalidInput)) == len(outcomes)


async def test_a_key_of_255_characters_of_any_script_is_kept(shop: Shop) -> None:
    account = await shop.open()
    for key in ("k" * 255, "\N{MOUNTAIN RAILWAY}" * 255, " "):
        request = shop.reserve_request(account, key, a_line("upscale"))
        held(await shop.fares.reserve(request))
        assert held(await shop.fares.reserve(request)).replayed


async def test_bad_input_is_refused_with_the_name_of_its_field_and_changes_nothing(
    database: Database, shop: Shop
) -> None:
    account = await shop.open()
    hold = held(await shop.fares.reserve(shop.reserve_request(account, "r"))).hold.hold_id
    before = await value_of(database, "SELECT to_jsonb(a) FROM ledger_account a")
    reserve = [
        *[("ttlSeconds", {"ttl_seconds": seconds}) for seconds in BAD_TIMES],
        *[("project", {"project": project}) for project in BAD_PROJECTS],
        *[("description", {"description": text}) for text in BAD_TEXTS],
        *[("work.amount", {"work": amount}) for amount in [0, *BAD_AMOUNTS]],
        ("work.lines", {"work": ()}),
        ("work.lines", {"work": (a_line(),) * 101}),
        *[("work.lines[1].count", {"work": (a_line(), a_line(count=count))}) for count in (0, -1, 1_000_001, 2**63)],
        *[("work.lines[0].ref", {"work": (a_line(ref=ref),)}) for ref in ("r" * 256, "\x00", "\ud800")],
    ]
    cases: list[tuple[str, object]] = []
    for field, change in reserve:
        request = shop.reserve_request(account, "bad", **change)
        cases += [(field, await shop.fares.reserve(request)), (field, await shop.fares.charge(request))]
    for amount in BAD_AMOUNTS:
        for overrun in OverrunPolicy:
            request = shop.commit_request(account, "bad", hold, actual=amount, overrun=overrun)
            cases.append(("actual.amount", await shop.fares.commit(request)))
    for seconds in BAD_TIMES:
        request = shop.extend_request(account, "bad", hold, ttl_seconds=seconds)
        cases.append(("ttlSeconds", await shop.fares.extend(request)))
    for amount in [0, *BAD_AMOUNTS]:
        request = shop.extend_request(account, "bad", hold, work=amount)
        cases.append(("work.amount", await shop.fares.extend(request)))
    cases.append(("ttlSeconds", await shop.fares.extend(shop.extend_request(account, "bad", hold))))
    for text in BAD_TEXTS:
        cases.append(("note", await shop.fares.release(shop.release_request(account, "bad", hold, note=text))))
        cases.append(("reason", await shop.fares.refund(shop.refund_request(account, "bad", hold, reason=text))))
    for amount in (0, -1, -(2**63)):
        cases.append(("amount", await shop.fares.refund(shop.refund_request(account, "bad", hold, amount=amount))))

    for field, outcome in cases:
        assert isinstance(outcome, InvalidInput), (field, outcome)
        assert outcome.field == field
    assert await value_of(database, "SELECT to_jsonb(a) FROM ledger_account a") == before
    assert await value_of(database, "SELECT count(*) FROM operation WHERE key = 'bad'") == 0


async def test_more_is_refunded_than_can_be_counted_is_not_refundable(shop: Shop) -> None:
    account = await shop.open()
    hold = held(await shop.fares.charge(shop.reserve_request(account, "c"))).hold

    outcome = await shop.fares.refund(shop.refund_request(account, "r", hold.hold_id, amount=2**63))

    assert outcome == NotRefundable(captured=8 * MICROS, requested=2**63)


async def test_refusals_come_in_their_order(shop: Shop) -> None:
    account = await shop.open()
    nobody = shop.tenant_id
    unknown, bad_params = a_line("no such model"), a_line("picture", steps=0)
    dear = a_line(count=1_000)
    await shop.accounts.update(shop.tenant_id, account, frozen=True)

    async def reserve(*lines: Any, at: Any = account, **more: Any) -> object:
        return await shop.fares.reserve(shop.reserve_request(at, "r", *lines, **more))

    assert await reserve(unknown, at=nobody, ttl_seconds=0) == NotFound("account")
    assert isinstance(await reserve(unknown, bad_params, dear, ttl_seconds=0), InvalidInput)
    assert isinstance(await reserve(bad_params, unknown, dear), UnknownModel)
    assert isinstance(await reserve(bad_params, dear), InvalidParams)
    assert await reserve(dear) == AccountFrozen()
    await shop.accounts.update(shop.tenant_id, account, frozen=False)
    assert await reserve(dear) == InsufficientTokens(required=8_000 * MICROS, available=50 * MICROS)


async def test_a_frozen_account_finishes_what_is_open(shop: Shop) -> None:
    account = await shop.open()
    holds = [held(await shop.fares.reserve(shop.reserve_request(account, f"{i}"))).hold.hold_id for i in range(3)]
    await shop.accounts.update(shop.tenant_id, account, frozen=True)

    assert await shop.fares.reserve(shop.reserve_request(account, "r")) == AccountFrozen()
    assert await shop.fares.charge(shop.reserve_request(account, "c")) == AccountFrozen()
    assert await shop.fares.extend(shop.extend_request(account, "e", holds[0], work=1)) == AccountFrozen()
    held(await shop.fares.extend(shop.extend_request(account, "e", holds[0], ttl_seconds=1_000)))
    held(await shop.fares.commit(shop.commit_request(account, "c", holds[0])))
    held(await shop.fares.release(shop.release_request(account, "x", holds[1])))
    held(await shop.fares.refund(shop.refund_request(account, "f", holds[0])))
    beyond = shop.commit_request(account, "c2", holds[2], actual=9 * MICROS, overrun=OverrunPolicy.CHARGE_AVAILABLE)
    capped = held(await shop.fares.commit(beyond))
    assert (capped.amount, capped.uncovered) == (8 * MICROS, MICROS)


async def test_an_outlived_hold_captures_nothing(database: Database, shop: Shop) -> None:
    account = await shop.open()
    hold = held(await shop.fares.reserve(shop.reserve_request(account, "r", ttl_seconds=60))).hold
    await shop.clock.advance(shop.tenant_id, 60)

    assert await shop.fares.commit(shop.commit_request(account, "c", hold.hold_id)) == HoldExpired(hold.expires_at)
    assert await shop.fares.release(shop.release_request(account, "x", hold.hold_id)) == HoldExpired(hold.expires_at)
    extended = await shop.fares.extend(shop.extend_request(account, "e", hold.hold_id, ttl_seconds=60))
    assert extended == HoldExpired(hold.expires_at)
    assert await contradictions(database) == []


async def test_a_hold_lives_seven_days_at_most(shop: Shop) -> None:
    account = await shop.open()
    hold = held(await shop.fares.reserve(shop.reserve_request(account, "r", ttl_seconds=86_400))).hold
    for day in range(7):
        await shop.clock.advance(shop.tenant_id, 86_000)
        extended = await shop.fares.extend(shop.extend_request(account, f"day {day}", hold.hold_id, ttl_seconds=86_400))
        assert held(extended).hold.expires_at <= hold.created_at + timedelta(days=7)

    assert held(extended).hold.expires_at == hold.created_at + timedelta(days=7)


async def test_an_estimate_says_what_would_come_of_it(shop: Shop) -> None:
    account = await shop.open()

    async def estimate(*lines: Any, of: Any = account) -> Any:
        return await shop.fares.estimate(EstimateRequest(shop.tenant_id, lines, of))

    fine = await estimate(a_line("picture", steps=50), a_line())
    assert isinstance(fine, Estimated)
    assert (fine.total, fine.affordable, fine.balance_after) == (20 * MICROS, True, 30 * MICROS)
    assert [sum(step.amount for step in line.steps) for line in fine.lines] == [line.cost for line in fine.lines]
    assert (await estimate(a_line(count=5))).warnings == ()
    assert (await estimate(a_line(count=6))).warnings == (EstimateWarning.LOW_BALANCE,)
    dear = await estimate(a_line(count=7))
    assert dear.blockers == (InsufficientTokens(56 * MICROS, 50 * MICROS),)
    await shop.accounts.update(shop.tenant_id, account, frozen=True)
    assert (await estimate(a_line(count=7))).blockers == (
        AccountFrozen(),
        InsufficientTokens(56 * MICROS, 50 * MICROS),
    )
    assert (await estimate(a_line(), of=None)).affordable is None
    assert await estimate(a_line(), of=shop.tenant_id) == NotFound("account")


async def test_an_estimate_refuses_an_amount_that_no_reserve_would_take(shop: Shop) -> None:
    for amount in (0, *BAD_AMOUNTS):
        outcome = await shop.fares.estimate(EstimateRequest(shop.tenant_id, amount))
        assert isinstance(outcome, InvalidInput), amount
        assert outcome.field == "amount"


async def test_what_was_estimated_goes_through_and_one_more_does_not(shop: Shop) -> None:
    account = await shop.open(tokens=30)
    for count in (10, 11):
        estimated = await shop.fares.estimate(EstimateRequest(shop.tenant_id, (a_line(count=count),), account))
        reserved = await shop.fares.reserve(shop.reserve_request(account, f"{count}", a_line(count=count)))
        assert isinstance(estimated, Estimated)
        assert estimated.affordable is isinstance(reserved, HoldEffect)


async def test_an_answer_and_a_read_show_one_balance_for_one_version(shop: Shop) -> None:
    account = await shop.open()
    for number, tokens in enumerate((20, 30)):
        reserved = await shop.fares.reserve(shop.reserve_request(account, f"part {number}", work=tokens * MICROS))
        assert isinstance(reserved, HoldEffect)
        assert await shop.reads.balance(shop.tenant_id, account) == reserved.balance
    assert reserved.balance.expiring_at is None, "a grant that is wholly on hold does not expire"


async def test_an_amount_that_was_captured_is_shown_as_that(shop: Shop) -> None:
    account = await shop.open(tokens=100)
    reserved = await shop.fares.reserve(shop.reserve_request(account, "stream", a_line("picture", 2)))
    assert isinstance(reserved, HoldEffect)
    for number in range(2):
        await shop.fares.commit(
            shop.commit_request(account, f"part {number}", reserved.hold.hold_id, actual=3 * MICROS, final=False)
        )
    captures = await shop.reads.hold_captures(shop.tenant_id, account, reserved.hold)
    (first,), (second,) = captures[0].lines, captures[1].lines
    assert (first.count, second.count) == (2, 0), "the uses are counted once"
    for line in (first, second):
        assert line.cost == 3 * MICROS
        assert [(step.label, step.amount) for step in line.steps] == [(AMOUNT_CAPTURED, 3 * MICROS)]
