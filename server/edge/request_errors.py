"""Errors as clients see them: each with a code and the request's id, and nothing of what only we should know."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
from typing import Any, Final

from graphql import ArgumentNode, GraphQLError, ValueNode
from graphql.error import GraphQLFormattedError

from models.unavailable import DatabaseUnavailable
from resolvers.errors import ErrorCode
from services.ledger.lane import LedgerUnavailable

RETRY_AFTER_SECONDS: Final = 1
"""What a client should wait that was told UNAVAILABLE."""

UNAVAILABLE: Final = (DatabaseUnavailable, LedgerUnavailable, TimeoutError)
"""What services raise when they cannot answer now; worth a retry."""

UNAVAILABLE_MESSAGE: Final = (
    "The server cannot answer now. Try again in a moment: what takes an `idempotencyKey` is safe to send again with "
    "the same one. Before anything else is sent again, look whether it took effect."
)

_INTERNAL_MESSAGE: Final = "Something went wrong here. It has been logged under the request's id."
_REQUEST_ID_BYTES: Final = 8

logger = logging.getLogger(__name__)


def new_request_id() -> str:
    """An id by which a request is found in the log."""
    return secrets.token_hex(_REQUEST_ID_BYTES)


def shown_errors(errors: Iterable[GraphQLError], request_id: str) -> list[GraphQLFormattedError]:
    """The errors for the answer; what nobody expected is masked and logged."""
    return [_shown(error, request_id) for error in errors]


def shown_error(code: ErrorCode, message: str, request_id: str) -> GraphQLFormattedError:
    """One error that concerns the request as a whole."""
    return {"message": message, "extensions": _extensions(code, request_id)}


def cost_in(error: GraphQLError) -> object | None:
    """What the operation would have cost that was refused with this error, if its cost was the reason."""
    return (error.extensions or {}).get("cost")


def _shown(error: GraphQLError, request_id: str) -> GraphQLFormattedError:
    code = _code_of(error)
    shown = error.formatted
    match code:
        case ErrorCode.INTERNAL:
            cause = error.original_error or error
            logger.error("request %s failed at %s", request_id, error.path, exc_info=cause)
            shown["message"] = _INTERNAL_MESSAGE
        case ErrorCode.UNAVAILABLE:
            logger.warning("request %s found a service unavailable: %s", request_id, error.original_error)
            shown["message"] = UNAVAILABLE_MESSAGE
        case _:
            pass
    shown["extensions"] = _extensions(code, request_id)
    cost = cost_in(error)
    if cost is not None:
        shown["extensions"]["cost"] = cost
    return shown


def _extensions(code: ErrorCode, request_id: str) -> dict[str, Any]:
    extensions: dict[str, Any] = {"code": code.value, "requestId": request_id}
    if code is ErrorCode.UNAVAILABLE:
        extensions["retryAfterSeconds"] = RETRY_AFTER_SECONDS
    return extensions


def _code_of(error: GraphQLError) -> ErrorCode:
    code = (error.extensions or {}).get("code")
    if isinstance(code, str) and code in ErrorCode.__members__:
        return ErrorCode(code)
    cause = error.original_error
    while isinstance(cause, GraphQLError):
        if any(isinstance(node, ArgumentNode | ValueNode) for node in cause.nodes or ()):
            # Arguments are only whole when their variables are known; what is wrong with them then has the path of
            # their field, though nothing ran. Of our own raising, no error points into the document.
            return ErrorCode.BAD_USER_INPUT
        code = (cause.extensions or {}).get("code")
        if isinstance(code, str) and code in ErrorCode.__members__:
            return ErrorCode(code)
        cause = cause.original_error
    if isinstance(cause, UNAVAILABLE):
        return ErrorCode.UNAVAILABLE
    # Without a path it was found before anything ran: in the document, the variables or the choice of an operation.
    return ErrorCode.BAD_USER_INPUT if cause is None and error.path is None else ErrorCode.INTERNAL
