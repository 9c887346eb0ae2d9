from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from server.app import build_app
from server.composition import open_services
from server.edge.configuration import Edge

Query = Callable[..., Awaitable[dict[str, Any]]]
"""Sends a document with its variables, and answers with its data, which must come without errors."""

Stall = Callable[[str], Any]

A_ROOT_KEY = "a-root-key-that-is-long-enough-to-be-one"

CREATE = """mutation($slug: String!) {
    createTenant(input: {slug: $slug, name: "A Product", mode: TEST, priceBook: $slug}) {
        ... on CreateTenantSuccess { secretKey } ... on Problem { code message } } }"""


@pytest.fixture
async def stall(dsn: str) -> AsyncIterator[Stall]:
    """Opens the API of a new tenant with a shipped book: `async with stall("node-studio") as query`."""
    async with open_services(dsn, root_key=A_ROOT_KEY) as services:
        transport = httpx.ASGITransport(app=build_app(services, Edge(introspection=False, graphiql=False)))

        @asynccontextmanager
        async def opened(book: str) -> AsyncIterator[Query]:
            async with httpx.AsyncClient(transport=transport, base_url="http://farebox.test") as client:

                async def sent(key: str, query: str, **variables: Any) -> dict[str, Any]:
                    answer = await client.post(
                        "/graphql",
                        json={"query": query, "variables": variables},
                        headers={"authorization": f"Bearer {key}"},
                    )
                    content = answer.json()
                    assert "errors" not in content, content
                    data: dict[str, Any] = content["data"]
                    return data

                key = (await sent(A_ROOT_KEY, CREATE, slug=book))["createTenant"]["secretKey"]

                async def query(text: str, **variables: Any) -> dict[str, Any]:
                    return await sent(key, text, **variables)

                yield query

        yield opened
