"""An AI product on this server."""

from __future__ import annotations

from enum import StrEnum

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint
from tortoise.models import Model

SLUG_LENGTH_MAX = 63
NAME_LENGTH_MAX = 200
"""Characters, for every display name in the database."""


class TenantMode(StrEnum):
    """LIVE tenants take real money; TEST tenants have a clock that can be moved."""

    LIVE = "LIVE"
    TEST = "TEST"


class Tenant(Model):
    """One tenant. Its clock runs `clock_offset_micros` microseconds ahead of the database's; always 0 for LIVE."""

    id = fields.UUIDField(primary_key=True)
    slug = fields.CharField(max_length=SLUG_LENGTH_MAX, unique=True)
    name = fields.CharField(max_length=NAME_LENGTH_MAX)
    mode = fields.CharEnumField(TenantMode, max_length=4, description="LIVE or TEST")
    clock_offset_micros = fields.BigIntField(default=0)
    created_at = fields.DatetimeField()

    class Meta:
        """The table, and what it refuses by itself."""

        table = "tenant"
        table_description = "AI products on this server"
        constraints = (
            CheckConstraint(name="tenant_mode_known", check="mode IN ('LIVE', 'TEST')"),
            CheckConstraint(name="tenant_live_clock_is_real", check="mode = 'TEST' OR clock_offset_micros = 0"),
        )
