"""Demo data: in development an empty database gets one TEST tenant for each shipped price book, to try things on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from models.database import Database
from models.tenant import Tenant, TenantMode
from rules.credentials import CredentialKind
from rules.pricing.refusals import InvalidInput
from services.credentials import CreatedApiKey, Credentials
from services.principal import SCOPES, Principal
from services.shipped_price_books import ShippedPriceBooks
from services.tenants import Tenants

KEY_NAME: Final = "Demo key"


@dataclass(frozen=True, slots=True)
class DemoTenant:
    """A demo tenant and a key of its."""

    tenant_id: UUID
    secret_key: str = field(repr=False)


async def seed_demo_tenants(tenants: Tenants, shipped: ShippedPriceBooks) -> dict[str, DemoTenant]:
    """One TEST tenant for each shipped price book, by the book's slug; nothing when there are tenants already."""
    if await tenants.count() > 0:
        return {}
    seeded: dict[str, DemoTenant] = {}
    for slug in shipped.slugs():
        made = await tenants.create_tenant(slug=slug, name=_name_of(slug), mode=TenantMode.TEST, price_book=slug)
        if isinstance(made, InvalidInput):
            raise AssertionError(f"the demo tenant {slug} was refused: {made.field} {made.message}")
        seeded[slug] = DemoTenant(made.tenant_id, made.secret_key)
    return seeded


async def renew_demo_keys(
    database: Database, credentials: Credentials, shipped: ShippedPriceBooks
) -> dict[str, DemoTenant]:
    """New keys for the demo tenants that are there: for when the file with the old ones was lost."""
    async with database.administration():
        found = await Tenant.filter(slug__in=shipped.slugs(), mode=TenantMode.TEST)
    root = Principal(CredentialKind.ROOT, SCOPES[CredentialKind.ROOT])
    renewed: dict[str, DemoTenant] = {}
    for tenant in found:
        made = await credentials.create_api_key(root, name=KEY_NAME, tenant_id=tenant.id)
        if isinstance(made, CreatedApiKey):
            renewed[tenant.slug] = DemoTenant(tenant.id, made.key)
    return renewed


def _name_of(slug: str) -> str:
    return slug.replace("-", " ").title()
