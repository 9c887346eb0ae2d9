"""Estimates a second: a line and a workflow, in the process and over HTTP, beside an endpoint that only echoes JSON."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Final
from uuid import UUID

from benchmarks.callers import Caller, Tally
from benchmarks.databases import fresh_database
from benchmarks.effort import TARGET_CALLERS, Effort
from benchmarks.farebox_process import FAREBOX, settings_for
from benchmarks.http_connection import HttpConnection, post
from benchmarks.rounds import Series, interleave
from benchmarks.stand import PRICE_BOOK, make_tenant
from benchmarks.web_server import BARE, HOST, farebox_server, web_server
from models.database import Database
from rules.ledger.records import Estimated
from rules.ledger.requests import EstimateRequest
from rules.pricing.price_book import PriceBook
from rules.pricing.rating import LineRequest
from rules.pricing.toml import read_price_book
from services.fares import Fares
from services.ledger.reads import LedgerReads
from services.ledger.writer import Writer
from services.price_books import PriceBooks
from services.quotes import Quotes
from services.shipped_price_books import ShippedPriceBooks
from services.workflows import Workflows

WORKFLOW_LINES: Final = 20
LENGTHS: Final = (1, WORKFLOW_LINES)

DOCUMENT: Final = """query Estimate($input: EstimateInput!) {
  estimate(input: $input) {
    ... on EstimateSuccess { estimate { total rounding affordable lines { ref model count cost minCost maxCost } } }
    ... on Problem { code message }
  }
}"""
"""What a calculator asks whenever the user moves a slider."""


@dataclass(frozen=True, slots=True)
class EstimateSpeed:
    """Estimates a second, by number of lines; `bare` is the echo's answers a second."""

    in_process: Mapping[int, Series]
    over_http: Mapping[int, Series]
    bare: Series


@dataclass(frozen=True, slots=True)
class _Asking:
    """Callers of one kind, as the rounds let them take turns."""

    name: str
    callers: Sequence[Caller]


async def measure_estimates(server_dsn: str, effort: Effort) -> EstimateSpeed:
    """All ways to ask take turns; over HTTP by TARGET_CALLERS kept connections, from this process."""
    models = _models()
    async with AsyncExitStack() as stack:
        dsn = await stack.enter_async_context(fresh_database(server_dsn))
        database = await stack.enter_async_context(await Database.open(dsn))
        writer = await stack.enter_async_context(Writer(database))
        tenant = await make_tenant(database)
        price_books = PriceBooks(database)
        reads = LedgerReads(database, writer, price_books)
        fares = Fares(writer, price_books, reads, Quotes(database, price_books), Workflows(database, price_books))
        folder = stack.enter_context(TemporaryDirectory(prefix="farebox-benchmark-"))
        farebox = stack.enter_context(farebox_server(FAREBOX, settings_for(dsn, folder)))
        bare = stack.enter_context(web_server(BARE))
        in_process = {
            lines: _Asking(f"in-process, {lines} lines", [_caller(fares, tenant.tenant_id, models[:lines])])
            for lines in LENGTHS
        }
        requests = {lines: post("/graphql", _asked(models[:lines]), tenant.secret_key) for lines in LENGTHS}
        at_farebox = await stack.enter_async_context(_connections(farebox.port))
        at_bare = await stack.enter_async_context(_connections(bare.port))
        await _check(at_farebox[0], requests)
        over_http = {
            lines: _Asking(f"over HTTP, {lines} lines", [_poster(one, requests[lines]) for one in at_farebox])
            for lines in LENGTHS
        }
        echoing = _Asking("bare Starlette", [_poster(one, requests[1]) for one in at_bare])
        series, _ = await interleave(
            [*in_process.values(), *over_http.values(), echoing],
            rounds=effort.rounds,
            seconds=effort.slice_seconds,
            warm_up_seconds=effort.warm_up_seconds,
            after_warm_up=_nothing,
            progress=lambda text: None,
        )
    return EstimateSpeed(
        {lines: series[asking.name] for lines, asking in in_process.items()},
        {lines: series[asking.name] for lines, asking in over_http.items()},
        series[echoing.name],
    )


def _caller(fares: Fares, tenant_id: UUID, models: Sequence[str]) -> Caller:
    request = EstimateRequest(tenant_id, tuple(LineRequest(model) for model in models))

    async def ask(tally: Tally) -> None:
        asked_at = perf_counter()
        estimated = await fares.estimate(request)
        if not isinstance(estimated, Estimated):
            raise AssertionError(f"an estimate came to {estimated}")
        tally.acknowledge(asked_at, holds=0)

    return ask


def _poster(connection: HttpConnection, request: bytes) -> Caller:
    async def ask(tally: Tally) -> None:
        asked_at = perf_counter()
        await connection.ask(request)
        tally.acknowledge(asked_at, holds=0)

    return ask


def _asked(models: Sequence[str]) -> dict[str, Any]:
    lines = [{"ref": f"node {number}", "model": model} for number, model in enumerate(models)]
    return {"query": DOCUMENT, "variables": {"input": {"lines": lines}}}


async def _check(connection: HttpConnection, requests: Mapping[int, bytes]) -> None:
    """What is counted must be estimates: refusals would be faster."""
    for lines, request in requests.items():
        answer = json.loads(await connection.ask(request))
        if len(answer["data"]["estimate"]["estimate"]["lines"]) != lines:
            raise AssertionError(f"an estimate of {lines} lines was answered with {answer}")


@asynccontextmanager
async def _connections(port: int) -> AsyncIterator[list[HttpConnection]]:
    connections = [await HttpConnection.open(HOST, port) for _ in range(TARGET_CALLERS)]
    try:
        yield connections
    finally:
        for connection in connections:
            connection.close()


def _models() -> list[str]:
    book = read_price_book(ShippedPriceBooks().source(PRICE_BOOK) or "")
    if not isinstance(book, PriceBook):
        raise AssertionError(f"the price book {PRICE_BOOK} does not read")
    models = cycle(price.model for price in book.prices)
    return [next(models) for _ in range(WORKFLOW_LINES)]


async def _nothing() -> None:
    """Nothing grows here, so there is nothing to analyse."""
