"""Tables of the rival that is written with plain Tortoise: the ledger's columns that matter, and its indexes.

Tortoise has no composite primary keys, so rows carry an id of their own beside the unique pair that the ledger has.
"""

from __future__ import annotations

from uuid import UUID

from tortoise import fields
from tortoise.models import Model


class RivalAccount(Model):
    """Sums of one account, in micro-tokens; its row is the lock."""

    id = fields.UUIDField(primary_key=True)
    tenant_id = fields.UUIDField()
    total = fields.BigIntField(default=0)
    held = fields.BigIntField(default=0)
    version = fields.BigIntField(default=0)
    head_hash = fields.BinaryField(default=b"")
    created_at = fields.DatetimeField()
    last_at = fields.DatetimeField()

    class Meta:
        """The table."""

        table = "rival_account"


class RivalGrant(Model):
    """A lot of tokens."""

    id = fields.BigIntField(primary_key=True)
    account_id: UUID
    account: fields.ForeignKeyRelation[RivalAccount] = fields.ForeignKeyField("rival.RivalAccount", "grants")
    tenant_id = fields.UUIDField()
    source = fields.TextField()
    source_ref = fields.CharField(max_length=255)
    granted = fields.BigIntField()
    remaining = fields.BigIntField()
    held = fields.BigIntField(default=0)
    open = fields.BooleanField(default=True)
    priority = fields.IntField()
    expires_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        """The table and its indexes."""

        table = "rival_grant"
        unique_together = (("account_id", "source_ref"),)


class RivalHold(Model):
    """Tokens set aside."""

    id = fields.BigIntField(primary_key=True)
    account_id: UUID
    account: fields.ForeignKeyRelation[RivalAccount] = fields.ForeignKeyField("rival.RivalAccount", "holds")
    tenant_id = fields.UUIDField()
    state = fields.CharField(max_length=16)
    amount = fields.BigIntField()
    remaining = fields.BigIntField()
    price_book_version = fields.IntField()
    lines = fields.TextField()
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    ended_at = fields.DatetimeField(null=True)

    class Meta:
        """The table and its indexes."""

        table = "rival_hold"
        indexes = (("account_id", "expires_at"),)


class RivalAllocation(Model):
    """The part of a hold that lies on one grant."""

    id = fields.BigIntField(primary_key=True)
    account_id = fields.UUIDField()
    hold_id = fields.BigIntField(db_index=True)
    grant_id = fields.BigIntField()
    tenant_id = fields.UUIDField()
    held = fields.BigIntField()

    class Meta:
        """The table."""

        table = "rival_allocation"


class RivalEntry(Model):
    """One line of the journal, chained by hash."""

    id = fields.BigIntField(primary_key=True)
    account_id: UUID
    account: fields.ForeignKeyRelation[RivalAccount] = fields.ForeignKeyField("rival.RivalAccount", "entries")
    tenant_id = fields.UUIDField()
    version = fields.BigIntField()
    at = fields.DatetimeField()
    kind = fields.CharField(max_length=16)
    total_change = fields.BigIntField()
    held_change = fields.BigIntField()
    available_after = fields.BigIntField()
    hold_id = fields.BigIntField(null=True)
    grant_id = fields.BigIntField(null=True)
    hash = fields.BinaryField()

    class Meta:
        """The table and its indexes."""

        table = "rival_entry"
        unique_together = (("account_id", "version"),)


class RivalOperation(Model):
    """What took effect under an idempotency key."""

    id = fields.BigIntField(primary_key=True)
    account_id = fields.UUIDField()
    tenant_id = fields.UUIDField()
    mutation = fields.CharField(max_length=32)
    key = fields.CharField(max_length=255)
    fingerprint = fields.BinaryField()
    hold_id = fields.BigIntField()
    at = fields.DatetimeField()

    class Meta:
        """The table and its indexes."""

        table = "rival_operation"
        unique_together = (("account_id", "mutation", "key"),)
