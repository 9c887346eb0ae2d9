"""GraphiQL, served from here: the page at `/` in development."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

_DIRECTORY: Final = Path(__file__).parent / "static" / "graphiql"

# The editor sets styles on its elements, and shows its icons as data.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


async def _page(_: Request) -> Response:
    return FileResponse(
        _DIRECTORY / "page.html",
        media_type="text/html; charset=utf-8",
        headers={
            "content-security-policy": _POLICY,
            "cache-control": "no-cache",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
        },
    )


def graphiql_routes() -> list[BaseRoute]:
    """The page and what it loads."""
    return [Route("/", _page), Mount("/graphiql", StaticFiles(directory=_DIRECTORY))]
