"""A world for the credential matrix: tenants, accounts, what is in them, and a credential of each kind."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from models.account import AccountKind
from models.api_key import ApiKeyKind
from models.tenant import TenantMode
from rules.identity import IdKind, public_id
from rules.ledger.kinds import MemberRole
from rules.ledger.outcomes import GrantEffect, HoldEffect, MembersEffect
from rules.ledger.requests import GrantRequest, MembersRequest, NewMember, ReserveRequest
from rules.pricing.rating import LineRequest
from rules.pricing.tokens import MICROS
from rules.projects import Project
from rules.promotions.promo_codes import PromoCode, PromoTerms
from rules.workflows import Workflow
from server.composition import Services
from services.accounts import AccountRecord
from services.client_token import ClientToken, signed_token
from services.client_tokens import CreatedClientToken
from services.credentials import CreatedApiKey
from services.principal import Principal
from services.projects import ProjectChanges
from services.publishing import Publication
from services.tenants import CreatedTenant
from tests.resolvers.credential_matrix import Who
from tests.services.shop import a_source

ROOT_KEY = "the root key of the matrix"

_ROLES = {Who.ADMIN: MemberRole.ADMIN, Who.MEMBER: MemberRole.MEMBER, Who.VIEWER: MemberRole.VIEWER}


@dataclass(frozen=True)
class Things:
    """What may be asked of, by its public ids; a document's placeholders have these names."""

    account: str
    expendable: str
    """An account of the same owner that an act may end."""
    debtor: str
    """One that owes."""
    external: str
    hold: str
    grant: str
    entry: str
    member: str
    apiKey: str
    tenant: str
    promoCode: str
    code: str


@dataclass(frozen=True)
class World:
    """Two tenants, one with two accounts, and a credential of each kind, which belongs to `own`."""

    services: Services
    own: Things
    neighbour: Things
    foreign: Things
    nobody: Things
    keys: dict[Who, str]
    ended: dict[str, str]
    backend: Principal
    account_id: UUID

    async def renew_tokens(self) -> None:
        """Makes the client tokens anew, where some act has ended them."""
        for who, role in _ROLES.items():
            self.keys[who] = await a_token(self.services, self.backend, self.account_id, role)

    def within_reach(self, who: Who) -> tuple[Things, ...]:
        """What a credential may ask of, where it may ask at all."""
        if who is Who.ROOT:
            return (self.own, self.neighbour, self.foreign)
        return (self.own, self.neighbour) if who in (Who.SECRET, Who.PARTNER) else (self.own,)

    def out_of_reach(self, who: Who) -> tuple[Things, ...]:
        """What must look to it as if it never was."""
        within = self.within_reach(who)
        return tuple(things for things in (self.own, self.neighbour, self.foreign) if things not in within)


async def a_tenant(services: Services, slug: str) -> tuple[CreatedTenant, Principal]:
    tenant = await services.tenants.create_tenant(
        slug=slug, name=slug.title(), mode=TenantMode.TEST, price_book="ai-playground"
    )
    assert isinstance(tenant, CreatedTenant)
    assert isinstance(await services.publishing.publish(tenant.tenant_id, a_source()), Publication)
    principal = await services.credentials.authenticate(tenant.secret_key)
    assert principal is not None
    return tenant, principal


async def a_key(services: Services, principal: Principal, kind: ApiKeyKind, **more: Any) -> CreatedApiKey:
    created = await services.credentials.create_api_key(principal, name=kind.value, kind=kind, **more)
    assert isinstance(created, CreatedApiKey)
    return created


async def a_token(services: Services, principal: Principal, account_id: UUID, role: MemberRole) -> str:
    created = await services.client_tokens.create(principal, account_id, role=role)
    assert isinstance(created, CreatedClientToken)
    return created.token


async def some_things(services: Services, principal: Principal, external: str) -> tuple[UUID, Things]:
    tenant_id = principal.tenant_id
    assert tenant_id is not None
    account = await services.accounts.create(
        tenant_id, external_id=external, name=external.title(), kind=AccountKind.PERSONAL, time_zone="UTC"
    )
    assert isinstance(account, AccountRecord)
    account_id = account.account_id
    grant = await services.grants.grant_tokens(GrantRequest(tenant_id, account_id, "first", 1_000 * MICROS))
    hold = await services.fares.reserve(ReserveRequest(tenant_id, account_id, "first", work=MICROS))
    assert isinstance(grant, GrantEffect)
    assert isinstance(hold, HoldEffect)
    expendable = await services.accounts.create(
        tenant_id, external_id=f"{external} too", name="Too", kind=AccountKind.PERSONAL, time_zone="UTC"
    )
    assert isinstance(expendable, AccountRecord)
    debtor = await a_debtor(services, tenant_id, f"{external} owes")
    # More than anything that is asked brings in, so that there is a warning to be shown.
    warned = await services.alerts.set_alerts(tenant_id, account_id, balance_tokens=[1_000_000 * MICROS], by=principal)
    assert isinstance(warned, AccountRecord)
    newcomer = NewMember("m", "M", MemberRole.MEMBER)
    added = await services.members.manage(MembersRequest(tenant_id, account_id, (newcomer,)))
    assert isinstance(added, MembersEffect)
    lines = (LineRequest("upscale", {}),)
    assert isinstance(await services.workflows.save(tenant_id, account_id, name="poster", lines=lines), Workflow)
    assert isinstance(await services.projects.save(tenant_id, account_id, "film", ProjectChanges()), Project)
    code = f"CODE {external}"
    promo_code = await services.promo_codes.create(tenant_id, PromoTerms(code=code, amount=MICROS))
    assert isinstance(promo_code, PromoCode)
    spare = await a_key(services, principal, ApiKeyKind.PARTNER, account_id=account_id)
    return account_id, Things(
        account=public_id(IdKind.ACCOUNT, account_id),
        expendable=public_id(IdKind.ACCOUNT, expendable.account_id),
        debtor=public_id(IdKind.ACCOUNT, debtor),
        external=external,
        hold=public_id(IdKind.HOLD, account_id, hold.hold.hold_id),
        grant=public_id(IdKind.GRANT, account_id, grant.grant.grant_id),
        entry=public_id(IdKind.ENTRY, account_id, 1),
        member=public_id(IdKind.MEMBER, account_id, part=added.members[0].member_id),
        apiKey=public_id(IdKind.API_KEY, spare.key_id),
        tenant=public_id(IdKind.TENANT, tenant_id),
        promoCode=public_id(IdKind.PROMO_CODE, promo_code.promo_code_id),
        code=code,
    )


async def a_debtor(services: Services, tenant_id: UUID, external: str) -> UUID:
    """An account that owes more than is ever settled here."""
    account = await services.accounts.create(
        tenant_id, external_id=external, name="Owes", kind=AccountKind.PERSONAL, time_zone="UTC"
    )
    assert isinstance(account, AccountRecord)
    lent = await services.accounts.update(tenant_id, account.account_id, credit_limit=1_000 * MICROS)
    assert isinstance(lent, AccountRecord)
    drawn = await services.fares.charge(ReserveRequest(tenant_id, account.account_id, "first", work=1_000 * MICROS))
    assert isinstance(drawn, HoldEffect)
    return account.account_id


def things_that_never_were() -> Things:
    account_id = uuid4()
    return Things(
        account=public_id(IdKind.ACCOUNT, account_id),
        expendable=public_id(IdKind.ACCOUNT, uuid4()),
        debtor=public_id(IdKind.ACCOUNT, uuid4()),
        external="nobody",
        hold=public_id(IdKind.HOLD, account_id, 3),
        grant=public_id(IdKind.GRANT, account_id, 1),
        entry=public_id(IdKind.ENTRY, account_id, 1),
        member=public_id(IdKind.MEMBER, account_id, part=uuid4()),
        apiKey=public_id(IdKind.API_KEY, uuid4()),
        tenant=public_id(IdKind.TENANT, uuid4()),
        promoCode=public_id(IdKind.PROMO_CODE, uuid4()),
        code="NOSUCHCODE",
    )


async def some_ended(services: Services, principal: Principal, account_id: UUID) -> dict[str, str]:
    """Credentials that were good once, or never."""
    revoked = await a_key(services, principal, ApiKeyKind.SECRET)
    issuer = await services.credentials.authenticate(revoked.key)
    assert issuer is not None
    orphan = await a_token(services, issuer, account_id, MemberRole.ADMIN)
    await services.credentials.revoke_api_key(principal, revoked.key_id)
    partner = await a_key(services, principal, ApiKeyKind.PARTNER)
    await services.credentials.revoke_api_key(principal, partner.key_id)
    brief = await a_key(
        services, principal, ApiKeyKind.SECRET, expires_at=datetime.now(UTC) + timedelta(milliseconds=300)
    )
    recalled = await a_token(services, principal, account_id, MemberRole.ADMIN)
    await services.client_tokens.revoke(principal, account_id)
    async with services.database.administration() as connection:
        secret = await connection.fetchval(
            "SELECT secret FROM signing_secret WHERE tenant_id = $1", principal.tenant_id
        )
    assert principal.key_id is not None
    assert principal.tenant_id is not None
    now = datetime.now(UTC)
    claims = ClientToken(
        principal.key_id,
        principal.tenant_id,
        account_id,
        None,
        MemberRole.ADMIN,
        # Issued after the revocation, so that its time alone has ended it.
        now + timedelta(seconds=5),
        now - timedelta(milliseconds=1),
    )
    await asyncio.sleep(0.3)
    return {
        "a revoked secret key": revoked.key,
        "a revoked partner key": partner.key,
        "an expired key": brief.key,
        "a token of a revoked key": orphan,
        "a revoked token": recalled,
        "an expired token": signed_token(claims, TenantMode.TEST, secret),
        "a forged token": signed_token(claims, TenantMode.TEST, bytes(32)),
    }


async def a_world(services: Services, name: str) -> World:
    """Tenants of its own; `name` tells them from those of other worlds."""
    tenant, principal = await a_tenant(services, f"{name}-ours")
    _, stranger = await a_tenant(services, f"{name}-theirs")
    account_id, own = await some_things(services, principal, "alice")
    _, neighbour = await some_things(services, principal, "bob")
    _, foreign = await some_things(services, stranger, "carol")
    await some_things(services, principal, "receiver")
    ended = await some_ended(services, principal, account_id)
    keys = {
        Who.ROOT: ROOT_KEY,
        Who.SECRET: tenant.secret_key,
        Who.PARTNER: (await a_key(services, principal, ApiKeyKind.PARTNER)).key,
        Who.ACCOUNT_PARTNER: (await a_key(services, principal, ApiKeyKind.PARTNER, account_id=account_id)).key,
    }
    world = World(services, own, neighbour, foreign, things_that_never_were(), keys, ended, principal, account_id)
    await world.renew_tokens()
    return world
