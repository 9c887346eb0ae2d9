"""Tokens that one account sends another: off whole at once, there once, and on the way in between."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from random import Random

import pytest

from rules.ledger.commands import GrantTokens, TransferPart
from rules.ledger.kinds import GrantSource, Mutation
from rules.ledger.refusals import IdempotencyConflict, InsufficientTokens
from rules.ledger.transfers import payload_of, read_payload, source_ref
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MAX_MICROS
from tests.rules.ledger.notation import ACCOUNT, ELSEWHERE, START, TENANT, fact, refusal, tokens
from tests.rules.ledger.workbench import Workbench, an_account


def on_its_way(bench: Workbench) -> Sequence[TransferPart]:
    """The parts of what was sent last."""
    target, parts = read_payload(bench.shelf.outgoing[-1].payload_json)
    assert target == ELSEWHERE
    return parts


def a_part(amount: int = 10, *, version: int = 7, expires_in: int | None = None, priority: int = 50) -> TransferPart:
    expires_at = START + timedelta(seconds=expires_in) if expires_in is not None else None
    return TransferPart(version, tokens(amount), priority, expires_at, 250, "usd")


def buy(bench: Workbench, amount: int, cents: int, **more: object) -> int:
    key = bench.once(Mutation.GRANT_TOKENS, None)
    bench.submit(
        GrantTokens(
            TENANT,
            ACCOUNT,
            key,
            tokens(amount),
            GrantSource.PURCHASE,
            key.key,
            paid_minor_units=cents,
            paid_currency="usd",
            **more,  # type: ignore[arg-type]
        )
    )
    return bench.account.version


class TestSending:
    def test_takes_from_grants_in_burn_order_one_entry_each(self) -> None:
        bench = an_account(tokens=100)
        soon = bench.grant(10, expires_in=3_600)
        first = bench.grant(5, priority=1)
        effect = bench.send(20, note="for the film")
        assert bench.written == [fact("TRANSFER", total=-5), fact("TRANSFER", total=-10), fact("TRANSFER", total=-5)]
        assert [entry.grant_id for entry in bench.entries[-3:]] == [first, soon, 1]
        assert bench.entries[-1].note == "for the film"
        assert (effect.grant.grant_id, bench.left_on(first, soon, 1)) == (first, [0, 0, 95])
        assert bench.lot(1).transferred == tokens(5)

    def test_leaves_one_message_named_by_the_first_debit(self) -> None:
        bench = an_account(tokens=100)
        bench.grant(5, priority=1, expires_in=60)
        before = bench.account.version
        bench.send(20)
        (message,) = bench.shelf.outgoing
        assert (message.message_id, message.topic) == (before + 1, "transfer")
        assert on_its_way(bench) == (
            TransferPart(before + 1, tokens(5), 1, START + timedelta(seconds=60)),
            TransferPart(before + 2, tokens(15), 50, None),
        )

    def test_never_more_than_the_unassigned_free_tokens(self) -> None:
        bench = an_account(tokens=100, credit_limit=1_000)
        bench.grant(50, priority=1)
        film = bench.assign(50, project="film")
        bench.reserve(30)
        with refusal(InsufficientTokens(tokens(70) + 1, tokens(70))):
            bench.send("70.000001")
        bench.send(70)
        assert bench.left_on(film) == [50]

    def test_nor_what_a_debt_claims(self) -> None:
        bench = an_account(tokens=30)
        bench.grant(40)
        bench.charge(30)
        bench.claw_back(1)
        with refusal(InsufficientTokens(tokens(11), tokens(10))):
            bench.send(11)
        bench.send(10)
        assert bench.available == 0

    @pytest.mark.parametrize("credit_limit", [100, "unlimited"])
    def test_nor_anything_on_credit(self, credit_limit: int | str) -> None:
        bench = an_account(tokens=10, credit_limit=credit_limit)
        with refusal(InsufficientTokens(tokens(11), tokens(10))):
            bench.send(11)
        bench.send(10)

    def test_a_key_sends_once(self) -> None:
        bench = an_account(tokens=100)
        bench.send(10, key="k")
        assert bench.send(10, key="k").replayed
        assert (bench.total, len(bench.shelf.outgoing)) == (90, 1)
        with refusal(IdempotencyConflict("k")):
            bench.send(11, key="k")

    def test_a_frozen_account_can_be_emptied_by_whoever_administers_it(self) -> None:
        bench = an_account(tokens=10, frozen=True)
        bench.send(10)
        assert bench.total == 0


class TestReceiving:
    def test_makes_a_grant_of_each_part_with_its_expiry_priority_and_money(self) -> None:
        bench = an_account()
        bench.receive(a_part(), a_part(5, version=8, expires_in=60, priority=3))
        assert bench.written == [fact("TRANSFER", total=10), fact("TRANSFER", total=5)]
        first, second = bench.shelf.grants.values()
        assert (first.source, first.source_ref) == (GrantSource.TRANSFER, source_ref(ELSEWHERE, 7))
        assert (first.priority, first.expires_at, first.paid_minor_units, first.paid_currency) == (50, None, 250, "usd")
        assert (second.priority, second.expires_at) == (3, START + timedelta(seconds=60))

    def test_once(self) -> None:
        bench = an_account()
        bench.receive(a_part())
        bench.receive(a_part())
        assert bench.written == []
        bench.charge(10)
        bench.receive(a_part())
        assert bench.total == 0

    def test_pays_clawed_back_debt_first_and_no_credit(self) -> None:
        bench = an_account(tokens=4, credit_limit=100)
        bench.charge(4)
        bench.claw_back(2)
        bench.charge(3)
        bench.receive(a_part())
        assert bench.written == [fact("TRANSFER", total=10), fact("SETTLEMENT", total=-4, owed=-4)]
        assert (bench.total, bench.owed) == (6, 3)

    def test_moves_the_mark_like_any_tokens_that_come_in(self) -> None:
        bench = an_account(tokens=10)
        bench.receive(a_part())
        assert bench.account.mark == tokens(20)

    def test_what_expired_on_the_way_ends_on_arrival_and_pays_nothing(self) -> None:
        bench = an_account(tokens=4)
        bench.charge(4)
        bench.claw_back(1)
        bench.wait(100)
        bench.receive(a_part(expires_in=60), a_part(1, version=8, expires_in=101))
        assert bench.written == [
            fact("TRANSFER", total=10),
            fact("EXPIRY", total=-10),
            fact("TRANSFER", total=1),
            fact("SETTLEMENT", total=-1, owed=-1),
        ]
        assert bench.balance().total == 0

    def test_more_than_can_be_counted_stays_on_its_way(self) -> None:
        bench = an_account(tokens="8999999999999")
        with refusal(InvalidInput):
            bench.receive(a_part())


class TestWhatComesBack:
    def test_is_a_grant_of_the_sender_again_with_all_that_it_was(self) -> None:
        bench = an_account()
        bought = buy(bench, 40, 1_000, priority=3, expires_at=START + timedelta(days=30))
        bench.send(10)
        bench.take_back()
        assert bench.written == [fact("TRANSFER", total=10)]
        lot = bench.lot(bench.account.version)
        assert (lot.priority, lot.expires_at, lot.paid_minor_units) == (3, START + timedelta(days=30), 250)
        assert bench.left_on(bought) == [30]
        assert bench.total == 40


def test_the_money_of_all_parts_adds_up_to_what_was_paid() -> None:
    dice = Random(7)
    for _ in range(40):
        bench = an_account()
        granted = dice.randint(1, 60)
        buy(bench, granted, dice.randint(1, 999))
        money, left = 0, granted
        while left:
            amount = dice.randint(1, left)
            bench.send(amount)
            (part,) = on_its_way(bench)
            assert (part.paid_currency is None) == (part.paid_minor_units == 0)
            assert part.paid_minor_units <= -(-bench.lot(1).paid_minor_units * amount // granted)
            money, left = money + part.paid_minor_units, left - amount
        assert money == bench.lot(1).paid_minor_units


def test_what_is_on_its_way_is_read_as_it_was_written() -> None:
    parts = [a_part(), a_part(MAX_MICROS // 1_000_000, version=2**53, expires_in=1, priority=0)]
    parts.append(TransferPart(9, 1, 50, START + timedelta(microseconds=1)))
    assert read_payload(payload_of(ELSEWHERE, parts)) == (ELSEWHERE, tuple(parts))
