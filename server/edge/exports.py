"""Downloads by plain HTTP: an account's usage and its journal as CSV, as docs/plain-http.md describes them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Final, TypeVar
from uuid import UUID

from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from resolvers.plain import PlainCall, export_entries, export_usage, exported_account
from resolvers.scope import ScopedAccount
from rules.identity import IdKind, public_id
from rules.ledger.journal import Entry
from rules.ledger.kinds import EntryKind
from rules.ledger.records import EVERYONE, EntryFilter
from rules.ledger.refusals import NotFound
from rules.ledger.usage_reports import UsageGroup, UsageRequest, UsageRow
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import format_tokens
from schema.scalars import MAX_SAFE_INTEGER, parse_date, parse_instant
from schema.scopes import member_of
from schema.words import ProblemCode
from server.csv_text import csv_line, csv_text
from server.edge.configuration import ServedServices
from server.edge.plain_answers import PlainRefusal
from server.edge.plain_http import PlainEndpoint
from server.edge.request_errors import UNAVAILABLE
from server.edge.unstorable_text import holds_unstorable

ACCOUNTS_PATH: Final = "/accounts"

USAGE_COLUMNS: Final = (
    "date",
    "ref",
    "model",
    "category",
    "member_id",
    "project",
    "tokens",
    "refunded",
    "uses",
    "average_per_use",
    "operations",
)
ENTRY_COLUMNS: Final = (
    "version",
    "kind",
    "at",
    "total_change",
    "held_change",
    "owed_change",
    "spent",
    "available_after",
    "member_id",
    "project",
    "ref",
    "model",
    "category",
    "hold_id",
    "grant_id",
    "note",
)

_NARROWING: Final = ("memberId", "project", "model")
_USAGE_PARAMETERS: Final = frozenset({"from", "to", "groupBy", *_NARROWING})
_ENTRY_PARAMETERS: Final = frozenset({"from", "to", "kinds", "afterVersion", *_NARROWING})
_VERSION_DIGITS_MAX: Final = 16

_HEADERS: Final[Mapping[str, str]] = {
    "cache-control": "no-store",
    "vary": "Authorization",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_CSV: Final = "text/csv; charset=utf-8; header=present"

T = TypeVar("T")

logger = logging.getLogger(__name__)


def export_routes(services: ServedServices) -> list[BaseRoute]:
    """Both downloads. An account's own name may have slashes in it."""
    return [
        Route(f"{ACCOUNTS_PATH}/{{account:path}}/usage.csv", PlainEndpoint("GET", answer_usage, services)),
        Route(f"{ACCOUNTS_PATH}/{{account:path}}/entries.csv", PlainEndpoint("GET", answer_entries, services)),
    ]


class BadParameter(Exception):
    """A parameter of the address that is missing or out of form."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.refusal = PlainRefusal(400, ProblemCode.INVALID_INPUT, message, {"field": name})


async def answer_usage(call: PlainCall, request: Request) -> Response | PlainRefusal:
    """A usage report. It is made whole before the first line is sent, so that a refusal can still be told."""
    account = exported_account(call, request.path_params["account"])
    if not isinstance(account, ScopedAccount):
        return _refusal(account)
    try:
        parameters = _parameters(request, _USAGE_PARAMETERS)
        wanted = _usage_request(account, parameters)
    except BadParameter as bad:
        return bad.refusal
    pages = [csv_line(USAGE_COLUMNS).encode()]

    def take(rows: list[UsageRow]) -> None:
        pages.append(_page(_usage_cells(account.account_id, row) for row in rows))

    refused = await export_usage(call, wanted, take)
    if refused is not None:
        return _refusal(refused)
    return _download(request, "usage.csv", _each(pages))


async def answer_entries(call: PlainCall, request: Request) -> Response | PlainRefusal:
    """The journal, oldest first, up to what is its latest entry now."""
    account = exported_account(call, request.path_params["account"])
    if not isinstance(account, ScopedAccount):
        return _refusal(account)
    try:
        wanted = _entry_filter(account.account_id, _parameters(request, _ENTRY_PARAMETERS))
    except BadParameter as bad:
        return bad.refusal
    pages = await export_entries(call, account, wanted)
    if isinstance(pages, NotFound):
        return _refusal(pages)
    return _download(request, "entries.csv", _entry_lines(account.account_id, pages))


def _usage_request(account: ScopedAccount, parameters: Mapping[str, str]) -> UsageRequest:
    return UsageRequest(
        account.tenant_id,
        account.account_id,
        _day(parameters, "from"),
        _day(parameters, "to"),
        frozenset(_words(parameters, "groupBy", UsageGroup)),
        _member(account.account_id, parameters),
        parameters.get("project"),
        parameters.get("model"),
    )


def _entry_filter(account_id: UUID, parameters: Mapping[str, str]) -> EntryFilter:
    return EntryFilter(
        after_version=_version(parameters.get("afterVersion")),
        kinds=frozenset(_words(parameters, "kinds", EntryKind)) if "kinds" in parameters else None,
        project=parameters.get("project"),
        model=parameters.get("model"),
        since=_instant(parameters, "from"),
        before=_instant(parameters, "to"),
        member_id=_member(account_id, parameters),
    )


def _parameters(request: Request, allowed: frozenset[str]) -> dict[str, str]:
    """What the address says after its question mark, each name once."""
    found: dict[str, str] = {}
    for name, text in request.query_params.multi_items():
        if name not in allowed:
            raise BadParameter(
                name[:60], f"There is no parameter {name[:60]!a}; there are {', '.join(sorted(allowed))}."
            )
        if name in found:
            raise BadParameter(name, f"Give {name} once.")
        if holds_unstorable(text):
            raise BadParameter(name, f"{name} must not contain NUL characters or broken Unicode.")
        found[name] = text
    return found


def _day(parameters: Mapping[str, str], name: str) -> date:
    if name not in parameters:
        raise BadParameter(name, f"Give {name}, a day such as 2026-01-31.")
    return _parsed(parse_date, name, parameters[name])


def _instant(parameters: Mapping[str, str], name: str) -> datetime | None:
    return _parsed(parse_instant, name, parameters[name]) if name in parameters else None


def _member(account_id: UUID, parameters: Mapping[str, str]) -> UUID | None:
    name = "memberId"
    if name not in parameters:
        return None
    # Whoever gets here sees every member.
    return _parsed(lambda text: member_of(EVERYONE, account_id, text), name, parameters[name])


def _parsed(parse: Callable[[str], T], name: str, text: str) -> T:
    try:
        return parse(text)
    except GraphQLError as error:
        raise BadParameter(name, error.message) from None


Word = TypeVar("Word", UsageGroup, EntryKind)


def _words(parameters: Mapping[str, str], name: str, words: type[Word]) -> list[Word]:
    """Words between commas, in any case."""
    try:
        return [words(text.strip().upper()) for text in parameters.get(name, "").split(",") if text.strip()]
    except ValueError:
        raise BadParameter(name, f"{name} takes, with commas between: {', '.join(words)}.") from None


def _version(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _VERSION_DIGITS_MAX and int(text) <= MAX_SAFE_INTEGER):
        raise BadParameter("afterVersion", "afterVersion takes the number of an entry.")
    return int(text)


def _refusal(refusal: NotFound | InvalidInput) -> PlainRefusal:
    if isinstance(refusal, NotFound):
        return PlainRefusal(404, ProblemCode.NOT_FOUND, f"There is no such {refusal.what}.")
    return PlainRefusal(400, ProblemCode.INVALID_INPUT, f"{refusal.field} {refusal.message}.", {"field": refusal.field})


def _download(request: Request, name: str, pages: AsyncIterator[bytes]) -> Response:
    headers = {**_HEADERS, "content-disposition": f'attachment; filename="{name}"'}
    if request.method == "HEAD":
        return Response(media_type=_CSV, headers=headers)
    return StreamingResponse(pages, media_type=_CSV, headers=headers)


async def _each(pages: list[bytes]) -> AsyncIterator[bytes]:
    for page in pages:
        yield page


async def _entry_lines(account_id: UUID, pages: AsyncIterator[list[Entry]]) -> AsyncIterator[bytes]:
    yield csv_line(ENTRY_COLUMNS).encode()
    try:
        async for page in pages:
            yield _page(_entry_cells(account_id, entry) for entry in page)
    except UNAVAILABLE as error:
        # The connection is cut, so that nobody takes what came for the whole.
        logger.warning("a download of entries was cut short: %s", error)
        raise


def _page(lines: Iterable[tuple[str, ...]]) -> bytes:
    return "".join(map(csv_line, lines)).encode()


def _usage_cells(account_id: UUID, row: UsageRow) -> tuple[str, ...]:
    average = row.average_per_use
    return (
        "" if row.day is None else row.day.isoformat(),
        csv_text(row.ref),
        csv_text(row.model),
        csv_text(row.category),
        _member_cell(account_id, row.member_id),
        csv_text(row.project),
        format_tokens(row.tokens),
        format_tokens(row.refunded),
        str(row.uses),
        "" if average is None else format_tokens(average),
        str(row.operations),
    )


def _entry_cells(account_id: UUID, entry: Entry) -> tuple[str, ...]:
    return (
        str(entry.version),
        entry.kind,
        entry.at.replace(tzinfo=None).isoformat() + "Z",
        format_tokens(entry.total_change),
        format_tokens(entry.held_change),
        format_tokens(entry.owed_change),
        format_tokens(entry.spent),
        format_tokens(entry.available_after),
        _member_cell(account_id, entry.member_id),
        csv_text(entry.project),
        csv_text(entry.ref),
        csv_text(entry.model),
        csv_text(entry.category),
        _row_cell(IdKind.HOLD, account_id, entry.hold_id),
        _row_cell(IdKind.GRANT, account_id, entry.grant_id),
        csv_text(entry.note),
    )


def _member_cell(account_id: UUID, member_id: UUID | None) -> str:
    return "" if member_id is None else public_id(IdKind.MEMBER, account_id, part=member_id)


def _row_cell(kind: IdKind, account_id: UUID, local_id: int | None) -> str:
    return "" if local_id is None else public_id(kind, account_id, local_id)
