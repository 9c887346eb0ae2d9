"""Health: whether the process runs, and whether it can serve."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from server.edge.configuration import Readiness

CHECK_SECONDS_MAX: Final = 5.0
"""For all checks; what takes longer is not ready."""
_OK: Final = "ok"

SERVED_WITHOUT: Final = frozenset({"bus"})
"""What is told when it is away, while requests are served all the same: see docs/decisions/0058."""


async def healthz(_: Request) -> Response:
    """200 as long as the process answers."""
    return JSONResponse({"status": _OK})


class Readyz:
    """An endpoint that tells each check: with 200 when all is ready that requests need, else with 503."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    async def respond(self, _: Request) -> Response:
        """Runs the checks."""
        try:
            async with asyncio.timeout(CHECK_SECONDS_MAX):
                checks = await self._readiness.readiness()
        except TimeoutError:
            checks = {"checks": f"not done within {CHECK_SECONDS_MAX:g} seconds"}
        ready = all(found == _OK for name, found in checks.items() if name not in SERVED_WITHOUT)
        return JSONResponse({"ready": ready, "checks": checks}, status_code=200 if ready else 503)
