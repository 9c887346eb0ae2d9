"""Every field of the schema is tried with every kind of credential, against the table in credential_matrix.py.

Over every transport of a server as it is served: each must say what the table says, and all the same.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from itertools import chain, count, product
from string import Template
from typing import Any

from graphql import GraphQLSchema

from server.composition import Services, open_services
from server.edge.configuration import Edge
from tests.resolvers.credential_matrix import TABLE, Row, Who
from tests.resolvers.credential_transports import TRANSPORTS, Transport, outcome_of, refuses
from tests.resolvers.credential_world import ROOT_KEY, Things, World, a_world
from tests.server.edge.serving import hosted

LINES_SINCE = "SELECT act, actor_key_id IS NULL AS is_keyless FROM change_log WHERE id > $1"

_HOW_TO_ADD = "add a row to TABLE in tests/resolvers/credential_matrix.py; its docstring says how"

Seen = defaultdict[tuple[str, Who, str], defaultdict[str, list[Any]]]
"""What each cell (field, credential, of whose things) came to, by the transport's name, in the order of asking."""

_fresh = count()


@asynccontextmanager
async def all_transports(dsn: str) -> AsyncIterator[tuple[Services, list[tuple[Transport, World]]]]:
    """Each with a world of its own, so that what it changes is there as it was for the others."""
    async with AsyncExitStack() as stack:
        services = await stack.enter_async_context(open_services(dsn, root_key=ROOT_KEY))
        host = await stack.enter_async_context(hosted(services, Edge(introspection=False, graphiql=False)))
        yield (
            services,
            [
                (await stack.enter_async_context(transport(host)), await a_world(services, f"world-{number}"))
                for number, transport in enumerate(TRANSPORTS)
            ],
        )


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


async def faults_of(transport: Transport, world: World, place: str, row: Row, who: Who, seen: Seen) -> list[str]:
    asked = f"{place} asked with {who.value} {transport.name}"

    async def ask(things: Things) -> str:
        answer = await transport.answer(world.keys[who], document_for(row, who, things))
        seen[place, who, things.external][transport.name].append(outcome_of(answer))
        return answer

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


async def faults_of_place(transport: Transport, world: World, place: str, row: Row, seen: Seen) -> list[str]:
    """What every credential gets of one field, by one transport."""
    if place.startswith("Subscription") and not transport.streams:
        return [
            f"{place} asked with {who.value} {transport.name} is not refused: {answer}"
            for who in Who
            if '"code": "BAD_USER_INPUT"'
            not in (answer := await transport.answer(world.keys[who], document_for(row, who, world.own)))
        ]
    if not place.startswith("Mutation"):
        asked = [faults_of(transport, world, place, row, who, seen) for who in Who]
        # What changes something is asked in order; what only reads may be asked by everyone at once.
        return list(chain.from_iterable(await asyncio.gather(*asked)))
    faults = []
    for who in Who:
        faults += await faults_of(transport, world, place, row, who, seen)
        if row.ends_tokens:
            await world.renew_tokens()
    return faults


def faults_of_transports(seen: Seen) -> list[str]:
    """Cells that one transport answers otherwise than another."""
    faults = []
    for (place, who, external), by_transport in seen.items():
        if len({json.dumps(outcomes) for outcomes in by_transport.values()}) != 1:
            faults.append(f"{place} asked with {who.value} of {external}'s depends on the transport: {by_transport}")
        expected = sum(place.startswith("Subscription") <= transport.streams for transport in TRANSPORTS)
        if len(by_transport) != expected:
            faults.append(f"{place} was asked with {who.value} over {', '.join(by_transport)} alone")
    return faults


async def faults_of_the_log(services: Services, logged_until: int) -> list[str]:
    """Acts that left no line although the table has them as administrative ones, and the reverse."""
    async with services.database.administration() as connection:
        rows = await connection.fetch(LINES_SINCE, logged_until)
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


async def test_every_credential_gets_what_the_table_says_and_nothing_else_over_every_transport(dsn: str) -> None:
    faults: list[str] = []
    seen: Seen = defaultdict(lambda: defaultdict(list))
    async with all_transports(dsn) as (services, transports):
        async with services.database.administration() as connection:
            logged_until = await connection.fetchval("SELECT max(id) FROM change_log")
        for place, row in TABLE.items():
            for transport, world in transports:
                faults += await faults_of_place(transport, world, place, row, seen)
        faults += await faults_of_the_log(services, logged_until)
    faults += faults_of_transports(seen)

    assert {(place, who) for place, who, _ in seen} == set(product(TABLE, Who))
    assert not faults, "\n".join(faults)


async def test_without_a_credential_or_with_one_that_has_ended_nothing_is_answered(dsn: str) -> None:
    answered: list[str] = []
    async with all_transports(dsn) as (_, transports):
        for transport, world in transports:
            for name, credential in world.ended.items():
                for document in ("{ viewer { kind } }", "subscription { balance { version } }"):
                    answer = await transport.answer(credential, document)
                    if not refuses(answer, "UNAUTHENTICATED"):
                        answered.append(f"{document} with {name} {transport.name}: {answer}")
            for place, row in TABLE.items():
                answer = await transport.answer(None, document_for(row, Who.SECRET, world.own))
                streams_not = place.startswith("Subscription") and not transport.streams
                if not refuses(answer, "BAD_USER_INPUT" if streams_not else "UNAUTHENTICATED"):
                    answered.append(f"{place} {transport.name}: {answer}")

    assert not answered, "\n".join(answered)
