"""Settings have no key of the caller's: what took effect while its answer was lost is not done again over others'."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from models.database import Database
from rules.identity import member_id_of
from rules.ledger.commands import LimitSetting
from rules.ledger.kinds import LimitPeriod, LimitScope, MemberRole
from rules.ledger.outcomes import AccountEffect, LimitsEffect, MembersEffect
from rules.ledger.requests import ChangedMember, GoneMember, MembersRequest, NewMember
from services.accounts import AccountRecord
from services.ledger import lane as lane_module
from services.ledger.writer import Writer
from services.members import Members
from tests.conftest import TenantBuilder
from tests.services.ledger.cashier import rows_of, value_of
from tests.services.ledger.sums import contradictions
from tests.services.shop import Shop, open_shop

Act = Callable[[], Awaitable[Any]]


@pytest.fixture
async def shops(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[tuple[Shop, Shop]]:
    """Two processes of one tenant."""
    tenant = await a_tenant()
    async with open_shop(database, tenant.id) as one, open_shop(database, tenant.id) as other:
        yield one, other


async def lost_then(monkeypatch: pytest.MonkeyPatch, act: Act, others: Act) -> Any:
    """What `act` is answered whose COMMIT arrives and whose answer does not; `others` is done before it asks again."""
    done: list[Any] = []

    async def commit_and_lose(self: lane_module.Lane, connection: asyncpg.Connection) -> None:
        await connection.execute("COMMIT")
        self._chained_since = None
        if not done:
            done.append(None)
            done.append(await others())
            raise ConnectionResetError("the answer to COMMIT was lost")

    monkeypatch.setattr(lane_module.Lane, "_end_transaction", commit_and_lose)
    answer = await act()
    monkeypatch.undo()
    assert len(done) == 2
    return answer


async def the_log(database: Database) -> list[str]:
    return [row["act"] for row in await rows_of(database, "SELECT act FROM change_log ORDER BY id")]


async def test_a_change_of_an_account_does_not_undo_anothers(
    database: Database, shops: tuple[Shop, Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = shops
    account = await one.open()
    version = await value_of(database, "SELECT version FROM ledger_account")

    answer = await lost_then(
        monkeypatch,
        lambda: one.accounts.update(one.tenant_id, account, frozen=False, credit_limit=5, name="Ours"),
        lambda: other.accounts.update(one.tenant_id, account, frozen=True, credit_limit=7, name="Theirs"),
    )

    assert isinstance(answer, AccountRecord)
    assert (answer.frozen, answer.credit_limit, answer.name) == (True, 7, "Theirs")
    # One for our credit limit, two for their settings.
    assert await value_of(database, "SELECT version FROM ledger_account") == version + 3
    assert (await the_log(database)).count("updateAccount") == 2
    assert await contradictions(database) == []


async def test_a_limit_does_not_undo_anothers(
    database: Database, shops: tuple[Shop, Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = shops
    account = await one.open()

    def limited(shop: Shop, limit: int) -> Act:
        setting = LimitSetting(LimitScope.ACCOUNT, LimitPeriod.DAY, limit=limit)
        return lambda: shop.limits.set(shop.tenant_id, account, setting)

    answer = await lost_then(monkeypatch, limited(one, 5), limited(other, 7))

    # Whoever orders by version and asOf could never be shown anything else, had the answer told of what nobody wrote.
    assert isinstance(answer, LimitsEffect)
    day, *_ = await one.reads.limits(one.tenant_id, account)
    assert (day.limit, day.version) == (7, await value_of(database, "SELECT version FROM ledger_account"))
    assert answer.limits == (day,)
    assert (answer.balance.version, answer.balance.today) == (day.version, day)


async def test_a_warning_does_not_undo_anothers(
    database: Database, shops: tuple[Shop, Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = shops
    account = await one.open()

    def warned(shop: Shop, percent: int) -> Act:
        return lambda: shop.alerts.set_alerts(shop.tenant_id, account, balance_percents=[percent])

    told: list[Any] = []
    submit = Writer.submit

    async def noted(self: Writer, *sent: Any) -> Any:
        told.append((sent[0], await submit(self, *sent)))
        return told[-1][1]

    monkeypatch.setattr(Writer, "submit", noted)
    assert isinstance(await lost_then(monkeypatch, warned(one, 5), warned(other, 7)), AccountRecord)
    answer = next(outcome for command, outcome in told if command.balance_percents == (5,))
    version = await value_of(database, "SELECT version FROM ledger_account")
    assert isinstance(answer, AccountEffect)
    assert (answer.account.version, answer.balance.version) == (version, version)
    assert answer.account.alerting is not None
    assert answer.account.alerting.balance_percents == (7,)
    settings = await one.reads.alert_settings(one.tenant_id, account)
    assert settings is not None
    assert settings.balance_percents == (7,)


async def test_whom_another_has_removed_meanwhile_does_not_come_back(
    database: Database, shops: tuple[Shop, Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = shops
    account = await one.open()

    def managed(shop: Shop, change: NewMember | ChangedMember | GoneMember) -> Act:
        return lambda: Members(shop.writer).manage(MembersRequest(shop.tenant_id, account, (change,)))

    added = await lost_then(
        monkeypatch,
        managed(one, NewMember("anna", "Anna", MemberRole.ADMIN)),
        managed(other, GoneMember(_member(account))),
    )

    assert isinstance(added, MembersEffect)
    member = await one.reads.member(one.tenant_id, account, _member(account))
    assert member is not None
    assert not member.active
    assert added.members == (member,)
    assert added.balance.version == await value_of(database, "SELECT version FROM ledger_account")


async def test_what_was_rolled_back_is_done(
    database: Database, shops: tuple[Shop, Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = shops
    account = await one.open()
    lost = 0

    async def lose(self: lane_module.Lane, connection: asyncpg.Connection) -> None:
        nonlocal lost
        lost += 1
        if lost == 1:
            raise ConnectionResetError("COMMIT was lost")
        await connection.execute("COMMIT")

    monkeypatch.setattr(lane_module.Lane, "_end_transaction", lose)
    answer = await one.accounts.update(one.tenant_id, account, credit_limit=5)

    assert lost == 2
    assert isinstance(answer, AccountRecord)
    assert answer.credit_limit == 5


def _member(account: UUID) -> UUID:
    return member_id_of(account, "anna")
