"""Members as callers change them: what is checked before the ledger is asked, and for whom work can be priced."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from models.account import EXTERNAL_ID_LENGTH_MAX
from models.database import Database
from models.tenant import NAME_LENGTH_MAX
from rules.identity import member_id_of
from rules.ledger.kinds import MemberRole
from rules.ledger.outcomes import MembersEffect, MembersOutcome
from rules.ledger.records import Estimated, Slice
from rules.ledger.refusals import IdempotencyConflict, InsufficientTokens, NotFound
from rules.ledger.requests import (
    AffordableRequest,
    AssignRequest,
    ChangedMember,
    EstimateRequest,
    GoneMember,
    MembersRequest,
    NewMember,
)
from rules.ledger.team import Member
from rules.pricing.affordable import Affordable
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MICROS
from services.members import CHANGES_MAX, Members
from tests.conftest import TenantBuilder
from tests.services.ledger.cashier import granted, held
from tests.services.shop import Shop, a_line, open_shop


@pytest.fixture
async def shop(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Shop]:
    async with open_shop(database, (await a_tenant()).id) as shop:
        yield shop


async def manage(shop: Shop, account: UUID, *changes: Any, listed: bool = False) -> MembersOutcome:
    request = MembersRequest(shop.tenant_id, account, changes, listed)
    return await Members(shop.writer).manage(request)


async def add(shop: Shop, account: UUID, name: str) -> UUID:
    outcome = await manage(shop, account, NewMember(name, name.title()))
    assert isinstance(outcome, MembersEffect), outcome
    return outcome.members[0].member_id


async def assign(shop: Shop, account: UUID, tokens: int, *, key: str = "a", **owner: Any) -> Any:
    return await shop.grants.assign_tokens(AssignRequest(shop.tenant_id, account, key, round(tokens * MICROS), **owner))


async def test_a_member_is_added_changed_and_removed(shop: Shop) -> None:
    account = await shop.open()
    anna = await add(shop, account, "anna")
    assert anna == member_id_of(account, "anna")

    await manage(shop, account, ChangedMember(anna, "Anna K.", MemberRole.ADMIN))
    await manage(shop, account, GoneMember(anna))

    (kept,) = (await shop.reads.members(shop.tenant_id, account, Slice(5), active_only=False)).rows
    assert (kept.name, kept.role, kept.active) == ("Anna K.", MemberRole.ADMIN, False)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (NewMember("", "Anna"), "externalId"),
        (NewMember(" ", "Anna"), "externalId"),
        (NewMember("a" * (EXTERNAL_ID_LENGTH_MAX + 1), "Anna"), "externalId"),
        (NewMember("a\x00b", "Anna"), "externalId"),
        (NewMember("\ud800", "Anna"), "externalId"),
        (NewMember("anna", " "), "name"),
        (NewMember("anna", "a" * (NAME_LENGTH_MAX + 1)), "name"),
        (NewMember("anna", "a\nb"), "name"),
    ],
)
async def test_what_cannot_be_a_member_is_refused_and_named(shop: Shop, change: NewMember, field: str) -> None:
    account = await shop.open()

    single = await manage(shop, account, change)
    several = await manage(shop, account, NewMember("ben", "Ben"), change, listed=True)

    assert isinstance(single, InvalidInput)
    assert isinstance(several, InvalidInput)
    assert (single.field, several.field) == (field, f"members[1].{field}")
    assert await shop.reads.count_members(shop.tenant_id, account, active_only=False) == 0


async def test_longest_names_are_kept(shop: Shop) -> None:
    account = await shop.open()
    longest = NewMember("ж" * EXTERNAL_ID_LENGTH_MAX, "ж" * NAME_LENGTH_MAX)

    assert isinstance(await manage(shop, account, longest), MembersEffect)


@pytest.mark.parametrize("nulls", [("name",), ("role",), ("name", "role")])
async def test_null_is_no_name_and_no_role(shop: Shop, nulls: tuple[str, ...]) -> None:
    account = await shop.open()
    anna = await add(shop, account, "anna")

    outcome = await manage(shop, account, ChangedMember(anna, nulls=nulls))

    assert isinstance(outcome, InvalidInput)
    assert outcome.field == nulls[0]


async def test_who_is_not_there_is_told_of_before_whatever_else_is_wrong(shop: Shop) -> None:
    account = await shop.open()
    nobody = member_id_of(account, "nobody")
    wrong = [ChangedMember(nobody, name=""), ChangedMember(None, name=""), GoneMember(nobody), GoneMember(None)]

    assert [await manage(shop, account, change) for change in wrong] == [NotFound("member")] * 4
    unknown = UUID(int=7)
    assert await manage(shop, unknown, NewMember("", "")) == NotFound("account")
    assert await manage(shop, unknown, NewMember("", ""), listed=True) == NotFound("account")
    assert await manage(shop, account, GoneMember(None), listed=True) == InvalidInput(
        "members[0].memberId", "there is no such member"
    )


async def test_who_cannot_be_added_is_nobody_that_a_later_change_could_be_of(shop: Shop) -> None:
    account = await shop.open()

    refused = await manage(shop, account, NewMember("\0", "Anna"), ChangedMember(None, name="Anne"), listed=True)

    assert isinstance(refused, InvalidInput)
    assert [fault.field for fault in refused.faults] == ["members[0].externalId", "members[1].memberId"]


async def test_each_of_many_faults_is_named_by_its_place(shop: Shop) -> None:
    account = await shop.open()
    await add(shop, account, "anna")
    anna, ben = member_id_of(account, "anna"), member_id_of(account, "ben")

    refused = await manage(
        shop,
        account,
        NewMember("ben", ""),
        ChangedMember(ben, name="Ben"),
        NewMember("x\x00", "X"),
        GoneMember(member_id_of(account, "nobody")),
        NewMember("carl", "Carl"),
        ChangedMember(anna, nulls=("name",)),
        listed=True,
    )

    assert isinstance(refused, InvalidInput)
    assert [fault.field for fault in refused.faults] == [
        "members[0].name",
        "members[2].externalId",
        "members[3].memberId",
        "members[5].name",
    ]
    assert await shop.reads.count_members(shop.tenant_id, account, active_only=False) == 1


async def test_many_members_at_once_are_one_step_and_bounded(shop: Shop) -> None:
    account = await shop.open()
    everyone = [NewMember(f"user-{number:04}", f"User {number}") for number in range(CHANGES_MAX + 1)]

    too_many = await manage(shop, account, *everyone, listed=True)
    outcome = await manage(shop, account, *everyone[:-1], listed=True)

    assert isinstance(too_many, InvalidInput)
    assert too_many.field == "members"
    assert isinstance(outcome, MembersEffect)
    assert outcome.members[-1] == await shop.reads.member(
        shop.tenant_id, account, member_id_of(account, f"user-{CHANGES_MAX - 1:04}")
    )
    assert await shop.reads.count_members(shop.tenant_id, account, active_only=True) == CHANGES_MAX


async def test_another_tenants_account_has_no_members_here(shop: Shop, a_tenant: TenantBuilder) -> None:
    account = await shop.open()
    anna = await add(shop, account, "anna")
    request = MembersRequest((await a_tenant()).id, account, (GoneMember(anna),))

    assert await Members(shop.writer).manage(request) == NotFound("account")
    kept = await shop.reads.member(shop.tenant_id, account, anna)
    assert isinstance(kept, Member)
    assert kept.active


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"project": "film", "tokens": 0}, "amount"),
        ({}, "memberId"),
        ({"member_id": UUID(int=0), "project": "film"}, "memberId"),
        ({"project": " "}, "project"),
        ({"project": "a" * 256}, "project"),
    ],
)
async def test_an_assignment_is_for_one_and_of_something(shop: Shop, fields: dict[str, Any], field: str) -> None:
    account = await shop.open()
    anna = await add(shop, account, "anna")
    if "member_id" in fields:
        fields = fields | {"member_id": anna}

    outcome = await assign(shop, account, **{"tokens": 5, **fields})

    assert isinstance(outcome, InvalidInput)
    assert outcome.field == field


async def test_an_assignment_has_one_effect_for_its_key(shop: Shop) -> None:
    account = await shop.open()
    anna = await add(shop, account, "anna")

    first = granted(await assign(shop, account, 20, member_id=anna))
    again = granted(await assign(shop, account, 20, member_id=anna))

    assert (again.replayed, again.grant.grant_id) == (True, first.grant.grant_id)
    assert await assign(shop, account, 21, member_id=anna) == IdempotencyConflict("a")
    assert await assign(shop, account, 20, project="film") == IdempotencyConflict("a")
    assert await assign(shop, account, 31, key="b", project="film") == InsufficientTokens(31 * MICROS, 30 * MICROS)


async def test_work_is_priced_and_done_for_a_member(shop: Shop) -> None:
    account = await shop.open()
    anna, ben = await add(shop, account, "anna"), await add(shop, account, "ben")
    granted(await assign(shop, account, 45, member_id=anna))

    async def what_can_be_had(member: UUID | None) -> tuple[bool | None, str | None]:
        estimated = await shop.fares.estimate(
            EstimateRequest(shop.tenant_id, (a_line(count=2),), account, member_id=member)
        )
        most = await shop.fares.affordable(
            AffordableRequest(shop.tenant_id, account, "upscale", "count", member_id=member)
        )
        assert isinstance(estimated, Estimated)
        assert isinstance(most, Affordable)
        return estimated.affordable, None if most.value is None else str(most.value)

    assert await what_can_be_had(anna) == (True, "6")
    assert await what_can_be_had(ben) == (False, None)
    assert await what_can_be_had(None) == (False, None)
    refused = await shop.fares.reserve(shop.reserve_request(account, "r", member_id=ben))
    assert refused == InsufficientTokens(8 * MICROS, 5 * MICROS)
    charged = held(await shop.fares.charge(shop.reserve_request(account, "c", member_id=anna)))
    assert (charged.hold.member_id, charged.balance.assigned) == (anna, 37 * MICROS)


async def test_a_key_is_another_input_for_another_member(shop: Shop) -> None:
    account = await shop.open()
    anna, ben = await add(shop, account, "anna"), await add(shop, account, "ben")
    held(await shop.fares.reserve(shop.reserve_request(account, "r", member_id=anna)))

    assert await shop.fares.reserve(shop.reserve_request(account, "r", member_id=ben)) == IdempotencyConflict("r")
    assert await shop.fares.reserve(shop.reserve_request(account, "r")) == IdempotencyConflict("r")


@pytest.mark.parametrize("was_there", [True, False])
async def test_nothing_is_priced_or_done_for_who_is_not_there(shop: Shop, was_there: bool) -> None:
    account = await shop.open()
    carl = member_id_of(account, "carl")
    if was_there:
        await add(shop, account, "carl")
        await manage(shop, account, GoneMember(carl))
    lines = (a_line(),)

    outcomes = [
        await shop.fares.estimate(EstimateRequest(shop.tenant_id, lines, account, member_id=carl)),
        await shop.fares.quote(EstimateRequest(shop.tenant_id, lines, account, member_id=carl)),
        await shop.fares.affordable(AffordableRequest(shop.tenant_id, account, "upscale", "count", member_id=carl)),
        await shop.fares.reserve(shop.reserve_request(account, "r", member_id=carl, ttl_seconds=0)),
        await shop.fares.charge(shop.reserve_request(account, "c", member_id=carl)),
        await assign(shop, account, 0, member_id=carl),
    ]

    assert outcomes == [NotFound("member")] * 6


async def test_a_project_that_cannot_be_is_refused_wherever_it_is_asked(shop: Shop) -> None:
    account = await shop.open()

    estimated = await shop.fares.estimate(EstimateRequest(shop.tenant_id, (a_line(),), account, project="a\x00b"))
    most = await shop.fares.affordable(AffordableRequest(shop.tenant_id, account, "upscale", "count", project=" "))

    assert isinstance(estimated, InvalidInput)
    assert isinstance(most, InvalidInput)
    assert (estimated.field, most.field) == ("project", "project")
