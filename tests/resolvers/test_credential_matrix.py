"""Every field of the schema is tried with every kind of credential, against the table in credential_matrix.py."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, count
from string import Template
from typing import Any
from uuid import UUID, uuid4

from graphql import GraphQLSchema, graphql, subscribe
from graphql import parse as parse_document

from models.account import AccountKind
from models.api_key import ApiKeyKind
from models.tenant import TenantMode
from resolvers.context import Context
from rules.identity import IdKind, public_id
from rules.ledger.kinds import MemberRole
from rules.ledger.outcomes import GrantEffect, HoldEffect, MembersEffect
from rules.ledger.requests import GrantRequest, MembersRequest, NewMember, ReserveRequest
from rules.pricing.rating import LineRequest
from rules.pricing.tokens import MICROS
from rules.projects import Project
from rules.promotions.promo_codes import PromoCode, PromoTerms
from rules.workflows import Workflow
from server.composition import Services, open_services
from services.accounts import AccountRecord
from services.client_token import ClientToken, signed_token
from services.client_tokens import CreatedClientToken
from services.credentials import CreatedApiKey
from services.principal import Principal
from services.projects import ProjectChanges
from services.publishing import Publication
from services.tenants import CreatedTenant
from tests.resolvers.credential_matrix import TABLE, Row, Who
from tests.services.shop import a_source

ROOT_KEY = "the root key of the matrix"
LINES_SINCE = "SELECT act, actor_key_id IS NULL AS is_keyless FROM change_log WHERE id > $1"
FIRST_EVENT_SECONDS = 5.0
SIGNING_SECRET = "SELECT secret FROM signing_secret WHERE tenant_id = $1"

_HOW_TO_ADD = "add a row to TABLE in tests/resolvers/credential_matrix.py; its docstring says how"


@dataclass(frozen=True)
class Things:
    """What may be asked of, by its public ids; a document's placeholders have these names."""

    account: str
    expendable: str
    """An account of the same owner that an act may end."""
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
    callers: dict[Who, Principal]
    ended: dict[str, str]
    logged_until: int
    """The last line of the change log before anything was asked."""

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


def things_that_never_were() -> Things:
    account_id = uuid4()
    return Things(
        account=public_id(IdKind.ACCOUNT, account_id),
        expendable=public_id(IdKind.ACCOUNT, uuid4()),
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


@asynccontextmanager
async def a_world(dsn: str) -> AsyncIterator[World]:
    async with open_services(dsn, root_key=ROOT_KEY) as services:
        tenant, principal = await a_tenant(services, "ours")
        _, stranger = await a_tenant(services, "theirs")
        account_id, own = await some_things(services, principal, "alice")
        _, neighbour = await some_things(services, principal, "bob")
        _, foreign = await some_things(services, stranger, "carol")
        await some_things(services, principal, "receiver")
        ended = await some_ended(services, principal, account_id)
        credentials = {
            Who.ROOT: ROOT_KEY,
            Who.SECRET: tenant.secret_key,
            Who.PARTNER: (await a_key(services, principal, ApiKeyKind.PARTNER)).key,
            Who.ACCOUNT_PARTNER: (await a_key(services, principal, ApiKeyKind.PARTNER, account_id=account_id)).key,
            Who.ADMIN: await a_token(services, principal, account_id, MemberRole.ADMIN),
            Who.MEMBER: await a_token(services, principal, account_id, MemberRole.MEMBER),
            Who.VIEWER: await a_token(services, principal, account_id, MemberRole.VIEWER),
        }
        callers = {}
        for who in Who:
            caller = await services.credentials.authenticate(credentials[who])
            assert caller is not None, who
            callers[who] = caller
        async with services.database.administration() as connection:
            logged_until = await connection.fetchval("SELECT max(id) FROM change_log")
        yield World(services, own, neighbour, foreign, things_that_never_were(), callers, ended, logged_until)


_fresh = count()


async def answer_to(schema: GraphQLSchema, world: World, principal: Principal | None, document: str) -> str:
    """The answer as text; of a subscription the first event."""
    context = Context(principal, world.services)
    result: Any
    if document.startswith("subscription"):
        result = subscribe(schema, parse_document(document), context_value=context)
        result = await result if not hasattr(result, "__aiter__") else result
        if hasattr(result, "__aiter__"):
            async with asyncio.timeout(FIRST_EVENT_SECONDS):
                event = await anext(result)
            await result.aclose()
            result = event
    else:
        result = await graphql(schema, document, context_value=context)
    errors = [{"message": error.message, **(error.extensions or {})} for error in result.errors or []]
    return json.dumps({"data": result.data, "errors": errors}, default=str)


def document_for(row: Row, who: Who, things: Things) -> str:
    text = row.root if who is Who.ROOT and row.root is not None else row.document
    values = {name: json.dumps(value) for name, value in asdict(things).items()}
    return Template(text).substitute(values, fresh=json.dumps(f"never-used-{next(_fresh)}"))


def asks_of_something(row: Row, who: Who) -> bool:
    document = row.root if who is Who.ROOT and row.root is not None else row.document
    return any(f"${name}" in document for name in Things.__dataclass_fields__)


def leaks_of(answer: str, world: World, who: Who) -> list[str]:
    """What an answer shows that lies beyond the credential's reach."""
    shown = {value for things in world.within_reach(who) for value in asdict(things).values()}
    return [
        value
        for things in world.out_of_reach(who)
        for value in asdict(things).values()
        if value not in shown and json.dumps(value) in answer
    ]


async def faults_of(schema: GraphQLSchema, world: World, place: str, row: Row, who: Who) -> list[str]:
    principal = world.callers[who]
    asked = f"{place} asked with {who.value}"

    async def ask(things: Things) -> str:
        return await answer_to(schema, world, principal, document_for(row, who, things))

    own = await ask(world.own)
    if who not in row.who:
        return [] if '"code": "FORBIDDEN"' in own else [f"{asked} is answered, and the table forbids it: {own}"]
    if '"errors": []' not in own:
        return [f"{asked} is refused, and the table allows it: {own}"]
    faults = [f"{asked} shows {leak}, which is beyond its reach" for leak in leaks_of(own, world, who)]
    if not asks_of_something(row, who):
        return faults
    nobody = await ask(world.nobody)
    faults += [
        f"{asked} does not find what is within its reach ({things.external}): {nobody}"
        for things in world.within_reach(who)
        if await ask(things) == nobody
    ]
    for things in world.out_of_reach(who):
        answer = await ask(things)
        if answer != nobody:
            faults.append(f"{asked} tells {things.external}'s from what never was: {answer} instead of {nobody}")
    return faults


async def faults_of_the_log(world: World) -> list[str]:
    """Acts that left no line although the table has them as administrative ones, and the reverse."""
    async with world.services.database.administration() as connection:
        rows = await connection.fetch(LINES_SINCE, world.logged_until)
    logged = {f"Mutation.{row['act']}" for row in rows}
    expected = {place for place, row in TABLE.items() if row.logged}
    keyless = {f"Mutation.{row['act']}" for row in rows if row["is_keyless"]}
    return [
        *(f"{place} is logged without the key that did it" for place in keyless if Who.ROOT not in TABLE[place].who),
        *(f"{place} leaves no line in the change log" for place in expected - logged),
        *(f"{place} leaves a line in the change log, so its row must say logged=True" for place in logged - expected),
    ]


def test_every_root_field_is_in_the_table(schema: GraphQLSchema) -> None:
    roots = (schema.query_type, schema.mutation_type, schema.subscription_type)
    fields = {f"{root.name}.{field}" for root in roots if root is not None for field in root.fields}

    assert not fields - set(TABLE), f"{', '.join(sorted(fields - set(TABLE)))}: {_HOW_TO_ADD}"
    assert not set(TABLE) - fields, f"the table has rows of fields that the schema has not: {set(TABLE) - fields}"


async def test_every_credential_gets_what_the_table_says_and_nothing_else(schema: GraphQLSchema, dsn: str) -> None:
    faults: list[str] = []
    async with a_world(dsn) as world:
        for place, row in TABLE.items():
            asked = [faults_of(schema, world, place, row, who) for who in Who]
            # What changes something is asked in order; what only reads may be asked by everyone at once.
            found = [await one for one in asked] if place.startswith("Mutation") else await asyncio.gather(*asked)
            faults += chain.from_iterable(found)
        faults += await faults_of_the_log(world)

    assert not faults, "\n".join(faults)


async def test_without_a_credential_or_with_one_that_has_ended_nothing_is_answered(
    schema: GraphQLSchema, dsn: str
) -> None:
    answered: list[str] = []
    async with a_world(dsn) as world:
        for name, credential in world.ended.items():
            assert await world.services.credentials.authenticate(credential) is None, name
        for place, row in TABLE.items():
            answer = await answer_to(schema, world, None, document_for(row, Who.SECRET, world.own))
            if '"code": "UNAUTHENTICATED"' not in answer:
                answered.append(f"{place}: {answer}")

    assert not answered, "\n".join(answered)
