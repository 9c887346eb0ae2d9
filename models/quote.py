"""A locked price."""

from __future__ import annotations

from uuid import UUID

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint
from tortoise.models import Model

from models.tenant import Tenant


class Quote(Model):
    """One quote, never changed and deleted only when it has been over for long.

    `owner_id` is the account that it is bound to, or the tenant where none was in scope; `quote_id` is random, and the
    database's primary key is the two together. `lines` are as a hold keeps them, empty for a plain amount; `total` is
    in micro-tokens. `expires_at` is by the tenant's clock, `kept_until` by the real one.
    """

    quote_id = fields.BigIntField(primary_key=True, generated=False)
    owner_id = fields.UUIDField()
    tenant_id: UUID
    tenant: fields.ForeignKeyRelation[Tenant] = fields.ForeignKeyField(
        "models.Tenant", related_name="quotes", on_delete=fields.RESTRICT
    )
    price_book_version = fields.IntField()
    lines = fields.TextField()
    total = fields.BigIntField()
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    kept_until = fields.DatetimeField()

    class Meta:
        """The table, and what it refuses by itself."""

        table = "quote"
        table_description = "Locked prices"
        constraints = (
            CheckConstraint(name="quote_id_positive", check="quote_id > 0"),
            CheckConstraint(name="quote_total_not_negative", check="total >= 0"),
            CheckConstraint(name="quote_ends_after_it_begins", check="expires_at > created_at"),
        )
