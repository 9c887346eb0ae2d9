"""Callers: whose key a request carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request

from resolvers.errors import ErrorCode
from server.edge.configuration import Authenticator, bearer_key
from server.edge.http_requests import BadRequest
from services.principal import Principal

CHALLENGE: Final[Mapping[str, str]] = {"www-authenticate": 'Bearer realm="farebox"'}
"""What goes with status 401."""


async def caller_of(request: Request, credentials: Authenticator) -> Principal | None:
    """Who asks; None without a credential. Raises BadRequest (401) for a key that opens nothing."""
    authorization = request.headers.get("authorization")
    if authorization is None:
        return None
    key = bearer_key(authorization)
    principal = None if key is None else await credentials.authenticate(key)
    if principal is None:
        message = "The key is unknown, revoked or expired. Send `Authorization: Bearer <key>`."
        raise BadRequest(message, status=401, code=ErrorCode.UNAUTHENTICATED)
    return principal
