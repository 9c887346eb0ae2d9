"""Whoever is measured does the same work: the rivals are held to what the ledger promises."""

from __future__ import annotations

import asyncio
from uuid import UUID

import asyncpg
import pytest
from tortoise.exceptions import IntegrityError
from tortoise.queryset import QuerySet

from benchmarks.contenders import Contender, Reserved
from rules.pricing.tokens import MICROS


async def test_one_token_goes_to_one_of_two_hundred(contender: Contender) -> None:
    account = await contender.open_account("hot", [1 * MICROS])

    outcomes = await asyncio.gather(*(contender.reserve(account, f"key {n}", 1 * MICROS) for n in range(200)))

    assert len([outcome for outcome in outcomes if outcome is not None]) == 1
    assert await contender.count_holds() == 1
    assert await contender.contradictions() == []


async def test_one_key_sent_fifty_times_has_one_effect(contender: Contender) -> None:
    account = await contender.open_account("hot", [1_000 * MICROS])

    outcomes = await asyncio.gather(*(contender.reserve(account, "the key", 1 * MICROS) for _ in range(50)))

    held = [outcome for outcome in outcomes if outcome is not None]
    assert len(held) == 50
    assert len({outcome.hold_id for outcome in held}) == 1
    assert [outcome.replayed for outcome in held].count(False) == 1
    assert await contender.count_holds() == 1
    assert await contender.contradictions() == []


async def test_a_key_is_replayed_after_the_tokens_are_gone(contender: Contender) -> None:
    account = await contender.open_account("hot", [1 * MICROS])
    first = await contender.reserve(account, "the key", 1 * MICROS)

    assert first is not None
    assert await contender.reserve(account, "another key", 1 * MICROS) is None
    assert await contender.reserve(account, "the key", 1 * MICROS) == Reserved(first.hold_id, replayed=True)


async def test_grants_are_burnt_down_in_their_order_across_their_borders(contender: Contender) -> None:
    account = await contender.open_account("hot", [10 * MICROS, 10 * MICROS, 10 * MICROS])

    outcomes = await asyncio.gather(*(contender.reserve(account, f"key {n}", 7 * MICROS) for n in range(10)))

    assert len([outcome for outcome in outcomes if outcome is not None]) == 4
    assert await contender.contradictions() == []


async def test_distinct_accounts_do_not_mix(contender: Contender) -> None:
    accounts = [await contender.open_account(f"passenger {n}", [3 * MICROS]) for n in range(8)]

    async def all_of(account: UUID) -> int:
        outcomes = [await contender.reserve(account, f"key {n}", 1 * MICROS) for n in range(5)]
        return len([outcome for outcome in outcomes if outcome is not None])

    assert await asyncio.gather(*map(all_of, accounts)) == [3] * 8
    assert await contender.contradictions() == []


@pytest.mark.parametrize("contender", ["tortoise"], indirect=True)
async def test_without_its_lock_the_rival_does_not_pass(contender: Contender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QuerySet, "select_for_update", lambda query, **options: query)
    account = await contender.open_account("hot", [1 * MICROS])

    outcomes = await asyncio.gather(
        *(contender.reserve(account, f"key {n}", 1 * MICROS) for n in range(200)), return_exceptions=True
    )

    stopped_by_the_journals_versions = [outcome for outcome in outcomes if isinstance(outcome, IntegrityError)]
    assert stopped_by_the_journals_versions or await contender.contradictions()


@pytest.mark.parametrize("contender", ["one call"], indirect=True)
async def test_what_does_not_add_up_is_found(contender: Contender, dsn: str) -> None:
    account = await contender.open_account("hot", [10 * MICROS])
    await contender.reserve(account, "key", 1 * MICROS)
    assert await contender.contradictions() == []
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("UPDATE one_call.hold SET amount = 5, remaining = 5")
    finally:
        await connection.close()

    assert len(await contender.contradictions()) == 2
