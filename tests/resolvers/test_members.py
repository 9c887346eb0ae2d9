from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from rules.identity import IdKind, member_id_of, public_id, scope_id_of
from rules.ledger.burn_down import Spender
from rules.ledger.kinds import GrantSource, LimitScope, MemberRole
from rules.ledger.outcomes import GrantEffect, HoldEffect, MembersEffect
from rules.ledger.records import EntryFilter, Page, Slice
from rules.ledger.refusals import InsufficientTokens, NotFound
from rules.ledger.requests import AssignRequest, ChangedMember, GoneMember, MembersRequest, NewMember
from rules.ledger.state import Grant
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MICROS
from tests.resolvers.conftest import Ask
from tests.resolvers.stage import (
    ACCOUNT,
    ACCOUNT_ID,
    HOLD_ID,
    MEMBER,
    MEMBER_ID,
    NOON,
    OTHER_TENANT,
    TENANT,
    Stage,
    a_balance,
    a_hold,
    a_limit,
    a_member,
)

ADD = """mutation($input: AddMemberInput!) { addMember(input: $input) { __typename
    ... on MemberSuccess { member { id externalId name role active createdAt removedAt } }
    ... on Problem { code message } } }"""
UPDATE = """mutation($input: UpdateMemberInput!) { updateMember(input: $input) { __typename
    ... on MemberSuccess { member { role } } ... on Problem { code } ... on InvalidInput { field } } }"""
REMOVE = """mutation($input: RemoveMemberInput!) { removeMember(input: $input) { __typename
    ... on MemberSuccess { member { active } } ... on NotFound { message } } }"""
MANAGE = """mutation($input: ManageMembersInput!) { manageMembers(input: $input) { __typename
    ... on ManageMembersSuccess { members { id } } ... on InvalidInput { field } } }"""
ASSIGN = """mutation($input: AssignTokensInput!) { assignTokens(input: $input) { __typename
    ... on GrantSuccess { grant { memberId project parentId } balance { id memberId assigned } }
    ... on Problem { code } } }"""
RESERVE = """mutation($input: ReserveInput!) { reserve(input: $input) { __typename
    ... on ReserveSuccess { hold { memberId } balance { memberId project } } ... on NotFound { message } } }"""

ELSEWHERE = public_id(IdKind.MEMBER, OTHER_TENANT, part=MEMBER)
"""A member of another account."""


async def test_a_member_is_added_and_shown(ask: Ask, stage: Stage) -> None:
    stage.members.answers["manage"] = MembersEffect((a_member(role=MemberRole.ADMIN),), a_balance())

    result = await ask(ADD, input={"accountId": ACCOUNT_ID, "externalId": "anna", "name": "Anna", "role": "ADMIN"})

    new = NewMember("anna", "Anna", MemberRole.ADMIN)
    assert stage.members.request == MembersRequest(TENANT, ACCOUNT, (new,))
    assert result.data["addMember"]["member"] == {
        "id": MEMBER_ID,
        "externalId": "anna",
        "name": "Anna",
        "role": "ADMIN",
        "active": True,
        "createdAt": "2026-03-01T12:00:00Z",
        "removedAt": None,
    }


async def test_a_new_member_is_a_member_unless_it_says_otherwise(ask: Ask, stage: Stage) -> None:
    stage.members.answers["manage"] = MembersEffect((a_member(),), a_balance())

    await ask(ADD, input={"accountId": ACCOUNT_ID, "externalId": "anna", "name": "Anna", "role": None})

    assert stage.members.request.changes == (NewMember("anna", "Anna", MemberRole.MEMBER),)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ChangedMember(MEMBER)),
        ({"name": "Anna K."}, ChangedMember(MEMBER, name="Anna K.")),
        ({"role": "VIEWER"}, ChangedMember(MEMBER, role=MemberRole.VIEWER)),
        ({"name": None, "role": None}, ChangedMember(MEMBER, nulls=("name", "role"))),
    ],
)
async def test_only_what_is_given_is_changed(
    ask: Ask, stage: Stage, given: dict[str, Any], expected: ChangedMember
) -> None:
    stage.members.answers["manage"] = InvalidInput("name", "\u2026")

    result = await ask(UPDATE, input={"memberId": MEMBER_ID} | given)

    assert stage.members.request == MembersRequest(TENANT, ACCOUNT, (expected,))
    assert result.data == {"updateMember": {"__typename": "InvalidInput", "code": "INVALID_INPUT", "field": "name"}}


async def test_a_removed_member_is_shown_as_such(ask: Ask, stage: Stage) -> None:
    stage.members.answers["manage"] = MembersEffect((a_member(active=False, removed_at=NOON),), a_balance())

    result = await ask(REMOVE, input={"memberId": MEMBER_ID})

    assert stage.members.request == MembersRequest(TENANT, ACCOUNT, (GoneMember(MEMBER),))
    assert result.data == {"removeMember": {"__typename": "MemberSuccess", "member": {"active": False}}}


@pytest.mark.parametrize("id", ["nonsense", ACCOUNT_ID, HOLD_ID, public_id(IdKind.BALANCE, ACCOUNT, part=MEMBER)])
async def test_what_is_no_members_id_is_not_found(ask: Ask, stage: Stage, id: str) -> None:
    for verb, answer in ((UPDATE, "updateMember"), (REMOVE, "removeMember")):
        result = await ask(verb, input={"memberId": id})
        assert result.data[answer]["__typename"] == "NotFound"
    assert stage.members.calls == []


async def test_a_member_of_an_account_that_is_not_there_is_not_there(ask: Ask, stage: Stage) -> None:
    stage.members.answers["manage"] = NotFound("account")

    result = await ask(REMOVE, input={"memberId": ELSEWHERE})

    assert "no such member" in result.data["removeMember"]["message"]


async def test_many_members_are_changed_in_the_order_given(ask: Ask, stage: Stage) -> None:
    stage.members.answers["manage"] = MembersEffect((a_member(),), a_balance())
    changes = [
        {"add": {"externalId": "ben", "name": "Ben"}},
        {"update": {"memberId": MEMBER_ID, "role": "ADMIN"}},
        {"remove": ELSEWHERE},
    ]

    result = await ask(MANAGE, input={"accountId": ACCOUNT_ID, "members": changes})

    asked = (NewMember("ben", "Ben"), ChangedMember(MEMBER, role=MemberRole.ADMIN), GoneMember(None))
    assert stage.members.request == MembersRequest(TENANT, ACCOUNT, asked, listed=True)
    assert result.data["manageMembers"]["members"] == [{"id": MEMBER_ID}]


@pytest.mark.parametrize("change", [{}, {"remove": MEMBER_ID, "update": {"memberId": MEMBER_ID}}])
async def test_a_change_is_one_thing(ask: Ask, change: dict[str, Any]) -> None:
    result = await ask(MANAGE, input={"accountId": ACCOUNT_ID, "members": [change]})

    assert result.errors


async def test_tokens_are_assigned_and_the_owners_balance_is_shown(ask: Ask, stage: Stage) -> None:
    part = Grant(4, GrantSource.ASSIGNMENT, 5, 5, NOON, member_id=MEMBER, parent_id=1)
    balance = a_balance(spender=Spender(MEMBER), assigned=5 * MICROS)
    stage.grants.answers["assign_tokens"] = GrantEffect(part, balance)

    result = await ask(
        ASSIGN, input={"idempotencyKey": "k", "accountId": ACCOUNT_ID, "memberId": MEMBER_ID, "amount": "-5"}
    )

    assert stage.grants.request == AssignRequest(TENANT, ACCOUNT, "k", -5 * MICROS, MEMBER)
    assert result.data == {
        "assignTokens": {
            "__typename": "GrantSuccess",
            "grant": {"memberId": MEMBER_ID, "project": None, "parentId": public_id(IdKind.GRANT, ACCOUNT, 1)},
            "balance": {
                "id": public_id(IdKind.BALANCE, ACCOUNT, part=MEMBER),
                "memberId": MEMBER_ID,
                "assigned": "5",
            },
        }
    }


async def test_more_than_there_is_cannot_be_assigned(ask: Ask, stage: Stage) -> None:
    stage.grants.answers["assign_tokens"] = InsufficientTokens(5, 3)

    result = await ask(ASSIGN, input={"idempotencyKey": "k", "accountId": ACCOUNT_ID, "project": "film", "amount": 5})

    assert result.data["assignTokens"] == {"__typename": "InsufficientTokens", "code": "INSUFFICIENT_TOKENS"}


async def test_tokens_for_another_accounts_member_are_not_found(ask: Ask, stage: Stage) -> None:
    result = await ask(
        ASSIGN, input={"idempotencyKey": "k", "accountId": ACCOUNT_ID, "memberId": ELSEWHERE, "amount": 5}
    )

    assert result.data["assignTokens"]["code"] == "NOT_FOUND"
    assert stage.grants.calls == []


@pytest.mark.parametrize("name", [{"memberId": MEMBER_ID}, {"memberExternalId": "anna"}])
async def test_work_is_reserved_for_a_member_by_either_name(ask: Ask, stage: Stage, name: dict[str, str]) -> None:
    hold = a_hold(member_id=MEMBER, project="film")
    stage.fares.answers["reserve"] = HoldEffect(hold, a_balance(spender=Spender(MEMBER, "film")))

    result = await ask(
        RESERVE,
        input={"idempotencyKey": "k", "accountId": ACCOUNT_ID, "project": "film", "work": {"amount": 1}} | name,
    )

    assert (stage.fares.request.member_id, stage.fares.request.project) == (MEMBER, "film")
    assert result.data["reserve"] == {
        "__typename": "ReserveSuccess",
        "hold": {"memberId": MEMBER_ID},
        "balance": {"memberId": MEMBER_ID, "project": "film"},
    }


@pytest.mark.parametrize("name", [{"memberId": ELSEWHERE}, {"memberExternalId": ""}, {"memberExternalId": "x" * 256}])
async def test_a_name_that_nobody_can_have_is_not_found(ask: Ask, stage: Stage, name: dict[str, str]) -> None:
    result = await ask(RESERVE, input={"idempotencyKey": "k", "accountId": ACCOUNT_ID, "work": {"amount": 1}} | name)

    assert "no such member" in result.data["reserve"]["message"]
    assert stage.fares.calls == []


async def test_a_member_is_named_in_one_way(ask: Ask) -> None:
    result = await ask(
        RESERVE.replace("NotFound { message", "InvalidInput { field"),
        input={
            "idempotencyKey": "k",
            "accountId": ACCOUNT_ID,
            "memberId": MEMBER_ID,
            "memberExternalId": "anna",
            "work": {"amount": 1},
        },
    )

    assert result.data["reserve"] == {"__typename": "InvalidInput", "field": "memberId"}


async def test_a_member_without_its_account_cannot_be_estimated_for(ask: Ask, stage: Stage) -> None:
    result = await ask(
        '{ estimate(input: {amount: 1, memberExternalId: "anna"}) { __typename ... on InvalidInput { field } } }'
    )

    assert result.data == {"estimate": {"__typename": "InvalidInput", "field": "memberId"}}
    assert stage.fares.calls == []


@pytest.mark.parametrize("verb", ["estimate", "affordable"])
async def test_it_is_asked_what_a_member_can_have(ask: Ask, stage: Stage, verb: str) -> None:
    stage.fares.answers[verb] = NotFound("member")
    what = "amount: 1" if verb == "estimate" else 'model: "flux", dimension: "count"'

    result = await ask(
        f'{{ {verb}(input: {{{what}, accountId: "{ACCOUNT_ID}", memberExternalId: "anna"}}) {{ __typename }} }}'
    )

    assert stage.fares.request.member_id == MEMBER
    assert result.data == {verb: {"__typename": "NotFound"}}


async def test_an_accounts_members_are_a_list_by_external_id(ask: Ask, stage: Stage) -> None:
    stage.reads.answers |= {"members": Page((a_member(),), has_more=True), "count_members": 2}

    result = await ask(
        """{ account(externalId: "alice") { members(first: 1, activeOnly: false) {
            totalCount nodes { externalId } edges { cursor } pageInfo { hasNextPage } } } }"""
    )

    assert result.data["account"]["members"] == {
        "totalCount": 2,
        "nodes": [{"externalId": "anna"}],
        "edges": [{"cursor": "bWVtYmVyczphbm5h"}],
        "pageInfo": {"hasNextPage": True},
    }
    assert stage.reads.calls == [
        ("members", (TENANT, ACCOUNT, Slice(1)), {"active_only": False}),
        ("count_members", (TENANT, ACCOUNT), {"active_only": False}),
    ]


async def test_a_member_is_a_node(ask: Ask, stage: Stage) -> None:
    stage.reads.answers["member"] = lambda tenant, account, member: a_member() if member == MEMBER else None

    result = await ask(
        "query($id: ID!, $other: ID!) { a: node(id: $id) { id ... on Member { name } } b: node(id: $other) { id } }",
        id=MEMBER_ID,
        other=public_id(IdKind.MEMBER, ACCOUNT, part=member_id_of(ACCOUNT, "ben")),
    )

    assert result.data == {"a": {"id": MEMBER_ID, "name": "Anna"}, "b": None}


async def test_balances_of_members_and_projects_have_ids_of_their_own(ask: Ask, stage: Stage) -> None:
    stage.reads.answers["member"] = a_member()

    result = await ask(
        """query($member: ID!) { account(externalId: "alice") {
            all: balance { id memberId project assigned } hers: balance(memberId: $member) { id memberId }
            film: balance(project: "film") { id project } } }""",
        member=MEMBER_ID,
    )

    assert result.data["account"] == {
        "all": {"id": public_id(IdKind.BALANCE, ACCOUNT), "memberId": None, "project": None, "assigned": "0"},
        "hers": {"id": public_id(IdKind.BALANCE, ACCOUNT, part=MEMBER), "memberId": MEMBER_ID},
        "film": {"id": public_id(IdKind.BALANCE, ACCOUNT, part=scope_id_of(None, "film")), "project": "film"},
    }


@pytest.mark.parametrize(
    "arguments",
    [f'memberId: "{ELSEWHERE}"', f'memberId: "{MEMBER_ID}"', 'project: " "', 'project: "\\u0000"'],
)
async def test_a_balance_is_seen_for_somebody_who_is_there(ask: Ask, stage: Stage, arguments: str) -> None:
    stage.reads.answers["member"] = None

    result = await ask(f'{{ account(externalId: "alice") {{ balance({arguments}) {{ id }} }} }}')

    assert result.errors is not None
    assert result.errors[0].extensions == {"code": "BAD_USER_INPUT"}


async def test_the_journal_is_filtered_by_member(ask: Ask, stage: Stage) -> None:
    result = await ask(f'{{ account(externalId: "alice") {{ entries(memberId: "{MEMBER_ID}") {{ totalCount }} }} }}')

    assert result.errors is None
    assert stage.reads.calls[-1][1][-1] == EntryFilter(member_id=MEMBER)


async def test_a_member_tells_its_own_limits_and_what_it_spent(ask: Ask, stage: Stage) -> None:
    stage.reads.answers["member"] = a_member()
    stage.reads.answers["limits"] = (a_limit(), a_limit(scope=LimitScope.MEMBER, member_id=MEMBER))
    stage.usage.answers["usage_of_member"] = 3 * MICROS

    result = await ask(
        f'{{ node(id: "{MEMBER_ID}") {{ ... on Member {{ limits {{ scope memberId }} '
        'usage(from: "2026-05-01", to: "2026-05-31") } } }'
    )

    assert result.data["node"] == {"limits": [{"scope": "MEMBER", "memberId": MEMBER_ID}], "usage": "3"}
    assert ("limits", (TENANT, ACCOUNT, Spender(MEMBER)), {}) in stage.reads.calls
    assert stage.usage.calls == [
        ("usage_of_member", (TENANT, ACCOUNT, MEMBER, date(2026, 5, 1), date(2026, 5, 31)), {})
    ]


async def test_days_that_run_backwards_are_no_range(ask: Ask, stage: Stage) -> None:
    stage.reads.answers["member"] = a_member()

    result = await ask(
        f'{{ node(id: "{MEMBER_ID}") {{ ... on Member {{ usage(from: "2026-05-02", to: "2026-05-01") }} }} }}'
    )

    assert result.errors[0].extensions == {"code": "BAD_USER_INPUT"}
    assert stage.usage.calls == []
