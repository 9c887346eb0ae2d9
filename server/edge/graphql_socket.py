"""GraphQL over websockets: the protocol graphql-transport-ws, and no other.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md has the messages and close codes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing, suppress
from typing import Any, Final

from graphql import OperationType
from starlette.websockets import WebSocket, WebSocketDisconnect

from resolvers.context import Context
from resolvers.errors import ErrorCode
from server.edge.configuration import FRAME_BYTES_MAX, Edge, ServedServices, bearer_key, is_origin_allowed
from server.edge.credential_watch import CredentialEnd, CredentialWatch
from server.edge.execution import Answer, Execution, Operation, refusal
from server.edge.http_answers import encoded
from server.edge.http_requests import BadRequest, decoded, operation_of
from server.edge.request_errors import UNAVAILABLE, new_request_id
from services.principal import Principal

PROTOCOL: Final = "graphql-transport-ws"

INIT_SECONDS_MAX: Final = 5.0
"""From the handshake to `connection_init`."""
OPERATIONS_MAX: Final = 20
"""Operations that run at once on one socket."""
OPERATION_ID_LENGTH_MAX: Final = 128
SEND_SECONDS_MAX: Final = 20.0
"""For a client to take a message; who does not read for so long is gone."""
_CREDENTIAL_ENDED: Final = 4403

logger = logging.getLogger(__name__)


class Closed(Exception):
    """The socket is to be closed with this code of the protocol."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


_NOT_READ: Final = Closed(1011, "The client does not read")


class GraphqlSocket:
    """An endpoint for websockets; each gets a connection of its own."""

    def __init__(self, execution: Execution, services: ServedServices, edge: Edge, watch: CredentialWatch) -> None:
        self._execution = execution
        self._services = services
        self._edge = edge
        self._watch = watch

    async def serve(self, websocket: WebSocket) -> None:
        """Serves one websocket to its end."""
        headers = websocket.headers
        if not is_origin_allowed(headers.get("origin"), headers.get("host"), self._edge.allowed_origins):
            # Before it is accepted, so that the handshake is answered with 403.
            await websocket.close(1008)
            return
        if PROTOCOL not in websocket.scope["subprotocols"]:
            await websocket.accept()
            await websocket.close(4406, f"Subprotocol not acceptable: offer {PROTOCOL}")
            return
        await websocket.accept(subprotocol=PROTOCOL)
        await _Connection(websocket, self._execution, self._services, self._watch).serve()


class _Connection:
    """One client: its credential, and the operations that run for it."""

    def __init__(
        self, websocket: WebSocket, execution: Execution, services: ServedServices, watch: CredentialWatch
    ) -> None:
        self._websocket = websocket
        self._execution = execution
        self._services = services
        self._watch = watch
        self._context: Context | None = None
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._forget_credential: Callable[[], None] | None = None
        self._closing: asyncio.Future[Closed] = asyncio.get_running_loop().create_future()

    async def serve(self) -> None:
        """Reads messages until one side ends it; leaves nothing running behind."""
        reading = asyncio.create_task(self._read())
        try:
            waited: set[asyncio.Future[Any]] = {reading, self._closing}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if reading.done() and not reading.cancelled():
                closed = reading.exception()
                match closed:
                    case Closed():
                        self._close_soon(closed)
                    case TimeoutError():
                        self._close_soon(_NOT_READ)
                    case None | WebSocketDisconnect():
                        pass
                    case _:
                        logger.error("a websocket failed", exc_info=closed)
                        self._close_soon(Closed(1011, "Internal error"))
        finally:
            await self._end(reading)

    async def _end(self, reading: asyncio.Task[None]) -> None:
        if self._forget_credential is not None:
            self._forget_credential()
        tasks = [reading, *self._operations.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._closing.done():
            closed = self._closing.result()
            # Who has gone already need not be told.
            with suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
                async with asyncio.timeout(SEND_SECONDS_MAX):
                    await self._websocket.close(closed.code, closed.reason)
        else:
            self._closing.cancel()

    def _lose_credential(self, end: CredentialEnd) -> None:
        self._close_soon(Closed(_CREDENTIAL_ENDED, end.reason))

    def _close_soon(self, closed: Closed) -> None:
        if not self._closing.done():
            self._closing.set_result(closed)

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(INIT_SECONDS_MAX):
                await self._initialise(await self._message())
        except TimeoutError:
            raise Closed(4408, "Connection initialisation timeout") from None
        while True:
            await self._take(await self._message())

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
                task = self._operations.pop(_operation_id(message), None)
                if task is not None:
                    task.cancel()
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
        request_id = new_request_id()
        if len(self._operations) >= OPERATIONS_MAX:
            problem = f"A socket runs at most {OPERATIONS_MAX} operations at once; complete one first."
            answer = refusal(ErrorCode.TOO_MANY_REQUESTS, problem, request_id)
            await self._send({"id": id, "type": "error", "payload": answer.body["errors"]})
            return
        task = asyncio.create_task(self._run(id, operation, self._context, request_id))
        self._operations[id] = task

    async def _run(self, id: str, operation: Operation, context: Context, request_id: str) -> None:
        try:
            failure = await self._execute(id, operation, context, request_id)
        except (WebSocketDisconnect, TimeoutError, RuntimeError):
            # The client is gone, or does not read; the reader ends the rest.
            self._close_soon(_NOT_READ)
            return
        except Exception:
            logger.exception("request %s failed", request_id)
            failure = refusal(ErrorCode.INTERNAL, "Something went wrong here. It has been logged.", request_id)
        # Free before the last message, since the client may use the id again once it has that.
        if self._operations.get(id) is asyncio.current_task():
            del self._operations[id]
        with suppress(WebSocketDisconnect, TimeoutError, RuntimeError):
            if failure is None:
                await self._send({"id": id, "type": "complete"})
            else:
                await self._send({"id": id, "type": "error", "payload": failure.body["errors"]})

    async def _execute(self, id: str, operation: Operation, context: Context, request_id: str) -> Answer | None:
        """Sends what the operation answers; returns why it was refused, if it was."""
        read = self._execution.read(operation, request_id)
        if isinstance(read, Answer):
            return read
        document, operation_type = read
        if operation_type is not OperationType.SUBSCRIPTION:
            answer = await self._execution.run(document, operation, context, request_id)
            return await self._next(id, answer)
        stream = await self._execution.stream(document, operation, context, request_id)
        if isinstance(stream, Answer):
            return stream
        async with aclosing(stream) as answers:
            async for answer in answers:
                if await self._next(id, answer) is not None:
                    return answer
        return None

    async def _next(self, id: str, answer: Answer) -> Answer | None:
        if answer.refused:
            return answer
        await self._send({"id": id, "type": "next", "payload": answer.body})
        return None

    async def _send(self, message: dict[str, Any]) -> None:
        async with asyncio.timeout(SEND_SECONDS_MAX):
            await self._websocket.send_text(encoded(message).decode("ascii"))


def _operation_id(message: dict[str, Any]) -> str:
    id = message.get("id")
    if not isinstance(id, str) or not 0 < len(id) <= OPERATION_ID_LENGTH_MAX:
        raise Closed(4400, "The message needs an id")
    return id
