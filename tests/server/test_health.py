from __future__ import annotations

import asyncio

import httpx
import pytest

from server import health
from server.app import build_app
from server.edge.configuration import Edge
from tests.resolvers.stage import Stage


def a_client(stage: Stage) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=build_app(stage, Edge(introspection=False, graphiql=False)))
    return httpx.AsyncClient(transport=transport, base_url="http://farebox.test")


async def test_a_process_that_answers_is_healthy() -> None:
    async with a_client(Stage()) as client:
        response = await client.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


async def test_a_server_is_ready_when_every_check_is() -> None:
    async with a_client(Stage()) as client:
        ready = await client.get("/readyz")

    assert (ready.status_code, ready.json()["ready"]) == (200, True)
    assert ready.json()["checks"] == {"database": "ok", "migrations": "ok", "bus": "ok"}


@pytest.mark.parametrize("needed", ["database", "migrations"])
async def test_a_server_is_not_ready_without_what_requests_need(needed: str) -> None:
    stage = Stage()
    stage.checks[needed] = "away"
    async with a_client(stage) as client:
        unready = await client.get("/readyz")

    assert (unready.status_code, unready.json()["ready"]) == (503, False)
    assert unready.json()["checks"][needed] == "away"


async def test_a_bus_that_is_away_is_told_and_makes_no_server_unready() -> None:
    """All processes lose it at once: a load balancer would be left with none, though each serves."""
    stage = Stage()
    stage.checks["bus"] = "reconnecting"
    async with a_client(stage) as client:
        ready = await client.get("/readyz")
        stage.checks["database"] = "away"
        unready = await client.get("/readyz")

    assert (ready.status_code, ready.json()["ready"]) == (200, True)
    assert ready.json()["checks"] == {"database": "ok", "migrations": "ok", "bus": "reconnecting"}
    assert unready.status_code == 503


async def test_a_check_that_hangs_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hanging(Stage):
        async def readiness(self) -> dict[str, str]:
            await asyncio.Event().wait()
            return {}

    monkeypatch.setattr(health, "CHECK_SECONDS_MAX", 0.01)
    async with a_client(Hanging()) as client:
        response = await client.get("/readyz")

    assert (response.status_code, response.json()["ready"]) == (503, False)
