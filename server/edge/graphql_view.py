"""GraphQL over HTTP, as https://graphql.github.io/graphql-over-http/draft/ has it."""

from __future__ import annotations

import logging
from functools import partial

from graphql import OperationType
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from resolvers.context import Context
from resolvers.errors import ErrorCode
from server.edge.answers import Answer, refusal
from server.edge.callers import CHALLENGE, caller_of
from server.edge.configuration import ServedServices, bearer_key
from server.edge.credential_watch import CredentialWatch
from server.edge.event_stream import EventStream, Watch, known_answers
from server.edge.execution import Execution, Operation
from server.edge.http_answers import EVENTS, GRAPHQL, JSON, Wanted, respond, wanted
from server.edge.http_requests import BadRequest, read_get, read_post
from server.edge.request_errors import RETRY_AFTER_SECONDS, UNAVAILABLE, UNAVAILABLE_MESSAGE, new_request_id
from services.principal import Principal

METHODS = ("GET", "HEAD", "POST")

_DISTINCT_ONLY = (
    "Of graphql-sse only the mode of distinct connections is offered: send each operation as a POST or GET of its own, "
    "with `Accept: text/event-stream`."
)
_STREAM_NEEDED = (
    "Subscriptions come over a websocket with the protocol graphql-transport-ws, or as server-sent events to who sends "
    "`Accept: text/event-stream`."
)

logger = logging.getLogger(__name__)


class GraphqlView:
    """An ASGI application that answers one operation per request: at once, or as a stream of events."""

    def __init__(self, execution: Execution, services: ServedServices, watch: CredentialWatch) -> None:
        self._execution = execution
        self._services = services
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        request = Request(scope, receive)
        try:
            accepted = wanted(", ".join(request.headers.getlist("accept")))
            response = await self._respond(request, accepted, new_request_id())
        except ClientDisconnect:
            # Nobody is left to answer; what had begun goes on in its service.
            return
        await response(scope, receive, send)

    async def _respond(self, request: Request, accepted: Wanted, request_id: str) -> Response | EventStream:
        if accepted.single is None:
            message = f"This answers with {GRAPHQL}, {JSON} or {EVENTS}."
            return respond(refusal(ErrorCode.BAD_USER_INPUT, message, request_id), JSON, request_id, status=406)
        # What is wrong with the request as such has its status, and no client of events reads on after one.
        media_type = JSON if accepted.single == EVENTS else accepted.single
        try:
            if request.method not in METHODS:
                single_connection = request.method in ("PUT", "DELETE")
                message = _DISTINCT_ONLY if single_connection else "Use POST, or GET for queries."
                raise BadRequest(message, status=405)
            operation = await read_post(request) if request.method == "POST" else read_get(request.query_params)
            principal = await caller_of(request, self._services.credentials)
            answered = await self._answer(request, accepted, operation, principal, request_id)
        except BadRequest as bad:
            headers = _HEADERS.get(bad.status)
            answer = refusal(bad.code, bad.message, request_id)
            return respond(answer, media_type, request_id, status=bad.status, headers=headers)
        except UNAVAILABLE as error:
            logger.warning("request %s found a service unavailable: %s", request_id, error)
            answer = refusal(ErrorCode.UNAVAILABLE, UNAVAILABLE_MESSAGE, request_id)
            return respond(answer, media_type, request_id, status=503, headers=_HEADERS[503])
        except ClientDisconnect:
            raise
        except Exception:
            logger.exception("request %s failed", request_id)
            answer = refusal(ErrorCode.INTERNAL, "Something went wrong here. It has been logged.", request_id)
            return respond(answer, media_type, request_id, status=500)
        if isinstance(answered, EventStream):
            return answered
        if accepted.single == EVENTS:
            return EventStream(known_answers(answered), request_id)
        return respond(answered, media_type, request_id)

    async def _answer(
        self, request: Request, accepted: Wanted, operation: Operation, principal: Principal | None, request_id: str
    ) -> Answer | EventStream:
        read = self._execution.read(operation, request_id)
        if isinstance(read, Answer):
            return read
        document, operation_type = read
        context = Context(principal, self._services)
        match operation_type:
            case OperationType.SUBSCRIPTION if not accepted.events:
                raise BadRequest(_STREAM_NEEDED)
            case OperationType.SUBSCRIPTION if request.method == "HEAD":
                return EventStream(known_answers(), request_id)
            case OperationType.SUBSCRIPTION:
                stream = await self._execution.stream(document, operation, context, request_id)
                if isinstance(stream, Answer):
                    return EventStream(known_answers(stream), request_id)
                return EventStream(stream, request_id, lives_on=True, watch=self._watch_of(request, principal))
            case OperationType.MUTATION if request.method != "POST":
                raise BadRequest("Mutations take POST.", status=405)
            case _:
                return await self._execution.run(document, operation, context, request_id)

    def _watch_of(self, request: Request, principal: Principal | None) -> Watch | None:
        key = bearer_key(request.headers.get("authorization", ""))
        if key is None or principal is None:
            return None
        return partial(self._watch.add, key, principal)


_HEADERS = {
    401: CHALLENGE,
    405: {"allow": "POST"},
    503: {"retry-after": str(RETRY_AFTER_SECONDS)},
}
