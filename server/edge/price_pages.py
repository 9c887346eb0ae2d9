"""The price list by plain HTTP: `/prices`, a page to read and print, and `/prices.csv`, for spreadsheets.

With a key it is the tenant's; without one nobody's, because no tenant may be guessed. In development the books that
come with the server are shown to everyone: whoever has the server has them anyway.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from typing import Final

from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from resolvers.context import Context
from resolvers.plain import PlainCall, read_price_list
from rules.pricing.price_book import PriceBook
from server.edge.callers import CHALLENGE, caller_of
from server.edge.configuration import ServedServices
from server.edge.http_answers import accept_weights
from server.edge.http_requests import BadRequest
from server.edge.request_errors import RETRY_AFTER_SECONDS, UNAVAILABLE, new_request_id
from server.price_list.notices import Notice, choice_page, notice_page
from server.price_list.page import CONTENT_SECURITY_POLICY, ShownBook, price_page
from server.price_list.spreadsheet import csv_lines
from services.shipped_price_books import ShippedPriceBooks

PAGE_PATH: Final = "/prices"
SPREADSHEET_PATH: Final = "/prices.csv"

_HTML: Final = "text/html"
_CSV: Final = "text/csv"
_CSV_WITH_NAMES: Final = f"{_CSV}; charset=utf-8; header=present"

_KEY_NEEDED: Final = Notice(
    401,
    "This price list needs a key",
    "It is shown to whoever has a key of the product. Send the header `Authorization: Bearer <key>`, and keep the "
    "answer as a file to read or print it.",
)
_BOOK_NEEDED: Final = "Name one of the price lists"

logger = logging.getLogger(__name__)


def price_routes(services: ServedServices, *, shipped: ShippedPriceBooks | None) -> list[BaseRoute]:
    """Both addresses. `shipped`: the books that are shown without a key."""
    return [
        Route(PAGE_PATH, PriceList(services, shipped, None)),
        Route(SPREADSHEET_PATH, PriceList(services, shipped, _CSV)),
    ]


class PriceList:
    """An ASGI application at one address. `media_type` None: the page, or the table for whoever asks for CSV alone."""

    def __init__(self, services: ServedServices, shipped: ShippedPriceBooks | None, media_type: str | None) -> None:
        self._services = services
        self._shipped = shipped
        self._media_type = media_type

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        request = Request(scope, receive)
        request_id = new_request_id()
        media_type = self._media_type or _wanted(request.headers.get("accept", ""))
        if request.method == "OPTIONS":
            response = Response(status_code=204, headers=_HEADERS[405])
        else:
            response = _shown(await self._found(request, request_id), media_type)
        response.headers["x-request-id"] = request_id
        await response(scope, receive, send)

    async def _found(self, request: Request, request_id: str) -> ShownBook | Notice | Mapping[str, str]:
        """The book to show, or the names of those to choose from by slug, or why there is none."""
        if request.method not in ("GET", "HEAD"):
            return Notice(405, "Only to be read", "This takes GET.")
        try:
            return await self._book(request)
        except BadRequest as bad:
            return Notice(bad.status, "No such key", bad.message)
        except GraphQLError as error:
            # The scope's alone: a key that is none of a tenant.
            return Notice(403, "No price list for this key", error.message)
        except UNAVAILABLE as error:
            logger.warning("request %s found a service unavailable: %s", request_id, error)
            return Notice(503, "Not now", "The server cannot answer now. Try again in a moment.")
        except Exception:
            logger.exception("request %s failed", request_id)
            return Notice(500, "Something went wrong here", f"It has been logged under {request_id}.")

    async def _book(self, request: Request) -> ShownBook | Notice | Mapping[str, str]:
        principal = await caller_of(request, self._services.credentials)
        slug = request.query_params.get("book")
        if principal is not None:
            if slug is not None:
                return Notice(400, "One or the other", "`book` names a list of the demo; with a key, leave it out.")
            published = await read_price_list(PlainCall(Context(principal, self._services)))
            return ShownBook(published.book, published.version, published.effective_at)
        if self._shipped is None:
            return _KEY_NEEDED
        names = {book.slug: book.name for book in self._shipped.books()}
        if slug is None:
            return names
        book = self._shipped.book(slug)
        if book is None:
            return Notice(404, "No such price list", f"There are {', '.join(names)}.")
        return ShownBook(book)


def _wanted(accept: str) -> str:
    weights = accept_weights(accept)
    return _CSV if weights.get(_CSV, 0.0) > max(weights.get(_HTML, 0.0), weights.get("text/*", 0.0)) else _HTML


def _shown(found: ShownBook | Notice | Mapping[str, str], media_type: str) -> Response:
    match found:
        case ShownBook() if media_type == _CSV:
            # A slug is letters, digits and hyphens.
            headers = {**_COMMON, "content-disposition": f'attachment; filename="{found.book.slug}-prices.csv"'}
            return StreamingResponse(_lines(found.book), media_type=_CSV_WITH_NAMES, headers=headers)
        case ShownBook():
            return _page(price_page(found), 200)
        case Notice() if media_type == _CSV:
            return _text(found)
        case Notice():
            return _page(notice_page(found), found.status)
        case names if media_type == _CSV:
            return _text(Notice(400, _BOOK_NEEDED, f"Add ?book= and one of {', '.join(names)}."))
        case names:
            return _page(choice_page(names, PAGE_PATH, SPREADSHEET_PATH), 200)


async def _lines(book: PriceBook) -> AsyncIterator[str]:
    for line in csv_lines(book):
        yield line


def _page(html: str, status: int) -> Response:
    headers = {**_COMMON, "content-security-policy": CONTENT_SECURITY_POLICY, **_HEADERS.get(status, {})}
    return Response(html, status, headers, f"{_HTML}; charset=utf-8")


def _text(notice: Notice) -> Response:
    headers = {**_COMMON, **_HEADERS.get(notice.status, {})}
    return Response(f"{notice.title}. {notice.message}\n", notice.status, headers, "text/plain; charset=utf-8")


_COMMON: Final[Mapping[str, str]] = {
    # The answer depends on the key, so no cache between may keep it.
    "cache-control": "no-store",
    "vary": "Accept, Authorization",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_HEADERS: Final[Mapping[int, Mapping[str, str]]] = {
    401: CHALLENGE,
    405: {"allow": "GET, HEAD, OPTIONS"},
    503: {"retry-after": str(RETRY_AFTER_SECONDS)},
}
