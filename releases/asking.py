"""Asks an application in this process, by the published API alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx

from server.app import GRAPHQL_PATH, build_app
from server.composition import open_services
from server.edge.configuration import Edge

SELECTED: Final = {
    "createTenant": "... on CreateTenantSuccess { secretKey tenantId }",
    "createAccount": "... on AccountSuccess { account { id referralCode } }",
    "createApiKey": "... on CreateApiKeySuccess { id key }",
    "addMember": "... on MemberSuccess { member { id } }",
    "estimate": "... on EstimateSuccess { quote { id } }",
    "reserve": "... on ReserveSuccess { hold { id } balance { version available } }",
    "charge": "... on CommitSuccess { amount replayed }",
    "commit": "... on CommitSuccess { amount balance { version available } }",
    "grantTokens": "... on GrantSuccess { grant { id } }",
}
"""What is asked of the success of a mutation; of the others only whether they succeeded."""

INPUTS: Final = {"charge": "ReserveInput"}
"""The input of a mutation, where it is not named after it."""


class Refused(Exception):
    """What was asked was not done; the message is the whole answer."""


class Asker:
    """One application; whoever asks without a key is the root."""

    def __init__(self, client: httpx.AsyncClient, root_key: str) -> None:
        self._client = client
        self._root_key = root_key

    async def mutate(self, key: str | None, field: str, **given: Any) -> dict[str, Any]:
        """Sends a mutation with its input; returns what is selected of its success. Raises Refused."""
        selected = f"__typename ... on Problem {{ code message }} {SELECTED.get(field, '')}"
        input_type = INPUTS.get(field, f"{field[0].upper()}{field[1:]}Input")
        document = f"mutation ($input: {input_type}!) {{ {field}(input: $input) {{ {selected} }} }}"
        result = (await self.query(key, document, input=given))[field]
        if "code" in result:
            raise Refused(f"{field}({given}): {result}")
        return dict(result)

    async def query(self, key: str | None, document: str, **variables: Any) -> dict[str, Any]:
        """Sends a document; returns its data. Raises Refused for errors."""
        answer = await self._client.post(
            GRAPHQL_PATH,
            json={"query": document, "variables": variables},
            headers={"Authorization": f"Bearer {key or self._root_key}"},
        )
        body = answer.json()
        if "errors" in body:
            raise Refused(f"{document}: {body}")
        return dict(body["data"])


@asynccontextmanager
async def asking(dsn: str, root_key: str) -> AsyncIterator[Asker]:
    """An application on a migrated database."""
    async with open_services(dsn, root_key=root_key) as services:
        app = build_app(services, Edge(introspection=False, graphiql=False))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://farebox", timeout=60) as client:
            yield Asker(client, root_key)
