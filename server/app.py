"""The application: every route, on services that a composition has opened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache, partial
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from resolvers.roots import build_schema
from server.composition import open_services
from server.edge.bounds import UVICORN_LIMITS as UVICORN_LIMITS
from server.edge.configuration import Edge, ServedServices
from server.edge.credential_watch import CredentialWatch
from server.edge.documents import Documents
from server.edge.execution import Execution
from server.edge.exports import export_routes
from server.edge.graphiql import graphiql_routes
from server.edge.graphql_socket import GraphqlSocket
from server.edge.graphql_view import GraphqlView
from server.edge.plain_http import plain_routes
from server.edge.price_pages import price_routes
from server.edge.schema_export import sdl_of
from server.edge.trusted_documents import TrustedDocuments, check_trusted
from server.health import Readyz, healthz
from server.root_key import load_root_key
from server.settings import Environment, InvalidSettings, Settings, read_settings
from server.trusted_manifest import read_manifests
from services.shipped_price_books import ShippedPriceBooks

GRAPHQL_PATH: Final = "/graphql"


def create_app() -> Starlette:
    """The application of one server process, set up by the environment; its lifespan opens and closes the services.

    Raises InvalidSettings, also where no database is set: the process that starts this one sees to that.
    """
    settings = read_settings()
    if settings.database_url is None:
        raise InvalidSettings("DATABASE_URL must name the database; `python -m server serve` sets it for its processes")
    dsn, root_key, edge = settings.database_url, load_root_key(settings), edge_of(settings)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with open_services(dsn, root_key=root_key, bus_url=settings.bus_url) as services:
            app.router.routes.extend(routes_of(services, edge))
            yield

    return Starlette(middleware=_middleware(edge), lifespan=lifespan)


def build_app(services: ServedServices, edge: Edge) -> Starlette:
    """The application on services that are open already."""
    return Starlette(routes=routes_of(services, edge), middleware=_middleware(edge))


def edge_of(settings: Settings) -> Edge:
    """What is open at the edge: in production nothing that shows the schema, and no demo.

    Raises InvalidSettings for manifests of trusted documents that cannot be read.
    """
    development = settings.environment is Environment.DEVELOPMENT
    return Edge(
        introspection=development,
        graphiql=settings.graphiql,
        shipped_prices=development,
        allowed_origins=settings.allowed_origins,
        trusted_texts=read_manifests(settings.trusted_documents),
        only_trusted=settings.only_trusted_documents,
    )


def check_trusted_documents(settings: Settings) -> None:
    """Raises InvalidSettings for manifests that cannot be read and documents that this server would refuse.

    For the process that starts the others: these take what was checked as it is.
    """
    edge = edge_of(settings)
    check_trusted(edge.trusted_texts, Documents(build_schema(), introspection=edge.introspection))


def routes_of(services: ServedServices, edge: Edge) -> list[BaseRoute]:
    """Every route."""
    schema = build_schema()
    trusted = TrustedDocuments(edge.trusted_texts, only=edge.only_trusted)
    execution = Execution(schema, Documents(schema, introspection=edge.introspection), trusted)
    watch = CredentialWatch(services.credentials)
    routes: list[BaseRoute] = [
        # Two routes on one path; a mount would answer a POST without the slash with a redirect.
        Route(GRAPHQL_PATH, GraphqlView(execution, services, watch)),
        WebSocketRoute(GRAPHQL_PATH, GraphqlSocket(execution, services, edge, watch)),
        *plain_routes(services),
        *export_routes(services),
        *price_routes(services, shipped=ShippedPriceBooks() if edge.shipped_prices else None),
        Route("/healthz", healthz),
        Route("/readyz", Readyz(services).respond),
    ]
    if edge.introspection:
        # Written when first asked for, because that takes longer than all other routes together.
        sdl = cache(partial(sdl_of, schema))

        async def schema_text(_: Request) -> Response:
            return PlainTextResponse(sdl())

        routes.append(Route("/schema.graphql", schema_text))
    if edge.graphiql:
        routes.extend(graphiql_routes())
    return routes


def _middleware(edge: Edge) -> list[Middleware]:
    if not edge.allowed_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=sorted(edge.allowed_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type"],
            expose_headers=["x-request-id", "retry-after"],
        )
    ]
