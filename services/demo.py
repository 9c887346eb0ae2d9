"""Demo data: in development a database of no one else's gets one TEST tenant for each shipped price book."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from models.database import Database
from models.tenant import Tenant, TenantMode
from rules.pricing.refusals import InvalidInput
from services.credentials import CreatedApiKey, Credentials
from services.principal import OPERATOR
from services.shipped_price_books import ShippedPriceBooks
from services.tenants import Tenants

KEY_NAME: Final = "Demo key"


@dataclass(frozen=True, slots=True)
class DemoTenant:
    """A demo tenant and a key of its."""

    tenant_id: UUID
    secret_key: str = field(repr=False)


async def seed_demo_tenants(database: Database, shipped: ShippedPriceBooks) -> dict[str, DemoTenant]:
    """Makes the demo tenants that are missing, by slug; nothing where there is a tenant that is none of the demo's.

    A start that was ended between two tenants is so made good by the next one.
    """
    async with database.administration():
        present = await Tenant.all()
    if not all(_is_demo(tenant, shipped) for tenant in present):
        return {}
    tenants = Tenants(database, shipped)
    seeded: dict[str, DemoTenant] = {}
    for slug in sorted(set(shipped.slugs()) - {tenant.slug for tenant in present}):
        made = await tenants.create_tenant(slug=slug, name=_name_of(slug), mode=TenantMode.TEST, price_book=slug)
        # Refused is only a slug that a server starting beside this one has just taken.
        if not isinstance(made, InvalidInput):
            seeded[slug] = DemoTenant(made.tenant_id, made.secret_key)
    return seeded


async def open_demo_tenants(
    database: Database, credentials: Credentials, shipped: ShippedPriceBooks, kept_keys: Mapping[UUID, str]
) -> dict[str, DemoTenant]:
    """A key that opens it for every demo tenant of this database, by slug: the one in `kept_keys`, else a new one.

    `kept_keys`: by tenant, also those of other databases.
    """
    async with database.administration():
        found = await Tenant.filter(slug__in=shipped.slugs(), mode=TenantMode.TEST)
    opened: dict[str, DemoTenant] = {}
    for tenant in found:
        if not _is_demo(tenant, shipped):
            continue
        kept = kept_keys.get(tenant.id)
        principal = None if kept is None else await credentials.authenticate(kept)
        if kept is not None and principal is not None and principal.tenant_id == tenant.id:
            opened[tenant.slug] = DemoTenant(tenant.id, kept)
            continue
        made = await credentials.create_api_key(OPERATOR, name=KEY_NAME, tenant_id=tenant.id)
        if isinstance(made, CreatedApiKey):
            opened[tenant.slug] = DemoTenant(tenant.id, made.key)
    return opened


def _is_demo(tenant: Tenant, shipped: ShippedPriceBooks) -> bool:
    is_test = tenant.mode == TenantMode.TEST
    return is_test and tenant.slug in shipped.slugs() and tenant.name == _name_of(tenant.slug)


def _name_of(slug: str) -> str:
    return slug.replace("-", " ").title()
