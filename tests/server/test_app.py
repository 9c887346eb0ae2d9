from __future__ import annotations

import re

import httpx
import pytest

from server.app import build_app, create_app, edge_of
from server.edge.configuration import Edge, is_origin_allowed
from server.edge.credential_watch import CREDENTIAL_CHECK_SECONDS
from server.edge.schema_export import build_sdl
from server.settings import Environment, InvalidSettings, Settings
from services.credentials import REMEMBERED_SECONDS
from tests.resolvers.stage import Stage

DEVELOPMENT = edge_of(Settings(environment=Environment.DEVELOPMENT))
PRODUCTION = edge_of(Settings(environment=Environment.PRODUCTION))


def a_client(edge: Edge) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=build_app(Stage(), edge))
    return httpx.AsyncClient(transport=transport, base_url="http://farebox.test")


def test_only_development_shows_the_schema_and_the_demos_prices() -> None:
    assert Edge(introspection=True, graphiql=True, shipped_prices=True) == DEVELOPMENT
    assert Edge(introspection=False, graphiql=False) == PRODUCTION


def test_pages_elsewhere_are_allowed_by_the_settings_alone() -> None:
    origins = frozenset({"https://app.example.com"})

    assert PRODUCTION.allowed_origins == frozenset()
    assert edge_of(Settings(allowed_origins=origins)).allowed_origins == origins


def test_an_application_without_a_database_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)

    with pytest.raises(InvalidSettings, match="DATABASE_URL"):
        create_app()


async def test_graphiql_is_served_from_here_alone_and_needs_no_key() -> None:
    async with a_client(DEVELOPMENT) as client:
        page = await client.get("/")
        parts = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        answers = [await client.get(part) for part in parts if part.startswith("/")]

    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert len(parts) == 8
    assert [part for part in parts if not part.startswith("/graphiql/")] == ["data:,"]
    assert [answer.status_code for answer in answers] == [200] * 7


async def test_the_schema_can_be_fetched_in_development() -> None:
    async with a_client(DEVELOPMENT) as client:
        response = await client.get("/schema.graphql")

    assert response.text == build_sdl()


async def test_pages_of_allowed_origins_may_ask_and_others_may_not() -> None:
    edge = Edge(introspection=False, graphiql=False, allowed_origins=frozenset({"https://app.example.com"}))
    asking = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}
    async with a_client(edge) as client:
        allowed = await client.options("/graphql", headers={"origin": "https://app.example.com", **asking})
        foreign = await client.options("/graphql", headers={"origin": "https://evil.example.com", **asking})

    assert allowed.headers["access-control-allow-origin"] == "https://app.example.com"
    assert foreign.status_code == 400
    assert "access-control-allow-origin" not in foreign.headers


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        (None, "farebox.test", True),
        ("http://farebox.test", "farebox.test", True),
        ("https://FAREBOX.test", "farebox.test", True),
        ("http://farebox.test:8000", "farebox.test:8000", True),
        ("https://app.example.com", "farebox.test", True),
        ("https://evil.example.com", "farebox.test", False),
        ("https://app.example.com.evil.example", "farebox.test", False),
        ("http://farebox.test:9000", "farebox.test:8000", False),
        ("null", "farebox.test", False),
        ("", "farebox.test", False),
        ("http://[", "farebox.test", False),
        ("https://evil.example.com", None, False),
    ],
)
def test_an_origin_is_the_servers_own_or_allowed(origin: str | None, host: str | None, allowed: bool) -> None:
    assert is_origin_allowed(origin, host, frozenset({"https://app.example.com"})) is allowed


def test_a_socket_of_a_revoked_key_ends_within_five_seconds_whatever_was_remembered_of_it() -> None:
    assert REMEMBERED_SECONDS + CREDENTIAL_CHECK_SECONDS < 5
