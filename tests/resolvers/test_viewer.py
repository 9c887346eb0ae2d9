from __future__ import annotations

from typing import Any

import pytest

from rules.identity import IdKind, public_id
from rules.ledger.kinds import GrantSource
from rules.ledger.state import Grant
from tests.resolvers.conftest import Ask
from tests.resolvers.stage import (
    ACCOUNT,
    ACCOUNT_ID,
    GRANT_ID,
    HOLD_ID,
    NOON,
    ROOT,
    TENANT,
    Stage,
    a_client_token,
    a_hold,
)

VIEWER = "{ viewer { kind scopes tenantId tenantName mode accountId memberId role expiresAt } }"
NODE = "query($id: ID!) { node(id: $id) { __typename id } }"


async def test_a_viewer_is_who_asks(ask: Ask) -> None:
    secret = await ask(VIEWER)
    root = await ask(VIEWER, ROOT)

    assert secret.data == {
        "viewer": {
            "kind": "SECRET",
            "scopes": ["read", "quote", "spend", "buy", "administer", "manage", "keys"],
            "tenantId": public_id(IdKind.TENANT, TENANT),
            "tenantName": "Studio",
            "mode": "TEST",
            "accountId": None,
            "memberId": None,
            "role": None,
            "expiresAt": None,
        }
    }
    assert root.data is not None
    assert (root.data["viewer"]["kind"], root.data["viewer"]["tenantId"]) == ("ROOT", None)


async def test_a_client_is_told_its_account_and_role(ask: Ask) -> None:
    client = await ask(VIEWER, a_client_token())

    assert client.data is not None
    viewer = client.data["viewer"]
    assert (viewer["kind"], viewer["accountId"], viewer["role"]) == ("CLIENT", ACCOUNT_ID, "MEMBER")
    assert viewer["scopes"] == ["read", "quote", "buy"]


async def test_a_node_is_found_by_its_id_whatever_it_is(ask: Ask, stage: Stage) -> None:
    stage.reads.answers |= {"hold": a_hold(), "grant": Grant(1, GrantSource.BONUS, 1, 1, NOON)}

    found = [(await ask(NODE, id=id)).data for id in (ACCOUNT_ID, HOLD_ID, GRANT_ID)]

    assert found == [
        {"node": {"__typename": "Account", "id": ACCOUNT_ID}},
        {"node": {"__typename": "Hold", "id": HOLD_ID}},
        {"node": {"__typename": "Grant", "id": GRANT_ID}},
    ]


@pytest.mark.parametrize(
    "id",
    [
        "",
        "nonsense",
        "acc_",
        HOLD_ID,
        GRANT_ID,
        public_id(IdKind.ENTRY, ACCOUNT, 5),
        public_id(IdKind.ACCOUNT, TENANT),
        public_id(IdKind.BALANCE, ACCOUNT),
        public_id(IdKind.TENANT, TENANT),
        public_id(IdKind.API_KEY, TENANT),
    ],
)
async def test_what_the_tenant_does_not_have_is_null_and_tells_nothing(ask: Ask, id: str) -> None:
    result = await ask(NODE, id=id)

    assert (result.data, result.errors) == ({"node": None}, None)


async def test_a_lookup_never_leaves_the_tenant(ask: Ask, stage: Stage) -> None:
    foreign: list[Any] = [public_id(kind, TENANT, 1) for kind in (IdKind.HOLD, IdKind.GRANT, IdKind.ENTRY)]

    for id in foreign:
        await ask(NODE, id=id)

    assert [arguments[0] for _, arguments, _ in stage.reads.calls] == [TENANT] * 3
