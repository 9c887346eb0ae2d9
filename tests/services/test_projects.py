"""Projects: what was expected, what may be spent, and what was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from models.database import Database
from rules.ledger.records import Slice
from rules.ledger.refusals import NotFound
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MAX_MICROS, MICROS
from rules.projects import Project
from services import projects as module
from services.projects import ProjectChanges
from tests.conftest import TenantBuilder
from tests.services.ledger.cashier import held, value_of
from tests.services.shop import Shop, a_line, open_shop


@pytest.fixture
async def shop(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Shop]:
    async with open_shop(database, (await a_tenant()).id) as shop:
        yield shop


async def saving(shop: Shop, account: UUID, name: str = "film", **changes: Any) -> Project | NotFound | InvalidInput:
    given = ProjectChanges(given=frozenset(changes), **changes)
    return await shop.projects.save(shop.tenant_id, account, name, given)


async def saved(shop: Shop, account: UUID, name: str = "film", **changes: Any) -> Project:
    project = await saving(shop, account, name, **changes)
    assert isinstance(project, Project), project
    return project


async def found(shop: Shop, account: UUID, name: str = "film") -> Project:
    project = await shop.projects.find(shop.tenant_id, account, name)
    assert project is not None
    return project


class TestSaving:
    async def test_a_new_one_has_nothing_said_of_it(self, shop: Shop) -> None:
        project = await saved(shop, await shop.open())
        assert (project.estimate, project.buffer_percent, project.budget, project.actual) == (None, 0, None, 0)
        assert project.archived_at is None

    async def test_what_is_given_changes_and_the_rest_stays(self, shop: Shop) -> None:
        account = await shop.open()
        await saved(shop, account, estimate=100 * MICROS, buffer_percent=20)
        assert (await found(shop, account)).budget == 120 * MICROS
        assert (await saved(shop, account, budget=90 * MICROS)).budget == 90 * MICROS
        assert (await saved(shop, account, estimate=200 * MICROS)).budget == 90 * MICROS
        project = await saved(shop, account, budget=None)
        assert (project.estimate, project.buffer_percent, project.budget) == (200 * MICROS, 20, 240 * MICROS)
        assert (await saved(shop, account, estimate=None)).budget is None

    async def test_it_is_archived_and_brought_back(self, shop: Shop) -> None:
        account = await shop.open()
        archived = await saved(shop, account, archived=True)
        assert archived.archived_at is not None
        assert await saved(shop, account, archived=True) == archived
        assert await saved(shop, account, estimate=5) != archived
        assert (await found(shop, account)).archived_at == archived.archived_at
        assert (await saved(shop, account, archived=False)).archived_at is None

    @pytest.mark.parametrize(
        ("field", "name", "changes"),
        [
            ("name", "", {}),
            ("name", " ", {}),
            ("name", "a" * 256, {}),
            ("name", "a\x00", {}),
            ("name", "\ud800", {}),
            ("estimate", "film", {"estimate": -1}),
            ("estimate", "film", {"estimate": MAX_MICROS + 1}),
            ("estimate", "film", {"estimate": MAX_MICROS, "buffer_percent": 1}),
            ("budget", "film", {"budget": -1}),
            ("budget", "film", {"budget": MAX_MICROS + 1}),
            ("bufferPercent", "film", {"buffer_percent": -1}),
            ("bufferPercent", "film", {"buffer_percent": 1_001}),
            ("bufferPercent", "film", {"buffer_percent": None}),
            ("archived", "film", {"archived": None}),
        ],
    )
    async def test_what_is_out_of_form_or_bounds_makes_nothing(
        self, database: Database, shop: Shop, field: str, name: str, changes: dict[str, Any]
    ) -> None:
        outcome = await saving(shop, await shop.open(), name, **changes)
        assert isinstance(outcome, InvalidInput)
        assert outcome.field == field
        assert await value_of(database, "SELECT count(*) FROM project") == 0

    async def test_an_account_that_is_not_there_comes_first(
        self, database: Database, shop: Shop, a_tenant: TenantBuilder
    ) -> None:
        async with open_shop(database, (await a_tenant()).id) as other:
            foreign = await other.open()
            await saved(other, foreign)
        for account in (uuid4(), foreign):
            assert await saving(shop, account) == NotFound("account")
            assert await saving(shop, account, "") == NotFound("account")
            assert await shop.projects.find(shop.tenant_id, account, "film") is None
            assert await shop.projects.count(shop.tenant_id, account, archived=True) == 0

    async def test_there_is_an_end_to_how_many(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "PROJECTS_MAX", 2)
        account = await shop.open()
        for name in ("a", "b"):
            await saved(shop, account, name)
        outcome = await saving(shop, account, "c")
        assert isinstance(outcome, InvalidInput)
        assert outcome.field == "name"
        assert (await saved(shop, account, "a", estimate=1)).estimate == 1
        assert await shop.projects.count(shop.tenant_id, account, archived=True) == 2

    async def test_saved_at_once_nothing_that_was_given_is_lost(self, shop: Shop) -> None:
        account = await shop.open()
        async with open_shop(shop.database, shop.tenant_id) as elsewhere:
            await asyncio.gather(
                *(saved(shop, account, estimate=100) for _ in range(4)),
                *(saved(elsewhere, account, buffer_percent=10) for _ in range(4)),
                *(saved(elsewhere, account, budget=7) for _ in range(4)),
            )
        project = await found(shop, account)
        assert (project.estimate, project.buffer_percent, project.budget) == (100, 10, 7)


class TestActual:
    async def test_it_is_what_was_captured_for_it_net_of_refunds(self, shop: Shop) -> None:
        account = await shop.open(tokens=200)
        await saved(shop, account)
        await saved(shop, account, "clip")
        hold = held(await shop.fares.charge(shop.reserve_request(account, "1", a_line(count=5), project="film"))).hold
        held(await shop.fares.charge(shop.reserve_request(account, "2", project="clip")))
        held(await shop.fares.charge(shop.reserve_request(account, "3")))
        held(await shop.fares.reserve(shop.reserve_request(account, "4", project="film")))
        held(await shop.fares.refund(shop.refund_request(account, "5", hold.hold_id, amount=10 * MICROS)))

        assert (await found(shop, account)).actual == 30 * MICROS
        page = await shop.projects.list(shop.tenant_id, account, Slice(10), archived=False)
        assert {project.name: project.actual // MICROS for project in page.rows} == {"film": 30, "clip": 8}

    async def test_work_of_another_account_under_the_same_label_is_its_own(self, shop: Shop) -> None:
        account, neighbour = await shop.open(), await shop.open("neighbour")
        await saved(shop, account)
        held(await shop.fares.charge(shop.reserve_request(neighbour, "1", project="film")))
        assert (await found(shop, account)).actual == 0

    async def test_work_may_carry_a_label_before_its_project_is_made(self, shop: Shop) -> None:
        account = await shop.open()
        held(await shop.fares.charge(shop.reserve_request(account, "1", project="film")))
        assert (await saved(shop, account)).actual == 8 * MICROS

    async def test_a_budget_caps_nothing_by_itself(self, shop: Shop) -> None:
        account = await shop.open()
        await saved(shop, account, budget=0)
        held(await shop.fares.charge(shop.reserve_request(account, "1", project="film")))
        assert (await found(shop, account)).actual == 8 * MICROS


async def test_they_are_listed_by_name_without_archived_ones(shop: Shop) -> None:
    account = await shop.open()
    for name in ("c", "a", "B"):
        await saved(shop, account, name)
    await saved(shop, account, "a", archived=True)
    first = await shop.projects.list(shop.tenant_id, account, Slice(1), archived=False)
    rest = await shop.projects.list(shop.tenant_id, account, Slice(5, "B"), archived=True)
    assert ([project.name for project in first.rows], first.has_more) == (["B"], True)
    assert [project.name for project in rest.rows] == ["a", "c"]
    assert [await shop.projects.count(shop.tenant_id, account, archived=too) for too in (False, True)] == [2, 3]


async def test_a_closed_account_gets_no_project(shop: Shop) -> None:
    account = await shop.open()
    await saved(shop, account)
    await shop.accounts.close(shop.tenant_id, account)

    for name in ("film", "another"):
        refused = await saving(shop, account, name, budget=5 * MICROS)
        assert isinstance(refused, InvalidInput)
        assert refused.field == "accountId"
    assert (await found(shop, account)).budget is None
    assert await shop.projects.find(shop.tenant_id, account, "another") is None
