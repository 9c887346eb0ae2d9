"""Saved workflows: versioned, an account's own, estimated and reserved by name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from models.database import Database
from rules.identity import IdKind, public_id
from rules.ledger.records import Estimated, Quote, Slice
from rules.ledger.refusals import IdempotencyConflict, NotFound
from rules.ledger.requests import EstimateRequest, Quoted, SavedWork
from rules.pricing.rating import LineRequest
from rules.pricing.refusals import InvalidInput, InvalidParams, UnknownModel
from rules.pricing.tokens import MICROS
from rules.workflows import Workflow
from services import workflows as module
from tests.conftest import TenantBuilder
from tests.services.ledger.cashier import held, of_kind, value_of
from tests.services.ledger.sums import contradictions
from tests.services.shop import Shop, a_line, a_source, open_shop

POSTER = SavedWork("Poster maker")


@pytest.fixture
async def shop(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Shop]:
    async with open_shop(database, (await a_tenant()).id) as shop:
        yield shop


async def saving(shop: Shop, account: UUID, *lines: LineRequest, name: str = "Poster maker", **more: Any) -> Any:
    return await shop.workflows.save(shop.tenant_id, account, name=name, lines=lines or (a_line(),), **more)


async def saved(shop: Shop, account: UUID, *lines: LineRequest, **more: Any) -> Workflow:
    workflow = await saving(shop, account, *lines, **more)
    assert isinstance(workflow, Workflow), workflow
    return workflow


async def reserved(shop: Shop, account: UUID, key: str, work: SavedWork = POSTER) -> Any:
    return await shop.fares.reserve(shop.reserve_request(account, key, work=work))


class TestSaving:
    async def test_each_change_of_the_lines_is_a_version_and_the_same_lines_are_the_same_one(self, shop: Shop) -> None:
        account = await shop.open()
        first, second = (a_line(ref="n1"), a_line("picture", steps=50)), (a_line(count=2),)

        workflows = [
            await saved(shop, account, *lines, note=note)
            for lines, note in ((first, "one"), (first, "ignored"), (second, "two"), (first, "back"))
        ]

        assert [(workflow.version, workflow.note) for workflow in workflows] == [
            (1, "one"), (1, "one"), (2, "two"), (3, "back"),
        ]  # fmt: skip
        assert workflows[0].lines == first
        assert await shop.workflows.find(shop.tenant_id, account, "poster-maker", 2) == workflows[2]
        assert await shop.workflows.find(shop.tenant_id, account, "Poster Maker", None) == workflows[3]

    async def test_saved_at_once_from_two_processes_the_versions_have_no_gap(
        self, database: Database, shop: Shop
    ) -> None:
        account = await shop.open()
        async with open_shop(database, shop.tenant_id) as elsewhere:
            outcomes = await asyncio.gather(
                *(saved([shop, elsewhere][n % 2], account, a_line(count=1 + n // 4)) for n in range(12))
            )
        versions = {workflow.version for workflow in outcomes}
        assert versions == set(range(1, max(versions) + 1))
        assert await value_of(database, "SELECT count(*) FROM workflow_version") == max(versions)
        for workflow in outcomes:
            assert await shop.workflows.find(shop.tenant_id, account, workflow.slug, workflow.version) == workflow

    async def test_the_same_lines_saved_at_once_are_one_version(self, database: Database, shop: Shop) -> None:
        account = await shop.open()
        outcomes = await asyncio.gather(*(saved(shop, account) for _ in range(8)))
        assert {workflow.version for workflow in outcomes} == {1}
        assert await value_of(database, "SELECT count(*) FROM workflow_version") == 1

    async def test_a_name_without_latin_letters_takes_a_slug(self, shop: Shop) -> None:
        account = await shop.open()
        refused = await saving(shop, account, name="Плакат")
        assert isinstance(refused, InvalidInput)
        assert refused.field == "slug"
        assert (await saved(shop, account, name="Плакат", slug="plakat")).name == "Плакат"

    @pytest.mark.parametrize(
        ("field", "changes"),
        [
            ("name", {"name": ""}),
            ("name", {"name": "a" * 201}),
            ("name", {"name": "a\x00"}),
            ("slug", {"slug": "Poster"}),
            ("slug", {"slug": "a--b"}),
            ("slug", {"slug": "a" * 101}),
            ("slug", {"slug": ""}),
            ("note", {"note": "\ud800"}),
        ],
    )
    async def test_what_is_out_of_form_is_named(
        self, database: Database, shop: Shop, field: str, changes: dict[str, Any]
    ) -> None:
        outcome = await saving(shop, await shop.open(), **changes)
        assert isinstance(outcome, InvalidInput)
        assert outcome.field == field
        assert await value_of(database, "SELECT count(*) FROM workflow") == 0

    async def test_lines_must_have_a_price(self, database: Database, shop: Shop) -> None:
        account = await shop.open()
        assert isinstance(await saving(shop, account, a_line("upscal")), UnknownModel)
        assert isinstance(await saving(shop, account, a_line("picture", steps=101)), InvalidParams)
        for lines, field in (([a_line()] * 101, "lines"), ([a_line(), a_line(count=0)], "lines[1].count")):
            outcome = await saving(shop, account, *lines)
            assert isinstance(outcome, InvalidInput)
            assert outcome.field == field
        empty = await shop.workflows.save(shop.tenant_id, account, name="Empty", lines=())
        assert isinstance(empty, InvalidInput)
        assert await value_of(database, "SELECT count(*) FROM workflow") == 0

    async def test_an_account_that_is_not_there_has_none(
        self, database: Database, shop: Shop, a_tenant: TenantBuilder
    ) -> None:
        async with open_shop(database, (await a_tenant()).id) as other:
            foreign = await other.open()
        for account in (uuid4(), foreign):
            assert await saving(shop, account) == NotFound("account")
            assert await saving(shop, account, name="") == NotFound("account")
            assert await shop.workflows.archive(shop.tenant_id, account, "Poster maker") == NotFound("workflow")

    async def test_there_is_an_end_to_how_many(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "WORKFLOWS_MAX", 2)
        account = await shop.open()
        for name in ("a", "b"):
            await saved(shop, account, name=name)
        outcome = await saving(shop, account, name="c")
        assert isinstance(outcome, InvalidInput)
        assert outcome.field == "name"
        assert (await saved(shop, account, a_line(count=2), name="a")).version == 2
        assert await shop.workflows.count(shop.tenant_id, account, archived=True) == 2

    async def test_a_version_never_changes(self, database: Database, shop: Shop) -> None:
        await saved(shop, await shop.open())
        async with database.tenant(shop.tenant_id) as connection:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute("UPDATE workflow_version SET lines = '[]'")
        async with database.owner() as connection:
            with pytest.raises(asyncpg.RestrictViolationError):
                await connection.execute("DELETE FROM workflow_version")


class TestLists:
    async def test_newest_versions_by_slug_without_archived_ones(self, shop: Shop) -> None:
        account, neighbour = await shop.open(), await shop.open("neighbour")
        for name in ("c", "a", "b"):
            await saved(shop, account, name=name)
        newest = await saved(shop, account, a_line(count=3), name="a")
        await saved(shop, neighbour, name="d")
        await shop.workflows.archive(shop.tenant_id, account, "B")

        page = await shop.workflows.list(shop.tenant_id, account, Slice(1), archived=False)
        rest = await shop.workflows.list(shop.tenant_id, account, Slice(10, "a"), archived=False)
        everything = await shop.workflows.list(shop.tenant_id, account, Slice(10), archived=True)

        assert (page.rows, page.has_more) == ((newest,), True)
        assert [workflow.slug for workflow in rest.rows] == ["c"]
        assert [workflow.slug for workflow in everything.rows] == ["a", "b", "c"]
        assert [await shop.workflows.count(shop.tenant_id, account, archived=too) for too in (False, True)] == [2, 3]

    async def test_a_version_that_is_not_there_is_none(self, shop: Shop) -> None:
        account = await shop.open()
        await saved(shop, account)
        for name, version in (("poster", None), ("", None), ("poster-maker", 0), ("poster-maker", 2), ("a", 2**40)):
            assert await shop.workflows.find(shop.tenant_id, account, name, version) is None


class TestArchived:
    async def test_it_is_found_but_not_used_until_it_is_saved_again(self, shop: Shop) -> None:
        account = await shop.open()
        await saved(shop, account)
        archived = await shop.workflows.archive(shop.tenant_id, account, "Poster maker")
        assert isinstance(archived, Workflow)
        assert archived.archived_at is not None
        assert await shop.workflows.archive(shop.tenant_id, account, "Poster maker") == archived
        assert await reserved(shop, account, "1") == NotFound("workflow")
        assert await reserved(shop, account, "1", SavedWork("poster-maker", 1)) == NotFound("workflow")

        again = await saved(shop, account)

        assert (again.version, again.archived_at) == (1, None)
        held(await reserved(shop, account, "1"))


class TestUsing:
    async def test_it_is_estimated_by_name(self, shop: Shop) -> None:
        account = await shop.open()
        await saved(shop, account, a_line(ref="n1"), a_line("picture", ref="n2"))
        estimated = await shop.fares.estimate(EstimateRequest(shop.tenant_id, POSTER, account))
        assert isinstance(estimated, Estimated)
        assert estimated.total == 18 * MICROS
        assert [line.ref for line in estimated.lines] == ["n1", "n2"]

    async def test_an_estimate_needs_to_know_whose_it_is(self, shop: Shop) -> None:
        refused = await shop.fares.estimate(EstimateRequest(shop.tenant_id, POSTER))
        assert isinstance(refused, InvalidInput)
        assert refused.field == "workflow"
        assert await shop.fares.estimate(EstimateRequest(shop.tenant_id, POSTER, uuid4())) == NotFound("account")
        account = await shop.open()
        assert await shop.fares.estimate(EstimateRequest(shop.tenant_id, POSTER, account)) == NotFound("workflow")

    async def test_a_quote_of_it_keeps_lines_and_price(self, shop: Shop) -> None:
        account = await shop.open()
        await saved(shop, account)
        quote = await shop.fares.quote(EstimateRequest(shop.tenant_id, POSTER, account))
        assert isinstance(quote, Quote)
        await saved(shop, account, a_line(count=2))
        await shop.publish(a_source().replace("tokens = 8", "tokens = 9"))
        quoted = Quoted(public_id(IdKind.QUOTE, quote.owner_id, quote.number))
        hold = held(await shop.fares.reserve(shop.reserve_request(account, "q", work=quoted))).hold
        assert hold.amount == 8 * MICROS

    async def test_the_newest_is_reserved_or_the_version_that_is_named(self, database: Database, shop: Shop) -> None:
        account = await shop.open()
        await saved(shop, account)
        await saved(shop, account, a_line(count=2))
        amounts = [
            held(await reserved(shop, account, f"{number}", work)).hold.amount // MICROS
            for number, work in enumerate((POSTER, SavedWork("poster-maker", 1), SavedWork("POSTER MAKER", 2)))
        ]
        assert amounts == [16, 8, 16]
        assert await contradictions(database) == []

    async def test_it_is_charged_and_added_to_a_hold(self, shop: Shop) -> None:
        account = await shop.open()
        await saved(shop, account)
        assert held(await shop.fares.charge(shop.reserve_request(account, "c", work=POSTER))).amount == 8 * MICROS
        hold = held(await shop.fares.reserve(shop.reserve_request(account, "r"))).hold
        await shop.publish(a_source().replace("tokens = 8", "tokens = 9"))
        extended = held(await shop.fares.extend(shop.extend_request(account, "e", hold.hold_id, work=POSTER)))
        assert extended.hold.amount == 16 * MICROS, "all of a hold is priced at its own version"
        missing = await shop.fares.extend(shop.extend_request(account, "f", hold.hold_id, work=SavedWork("none")))
        assert missing == NotFound("workflow")

    async def test_a_model_that_has_left_the_book_is_told_when_it_is_used(self, shop: Shop) -> None:
        account = await shop.open()
        await saved(shop, account)
        await shop.publish(a_source().replace('name = "Upscale"', 'name = "Upscale 2"'))
        assert isinstance(await reserved(shop, account, "1"), UnknownModel)

    async def test_another_accounts_workflow_is_not_found(
        self, database: Database, shop: Shop, a_tenant: TenantBuilder
    ) -> None:
        await saved(shop, await shop.open())
        assert await reserved(shop, await shop.open("neighbour"), "1") == NotFound("workflow")
        async with open_shop(database, (await a_tenant()).id) as other:
            assert await reserved(other, await other.open(), "1") == NotFound("workflow")
            assert await other.workflows.find(other.tenant_id, await shop.open(), "poster-maker", None) is None

    async def test_no_workflow_comes_before_bad_input(self, shop: Shop) -> None:
        account = await shop.open()
        request = shop.reserve_request(account, "1", work=POSTER, ttl_seconds=0)
        assert await shop.fares.reserve(request) == NotFound("workflow")


class TestKeys:
    async def test_a_repeated_request_has_the_effect_of_the_first_whatever_was_saved_since(self, shop: Shop) -> None:
        account = await shop.open()
        await saved(shop, account)
        first = held(await reserved(shop, account, "k"))
        await saved(shop, account, a_line(count=3))

        again = held(await reserved(shop, account, "k", SavedWork("poster-maker")))
        await shop.workflows.archive(shop.tenant_id, account, "poster-maker")
        later = held(await reserved(shop, account, "k"))

        for effect in (again, later):
            assert (effect.replayed, effect.hold.hold_id, effect.hold.amount) == (True, first.hold.hold_id, 8 * MICROS)

    async def test_another_version_or_name_under_the_key_is_a_conflict(self, shop: Shop) -> None:
        account = await shop.open()
        await saved(shop, account)
        held(await reserved(shop, account, "k"))
        for work in (SavedWork("poster-maker", 1), SavedWork("other")):
            assert await reserved(shop, account, "k", work) == IdempotencyConflict("k")
        by_lines = await shop.fares.reserve(shop.reserve_request(account, "k", a_line()))
        assert by_lines == IdempotencyConflict("k")

    async def test_twenty_at_once_while_versions_are_saved_are_one(self, database: Database, shop: Shop) -> None:
        account = await shop.open()
        await saved(shop, account)
        async with open_shop(database, shop.tenant_id) as elsewhere:
            outcomes = await asyncio.gather(
                *(reserved([shop, elsewhere][n % 2], account, "k") for n in range(20)),
                *(saved(elsewhere, account, a_line(count=n)) for n in (2, 3)),
            )
        effects = [held(outcome) for outcome in outcomes if not isinstance(outcome, Workflow)]
        assert len(of_kind(outcomes, Workflow)) == 2
        assert len({(effect.hold.hold_id, effect.hold.amount) for effect in effects}) == 1
        assert await value_of(database, "SELECT count(*) FROM hold") == 1


async def test_a_closed_account_gets_no_workflow(shop: Shop) -> None:
    account = await shop.open()
    await shop.accounts.close(shop.tenant_id, account)

    refused = await saving(shop, account)

    assert isinstance(refused, InvalidInput)
    assert refused.field == "accountId"
    assert await shop.workflows.find(shop.tenant_id, account, "Poster maker", None) is None
