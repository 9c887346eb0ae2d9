"""GraphQL over websockets: the protocol graphql-transport-ws, and no other.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md has the messages and close codes.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine
from contextlib import aclosing, suppress
from functools import partial
from typing import Any, Final

from graphql import OperationType
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from resolvers.context import Context
from resolvers.errors import ErrorCode
from server.edge.answers import Answer, encoded, refusal
from server.edge.configuration import FRAME_BYTES_MAX, Edge, ServedServices, bearer_key, is_origin_allowed
from server.edge.connections import CLOSE_SECONDS_MAX, TextConnection, socket_of
from server.edge.credential_watch import CredentialEnd, CredentialWatch
from server.edge.documents import Document
from server.edge.execution import Execution, Operation
from server.edge.http_requests import BadRequest, decoded, operation_of
from server.edge.request_errors import UNAVAILABLE, new_request_id
from server.edge.socket_operations import SocketOperations
from services.principal import Principal

PROTOCOL: Final = "graphql-transport-ws"

INIT_SECONDS_MAX: Final = 5.0
"""From the handshake to `connection_init`."""
OPERATIONS_MAX: Final = 20
"""Operations that run at once on one socket."""
OPERATION_ID_LENGTH_MAX: Final = 128
SEND_SECONDS_MAX: Final = 20.0
"""For a client to take a message; who does not read for so long is gone."""
STOP_SECONDS_MAX: Final = 6.0
"""For operations in flight when the server stops, within the time that it leaves them."""
MESSAGES_IN_A_ROW: Final = 20
"""Messages of one client that are taken before others get a turn."""

_CREDENTIAL_ENDED: Final = 4403

logger = logging.getLogger(__name__)


class Closed(Exception):
    """The socket is to be closed with this code of the protocol."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


_NOT_READ: Final = Closed(1013, "The client does not read")
"""Which clients take for a reason to come again."""


class _ClientGone(Exception):
    """A message could not be sent: the client is no longer there, or does not read."""


_RESTART: Final = Closed(1012, "The server restarts: connect again")


class GraphqlSocket:
    """An endpoint for websockets; each gets a connection of its own."""

    def __init__(self, execution: Execution, services: ServedServices, edge: Edge, watch: CredentialWatch) -> None:
        self._execution = execution
        self._services = services
        self._edge = edge
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one websocket to its end."""
        websocket = WebSocket(scope, receive, send)
        headers = websocket.headers
        with suppress(WebSocketDisconnect):
            if not is_origin_allowed(headers.get("origin"), headers.get("host"), self._edge.allowed_origins):
                # Before it is accepted, so that the handshake is answered with 403.
                await websocket.close(1008)
                return
            if PROTOCOL not in scope["subprotocols"]:
                await websocket.accept()
                await websocket.close(4406, f"Subprotocol not acceptable: offer {PROTOCOL}")
                return
            await websocket.accept(subprotocol=PROTOCOL)
            await _Connection(websocket, self._execution, self._services, self._watch).serve()


class _Connection:
    """One client: its credential, and the operations that run for it."""

    __slots__ = (
        "_closed",
        "_connection",
        "_context",
        "_execution",
        "_forget_credential",
        "_is_stopping",
        "_operations",
        "_patience",
        "_reader",
        "_services",
        "_watch",
        "_websocket",
    )

    def __init__(
        self, websocket: WebSocket, execution: Execution, services: ServedServices, watch: CredentialWatch
    ) -> None:
        self._websocket = websocket
        self._connection = socket_of(websocket.scope)
        self._execution = execution
        self._services = services
        self._watch = watch
        self._context: Context | None = None
        self._forget_credential: Callable[[], None] | None = None
        self._operations = SocketOperations()
        self._reader: asyncio.Task[Any] | None = None
        self._closed: Closed | None = None
        self._is_stopping = False
        self._patience: asyncio.TimerHandle | None = None

    async def serve(self) -> None:
        """Reads messages until one side ends it; leaves nothing running behind."""
        self._reader = asyncio.current_task()
        try:
            if self._connection is not None:
                self._connection.when_stopping(self._stop)
            await self._read()
        except Closed as closed:
            self._closed = self._closed or closed
        except _ClientGone:
            self._closed = self._closed or _NOT_READ
        except WebSocketDisconnect:
            pass
        except asyncio.CancelledError:
            if self._closed is None or self._reader is None:
                raise
            # It was `_close_soon` that cancelled, and nobody above.
            self._reader.uncancel()
        except Exception:
            logger.exception("a websocket failed")
            self._closed = self._closed or Closed(1011, "Internal error")
        finally:
            self._reader = None
            await self._end()

    async def _end(self) -> None:
        if self._connection is not None:
            self._connection.when_stopping(None)
        if self._patience is not None:
            self._patience.cancel()
        if self._forget_credential is not None:
            self._forget_credential()
        await self._operations.end()
        if self._closed is not None:
            # Who has gone already need not be told, and who does not read cannot be.
            with suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS_MAX):
                    await self._websocket.close(self._closed.code, self._closed.reason)

    def _close_soon(self, closed: Closed) -> None:
        """Ends the reading, and with it the socket, from wherever that is found necessary."""
        if self._closed is None and self._reader is not None:
            self._closed = closed
            self._reader.cancel()

    def _lose_credential(self, end: CredentialEnd) -> None:
        self._close_soon(Closed(_CREDENTIAL_ENDED, end.reason))

    def _stop(self) -> None:
        """The server stops: streams end, to be begun again elsewhere; queries and mutations come to their end."""
        self._is_stopping = True
        self._operations.stop_streams()
        self._patience = asyncio.get_running_loop().call_later(STOP_SECONDS_MAX, self._close_soon, _RESTART)
        self._close_if_stopped()

    def _close_if_stopped(self) -> None:
        if self._is_stopping and not self._operations.answers_are_due:
            self._close_soon(_RESTART)

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(INIT_SECONDS_MAX):
                await self._initialise(await self._message())
        except TimeoutError:
            raise Closed(4408, "Connection initialisation timeout") from None
        while True:
            for _ in range(MESSAGES_IN_A_ROW):
                await self._take(await self._message())
            await asyncio.sleep(0)

    async def _message(self) -> dict[str, Any]:
        event = await self._websocket.receive()
        if event["type"] != "websocket.receive":
            raise WebSocketDisconnect(event.get("code", 1006))
        text = event.get("text")
        if text is None:
            raise Closed(4400, "Messages must be text")
        raw = text.encode("utf-8", "surrogatepass")
        if len(raw) > FRAME_BYTES_MAX:
            raise Closed(1009, "Message too large")
        try:
            message = decoded(raw)
        except BadRequest:
            raise Closed(4400, "Messages must be JSON with storable text") from None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise Closed(4400, "Messages must be objects with a type")
        return message

    async def _initialise(self, message: dict[str, Any]) -> None:
        while message["type"] in ("ping", "pong"):
            await self._take(message)
            message = await self._message()
        if message["type"] != "connection_init":
            raise Closed(4401, "Unauthorized: send connection_init first")
        parameters = message.get("payload")
        if parameters is not None and not isinstance(parameters, dict):
            raise Closed(4400, "The payload of connection_init must be an object")
        key, principal = await self._credential(parameters or {})
        self._context = Context(principal, self._services)
        if self._connection is not None:
            self._connection.forget_handshake()
        if key is not None and principal is not None:
            self._forget_credential = self._watch.add(key, principal, self._lose_credential)
        await self._send({"type": "connection_ack"})

    async def _credential(self, parameters: dict[str, Any]) -> tuple[str | None, Principal | None]:
        given = parameters.get("authorization", parameters.get("Authorization"))
        if given is None:
            # Clients that are no browsers may send the header with the handshake instead.
            given = self._websocket.headers.get("authorization")
        if given is None:
            return None, None
        key = bearer_key(given) if isinstance(given, str) else None
        if key is None:
            raise Closed(_CREDENTIAL_ENDED, "Forbidden: authorization must be the text `Bearer <key>`")
        try:
            principal = await self._services.credentials.authenticate(key)
        except UNAVAILABLE:
            raise Closed(1013, "Try again later") from None
        if principal is None:
            raise Closed(_CREDENTIAL_ENDED, "Forbidden: the key or token is unknown, revoked or expired")
        return key, principal

    async def _take(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "subscribe":
                await self._subscribe(message)
            case "complete":
                await self._operations.complete(_operation_id(message))
                self._close_if_stopped()
            case "ping":
                payload = message.get("payload")
                await self._send({"type": "pong"} if payload is None else {"type": "pong", "payload": payload})
            case "pong":
                pass
            case "connection_init":
                raise Closed(4429, "Too many initialisation requests")
            case _:
                raise Closed(4400, "Unknown message type")

    async def _subscribe(self, message: dict[str, Any]) -> None:
        id = _operation_id(message)
        if self._context is None:
            raise Closed(4401, "Unauthorized: send connection_init first")
        if id in self._operations:
            raise Closed(4409, f"Subscriber for {id[:64]!a} already exists")
        try:
            operation = operation_of(message.get("payload"))
        except BadRequest as bad:
            raise Closed(4400, bad.message) from None
        if self._is_stopping:
            # Not begun, and the close that follows says so.
            return
        request_id = new_request_id()
        if len(self._operations) >= OPERATIONS_MAX:
            problem = f"A socket runs at most {OPERATIONS_MAX} operations at once; complete one first."
            await self._refuse(id, refusal(ErrorCode.TOO_MANY_REQUESTS, problem, request_id))
            return
        read = self._execution.read(operation, request_id)
        if isinstance(read, Answer):
            await self._refuse(id, read)
            return
        document, operation_type = read
        answer = self._stream if operation_type is OperationType.SUBSCRIPTION else self._call
        answering = partial(answer, id, document, operation, self._context, request_id)
        self._operations.begin(id, operation_type, self._run(id, answering, request_id))

    async def _run(self, id: str, answering: Callable[[], Coroutine[Any, Any, Answer | None]], request_id: str) -> None:
        """Sends what the operation answers, and why it was refused if it was."""
        try:
            failure = await answering()
        except _ClientGone:
            # The reader ends the rest.
            self._close_soon(_NOT_READ)
            return
        except Exception:
            logger.exception("request %s failed", request_id)
            failure = refusal(ErrorCode.INTERNAL, "Something went wrong here. It has been logged.", request_id)
        if not self._operations.is_heard(id):
            return
        # Free before the last message, since the client may use the id again once it has that.
        self._operations.forget(id)
        with suppress(_ClientGone):
            if failure is None:
                await self._send({"id": id, "type": "complete"})
            else:
                await self._refuse(id, failure)
        self._close_if_stopped()

    async def _call(
        self, id: str, document: Document, operation: Operation, context: Context, request_id: str
    ) -> Answer | None:
        answer = await self._execution.run(document, operation, context, request_id)
        if answer.refused:
            return answer
        if self._operations.is_heard(id):
            await self._send_text(_next_of(id) + answer.text + b"}")
        return None

    async def _stream(
        self, id: str, document: Document, operation: Operation, context: Context, request_id: str
    ) -> Answer | None:
        answers = await self._execution.stream(document, operation, context, request_id)
        if isinstance(answers, Answer):
            return answers
        next_of_id = _next_of(id)
        if self._connection is not None:
            answers.hand_to(partial(_write_next, self._connection, next_of_id))
        async with aclosing(answers):
            async for answer in answers:
                if answer.refused:
                    return answer
                await self._send_text(next_of_id + answer.text + b"}")
        return None

    async def _refuse(self, id: str, answer: Answer) -> None:
        await self._send({"id": id, "type": "error", "payload": answer.body["errors"]})

    async def _send(self, message: dict[str, Any]) -> None:
        await self._send_text(encoded(message))

    async def _send_text(self, text: bytes) -> None:
        if self._connection is not None and self._connection.write_text(text):
            return
        try:
            async with asyncio.timeout(SEND_SECONDS_MAX):
                await self._websocket.send_text(text.decode("ascii"))
        except (WebSocketDisconnect, TimeoutError, RuntimeError) as error:
            # RuntimeError is Starlette's for a socket that is closed already.
            raise _ClientGone from error


def _write_next(connection: TextConnection, next_of_id: bytes, answer: Answer) -> bool:
    return connection.write_text(next_of_id + answer.text + b"}")


def _next_of(id: str) -> bytes:
    """A message with an answer, up to the answer."""
    return b'{"id":' + json.dumps(id).encode("ascii") + b',"type":"next","payload":'


def _operation_id(message: dict[str, Any]) -> str:
    id = message.get("id")
    if not isinstance(id, str) or not 0 < len(id) <= OPERATION_ID_LENGTH_MAX:
        raise Closed(4400, "The message needs an id")
    return id
