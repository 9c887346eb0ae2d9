"""Farebox with a stop-watch inside, to tell the hub's part of an event's way from the database's and the sockets'."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from server.web_process import create_app
from services.live.hub import LiveHub
from services.live.reads import Reads
from services.live.subscriber import Subscriber

PROBED: Final = "benchmarks.live_probe:create_probed_app"
PROBE_PATH: Final = "/probe"


class Probe:
    """Times one change after the other: from the hub being told until the last subscriber is offered the event.

    What is read from the database meanwhile is left out, and what those do whom an event is handed over to: encoding
    and sending. There must be one change at a time.
    """

    def __init__(self) -> None:
        self._told_at: float | None = None
        self._offered_at = 0.0
        self._others_seconds = 0.0
        self._offers = 0
        self._taken: list[tuple[int, float]] = []

    def told(self) -> None:
        """The hub is told of a change; from here on it counts."""
        self._finish()
        self._told_at = perf_counter()
        self._others_seconds, self._offers = 0.0, 0

    def elsewhere(self, seconds: float) -> None:
        """The database was read, or an event was encoded and sent, for so long."""
        self._others_seconds += seconds

    def offered(self) -> None:
        """A subscriber was offered the event."""
        self._offers += 1
        self._offered_at = perf_counter()

    def take(self) -> list[tuple[int, float]]:
        """Of each change since the last look: how many subscribers were offered it, and the hub's seconds."""
        self._finish()
        taken, self._taken = self._taken, []
        return taken

    def _finish(self) -> None:
        if self._told_at is not None and self._offers > 0:
            self._taken.append((self._offers, self._offered_at - self._told_at - self._others_seconds))
        self._told_at = None


def create_probed_app() -> Starlette:
    """Farebox, and GET /probe, which tells what was timed since it was last asked."""
    probe = Probe()
    probe_classes(probe, LiveHub, Reads, Subscriber)

    async def taken(_: Request) -> JSONResponse:
        return JSONResponse(probe.take())

    app = create_app()
    app.router.routes.append(Route(PROBE_PATH, taken))
    return app


def probe_classes(probe: Probe, hub: type[LiveHub], reads: type[Reads], subscriber: type[Subscriber[Any]]) -> None:
    """Has the probe told what these do. Raises AttributeError where they no longer do it by these names."""
    changed: Callable[..., None] = hub.changed
    read: Callable[..., Awaitable[Any]] = reads.read
    offer: Callable[..., None] = subscriber.offer
    hand_to: Callable[..., None] = subscriber.hand_to

    def changed_timed(*told: Any, **more: Any) -> None:
        probe.told()
        changed(*told, **more)

    async def read_timed(*asked: Any, **more: Any) -> Any:
        began = perf_counter()
        try:
            return await read(*asked, **more)
        finally:
            probe.elsewhere(perf_counter() - began)

    def offer_timed(*offered: Any, **more: Any) -> None:
        offer(*offered, **more)
        probe.offered()

    def hand_to_timed(self: object, take: Callable[[Any], bool]) -> None:
        def take_timed(event: Any) -> bool:
            began = perf_counter()
            try:
                return take(event)
            finally:
                probe.elsewhere(perf_counter() - began)

        hand_to(self, take_timed)

    for owner, name, timed in (
        (hub, "changed", changed_timed),
        (reads, "read", read_timed),
        (subscriber, "offer", offer_timed),
        (subscriber, "hand_to", hand_to_timed),
    ):
        setattr(owner, name, timed)
