"""GraphQL over HTTP, as https://graphql.github.io/graphql-over-http/draft/ has it."""

from __future__ import annotations

import logging

from graphql import OperationType
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from resolvers.context import Context
from resolvers.errors import ErrorCode
from server.edge.callers import CHALLENGE, caller_of
from server.edge.configuration import ServedServices
from server.edge.execution import Answer, Execution, Operation, refusal
from server.edge.http_answers import GRAPHQL, JSON, respond, wanted_media_type
from server.edge.http_requests import BadRequest, read_get, read_post
from server.edge.request_errors import RETRY_AFTER_SECONDS, UNAVAILABLE, UNAVAILABLE_MESSAGE, new_request_id
from services.principal import Principal

METHODS = ("GET", "HEAD", "POST")

logger = logging.getLogger(__name__)


class GraphqlView:
    """An ASGI application that answers one operation per request."""

    def __init__(self, execution: Execution, services: ServedServices) -> None:
        self._execution = execution
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        request = Request(scope, receive)
        request_id = new_request_id()
        media_type = wanted_media_type(request.headers.get("accept"))
        try:
            response = await self._respond(request, media_type, request_id)
        except ClientDisconnect:
            # Nobody is left to answer; what had begun goes on in its service.
            return
        await response(scope, receive, send)

    async def _respond(self, request: Request, media_type: str | None, request_id: str) -> Response:
        if media_type is None:
            message = f"This answers with {GRAPHQL} or {JSON}."
            return respond(refusal(ErrorCode.BAD_USER_INPUT, message, request_id), JSON, request_id, status=406)
        try:
            if request.method not in METHODS:
                raise BadRequest("Use POST, or GET for queries.", status=405)
            operation = await read_post(request) if request.method == "POST" else read_get(request.query_params)
            principal = await caller_of(request, self._services.credentials)
            answer = await self._answer(request, operation, principal, request_id)
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
        return respond(answer, media_type, request_id)

    async def _answer(
        self, request: Request, operation: Operation, principal: Principal | None, request_id: str
    ) -> Answer:
        read = self._execution.read(operation, request_id)
        if isinstance(read, Answer):
            return read
        document, operation_type = read
        if operation_type is OperationType.SUBSCRIPTION:
            raise BadRequest("Subscriptions come over a websocket with the protocol graphql-transport-ws.", status=400)
        if operation_type is OperationType.MUTATION and request.method != "POST":
            raise BadRequest("Mutations take POST.", status=405)
        return await self._execution.run(document, operation, Context(principal, self._services), request_id)


_HEADERS = {
    401: CHALLENGE,
    405: {"allow": "POST"},
    503: {"retry-after": str(RETRY_AFTER_SECONDS)},
}
