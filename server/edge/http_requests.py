"""HTTP requests: what a client sent, read within bounds and judged in form."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import isfinite
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import ClientDisconnect, Request

from resolvers.errors import ErrorCode
from server.edge.bounds import BODY_BYTES_MAX
from server.edge.execution import Operation
from server.edge.unstorable_text import holds_unstorable, may_be_unstorable

OPERATION_NAME_LENGTH_MAX = 255
DOCUMENT_ID_LENGTH_MAX = 255
JSON_DEPTH_MAX = 32
"""Arrays and objects within each other, so that whatever walks or encodes a value stays shallow; inputs reach 8."""


@dataclass(frozen=True, slots=True)
class BadRequest(Exception):
    """The request is out of form; `status` is of HTTP."""

    message: str
    status: int = 400
    code: ErrorCode = ErrorCode.BAD_USER_INPUT


async def read_post(request: Request) -> Operation:
    """The operation in a JSON body. Raises BadRequest, and ClientDisconnect when nobody waits any more."""
    return operation_of(await read_json(request))


async def read_json(request: Request) -> Any:
    """The JSON value that a body is. Raises BadRequest, and ClientDisconnect when nobody waits any more."""
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    # Nothing else is taken: a form of another site could send any other type without the browser asking first.
    if kind.strip().lower() != "application/json":
        raise BadRequest("Send the request as application/json.", status=415)
    charset = parameters.strip().lower()
    if charset.startswith("charset=") and charset.removeprefix("charset=").strip('"') not in ("utf-8", "utf8"):
        raise BadRequest("Send the request in UTF-8.", status=415)
    return decoded(await _body(request))


def read_get(parameters: QueryParams) -> Operation:
    """The operation in a URL's parameters. Raises BadRequest."""
    members: dict[str, Any] = {}
    for name in ("query", "documentId", "operationName"):
        if name in parameters:
            members[name] = parameters[name]
    for name in ("variables", "extensions"):
        if parameters.get(name):
            members[name] = decoded(parameters[name].encode())
    return operation_of(members)


def decoded(text: bytes) -> Any:
    """The JSON value, of which every text can be kept. Raises BadRequest."""
    try:
        # JSON between systems is UTF-8; left to itself the parser would guess, and let through what is no text.
        value = json.loads(text.decode("utf-8-sig"), parse_constant=_refuse_constant, parse_float=_finite)
    except UnicodeDecodeError:
        raise BadRequest("The body is not JSON in UTF-8.") from None
    except (ValueError, RecursionError):
        # ValueError is also what a number of thousands of digits raises.
        raise BadRequest("The body is not JSON.") from None
    if _nests_too_deeply(value):
        raise BadRequest(f"The JSON nests more than {JSON_DEPTH_MAX} arrays and objects.")
    if may_be_unstorable(text) and holds_unstorable(value):
        raise BadRequest("Strings must not contain NUL or half a surrogate pair.")
    return value


def _nests_too_deeply(value: object) -> bool:
    level = [value]
    for _ in range(JSON_DEPTH_MAX):
        inner: list[object] = []
        for holder in level:
            if isinstance(holder, dict):
                inner.extend(member for member in holder.values() if isinstance(member, dict | list))
            elif isinstance(holder, list):
                inner.extend(member for member in holder if isinstance(member, dict | list))
        if not inner:
            return False
        level = inner
    return True


def operation_of(members: object) -> Operation:
    """The operation that a decoded request describes. Raises BadRequest."""
    if isinstance(members, list):
        raise BadRequest("Send one operation at a time: batches are not taken.")
    if not isinstance(members, dict):
        raise BadRequest("The request must be a JSON object.")
    variables = members.get("variables")
    if variables is not None and not isinstance(variables, dict):
        raise BadRequest("`variables` must be a JSON object.")
    name = members.get("operationName")
    if name is not None and not (isinstance(name, str) and len(name) <= OPERATION_NAME_LENGTH_MAX):
        raise BadRequest("`operationName` must be a string.")
    extensions = members.get("extensions")
    if extensions is not None and not isinstance(extensions, dict):
        raise BadRequest("`extensions` must be a JSON object.")
    query, document_id, automatic = _document_of(members, extensions or {})
    # Some clients send an empty name where they mean none.
    return Operation(query, variables, name or None, document_id, automatic)


def _document_of(members: dict[str, Any], extensions: dict[str, Any]) -> tuple[str | None, str | None, bool]:
    """The text and the id of a trusted document, and whether the id is Apollo's; both only where it is."""
    query, document_id = members.get("query"), members.get("documentId")
    # Some clients cannot leave `query` out.
    has_query = query not in (None, "")
    if document_id is not None:
        if not isinstance(document_id, str) or not 0 < len(document_id) <= DOCUMENT_ID_LENGTH_MAX:
            raise BadRequest("`documentId` must be the id of a trusted document, such as `sha256:` and 64 hex digits.")
        if has_query:
            raise BadRequest("Send `query` or `documentId`, not both: only one of them can be meant.")
        return None, document_id, False
    persisted = extensions.get("persistedQuery")
    if not has_query and isinstance(persisted, dict):
        hash = persisted.get("sha256Hash")
        if not isinstance(hash, str) or not 0 < len(hash) <= DOCUMENT_ID_LENGTH_MAX:
            raise BadRequest("`extensions.persistedQuery.sha256Hash` must be the hash of a document.")
        return None, hash, True
    if not isinstance(query, str) or not query.strip():
        raise BadRequest("`query` must be a GraphQL document.")
    # A hash beside the text asks that it be kept under it. Texts are remembered by themselves, but it may be a trusted
    # one, which clients send that were built for servers without any.
    hash = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    return query, hash if isinstance(hash, str) else None, True


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        # Sent back, as a ping's payload is, it would be no JSON.
        raise ValueError(f"{text} is beyond what a number can be")
    return number


async def _body(request: Request) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and len(declared) < 19 and int(declared) > BODY_BYTES_MAX:
        raise _too_large()
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > BODY_BYTES_MAX:
            raise _too_large()
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large() -> BadRequest:
    return BadRequest(f"The body has more than {BODY_BYTES_MAX} bytes.", status=413)


__all__ = ["BadRequest", "ClientDisconnect", "decoded", "operation_of", "read_get", "read_json", "read_post"]
