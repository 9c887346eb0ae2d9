"""Accounts: made once whoever asks, with the trial's tokens once and ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from zoneinfo import available_timezones

import pytest

from models.account import AccountKind
from models.database import Database
from rules.ledger.records import Slice
from rules.ledger.refusals import InsufficientTokens, NotFound
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MAX_MICROS, MICROS
from rules.time_zones import is_time_zone
from services.accounts import AccountRecord
from tests.conftest import TenantBuilder
from tests.services.ledger.cashier import held, of_kind, rows_of, value_of
from tests.services.ledger.sums import contradictions
from tests.services.shop import Shop, a_line, a_source, open_shop


@pytest.fixture
async def shop(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Shop]:
    async with open_shop(database, (await a_tenant()).id) as shop:
        yield shop


async def create(shop: Shop, **change: Any) -> object:
    fields = {"external_id": "user-1", "name": "Ada", "kind": AccountKind.PERSONAL, "time_zone": "UTC", **change}
    return await shop.accounts.create(shop.tenant_id, **fields)


async def test_fifty_who_create_one_account_get_the_one_with_one_trial(database: Database, shop: Shop) -> None:
    async with open_shop(database, shop.tenant_id) as elsewhere:
        outcomes = await asyncio.gather(*(create([shop, elsewhere][i % 2], name=f"Name {i}") for i in range(50)))

    assert len(set(outcomes)) == 1
    grants = await rows_of(database, "SELECT source, granted FROM token_grant")
    assert [tuple(grant) for grant in grants] == [("TRIAL", 50 * MICROS)]
    assert await value_of(database, "SELECT count(*) FROM account") == 1
    assert await contradictions(database) == []


async def test_the_trial_is_given_once_ever(database: Database, shop: Shop) -> None:
    account = await shop.open()
    held(await shop.fares.charge(shop.reserve_request(account, "c", work=50 * MICROS)))
    await shop.publish(a_source(trial=500))
    await shop.clock.advance(shop.tenant_id, 366 * 86_400)

    again = await shop.create()

    assert again.account_id == account
    assert await value_of(database, "SELECT count(*) FROM token_grant") == 1
    balance = await shop.reads.balance(shop.tenant_id, account)
    assert balance is not None
    assert balance.available == 0


async def test_creating_again_changes_nothing(shop: Shop) -> None:
    first = await create(shop)
    assert isinstance(first, AccountRecord)
    await shop.accounts.update(shop.tenant_id, first.account_id, frozen=True, name="Ada Lovelace")

    again = await create(shop, name="Charles", kind=AccountKind.TEAM, time_zone="Asia/Tokyo")

    assert again == await shop.accounts.get(shop.tenant_id, first.account_id)
    assert isinstance(again, AccountRecord)
    assert (again.name, again.kind, again.time_zone, again.frozen) == ("Ada Lovelace", "PERSONAL", "UTC", True)


async def test_two_tenants_may_use_one_external_id(database: Database, shop: Shop, a_tenant: TenantBuilder) -> None:
    async with open_shop(database, (await a_tenant()).id) as other:
        first, second = await create(shop), await create(other)
        assert isinstance(first, AccountRecord)
        assert isinstance(second, AccountRecord)
        assert first.account_id != second.account_id
        assert await other.accounts.get(other.tenant_id, first.account_id) is None
        assert await other.accounts.update(other.tenant_id, first.account_id, frozen=True) == NotFound("account")


async def test_bad_input_is_refused_with_the_name_of_its_field(database: Database, shop: Shop) -> None:
    cases: list[tuple[str, dict[str, Any]]] = [
        *[("externalId", {"external_id": name}) for name in ("", "  ", "x" * 256, "\x00", "\ud800")],
        *[("name", {"name": name}) for name in ("", "\t", "x" * 256, "\x00", "\ud800")],
        *[("timeZone", {"time_zone": zone}) for zone in ("", "Mars/Base", "../etc/passwd", "\x00", "UTC\n", "\ud800")],
    ]

    for field, change in cases:
        outcome = await create(shop, **change)
        assert isinstance(outcome, InvalidInput), (field, change)
        assert outcome.field == field
    assert await value_of(database, "SELECT count(*) FROM ledger_account") == 0


async def test_every_zone_of_the_world_is_taken(shop: Shop) -> None:
    for zone in ("Asia/Kathmandu", "Pacific/Kiritimati", "America/New_York", "UTC"):
        created = await create(shop, external_id=zone, time_zone=zone)
        assert isinstance(created, AccountRecord)
        assert created.time_zone == zone


async def test_postgres_knows_every_zone_that_is_taken(database: Database) -> None:
    known = {row["name"] for row in await rows_of(database, "SELECT name FROM pg_timezone_names")}
    on_this_machine = known | available_timezones() | {"localtime", "posixrules", "Factory", "posix/UTC", "right/UTC"}

    taken = {name for name in on_this_machine if is_time_zone(name)}

    assert taken == known - {"Factory"}


async def test_a_credit_line_lets_an_account_go_below_zero_as_far_as_it_reaches(database: Database, shop: Shop) -> None:
    account = await shop.open()

    async def reserve(key: str, tokens: int) -> Any:
        return await shop.fares.reserve(shop.reserve_request(account, key, work=tokens * MICROS))

    assert await reserve("r", 51) == InsufficientTokens(51 * MICROS, 50 * MICROS)
    await shop.accounts.update(shop.tenant_id, account, credit_limit=30 * MICROS)
    assert await reserve("r", 81) == InsufficientTokens(81 * MICROS, 80 * MICROS)
    hold = held(await reserve("r", 80)).hold.hold_id
    committed = held(await shop.fares.commit(shop.commit_request(account, "c", hold, actual=70 * MICROS)))
    assert (committed.balance.total, committed.balance.owed) == (0, 20 * MICROS)
    assert committed.balance.available == 10 * MICROS

    await shop.accounts.update(shop.tenant_id, account, credit_limit=0)
    assert await reserve("none left", 1) == InsufficientTokens(1 * MICROS, 0)
    await shop.accounts.update(shop.tenant_id, account, credit_limit=-1)
    unlimited = held(await reserve("unlimited", 1_000_000))
    assert unlimited.balance.unlimited
    assert await contradictions(database) == []


async def test_an_unlimited_account_still_cannot_owe_more_than_can_be_counted(database: Database, shop: Shop) -> None:
    account = await shop.open()
    await shop.accounts.update(shop.tenant_id, account, credit_limit=-1)
    held(await shop.fares.charge(shop.reserve_request(account, "c", work=MAX_MICROS)))

    outcomes = await asyncio.gather(
        *(shop.fares.charge(shop.reserve_request(account, f"{i}", work=MAX_MICROS // 2)) for i in range(5))
    )

    assert len(of_kind(outcomes, InvalidInput)) == 5
    assert await contradictions(database) == []


async def test_a_setting_that_cannot_be_is_refused(shop: Shop) -> None:
    created = await shop.create()
    cases: list[tuple[str, dict[str, Any]]] = [
        *[("creditLimit", {"credit_limit": limit}) for limit in (-2, -(2**63), MAX_MICROS + 1, 2**63)],
        *[("name", {"name": name}) for name in ("", "x" * 256, "\x00")],
        ("timeZone", {"time_zone": "Nowhere"}),
    ]

    for field, change in cases:
        outcome = await shop.accounts.update(shop.tenant_id, created.account_id, frozen=True, **change)
        assert isinstance(outcome, InvalidInput), (field, change)
        assert outcome.field == field
    assert await shop.accounts.get(shop.tenant_id, created.account_id) == created


async def test_only_what_changes_writes_an_entry(shop: Shop) -> None:
    account = await shop.open()

    async def version_after(**change: Any) -> int:
        await shop.accounts.update(shop.tenant_id, account, **change)
        balance = await shop.reads.balance(shop.tenant_id, account)
        assert balance is not None
        return balance.version

    assert await version_after(name="Another") == 1
    assert await version_after(frozen=False, credit_limit=0, time_zone="UTC") == 1
    assert await version_after(frozen=True) == 2
    assert await version_after(credit_limit=-1, time_zone="Asia/Tokyo") == 4


async def test_accounts_are_listed_and_searched(shop: Shop) -> None:
    for name in ("anna", "bert", "berta", "carl"):
        await shop.create(name)

    async def names(**more: Any) -> list[str]:
        part = Slice(more.pop("first", 10), more.pop("after", None))
        page = await shop.accounts.list(shop.tenant_id, part, search=more.get("search"))
        return [record.external_id for record in page.rows]

    assert await names() == ["anna", "bert", "berta", "carl"]
    assert await names(first=2, after="anna") == ["bert", "berta"]
    assert await names(search="BERT") == ["bert", "berta"]
    assert await shop.accounts.count(shop.tenant_id, search="bert") == 2
    assert await shop.accounts.count(shop.tenant_id, search=None) == 4


async def test_a_line_is_priced_for_an_account_that_was_just_made(shop: Shop) -> None:
    account = (await shop.create("new")).account_id
    assert held(await shop.fares.charge(shop.reserve_request(account, "c", a_line()))).amount == 8 * MICROS


async def test_what_the_ledger_refuses_of_a_setting_is_told_as_it_is(shop: Shop) -> None:
    account = await shop.open(tokens=100)
    refused = await shop.accounts.update(shop.tenant_id, account, name="Other", credit_limit=MAX_MICROS)
    assert isinstance(refused, InvalidInput), refused
    assert refused.field == "creditLimit"
    record = await shop.accounts.get(shop.tenant_id, account)
    assert record is not None
    assert record.name == "Passenger", "nothing is half done"


async def test_a_new_name_comes_with_its_settings_or_not_at_all(shop: Shop) -> None:
    account = await shop.open()
    renamed = await shop.accounts.update(shop.tenant_id, account, name="Ann", frozen=True)
    assert isinstance(renamed, AccountRecord)
    assert (renamed.name, renamed.frozen) == ("Ann", True)
    only_name = await shop.accounts.update(shop.tenant_id, account, name="Anna")
    assert isinstance(only_name, AccountRecord)
    assert (only_name.name, only_name.frozen) == ("Anna", True)
