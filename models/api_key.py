"""A long-lived credential of a tenant's backend, kept only as a hash."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model

from models.tenant import NAME_LENGTH_MAX, Tenant


class ApiKeyKind(StrEnum):
    """What a key may do. SECRET: everything within its tenant. PARTNER: read it, or one account of it."""

    SECRET = "SECRET"
    PARTNER = "PARTNER"


class ApiKey(Model):
    """One key. `hint` is its public beginning, `secret_hash` the SHA-256 of the whole, which is stored nowhere.

    `account_id` narrows it to one account. `tokens_last_used_at` is of the client tokens that were made with it.
    """

    id = fields.UUIDField(primary_key=True)
    tenant_id: UUID
    tenant: fields.ForeignKeyRelation[Tenant] = fields.ForeignKeyField(
        "models.Tenant", related_name="api_keys", on_delete=fields.RESTRICT
    )
    kind = fields.CharEnumField(ApiKeyKind, max_length=16, description="What the key may do")
    name = fields.CharField(max_length=NAME_LENGTH_MAX)
    hint = fields.CharField(max_length=32)
    secret_hash = fields.BinaryField()
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField(null=True)
    revoked_at = fields.DatetimeField(null=True)
    last_used_at = fields.DatetimeField(null=True)
    account_id = fields.UUIDField(null=True)
    tokens_last_used_at = fields.DatetimeField(null=True)

    class Meta:
        """The table, and what it refuses by itself."""

        table = "api_key"
        table_description = "Credentials of backends, as hashes"
        constraints = (
            UniqueConstraint(name="api_key_secret_hash_unique", fields=("secret_hash",)),
            CheckConstraint(name="api_key_kind_known", check="kind IN ('SECRET', 'PARTNER')"),
            CheckConstraint(name="api_key_of_an_account_reads", check="account_id IS NULL OR kind = 'PARTNER'"),
            CheckConstraint(name="api_key_hash_is_sha256", check="octet_length(secret_hash) = 32"),
        )
