"""Tenants, and the clocks of those that are for testing."""

from __future__ import annotations

from operator import attrgetter

import strawberry

from resolvers.context import Info
from resolvers.scope import principal_of, principal_with, tenant_with
from rules.identity import IdKind
from rules.pricing.refusals import InvalidInput
from schema.connections import FIRST_DEFAULT, Connection, Listing, connection, slice_of_names
from schema.credentials import Tenant, shown_tenant
from schema.described import output
from schema.inputs import AdvanceClockInput, CreateTenantInput
from schema.nodes import shown_id
from schema.refusals import problem_of
from schema.results import (
    AdvanceClockResult,
    AdvanceClockSuccess,
    CreateTenantResult,
    CreateTenantSuccess,
)
from services.principal import Scope


@output
class TenantQueries:
    """Reads of the operator."""

    @strawberry.field
    async def tenants(
        self, info: Info, first: int | None = FIRST_DEFAULT, after: str | None = None
    ) -> Connection[Tenant] | None:
        """All tenants of this server, by slug. For the root key.

        first: how many, 1 to 100
        after: the cursor that the page follows
        """
        principal_with(info, Scope.TENANTS)
        tenants = info.context.services.tenants
        page = await tenants.list(slice_of_names(Listing.TENANTS, first, after))
        return connection(
            Listing.TENANTS, page, shown_tenant, attrgetter("slug"), tenants.count, follows=after is not None
        )


@output
class TenantMutations:
    """The verbs of the operator, and those of a tenant on itself."""

    @strawberry.mutation
    async def create_tenant(self, info: Info, input: CreateTenantInput) -> CreateTenantResult | None:
        """Creates a tenant with its own copy of a shipped price book, and its first secret key. For the root key.

        input: the tenant
        """
        principal_with(info, Scope.TENANTS)
        created = await info.context.services.tenants.create_tenant(
            slug=input.slug, name=input.name, mode=input.mode, price_book=input.price_book
        )
        if isinstance(created, InvalidInput):
            return problem_of(created)
        return CreateTenantSuccess(tenant_id=shown_id(IdKind.TENANT, created.tenant_id), secret_key=created.secret_key)

    @strawberry.mutation
    async def advance_clock(self, info: Info, input: AdvanceClockInput) -> AdvanceClockResult | None:
        """Moves the tenant's clock forward, to at most 5 years ahead of real time; everything due on the way happens.

        For TEST tenants only.

        input: how far
        """
        tenant_id = tenant_with(info, Scope.MANAGE)
        now = await info.context.services.clocks.advance(tenant_id, input.seconds, by=principal_of(info))
        if isinstance(now, InvalidInput):
            return problem_of(now)
        return AdvanceClockSuccess(now=now)
