"""Plain HTTP: balance and prices for those who only have curl, as docs/plain-http.md describes it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from graphql import GraphQLError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from resolvers.context import Context
from resolvers.errors import ErrorCode
from resolvers.plain import PlainCall
from schema.words import ProblemCode
from server.edge.callers import CHALLENGE, caller_of
from server.edge.configuration import ServedServices
from server.edge.exact_json import exact_json
from server.edge.http_requests import BadRequest
from server.edge.plain_answers import JsonObject, PlainRefusal, answer_balance, answer_models, answer_price
from server.edge.request_errors import RETRY_AFTER_SECONDS, UNAVAILABLE, new_request_id

PLAIN_PATH: Final = "/api/v2"

_KEY_NEEDED: Final = "This needs a key: send the header `Authorization: Bearer <key>`."
_NO_SUCH_PATH: Final = (
    "There is nothing here. What there is: GET /api/v2/balance, GET /api/v2/models, "
    "POST /api/v2/models/{model}/calculate-price."
)

_INTERNAL: Final = PlainRefusal(500, ErrorCode.INTERNAL, "Something went wrong here. It has been logged.")

logger = logging.getLogger(__name__)


def plain_routes(services: ServedServices) -> list[BaseRoute]:
    """Every route of plain HTTP."""
    return [
        Route(f"{PLAIN_PATH}/balance", PlainEndpoint("GET", answer_balance, services)),
        Route(f"{PLAIN_PATH}/models", PlainEndpoint("GET", answer_models, services)),
        # A path, so that a model with a slash in it is an unknown model and not an unknown address.
        Route(f"{PLAIN_PATH}/models/{{model:path}}/calculate-price", PlainEndpoint("POST", answer_price, services)),
        Route(PLAIN_PATH, NothingHere()),
        Route(f"{PLAIN_PATH}/{{anything:path}}", NothingHere()),
    ]


@dataclass(frozen=True, slots=True)
class PlainEndpoint:
    """An ASGI application at one address: one method, one answer, and every error in one shape."""

    method: str
    answer: Callable[[PlainCall, Request], Awaitable[JsonObject | PlainRefusal | Response]]
    services: ServedServices

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        request = Request(scope, receive)
        request_id = new_request_id()
        try:
            response = await self._respond(request, request_id)
        except ClientDisconnect:
            # Nobody is left to answer.
            return
        await response(scope, receive, send)

    async def _respond(self, request: Request, request_id: str) -> Response:
        allow = {"allow": f"{self.method}, {'HEAD, ' if self.method == 'GET' else ''}OPTIONS"}
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={**allow, "x-request-id": request_id})
        if request.method != self.method and not (request.method == "HEAD" and self.method == "GET"):
            refusal = PlainRefusal(405, ErrorCode.BAD_USER_INPUT, f"This takes {self.method}.")
            return _refused(refusal, request_id, allow)
        answer: JsonObject | PlainRefusal | Response
        try:
            answer = await self._answer(request)
        except BadRequest as bad:
            answer = PlainRefusal(bad.status, bad.code, bad.message)
        except GraphQLError as error:
            answer = _of_scope(error, request_id)
        except UNAVAILABLE as error:
            logger.warning("request %s found a service unavailable: %s", request_id, error)
            answer = PlainRefusal(503, ErrorCode.UNAVAILABLE, "The server cannot answer now. Try again in a moment.")
        except ClientDisconnect:
            raise
        except Exception:
            logger.exception("request %s failed", request_id)
            answer = _INTERNAL
        if isinstance(answer, Response):
            answer.headers["x-request-id"] = request_id
            return answer
        return _refused(answer, request_id) if isinstance(answer, PlainRefusal) else _answered(answer, 200, request_id)

    async def _answer(self, request: Request) -> JsonObject | PlainRefusal | Response:
        principal = await caller_of(request, self.services.credentials)
        if principal is None:
            return PlainRefusal(401, ErrorCode.UNAUTHENTICATED, _KEY_NEEDED)
        return await self.answer(PlainCall(Context(principal, self.services)), request)


class NothingHere:
    """An ASGI application at every other address, whatever the method."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        refusal = PlainRefusal(404, ProblemCode.NOT_FOUND, _NO_SUCH_PATH)
        await _refused(refusal, new_request_id())(scope, receive, send)


def _of_scope(error: GraphQLError, request_id: str) -> PlainRefusal:
    """What the scope refused; nothing else is raised in the words of GraphQL."""
    match (error.extensions or {}).get("code"):
        case ErrorCode.UNAUTHENTICATED:
            return PlainRefusal(401, ErrorCode.UNAUTHENTICATED, _KEY_NEEDED)
        case ErrorCode.FORBIDDEN:
            return PlainRefusal(403, ErrorCode.FORBIDDEN, error.message)
        case _:
            logger.error("request %s failed", request_id, exc_info=error)
            return _INTERNAL


def _refused(refusal: PlainRefusal, request_id: str, headers: Mapping[str, str] | None = None) -> Response:
    error = {"code": refusal.code.value, "message": refusal.message, "request_id": request_id, **refusal.details}
    return _answered(
        {"error": error}, refusal.status, request_id, {**_HEADERS.get(refusal.status, {}), **(headers or {})}
    )


def _answered(body: JsonObject, status: int, request_id: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        exact_json(body) + "\n",
        status_code=status,
        headers={
            "content-type": "application/json; charset=utf-8",
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
            "x-request-id": request_id,
            **(headers or {}),
        },
    )


_HEADERS: Final[Mapping[int, Mapping[str, str]]] = {
    401: CHALLENGE,
    503: {"retry-after": str(RETRY_AFTER_SECONDS)},
}
