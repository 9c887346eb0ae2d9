"""Execution: one operation's way through graphql-core, the same for HTTP and websockets.

Strawberry builds the schema; what it puts around each execution costs as much again as the execution, so documents are
read from our own cache and handed to graphql-core directly.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeGuard, cast

from graphql import (
    ExecutionResult,
    Executor,
    GraphQLError,
    GraphQLSchema,
    OperationType,
    create_source_event_stream,
    execute,
)
from strawberry.execution import optimized_is_awaitable

from resolvers.context import Context
from server.edge.answers import Answer
from server.edge.documents import Document, Documents
from server.edge.event_plans import Plan, plan_of
from server.edge.request_errors import cost_in
from server.edge.subscriptions import SharedAnswers, Subscription, answer_of, asked_of, refused
from server.edge.trusted_documents import TrustedDocuments

_IS_AWAITABLE: Final = cast(Callable[[Any], TypeGuard[Awaitable[Any]]], optimized_is_awaitable)
"""Asked of every value; Strawberry's looks at the commonest types first."""

VARIABLE_ERRORS_MAX: Final = 20
"""Faults told of one request's variables."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What a client asks to be executed: the text in `query`, else the trusted document of `document_id`.

    `automatic`: the id is Apollo's, whose clients send the text as well when they are told that it is not known.
    """

    query: str | None
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    document_id: str | None = None
    automatic: bool = False


class Execution:
    """Executes operations on one schema."""

    def __init__(self, schema: GraphQLSchema, documents: Documents, trusted: TrustedDocuments) -> None:
        self._schema = schema
        self._documents = documents
        self._trusted = trusted
        self._shared = SharedAnswers()

    def read(self, operation: Operation, request_id: str) -> tuple[Document, OperationType] | Answer:
        """The document and which type of operation is meant; or why it cannot be executed."""
        try:
            text = self._trusted.text_of(operation.query, operation.document_id, automatic=operation.automatic)
            document = self._documents.read(text)
            if not isinstance(document, Document):
                return refused(document, request_id)
            return document, document.operation_type(operation.operation_name, operation.variables)
        except GraphQLError as error:
            cost = cost_in(error)
            return refused([error], request_id, None if cost is None else {"cost": cost})

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
        return answer_of(result, request_id, document.extensions(operation.operation_name, operation.variables))

    async def stream(
        self, document: Document, operation: Operation, context: Context, request_id: str
    ) -> Subscription | Answer:
        """Begins a subscription: its answers, or why there are none."""
        extensions = document.extensions(operation.operation_name, operation.variables)
        executor = Executor.build(
            self._schema,
            document.node,
            context_value=context,
            raw_variable_values=operation.variables,
            operation_name=operation.operation_name,
            max_coercion_errors=VARIABLE_ERRORS_MAX,
            hide_suggestions=not self._documents.introspection,
            is_awaitable=_IS_AWAITABLE,
        )
        if isinstance(executor, list):
            return refused(executor, request_id, extensions)
        source = create_source_event_stream(executor)
        if not isinstance(source, ExecutionResult | AsyncIterable):
            source = await source
        if isinstance(source, ExecutionResult):
            return refused(source.errors or [], request_id, extensions)
        asked = asked_of(document.number, operation.operation_name, operation.variables)
        if not document.depends_on_events_alone:
            return Subscription(aiter(source), executor, asked, request_id, extensions, None)
        plan = _plan(document, operation.operation_name, executor)
        return Subscription(aiter(source), executor, asked, request_id, extensions, self._shared, plan)


def _plan(document: Document, operation_name: str | None, executor: Executor[Any]) -> Plan | None:
    """The operation's plan, made when it is begun for the first time."""
    if operation_name not in document.plans:
        document.plans[operation_name] = plan_of(executor)
    return document.plans[operation_name]
