from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from rules.ledger.kinds import GrantSource
from rules.ledger.outcomes import GrantEffect
from rules.ledger.records import Page
from rules.ledger.refusals import IdempotencyConflict, NotFound
from rules.ledger.requests import GiftRequest, GrantRequest, RevokeGrantRequest
from rules.ledger.state import Grant
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MICROS
from services.gifts import Unanswered
from tests.resolvers.conftest import Ask
from tests.resolvers.stage import ACCOUNT, ACCOUNT_ID, GRANT_ID, HOLD_ID, NOON, SECRET, TENANT, Stage, a_balance

GRANT = """mutation($input: GrantTokensInput!) { grantTokens(input: $input) { __typename
    ... on GrantSuccess { grant { id amount } balance { version } replayed } ... on Problem { code } } }"""
REVOKE = "mutation($input: RevokeGrantInput!) { revokeGrant(input: $input) { __typename ... on Problem { code } } }"

EFFECT = GrantEffect(Grant(1, GrantSource.BONUS, 5 * MICROS, 5 * MICROS, NOON), a_balance(), replayed=True)


async def test_a_grant_asks_for_what_the_input_says(ask: Ask, stage: Stage) -> None:
    stage.grants.answers["grant_tokens"] = EFFECT
    given = {
        "idempotencyKey": "k",
        "accountId": ACCOUNT_ID,
        "amount": "9007199254.740993",
        "source": "LOYALTY",
        "priority": 0,
        "expiresAt": "2027-01-01T00:00:00Z",
        "note": "thanks",
    }

    result = await ask(GRANT, input=given)

    assert stage.grants.request == GrantRequest(
        TENANT,
        ACCOUNT,
        key="k",
        amount=2**53 + 1,
        source=GrantSource.LOYALTY,
        priority=0,
        expires_at=datetime(2027, 1, 1, tzinfo=UTC),
        note="thanks",
    )
    assert result.data == {
        "grantTokens": {
            "__typename": "GrantSuccess",
            "grant": {"id": GRANT_ID, "amount": "5"},
            "balance": {"version": 9},
            "replayed": True,
        }
    }


@pytest.mark.parametrize("given", [{}, {"source": None, "priority": None}])
async def test_a_grant_is_a_bonus_of_middle_priority_unless_it_says_otherwise(
    ask: Ask, stage: Stage, given: dict[str, Any]
) -> None:
    stage.grants.answers["grant_tokens"] = EFFECT

    await ask(GRANT, input={"idempotencyKey": "k", "accountExternalId": "alice", "amount": 5} | given)

    assert stage.grants.request == GrantRequest(TENANT, ACCOUNT, key="k", amount=5 * MICROS)


async def test_a_grant_without_an_instant_follows_the_policy_and_one_with_null_never_ends(
    ask: Ask, stage: Stage
) -> None:
    stage.grants.answers["grant_tokens"] = EFFECT

    for given in ({}, {"expiresAt": None}):
        await ask(GRANT, input={"idempotencyKey": "k", "accountId": ACCOUNT_ID, "amount": 5} | given)

    requests = [request for _, (request,), _ in stage.grants.calls]
    assert [(request.expires_at, request.never_expires) for request in requests] == [(None, False), (None, True)]


PAID = "paid { minorUnits decimal currency formatted }"


@pytest.mark.parametrize(
    ("paid", "book", "shown"),
    [
        ((1999, "eur"), "usd", {"minorUnits": 1999, "decimal": "19.99", "currency": "eur", "formatted": "€19.99"}),
        ((500, "jpy"), None, {"minorUnits": 500, "decimal": "500", "currency": "jpy", "formatted": "¥500"}),
        ((0, "eur"), "usd", {"minorUnits": 0, "decimal": "0.00", "currency": "eur", "formatted": "€0.00"}),
        ((0, None), "usd", {"minorUnits": 0, "decimal": "0.00", "currency": "usd", "formatted": "$0.00"}),
        ((0, None), None, None),
    ],
    ids=["paid", "without a book", "its money is elsewhere", "a bonus", "a bonus without a book"],
)
async def test_a_grant_tells_what_was_paid_for_it_wherever_it_is_shown(
    ask: Ask, stage: Stage, paid: tuple[int, str | None], book: str | None, shown: dict[str, Any] | None
) -> None:
    grant = Grant(
        1, GrantSource.PURCHASE, 5 * MICROS, 5 * MICROS, NOON, paid_minor_units=paid[0], paid_currency=paid[1]
    )
    stage.grants.answers["grant_tokens"] = GrantEffect(grant, a_balance())
    stage.reads.answers |= {"grant": grant, "grants": Page((grant,), has_more=False)}
    stage.price_books.answers["currency"] = lambda tenant: book if tenant == TENANT else None

    read = await ask(
        f"""{{ account(externalId: "alice") {{ grants {{ nodes {{ {PAID} }} }} }}
               node(id: "{GRANT_ID}") {{ ... on Grant {{ {PAID} }} }} }}"""
    )
    granted = await ask(
        f"""mutation {{ grantTokens(input: {{idempotencyKey: "k", accountExternalId: "alice", amount: 5}}) {{
                ... on GrantSuccess {{ grant {{ {PAID} }} }} }} }}"""
    )

    assert (read.errors, granted.errors) == (None, None)
    assert read.data == {"account": {"grants": {"nodes": [{"paid": shown}]}}, "node": {"paid": shown}}
    assert granted.data == {"grantTokens": {"grant": {"paid": shown}}}


async def test_a_revocation_names_a_grant(ask: Ask, stage: Stage) -> None:
    stage.grants.answers["revoke_grant"] = EFFECT

    result = await ask(REVOKE, input={"idempotencyKey": "k", "grantId": GRANT_ID, "note": "n"})
    wrong = await ask(REVOKE, input={"idempotencyKey": "k", "grantId": HOLD_ID})

    assert result.data == {"revokeGrant": {"__typename": "GrantSuccess"}}
    assert wrong.data == {"revokeGrant": {"__typename": "NotFound", "code": "NOT_FOUND"}}
    assert stage.grants.request == RevokeGrantRequest(TENANT, ACCOUNT, key="k", grant_id=1, note="n")


@pytest.mark.parametrize("refusal", [IdempotencyConflict("k"), NotFound("account"), InvalidInput("amount", "m")])
async def test_every_refusal_of_a_grant_is_a_member_of_its_result(ask: Ask, stage: Stage, refusal: Any) -> None:
    stage.grants.answers |= {"grant_tokens": refusal, "revoke_grant": refusal}

    granted = await ask(GRANT, input={"idempotencyKey": "k", "accountId": ACCOUNT_ID, "amount": 5})
    revoked = await ask(REVOKE, input={"idempotencyKey": "k", "grantId": GRANT_ID})

    assert granted.data is not None
    assert revoked.data is not None
    assert granted.data["grantTokens"]["__typename"] == type(refusal).__name__
    assert revoked.data["revokeGrant"]["__typename"] == type(refusal).__name__


async def test_a_grant_to_nobody_is_invalid(ask: Ask, stage: Stage) -> None:
    result = await ask(GRANT, input={"idempotencyKey": "k", "amount": 5})

    assert result.data == {"grantTokens": {"__typename": "InvalidInput", "code": "INVALID_INPUT"}}
    assert stage.grants.calls == []


MANY = """mutation($input: GrantTokensToManyInput!) { grantTokensToMany(input: $input) { __typename
    ... on GrantTokensToManySuccess { granted replayed endCursor failures { index problem { code } } }
    ... on InvalidInput { field } } }"""


async def test_many_are_given_to_and_failures_are_told_by_their_place(ask: Ask, stage: Stage) -> None:
    replayed = EFFECT
    stage.gifts.answers["give"] = (replayed, NotFound("account"), Unanswered(), replace(EFFECT, replayed=False))
    given = {"idempotencyKey": "k", "accountIds": [ACCOUNT_ID, "nonsense", HOLD_ID, ACCOUNT_ID], "amount": "5"}

    result = await ask(MANY, input=given)

    assert stage.gifts.calls == [
        (
            "give",
            (
                GiftRequest(TENANT, "k", 5 * MICROS),
                [ACCOUNT, NotFound("account"), NotFound("account"), ACCOUNT],
            ),
            {"by": SECRET},
        )
    ]
    assert result.data == {
        "grantTokensToMany": {
            "__typename": "GrantTokensToManySuccess",
            "granted": 1,
            "replayed": 1,
            "endCursor": None,
            "failures": [{"index": 1, "problem": {"code": "NOT_FOUND"}}, {"index": 2, "problem": None}],
        }
    }


async def test_everyone_is_taken_a_page_at_a_time(ask: Ask, stage: Stage) -> None:
    stage.gifts.answers |= {"everyone": Page((("alice", ACCOUNT),), True), "give": (EFFECT,)}
    given = {"idempotencyKey": "k", "everyone": True, "amount": 5, "expiresAt": None}

    result = await ask(MANY, input=given)

    assert result.data is not None
    cursor = result.data["grantTokensToMany"]["endCursor"]
    await ask(MANY, input=given | {"after": cursor})
    assert [part.after for _, (_, part), _ in stage.gifts.calls[::2]] == [None, "alice"]
    assert stage.gifts.calls[1][1][0].never_expires
    stage.gifts.answers["everyone"] = Page((), False)
    last = await ask(MANY, input=given)
    assert last.data is not None
    assert last.data["grantTokensToMany"]["granted"] == 0


@pytest.mark.parametrize(
    ("who", "field"),
    [
        ({}, "accountIds"),
        ({"accountIds": [ACCOUNT_ID], "everyone": True}, "accountIds"),
        ({"accountIds": [ACCOUNT_ID], "accountExternalIds": ["a"]}, "accountIds"),
        ({"accountIds": [ACCOUNT_ID], "after": "YQ"}, "after"),
    ],
)
async def test_who_is_meant_is_said_in_one_way(ask: Ask, stage: Stage, who: dict[str, Any], field: str) -> None:
    result = await ask(MANY, input={"idempotencyKey": "k", "amount": 5} | who)
    assert result.data == {"grantTokensToMany": {"__typename": "InvalidInput", "field": field}}
    assert stage.gifts.calls == []
