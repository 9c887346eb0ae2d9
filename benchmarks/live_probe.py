"""Farebox with a stop-watch inside, to tell the hub's part of an event's way from the database's and the sockets'."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from time import perf_counter
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from server.web_process import create_app
from services.live.audience import Audience
from services.live.hub import LiveHub
from services.live.reads import Reads
from services.live.subscriber import Subscriber

PROBED: Final = "benchmarks.live_probe:create_probed_app"
PROBE_PATH: Final = "/probe"


class Probe:
    """Times one change after the other: from the hub being told until the last subscriber was offered the event.

    What is read from the database meanwhile is left out. What those do whom an event is handed over to, encoding and
    sending, is put off until everybody was offered it: to time it apart would take longer than an offer does. There
    must be one change at a time, and clients that read.
    """

    def __init__(self) -> None:
        self._told_at: float | None = None
        self._offered_at: float | None = None
        self._others_seconds = 0.0
        self._offers = 0
        self._put_off: list[tuple[Callable[[Any], bool], Any]] = []
        self._taken: list[tuple[int, float]] = []

    def told(self) -> None:
        """The hub is told of a change; from here on it counts."""
        self._finish()
        self._told_at = perf_counter()
        self._others_seconds, self._offers, self._offered_at = 0.0, 0, None

    def elsewhere(self, seconds: float) -> None:
        """The database was read for so long."""
        self._others_seconds += seconds

    def put_off(self, take: Callable[[Any], bool], event: Any) -> bool:
        """Hands the event over later; that it can be is taken for granted."""
        self._put_off.append((take, event))
        return True

    def offered(self) -> None:
        """Everybody was offered the event of a view; now hands it over. Raises RuntimeError for who does not read."""
        self._offered_at = perf_counter()
        put_off, self._put_off = self._put_off, []
        self._offers += len(put_off)
        for take, event in put_off:
            if not take(event):
                raise RuntimeError("a subscriber that is timed must read what it is sent")

    def take(self) -> list[tuple[int, float]]:
        """Of each change since the last look: how many were handed the event at once, and the hub's seconds."""
        self._finish()
        taken, self._taken = self._taken, []
        return taken

    def _finish(self) -> None:
        if self._told_at is not None and self._offered_at is not None:
            self._taken.append((self._offers, self._offered_at - self._told_at - self._others_seconds))
        self._told_at = None


def create_probed_app() -> Starlette:
    """Farebox, and GET /probe, which tells what was timed since it was last asked."""
    probe = Probe()
    probe_classes(probe, LiveHub, Reads, Audience, Subscriber)

    async def taken(_: Request) -> JSONResponse:
        return JSONResponse(probe.take())

    app = create_app()
    app.router.routes.append(Route(PROBE_PATH, taken))
    return app


def probe_classes(
    probe: Probe, hub: type[LiveHub], reads: type[Reads], audience: type[Audience], subscriber: type[Subscriber[Any]]
) -> None:
    """Has the probe told what these do. Raises AttributeError where they no longer do it by these names."""
    changed: Callable[..., None] = hub.changed
    read: Callable[..., Awaitable[Any]] = reads.read
    show: Callable[..., None] = audience.show
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

    def show_timed(*shown: Any, **more: Any) -> None:
        show(*shown, **more)
        probe.offered()

    def hand_to_later(self: object, take: Callable[[Any], bool]) -> None:
        hand_to(self, partial(probe.put_off, take))

    for owner, name, timed in (
        (hub, "changed", changed_timed),
        (reads, "read", read_timed),
        (audience, "show", show_timed),
        (subscriber, "hand_to", hand_to_later),
    ):
        setattr(owner, name, timed)
