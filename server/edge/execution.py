"""Execution: one operation's way through graphql-core, the same for HTTP and websockets.

Strawberry builds the schema; what it puts around each execution costs as much again as the execution, so documents are
read from our own cache and handed to graphql-core directly.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeGuard, cast

from graphql import ExecutionResult, GraphQLError, GraphQLSchema, OperationType, execute, subscribe
from strawberry.execution import optimized_is_awaitable

from resolvers.context import Context
from resolvers.errors import ErrorCode
from server.edge.documents import Document, Documents
from server.edge.request_errors import cost_in, shown_error, shown_errors
from server.edge.trusted_documents import TrustedDocuments

_IS_AWAITABLE: Final = cast(Callable[[Any], TypeGuard[Awaitable[Any]]], optimized_is_awaitable)
"""Asked of every value; Strawberry's looks at the commonest types first."""

VARIABLE_ERRORS_MAX: Final = 20
"""Faults told of one request's variables."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What a client asks to be executed: the text in `query`, or the trusted document of `document_id`.

    `automatic`: the id is Apollo's, whose clients send the text when they are told that it is not known.
    """

    query: str | None
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    document_id: str | None = None
    automatic: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, ready to be encoded. `refused`: nothing ran, and `body` has no data."""

    body: dict[str, Any]
    refused: bool = False


class Execution:
    """Executes operations on one schema."""

    def __init__(self, schema: GraphQLSchema, documents: Documents, trusted: TrustedDocuments) -> None:
        self._schema = schema
        self._documents = documents
        self._trusted = trusted

    def read(self, operation: Operation, request_id: str) -> tuple[Document, OperationType] | Answer:
        """The document and which type of operation is meant; or why it cannot be executed."""
        try:
            text = self._trusted.text_of(operation.query, operation.document_id, automatic=operation.automatic)
            document = self._documents.read(text)
            if not isinstance(document, Document):
                return _refused(document, request_id)
            return document, document.operation_type(operation.operation_name, operation.variables)
        except GraphQLError as error:
            cost = cost_in(error)
            return _refused([error], request_id, None if cost is None else {"cost": cost})

    async def run(self, document: Document, operation: Operation, context: Context, request_id: str) -> Answer:
        """Executes a query or mutation. Never raises for what happens inside."""
        result = execute(
            self._schema,
            document.node,
            context_value=context,
            variable_values=operation.variables,
            operation_name=operation.operation_name,
            max_coercion_errors=VARIABLE_ERRORS_MAX,
            hide_suggestions=not self._documents.introspection,
            is_awaitable=_IS_AWAITABLE,
        )
        if not isinstance(result, ExecutionResult):
            result = await result
        return _answer(result, request_id, _extensions(document, operation))

    async def stream(
        self, document: Document, operation: Operation, context: Context, request_id: str
    ) -> AsyncGenerator[Answer, None] | Answer:
        """Begins a subscription: its events, or why there are none."""
        started = subscribe(
            self._schema,
            document.node,
            context_value=context,
            variable_values=operation.variables,
            operation_name=operation.operation_name,
            max_coercion_errors=VARIABLE_ERRORS_MAX,
            hide_suggestions=not self._documents.introspection,
        )
        if not isinstance(started, ExecutionResult | AsyncIterator):
            started = await started
        if isinstance(started, ExecutionResult):
            return _refused(started.errors or [], request_id, _extensions(document, operation))
        return _answers(started, request_id, _extensions(document, operation))


async def _answers(
    events: AsyncIterator[ExecutionResult], request_id: str, extensions: Mapping[str, Any]
) -> AsyncGenerator[Answer, None]:
    try:
        async for event in events:
            yield _answer(event, request_id, extensions)
    except Exception as error:
        # graphql-core lets through what the source of events raises.
        failure = GraphQLError("the stream of events failed", original_error=error)
        yield _refused([failure], request_id)
    finally:
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()


def _extensions(document: Document, operation: Operation) -> Mapping[str, Any]:
    """Of every answer of the operation, so that what several clients are shown may be the same bytes for all."""
    return document.extensions(operation.operation_name, operation.variables)


def _answer(result: ExecutionResult, request_id: str, extensions: Mapping[str, Any]) -> Answer:
    if not result.errors:
        return Answer({"data": result.data, "extensions": extensions})
    if result.data is None:
        # Every root field may be null, so data as a whole is only missing where nothing ran.
        return _refused(result.errors, request_id, extensions)
    return Answer({"errors": shown_errors(result.errors, request_id), "data": result.data, "extensions": extensions})


def _refused(errors: list[GraphQLError], request_id: str, extensions: Mapping[str, Any] | None = None) -> Answer:
    body: dict[str, Any] = {"errors": shown_errors(errors, request_id)}
    if extensions is not None:
        body["extensions"] = extensions
    return Answer(body, refused=True)


def refusal(code: ErrorCode, message: str, request_id: str) -> Answer:
    """An answer to a request that was not even read."""
    return Answer({"errors": [shown_error(code, message, request_id)]}, refused=True)
