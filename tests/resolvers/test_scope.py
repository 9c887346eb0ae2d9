"""What the scope itself says; which credential may ask what is the matrix's."""

from __future__ import annotations

import pytest

from rules.ledger.kinds import MemberRole
from services.principal import CLIENT_SCOPES, SCOPES, Scope
from tests.resolvers.conftest import Ask
from tests.resolvers.stage import ACCOUNT_ID, ROOT, SECRET, a_client_token

RESERVE = f'''mutation {{
  reserve(input: {{idempotencyKey: "k", accountId: "{ACCOUNT_ID}", work: {{amount: 1}}}}) {{ __typename }}
}}'''


async def test_a_refusal_says_which_credential_is_needed(ask: Ask) -> None:
    asked = {
        "Authorization: Bearer": await ask("{ viewer { kind } }", None),
        "a key of the tenant, or a client token": await ask("{ prices { totalCount } }", ROOT),
        "the root key": await ask("{ tenants { totalCount } }", SECRET),
        "a secret key": await ask(RESERVE, a_client_token()),
        "a key of the whole tenant": await ask("{ margin(input: {}) { __typename } }", a_client_token(Scope.MANAGE)),
    }

    for needed, result in asked.items():
        assert result.errors is not None
        assert needed in result.errors[0].message


@pytest.mark.parametrize("role", MemberRole)
def test_no_client_token_spends_or_manages_whatever_its_role(role: MemberRole) -> None:
    assert not {Scope.SPEND, Scope.MANAGE, Scope.KEYS, Scope.TENANTS} & set(CLIENT_SCOPES[role])


def test_only_an_admin_administers() -> None:
    assert [role for role in MemberRole if Scope.ADMINISTER in CLIENT_SCOPES[role]] == [MemberRole.ADMIN]


def test_every_kind_of_key_has_its_scopes() -> None:
    assert all(SCOPES.values())
