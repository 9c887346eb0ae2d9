"""The verbs that close accounts, settle what they owe, and move tokens between them, as the API has them."""

from __future__ import annotations

from typing import Any

import pytest

from rules.identity import IdKind, account_id_of, public_id
from rules.ledger.kinds import GrantSource
from rules.ledger.outcomes import GrantEffect
from rules.ledger.refusals import IdempotencyConflict, InsufficientTokens, NotFound
from rules.ledger.requests import SettleOwedRequest, TransferRequest
from rules.ledger.state import Grant
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MICROS
from tests.resolvers.conftest import Ask
from tests.resolvers.stage import (
    ACCOUNT,
    ACCOUNT_ID,
    GRANT_ID,
    NOON,
    SECRET,
    TENANT,
    AnAccount,
    Stage,
    a_balance,
)

EFFECT = GrantEffect(Grant(1, GrantSource.BONUS, 5 * MICROS, 5 * MICROS, NOON), a_balance())
BOB = account_id_of(TENANT, "bob")
BOB_ID = public_id(IdKind.ACCOUNT, BOB)
CLOSE = """mutation($input: CloseAccountInput!) { closeAccount(input: $input) { __typename
    ... on AccountSuccess { account { id closedAt } } ... on InvalidInput { field } } }"""
SETTLE = """mutation($input: SettleOwedInput!) { settleOwed(input: $input) { __typename
    ... on AccountSuccess { account { id } } ... on InvalidInput { field } } }"""
TRANSFER = """mutation($input: TransferTokensInput!) { transferTokens(input: $input) { __typename
    ... on GrantSuccess { grant { id } balance { accountId } replayed } ... on InvalidInput { field } } }"""
ALICE_TO_BOB = {"fromAccountId": ACCOUNT_ID, "toAccountId": BOB_ID}


async def test_an_account_is_closed(ask: Ask, stage: Stage) -> None:
    stage.accounts.answers["close"] = AnAccount(closed_at=NOON)

    result = await ask(CLOSE, input={"accountId": ACCOUNT_ID, "note": "moved"})

    assert result.errors is None
    assert result.data == {
        "closeAccount": {
            "__typename": "AccountSuccess",
            "account": {"id": ACCOUNT_ID, "closedAt": "2026-03-01T12:00:00Z"},
        }
    }
    assert stage.accounts.calls == [("close", (TENANT, ACCOUNT), {"note": "moved", "by": SECRET})]


async def test_a_debt_is_settled(ask: Ask, stage: Stage) -> None:
    stage.accounts.answers["settle_owed"] = AnAccount()

    result = await ask(SETTLE, input={"idempotencyKey": "k", "accountId": ACCOUNT_ID, "amount": "1.5", "note": "bank"})

    assert result.errors is None
    assert result.data == {"settleOwed": {"__typename": "AccountSuccess", "account": {"id": ACCOUNT_ID}}}
    assert stage.accounts.request == SettleOwedRequest(TENANT, ACCOUNT, "k", 1_500_000, "bank")


@pytest.mark.parametrize(
    ("refusal", "shown"),
    [
        (NotFound("account"), "NotFound"),
        (InvalidInput("amount", "…"), "InvalidInput"),
        (IdempotencyConflict("k"), "IdempotencyConflict"),
    ],
)
async def test_what_is_refused_of_a_debt_is_shown(ask: Ask, stage: Stage, refusal: object, shown: str) -> None:
    stage.accounts.answers["settle_owed"] = refusal

    result = await ask(SETTLE, input={"idempotencyKey": "k", "accountId": ACCOUNT_ID, "amount": 1})

    assert result.data is not None
    assert result.data["settleOwed"]["__typename"] == shown


@pytest.mark.parametrize(
    "named",
    [
        ALICE_TO_BOB,
        {"fromExternalId": "alice", "toExternalId": "bob"},
        {"fromAccountId": ACCOUNT_ID, "toExternalId": "bob"},
    ],
)
async def test_tokens_are_moved_between_accounts_by_either_name(ask: Ask, stage: Stage, named: dict[str, str]) -> None:
    stage.transfers.answers["transfer_tokens"] = EFFECT

    result = await ask(TRANSFER, input={"idempotencyKey": "k", "amount": 5, "note": "n", **named})

    assert result.errors is None
    assert result.data == {
        "transferTokens": {
            "__typename": "GrantSuccess",
            "grant": {"id": GRANT_ID},
            "balance": {"accountId": ACCOUNT_ID},
            "replayed": False,
        }
    }
    assert stage.transfers.request == TransferRequest(TENANT, ACCOUNT, "k", BOB, 5 * MICROS, "n")


@pytest.mark.parametrize(
    ("named", "shown"),
    [
        ({"toAccountId": BOB_ID}, {"__typename": "InvalidInput", "field": "fromAccountId"}),
        ({"fromAccountId": ACCOUNT_ID}, {"__typename": "InvalidInput", "field": "toAccountId"}),
        ({**ALICE_TO_BOB, "toExternalId": "bob"}, {"__typename": "InvalidInput", "field": "toAccountId"}),
        ({**ALICE_TO_BOB, "toAccountId": "nobody"}, {"__typename": "NotFound"}),
        ({**ALICE_TO_BOB, "fromAccountId": "nobody"}, {"__typename": "NotFound"}),
    ],
)
async def test_both_accounts_must_be_named_in_one_way(
    ask: Ask, stage: Stage, named: dict[str, str], shown: dict[str, Any]
) -> None:
    result = await ask(TRANSFER, input={"idempotencyKey": "k", "amount": 5, **named})

    assert result.errors is None
    assert result.data == {"transferTokens": shown}
    assert stage.transfers.calls == []


@pytest.mark.parametrize(
    ("refusal", "shown"),
    [
        (NotFound("account"), "NotFound"),
        (InvalidInput("amount", "…"), "InvalidInput"),
        (IdempotencyConflict("k"), "IdempotencyConflict"),
        (InsufficientTokens(2, 1), "InsufficientTokens"),
    ],
)
async def test_what_is_refused_of_a_transfer_is_shown(ask: Ask, stage: Stage, refusal: object, shown: str) -> None:
    stage.transfers.answers["transfer_tokens"] = refusal

    result = await ask(TRANSFER, input={"idempotencyKey": "k", "amount": 5, **ALICE_TO_BOB})

    assert result.data is not None
    assert result.data["transferTokens"]["__typename"] == shown


@pytest.mark.parametrize(
    ("document", "more"),
    [(CLOSE, {}), (SETTLE, {"idempotencyKey": "k", "amount": 1})],
)
async def test_what_is_no_account_is_not_found(ask: Ask, stage: Stage, document: str, more: dict[str, Any]) -> None:
    result = await ask(document, input={"accountId": GRANT_ID, **more})

    assert result.data is not None
    assert [shown["__typename"] for shown in result.data.values()] == ["NotFound"]
    assert stage.accounts.calls == []
