from __future__ import annotations

from typing import Any

import pytest

from models.account import AccountKind
from rules.identity import IdKind, public_id, referral_code_of
from rules.ledger.journal import Entry
from rules.ledger.kinds import EntryKind, GrantSource, HoldState
from rules.ledger.records import EVERYONE, EntryFilter, EntryOrder, Page, Slice
from rules.ledger.refusals import NotFound
from rules.ledger.state import Grant
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MICROS
from services.accounts import UNCHANGED
from tests.resolvers.conftest import Ask
from tests.resolvers.stage import (
    ACCOUNT,
    ACCOUNT_ID,
    GRANT_ID,
    HOLD_ID,
    NOON,
    OTHER_TENANT,
    SECRET,
    TENANT,
    AnAccount,
    Stage,
    a_balance,
    a_hold,
)

UPDATE = """mutation($input: UpdateAccountInput!) { updateAccount(input: $input) { __typename
    ... on AccountSuccess { account { id creditLimit } } ... on InvalidInput { field } } }"""


async def test_an_account_is_found_by_either_name(ask: Ask) -> None:
    result = await ask(
        """query($id: ID!) { a: account(id: $id) { id externalId name kind timeZone creditLimit frozen }
            b: account(externalId: "alice") { id } c: account(externalId: "bob") { id }
            d: account(id: "bob") { id } }""",
        id=ACCOUNT_ID,
    )

    assert result.errors is None
    assert result.data == {
        "a": {
            "id": ACCOUNT_ID,
            "externalId": "alice",
            "name": "Alice",
            "kind": "PERSONAL",
            "timeZone": "UTC",
            "creditLimit": "0",
            "frozen": False,
        },
        "b": {"id": ACCOUNT_ID},
        "c": None,
        "d": None,
    }


@pytest.mark.parametrize("arguments", ["", f'(id: "{ACCOUNT_ID}", externalId: "alice")'])
async def test_an_account_must_be_named_in_one_way(ask: Ask, arguments: str) -> None:
    result = await ask(f"{{ account{arguments} {{ id }} }}")

    assert result.errors is not None
    assert result.errors[0].extensions == {"code": "BAD_USER_INPUT"}


async def test_its_referral_code_is_shown(ask: Ask) -> None:
    result = await ask('{ account(externalId: "alice") { referralCode } }')

    assert result.data == {"account": {"referralCode": referral_code_of(ACCOUNT)}}


async def test_no_credit_limit_is_shown_as_minus_one_token(ask: Ask, stage: Stage) -> None:
    stage.accounts.answers["get"] = AnAccount(credit_limit=-1)

    result = await ask('{ account(externalId: "alice") { creditLimit } }')

    assert result.data == {"account": {"creditLimit": "-1"}}


async def test_the_balance_of_an_account_shows_what_expires_next(ask: Ask, stage: Stage) -> None:
    stage.reads.answers["balance"] = a_balance(expiring_amount=5, expiring_at=NOON, unlimited=True)

    result = await ask(
        '{ account(externalId: "alice") { balance { expiringNext { amount expiresAt } level remainingPercent } } }'
    )

    assert result.data == {
        "account": {
            "balance": {
                "expiringNext": {"amount": "0.000005", "expiresAt": "2026-03-01T12:00:00Z"},
                "level": "GREEN",
                "remainingPercent": None,
            }
        }
    }


async def test_the_lists_of_an_account_ask_for_their_part(ask: Ask, stage: Stage) -> None:
    grant = Grant(1, GrantSource.BONUS, 100, 60, NOON, held=10, expires_at=NOON)
    entry = Entry(
        ACCOUNT, 9, EntryKind.CAPTURE, NOON, -5, -5, 0, 0, 5, 60, 0, None, "film", "flux", "image", 7, None, "n1", None,
        b"", b"", b"",
    )  # fmt: skip
    stage.reads.answers |= {
        "grants": Page((grant,), has_more=True),
        "count_grants": 2,
        "holds": Page((a_hold(),), has_more=False),
        "count_holds": 1,
        "entries": Page((entry,), has_more=False),
        "count_entries": 9,
    }

    result = await ask(
        """{ account(externalId: "alice") {
            grants(activeOnly: false, first: 1) {
                totalCount nodes { id source amount remaining held priority expiresAt } pageInfo { hasNextPage }
            }
            holds(state: OPEN, first: 2, after: "aG9sZHM6OQ") { totalCount nodes { id } }
            entries(
                first: 3, afterVersion: 4, kinds: [CAPTURE], project: "film", model: "flux",
                from: "2026-03-01T12:00:00Z", to: "2026-04-01T12:00:00Z"
            ) {
                totalCount
                nodes {
                    id version kind at totalChange heldChange owedChange spent availableAfter
                    project ref model category holdId grantId note
                }
            }
        } }"""
    )

    assert result.errors is None
    assert result.data is not None
    account = result.data["account"]
    assert account["grants"] == {
        "totalCount": 2,
        "nodes": [
            {
                "id": GRANT_ID,
                "source": "BONUS",
                "amount": "0.0001",
                "remaining": "0.00006",
                "held": "0.00001",
                "priority": 50,
                "expiresAt": "2026-03-01T12:00:00Z",
            }
        ],
        "pageInfo": {"hasNextPage": True},
    }
    assert account["holds"] == {"totalCount": 1, "nodes": [{"id": HOLD_ID}]}
    assert account["entries"]["totalCount"] == 9
    assert account["entries"]["nodes"] == [
        {
            "id": public_id(IdKind.ENTRY, ACCOUNT, 9),
            "version": 9,
            "kind": "CAPTURE",
            "at": "2026-03-01T12:00:00Z",
            "totalChange": "-0.000005",
            "heldChange": "-0.000005",
            "owedChange": "0",
            "spent": "0.000005",
            "availableAfter": "0.00006",
            "project": "film",
            "ref": "n1",
            "model": "flux",
            "category": "image",
            "holdId": HOLD_ID,
            "grantId": None,
            "note": None,
        }
    ]
    wanted = EntryFilter(4, frozenset({EntryKind.CAPTURE}), "film", "flux", NOON, NOON.replace(month=4))
    asked = {name: (arguments[2:], keywords) for name, arguments, keywords in stage.reads.calls}
    assert asked["grants"] == ((Slice(1),), {"active_only": False, "seen": EVERYONE})
    assert asked["holds"] == ((Slice(2, 9),), {"state": HoldState.OPEN, "seen": EVERYONE})
    assert asked["entries"] == ((Slice(3), wanted), {"order": EntryOrder.NEWEST_FIRST, "seen": EVERYONE})
    assert asked["count_entries"] == ((wanted,), {"seen": EVERYONE})


async def test_nothing_is_counted_that_nobody_asked_for(ask: Ask, stage: Stage) -> None:
    await ask(
        '{ account(externalId: "alice") { grants { nodes { id } } holds { nodes { id } } entries { nodes { id } } } }'
    )

    assert sorted(name for name, _, _ in stage.reads.calls) == ["entries", "grants", "holds"]


async def test_accounts_come_by_the_page_by_their_external_ids(ask: Ask, stage: Stage) -> None:
    stage.accounts.answers |= {"list": Page((AnAccount(),), has_more=True), "count": 7}

    result = await ask(
        """{ accounts(first: 1, after: "YWNjb3VudHM6YWFyb24", search: "al") {
            totalCount nodes { externalId } pageInfo { hasNextPage endCursor }
        } }"""
    )

    assert result.data == {
        "accounts": {
            "totalCount": 7,
            "nodes": [{"externalId": "alice"}],
            "pageInfo": {"hasNextPage": True, "endCursor": "YWNjb3VudHM6YWxpY2U"},
        }
    }
    assert stage.accounts.calls == [
        ("list", (TENANT, Slice(1, "aaron")), {"search": "al", "only": None}),
        ("count", (TENANT,), {"search": "al", "only": None}),
    ]


async def test_a_search_is_bounded(ask: Ask) -> None:
    result = await ask("query($search: String) { accounts(search: $search) { totalCount } }", search="a" * 256)

    assert result.errors is not None
    assert result.errors[0].extensions == {"code": "BAD_USER_INPUT"}


async def test_creating_an_account_passes_on_what_is_given_and_fills_in_the_rest(ask: Ask, stage: Stage) -> None:
    stage.accounts.answers["create"] = AnAccount()
    document = "mutation($input: CreateAccountInput!) { createAccount(input: $input) { __typename } }"

    await ask(document, input={"externalId": "alice", "name": "Alice"})
    await ask(
        document,
        input={"externalId": "b", "name": "B", "kind": "TEAM", "timeZone": "Asia/Kathmandu", "referredBy": "22-CD"},
    )
    await ask(document, input={"externalId": "c", "name": "C", "kind": None, "timeZone": None, "planId": "pro"})

    absent = {"plan_id": None, "referred_by": None, "by": SECRET}
    assert [keywords for _, _, keywords in stage.accounts.calls] == [
        absent | {"external_id": "alice", "name": "Alice", "kind": AccountKind.PERSONAL, "time_zone": "UTC"},
        absent
        | {"external_id": "b", "name": "B", "kind": AccountKind.TEAM, "time_zone": "Asia/Kathmandu"}
        | {"referred_by": "22-CD"},
        absent | {"external_id": "c", "name": "C", "kind": AccountKind.PERSONAL, "time_zone": "UTC", "plan_id": "pro"},
    ]


@pytest.mark.parametrize(
    ("changes", "passed_on"),
    [
        ({}, {}),
        ({"name": "A"}, {"name": "A"}),
        ({"frozen": False}, {"frozen": False}),
        ({"timeZone": "UTC"}, {"time_zone": "UTC"}),
        ({"creditLimit": "0"}, {"credit_limit": 0}),
        ({"creditLimit": 5}, {"credit_limit": 5 * MICROS}),
        ({"creditLimit": -1}, {"credit_limit": -1}),
        ({"creditLimit": "-1"}, {"credit_limit": -1}),
        ({"planId": "pro"}, {"plan_id": "pro"}),
        ({"planId": None}, {"plan_id": None}),
    ],
)
async def test_an_update_changes_only_what_is_given(
    ask: Ask, stage: Stage, changes: dict[str, Any], passed_on: dict[str, Any]
) -> None:
    stage.accounts.answers["update"] = AnAccount()

    result = await ask(UPDATE, input={"accountId": ACCOUNT_ID} | changes)

    assert result.errors is None
    unchanged = {
        "name": None,
        "time_zone": None,
        "frozen": None,
        "credit_limit": None,
        "plan_id": UNCHANGED,
        "by": SECRET,
    }
    assert stage.accounts.calls == [("update", (TENANT, ACCOUNT), unchanged | passed_on)]


@pytest.mark.parametrize("field", ["name", "timeZone", "frozen", "creditLimit"])
async def test_null_is_no_setting(ask: Ask, stage: Stage, field: str) -> None:
    result = await ask(UPDATE, input={"accountId": ACCOUNT_ID, field: None})

    assert result.data == {"updateAccount": {"__typename": "InvalidInput", "field": field}}
    assert [name for name, _, _ in stage.accounts.calls] == ["get"]


async def test_an_account_that_is_not_there_is_told_of_before_what_else_is_wrong(ask: Ask) -> None:
    nobody = public_id(IdKind.ACCOUNT, OTHER_TENANT)

    result = await ask(UPDATE, input={"accountId": nobody, "name": None})

    assert result.data == {"updateAccount": {"__typename": "NotFound"}}


@pytest.mark.parametrize("given", [-2, "-0.000001", "-0.5"])
async def test_no_other_negative_limit_is_taken_for_none(ask: Ask, stage: Stage, given: Any) -> None:
    stage.accounts.answers["update"] = InvalidInput("creditLimit", "m")

    await ask(UPDATE, input={"accountId": ACCOUNT_ID, "creditLimit": given})

    ((_, _, keywords),) = stage.accounts.calls
    assert keywords["credit_limit"] < -1


@pytest.mark.parametrize("refusal", [NotFound("account"), InvalidInput("name", "m")])
async def test_every_refusal_of_an_account_is_a_member_of_its_result(ask: Ask, stage: Stage, refusal: Any) -> None:
    stage.accounts.answers["update"] = refusal

    result = await ask(UPDATE, input={"accountId": ACCOUNT_ID})

    assert result.data is not None
    assert result.data["updateAccount"]["__typename"] == type(refusal).__name__


async def test_another_tenants_account_is_asked_for_in_ones_own_name_only(ask: Ask, stage: Stage) -> None:
    stage.accounts.answers["get"] = None
    foreign = public_id(IdKind.ACCOUNT, OTHER_TENANT)

    result = await ask("query($id: ID!) { account(id: $id) { id } }", id=foreign)

    assert result.data == {"account": None}
    assert stage.accounts.calls == [("get", (TENANT, OTHER_TENANT), {})]
