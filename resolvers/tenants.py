"""Tenants, their keys, and the clocks of those that are for testing."""

from __future__ import annotations

import strawberry

from resolvers.context import Info
from resolvers.scope import parsed, principal_with, tenant_with
from rules.identity import IdKind
from rules.ledger.refusals import NotFound
from rules.pricing.refusals import InvalidInput
from schema.described import output
from schema.inputs import AdvanceClockInput, CreateApiKeyInput, CreateTenantInput, RevokeApiKeyInput
from schema.nodes import shown_id
from schema.refusals import problem_of
from schema.results import (
    AdvanceClockResult,
    AdvanceClockSuccess,
    CreateApiKeyResult,
    CreateApiKeySuccess,
    CreateTenantResult,
    CreateTenantSuccess,
    RevokeApiKeyResult,
    RevokeApiKeySuccess,
)
from services.principal import Scope


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
    async def create_api_key(self, info: Info, input: CreateApiKeyInput) -> CreateApiKeyResult | None:
        """Makes a key of the tenant. The root key says whose.

        input: the key
        """
        principal = principal_with(info, Scope.KEYS)
        tenant_id = None
        if input.tenant_id is not None:
            named = parsed(input.tenant_id, IdKind.TENANT)
            if named is None:
                return problem_of(NotFound("tenant"))
            tenant_id = named.owner
        created = await info.context.services.api_keys.create_api_key(
            principal, name=input.name, kind=input.kind, tenant_id=tenant_id, expires_at=input.expires_at
        )
        if isinstance(created, NotFound | InvalidInput):
            return problem_of(created)
        return CreateApiKeySuccess(id=shown_id(IdKind.API_KEY, created.key_id), key=created.key)

    @strawberry.mutation
    async def revoke_api_key(self, info: Info, input: RevokeApiKeyInput) -> RevokeApiKeyResult | None:
        """Ends a key for good, on every process within 5 seconds. Again: the same answer.

        input: which key
        """
        principal = principal_with(info, Scope.KEYS)
        named = parsed(input.id, IdKind.API_KEY)
        if named is None:
            return problem_of(NotFound("key"))
        revoked = await info.context.services.api_keys.revoke_api_key(principal, named.owner)
        if isinstance(revoked, NotFound):
            return problem_of(revoked)
        return RevokeApiKeySuccess(id=shown_id(IdKind.API_KEY, revoked.key_id), revoked_at=revoked.revoked_at)

    @strawberry.mutation
    async def advance_clock(self, info: Info, input: AdvanceClockInput) -> AdvanceClockResult | None:
        """Moves the tenant's clock forward, to at most 5 years ahead of real time; everything due on the way happens.

        For TEST tenants only.

        input: how far
        """
        tenant_id = tenant_with(info, Scope.MANAGE)
        now = await info.context.services.clocks.advance(tenant_id, input.seconds)
        if isinstance(now, InvalidInput):
            return problem_of(now)
        return AdvanceClockSuccess(now=now)
