from __future__ import annotations

from uuid import UUID

from rules.credentials import CredentialKind
from rules.identity import IdKind, public_id
from rules.ledger.kinds import MemberRole
from rules.ledger.records import Page, Slice
from services.change_log import ChangeRecord
from tests.resolvers.conftest import Ask
from tests.resolvers.stage import ACCOUNT, ACCOUNT_ID, NOON, TENANT, Stage, a_client_token

KEY = UUID(int=5)
RECORD = ChangeRecord(
    change_id=9,
    at=NOON,
    actor=CredentialKind.SECRET,
    key_id=KEY,
    member_id=None,
    act="updateAccount",
    account_id=ACCOUNT,
    subject=ACCOUNT_ID,
    detail={"frozen": True, "creditLimit": 5, "name": "A"},
)
CHANGES = """query($after: String, $account: ID) { changes(first: 1, after: $after, accountId: $account) {
    totalCount pageInfo { endCursor }
    nodes { id at actor keyId act accountId subject detail { name value } } } }"""


async def test_a_change_tells_who_did_what_to_whom(ask: Ask, stage: Stage) -> None:
    stage.change_log.answers |= {"list": Page((RECORD,), has_more=True), "count": 4}

    result = await ask(CHANGES)

    assert result.data is not None
    assert result.data["changes"]["totalCount"] == 4
    assert result.data["changes"]["nodes"] == [
        {
            "id": public_id(IdKind.CHANGE, TENANT, 9),
            "at": "2026-03-01T12:00:00Z",
            "actor": "SECRET",
            "keyId": public_id(IdKind.API_KEY, KEY),
            "act": "updateAccount",
            "accountId": ACCOUNT_ID,
            "subject": ACCOUNT_ID,
            "detail": [
                {"name": "creditLimit", "value": "5"},
                {"name": "frozen", "value": "true"},
                {"name": "name", "value": "A"},
            ],
        }
    ]
    await ask(CHANGES, after=result.data["changes"]["pageInfo"]["endCursor"], account=ACCOUNT_ID)
    assert stage.change_log.calls[0] == ("list", (TENANT, None, Slice(1)), {})
    assert stage.change_log.calls[-2] == ("list", (TENANT, ACCOUNT, Slice(1, 9)), {})


async def test_an_admin_sees_its_own_accounts_whether_it_names_it_or_not(ask: Ask, stage: Stage) -> None:
    stage.change_log.answers |= {"list": Page((RECORD,), has_more=False), "count": 1}
    admin = a_client_token(role=MemberRole.ADMIN)

    for account in (None, ACCOUNT_ID):
        assert (await ask(CHANGES, admin, account=account)).errors is None
    other = await ask(CHANGES, admin, account=public_id(IdKind.ACCOUNT, TENANT))
    member = await ask(CHANGES, a_client_token(role=MemberRole.MEMBER))

    assert {call[1][1] for call in stage.change_log.calls} == {ACCOUNT}
    assert other.errors is not None
    assert other.errors[0].extensions == {"code": "BAD_USER_INPUT"}
    assert member.errors is not None
    assert member.errors[0].extensions == {"code": "FORBIDDEN"}
