"""A published price list."""

from __future__ import annotations

from uuid import UUID

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model

from models.tenant import Tenant


class PriceBookVersion(Model):
    """One version of a tenant's price book, as published and never changed after; in force from `effective_at` on."""

    id = fields.UUIDField(primary_key=True)
    tenant_id: UUID
    tenant: fields.ForeignKeyRelation[Tenant] = fields.ForeignKeyField(
        "models.Tenant", related_name="price_books", on_delete=fields.RESTRICT
    )
    version = fields.IntField()
    slug = fields.TextField()
    name = fields.TextField()
    source = fields.TextField()
    published_at = fields.DatetimeField()
    effective_at = fields.DatetimeField()

    class Meta:
        """The table, and what it refuses by itself."""

        table = "price_book"
        table_description = "Published price lists; immutable"
        constraints = (
            UniqueConstraint(name="price_book_version_unique", fields=("tenant_id", "version")),
            CheckConstraint(name="price_book_version_positive", check="version >= 1"),
        )
