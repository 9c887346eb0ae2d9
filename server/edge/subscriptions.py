"""Subscriptions: the events of a source, each executed and encoded once for all who asked the same.

Thousands may watch one account. The live layer gives them all the same object; what a document makes of it depends on
nothing else, unless a selected field has a resolver, which may look at who asks or at the database.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from graphql import (
    DocumentNode,
    ExecutionResult,
    Executor,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    execute_subscription_event,
    visit,
)
from graphql.language.visitor import BREAK
from graphql.pyutils import AwaitableOrValue
from strawberry.schema.schema_converter import GraphQLCoreConverter

from server.edge.answers import Answer
from server.edge.event_plans import Plan
from server.edge.request_errors import shown_errors

SHARED_MAX: Final = 512
"""Answers that are kept for others: of the latest events, which all who watch take within a fraction of a second."""
SHARED_BYTES_MAX: Final = 16_384
"""Longer ones are made for each anew, so that what is kept stays within some megabytes."""


class Asked(NamedTuple):
    """What is asked of each event: operations of which it is the same make the same of the same event."""

    document_number: int
    operation_name: str | None
    variables_hash: bytes


def asked_of(document_number: int, operation_name: str | None, variables: dict[str, Any] | None) -> Asked:
    """By a document's number in its process. Variables of JSON that differ in anything differ in their hash."""
    text = json.dumps(variables, sort_keys=True)
    return Asked(document_number, operation_name, hashlib.sha256(text.encode("ascii")).digest())


class SharedAnswers:
    """The answers to the latest events, by event and what was asked of it."""

    def __init__(self) -> None:
        # With each answer its event, because an id is only an object's own while the object is there.
        self._kept: OrderedDict[tuple[int, Asked], tuple[object, Answer]] = OrderedDict()

    def find(self, event: object, asked: Asked) -> Answer | None:
        """What this very event was answered with."""
        kept = self._kept.get((id(event), asked))
        return None if kept is None else kept[1]

    def keep(self, event: object, asked: Asked, answer: Answer) -> None:
        """Remembers it for a while."""
        if len(answer.text) > SHARED_BYTES_MAX:
            return
        self._kept[(id(event), asked)] = event, answer
        if len(self._kept) > SHARED_MAX:
            self._kept.popitem(last=False)


class Subscription:
    """The answers of one subscription; an async iterator that must be closed. Never raises for what happens inside.

    `extensions` are of every answer, and the same for all who asked the same, so that it is the same bytes for them.
    `shared`: where answers are looked for and kept; None when they depend on who asks. What failed is never shared,
    because it tells the request's own id. `plan`: what answers without the executor, where all goes well.
    """

    __slots__ = ("_asked", "_executor", "_extensions", "_has_failed", "_plan", "_request_id", "_shared", "_source")

    def __init__(
        self,
        source: AsyncIterator[Any],
        executor: Executor[Any],
        asked: Asked,
        request_id: str,
        extensions: Mapping[str, Any],
        shared: SharedAnswers | None,
        plan: Plan | None = None,
    ) -> None:
        self._source = source
        self._executor = executor
        self._asked = asked
        self._request_id = request_id
        self._extensions = extensions
        self._shared = shared
        self._plan = plan
        self._has_failed = False

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Answer:
        if self._has_failed:
            raise StopAsyncIteration
        try:
            event = await self._source.__anext__()
        except StopAsyncIteration:
            raise
        except Exception as error:
            self._has_failed = True
            if isinstance(error, GraphQLError) and "code" in (error.extensions or {}):
                return refused([error], self._request_id)
            failure = GraphQLError("the stream of events failed", original_error=error)
            return refused([failure], self._request_id)
        answer = None if self._shared is None else self._shared.find(event, self._asked) or self._planned(event)
        if answer is None:
            result = self._execute(event)
            answer = self._answer(event, result if isinstance(result, ExecutionResult) else await result)
        return answer

    def hand_to(self, take: Callable[[Answer], bool]) -> None:
        """Has answers that can be made at once handed to `take`, as Subscriber.hand_to; before the first step."""
        hand_to = getattr(self._source, "hand_to", None)
        if hand_to is not None and self._shared is not None:
            hand_to(partial(self._hand_over, self._shared, take))

    async def aclose(self) -> None:
        """Ends the source."""
        close = getattr(self._source, "aclose", None)
        if close is not None:
            await close()

    def _hand_over(self, shared: SharedAnswers, take: Callable[[Answer], bool], event: object) -> bool:
        answer = shared.find(event, self._asked) or self._planned(event)
        if answer is None:
            result = self._execute(event)
            if not isinstance(result, ExecutionResult):
                raise TypeError("what depends on events alone waits for nothing")
            answer = self._answer(event, result)
        return not answer.refused and take(answer)

    def _planned(self, event: object) -> Answer | None:
        if self._plan is None:
            return None
        try:
            data = self._plan(event)
        except Exception:
            # Executed, it is told what is wrong with it.
            return None
        return self._kept(event, Answer({"data": data, "extensions": self._extensions}))

    def _execute(self, event: object) -> AwaitableOrValue[ExecutionResult]:
        return execute_subscription_event(self._executor.build_per_event_executor(event))

    def _answer(self, event: object, result: ExecutionResult) -> Answer:
        answer = answer_of(result, self._request_id, self._extensions)
        return answer if result.errors else self._kept(event, answer)

    def _kept(self, event: object, answer: Answer) -> Answer:
        if self._shared is not None:
            self._shared.keep(event, self._asked, answer)
        return answer


def answer_of(result: ExecutionResult, request_id: str, extensions: Mapping[str, Any]) -> Answer:
    """What was executed, as it is answered."""
    if not result.errors:
        return Answer({"data": result.data, "extensions": extensions})
    if result.data is None:
        # Every root field may be null, so data as a whole is only missing where nothing ran.
        return refused(result.errors, request_id, extensions)
    return Answer({"errors": shown_errors(result.errors, request_id), "data": result.data, "extensions": extensions})


def refused(errors: list[GraphQLError], request_id: str, extensions: Mapping[str, Any] | None = None) -> Answer:
    """Why nothing ran. `extensions`: what an operation that could have run would have cost."""
    body: dict[str, Any] = {"errors": shown_errors(errors, request_id)}
    if extensions is not None:
        body["extensions"] = extensions
    return Answer(body, refused=True)


def depends_on_events_alone(schema: GraphQLSchema, document: DocumentNode) -> bool:
    """Whether every field that a document selects of its subscriptions' events is a plain value of them."""
    types = TypeInfo(schema)
    resolvers = _Resolvers(schema, types)
    visit(document, TypeInfoVisitor(types, resolvers))
    return not resolvers.found


class _Resolvers(Visitor):
    def __init__(self, schema: GraphQLSchema, types: TypeInfo) -> None:
        super().__init__()
        self._schema = schema
        self._types = types
        self.found = False

    def enter_field(self, node: FieldNode, *_: object) -> object:
        """Looks at what gives the field its value."""
        if node.name.value == "__typename" or self._types.get_parent_type() is self._schema.subscription_type:
            return None
        field = self._types.get_field_def()
        definition = None if field is None else field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
        if definition is None or not definition.is_basic_field:
            self.found = True
            return BREAK
        return None
