"""An account's profile: what it is called. What it has is the ledger's, in a table of its own."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model

from models.tenant import NAME_LENGTH_MAX, Tenant

EXTERNAL_ID_LENGTH_MAX = 255


class AccountKind(StrEnum):
    """A person's pool of tokens, or a team's."""

    PERSONAL = "PERSONAL"
    TEAM = "TEAM"


class Account(Model):
    """One profile, inserted by the ledger's writer together with the ledger's own row.

    The database adds `external_id_folded` and `name_folded`, by which `list_accounts.sql` searches.
    """

    account_id = fields.UUIDField(primary_key=True)
    tenant_id: UUID
    tenant: fields.ForeignKeyRelation[Tenant] = fields.ForeignKeyField(
        "models.Tenant", related_name="accounts", on_delete=fields.RESTRICT
    )
    external_id = fields.CharField(max_length=EXTERNAL_ID_LENGTH_MAX)
    name = fields.CharField(max_length=NAME_LENGTH_MAX)
    kind = fields.CharEnumField(AccountKind, max_length=8, description="PERSONAL or TEAM")
    created_at = fields.DatetimeField()

    class Meta:
        """The table, and what it refuses by itself."""

        table = "account"
        table_description = "Profiles of accounts; their tokens are in ledger_account"
        constraints = (
            UniqueConstraint(name="account_external_id_unique", fields=("tenant_id", "external_id")),
            CheckConstraint(name="account_kind_known", check="kind IN ('PERSONAL', 'TEAM')"),
        )
