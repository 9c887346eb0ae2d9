from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from graphql import ExecutionResult, GraphQLSchema, graphql

from resolvers.context import Context, Services
from resolvers.roots import build_schema
from services.principal import Principal
from tests.resolvers.stage import SECRET, Stage

Ask = Callable[..., Awaitable[ExecutionResult]]


@pytest.fixture(scope="session")
def schema() -> GraphQLSchema:
    return build_schema()


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def ask(schema: GraphQLSchema, stage: Stage) -> Ask:
    """Executes a document as the tenant's backend, unless `principal` says otherwise."""

    async def asked(query: str, principal: Principal | None = SECRET, **variables: Any) -> ExecutionResult:
        context = Context(principal, cast(Services, stage))
        return await graphql(schema, query, context_value=context, variable_values=variables)

    return asked
