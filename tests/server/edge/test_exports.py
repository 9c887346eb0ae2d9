"""Usage and entries as downloads: what is asked, what comes, and what is said where nothing can."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from models.unavailable import DatabaseUnreachable
from rules.identity import IdKind, public_id
from rules.ledger.journal import Entry
from rules.ledger.kinds import EntryKind
from rules.ledger.records import EntryFilter
from rules.ledger.refusals import NotFound
from rules.ledger.usage_reports import UsageGroup, UsageRequest, UsageRow
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MICROS
from tests.resolvers.stage import ACCOUNT, ACCOUNT_ID, ROOT_KEY, SECRET, SECRET_KEY, TENANT, Stage
from tests.server.edge.test_plain_http import a_client, the_error

USAGE = "/accounts/alice/usage.csv"
ENTRIES = "/accounts/alice/entries.csv"
MAY = {"from": "2026-05-01", "to": "2026-05-31"}
MEMBER = UUID(int=77)
MEMBER_ID = public_id(IdKind.MEMBER, ACCOUNT, part=MEMBER)

A_ROW = UsageRow(date(2026, 5, 1), "n1", "flux", "image", MEMBER, "film", 10 * MICROS, 400_000, 3, 2)
AN_ENTRY = Entry(
    account_id=ACCOUNT,
    version=9,
    kind=EntryKind.REFUND,
    at=datetime(2026, 5, 1, 12, 0, 0, 5, tzinfo=UTC),
    total_change=5 * MICROS,
    held_change=0,
    owed_change=-1,
    clawed_change=0,
    spent=-5_000_001,
    available_after=60,
    credit_limit=0,
    member_id=MEMBER,
    project="film",
    model="flux",
    category="image",
    hold_id=8,
    grant_id=None,
    ref="n1",
    note='so, "blurred"',
    text_salt=b"",
    text_digest=b"",
    hash=b"",
)


def usage_of(*pages: list[UsageRow], refusal: NotFound | InvalidInput | None = None) -> Callable[..., Any]:
    def export(request: UsageRequest, take: Callable[[list[UsageRow]], None]) -> NotFound | InvalidInput | None:
        for page in pages:
            take(page)
        return refusal

    return export


def entries_of(*pages: list[Entry] | Exception) -> Callable[..., Any]:
    async def come() -> AsyncIterator[list[Entry]]:
        for page in pages:
            if isinstance(page, Exception):
                raise page
            yield page

    return lambda tenant_id, account_id, wanted: come()


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.usage.answers |= {"export": usage_of(), "export_entries": entries_of()}
    return stage


@pytest.fixture
async def client(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    async with a_client(stage) as client:
        yield client


def the_rows(response: httpx.Response) -> list[dict[str, str]]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["x-request-id"]
    assert all(line.endswith("\r") for line in response.text.split("\n")[:-1])
    return list(csv.DictReader(io.StringIO(response.text, newline="")))


async def test_usage_comes_as_a_table(client: httpx.AsyncClient, stage: Stage) -> None:
    stage.usage.answers["export"] = usage_of([A_ROW], [replace(A_ROW, day=None, member_id=None, uses=0, charged=0)])

    response = await client.get(USAGE, params={**MAY, "groupBy": "day,Model"})

    first, second = the_rows(response)
    assert response.headers["content-disposition"] == 'attachment; filename="usage.csv"'
    assert first == {
        "date": "2026-05-01",
        "ref": "n1",
        "model": "flux",
        "category": "image",
        "member_id": MEMBER_ID,
        "project": "film",
        "tokens": "9.6",
        "refunded": "0.4",
        "uses": "3",
        "average_per_use": "3.2",
        "operations": "2",
    }
    assert (second["date"], second["member_id"], second["average_per_use"], second["tokens"]) == ("", "", "", "-0.4")
    (call,) = stage.usage.calls
    groups = frozenset({UsageGroup.DAY, UsageGroup.MODEL})
    assert call[1][0] == UsageRequest(TENANT, ACCOUNT, date(2026, 5, 1), date(2026, 5, 31), groups)


async def test_entries_come_as_a_table(client: httpx.AsyncClient, stage: Stage) -> None:
    stage.usage.answers["export_entries"] = entries_of([AN_ENTRY], [AN_ENTRY._replace(version=10)])

    response = await client.get(
        ENTRIES,
        params={
            "from": "2026-05-01T00:00:00+02:00",
            "to": "2026-06-01T00:00:00Z",
            "kinds": "refund, CAPTURE",
            "memberId": MEMBER_ID,
            "project": "film",
            "model": "flux",
            "afterVersion": "8",
        },
    )

    first, second = the_rows(response)
    assert first == {
        "version": "9",
        "kind": "REFUND",
        "at": "2026-05-01T12:00:00.000005Z",
        "total_change": "5",
        "held_change": "0",
        "owed_change": "-0.000001",
        "spent": "-5.000001",
        "available_after": "0.00006",
        "member_id": MEMBER_ID,
        "project": "film",
        "ref": "n1",
        "model": "flux",
        "category": "image",
        "hold_id": public_id(IdKind.HOLD, ACCOUNT, 8),
        "grant_id": "",
        "note": 'so, "blurred"',
    }
    assert second["version"] == "10"
    wanted = EntryFilter(
        8,
        frozenset({EntryKind.REFUND, EntryKind.CAPTURE}),
        "film",
        "flux",
        datetime(2026, 4, 30, 22, tzinfo=UTC),
        datetime(2026, 6, 1, tzinfo=UTC),
        MEMBER,
    )
    assert stage.usage.calls == [("export_entries", (TENANT, ACCOUNT, wanted), {})]


async def test_without_a_filter_every_entry_comes(client: httpx.AsyncClient, stage: Stage) -> None:
    assert the_rows(await client.get(ENTRIES)) == []
    assert stage.usage.calls == [("export_entries", (TENANT, ACCOUNT, EntryFilter()), {})]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1"])
async def test_no_text_is_a_formula(client: httpx.AsyncClient, stage: Stage, text: str) -> None:
    stage.usage.answers |= {
        "export": usage_of([replace(A_ROW, ref=text, model=text, category=text, project=text)]),
        "export_entries": entries_of([AN_ENTRY._replace(ref=text, model=text, category=text, project=text, note=text)]),
    }

    (usage,) = the_rows(await client.get(USAGE, params=MAY))
    (entry,) = the_rows(await client.get(ENTRIES))

    assert {usage[name] for name in ("ref", "model", "category", "project")} == {f"'{text}"}
    assert {entry[name] for name in ("ref", "model", "category", "project", "note")} == {f"'{text}"}


async def test_an_account_is_named_by_either_name(client: httpx.AsyncClient, stage: Stage) -> None:
    for name in (ACCOUNT_ID, "alice", "a/b%2Fc"):
        the_rows(await client.get(f"/accounts/{name}/entries.csv"))

    by_id, by_name, with_slashes = (arguments[1] for _, arguments, _ in stage.usage.calls)
    assert by_id == by_name == ACCOUNT
    assert with_slashes != ACCOUNT


@pytest.mark.parametrize(
    ("address", "parameters", "field"),
    [
        (USAGE, {"to": "2026-05-31"}, "from"),
        (USAGE, {"from": "2026-05-01"}, "to"),
        (USAGE, {**MAY, "from": "2026-02-30"}, "from"),
        (USAGE, {**MAY, "groupBy": "hour"}, "groupBy"),
        (USAGE, {**MAY, "kinds": "REFUND"}, "kinds"),
        (USAGE, {**MAY, "memberId": "mem_nonsense"}, "memberId"),
        (USAGE, {**MAY, "project": "a\x00b"}, "project"),
        (ENTRIES, {"from": "2026-05-01"}, "from"),
        (ENTRIES, {"kinds": "GIFT"}, "kinds"),
        (ENTRIES, {"afterVersion": "-1"}, "afterVersion"),
        (ENTRIES, {"afterVersion": "9" * 17}, "afterVersion"),
        (ENTRIES, {"memberId": public_id(IdKind.MEMBER, UUID(int=9), part=MEMBER)}, "memberId"),
    ],
)
async def test_a_parameter_out_of_form_is_named(
    client: httpx.AsyncClient, stage: Stage, address: str, parameters: dict[str, str], field: str
) -> None:
    response = await client.get(address, params=parameters)

    error = the_error(response)
    assert (response.status_code, error["code"], error["field"]) == (400, "INVALID_INPUT", field)
    assert stage.usage.calls == []


async def test_a_parameter_is_given_once(client: httpx.AsyncClient) -> None:
    response = await client.get(f"{USAGE}?from=2026-05-01&from=2026-05-02&to=2026-05-03")

    assert the_error(response)["field"] == "from"


async def test_a_report_that_is_refused_on_the_way_sends_no_half(client: httpx.AsyncClient, stage: Stage) -> None:
    stage.usage.answers["export"] = usage_of([A_ROW], refusal=InvalidInput("groupBy", "ask for less"))

    response = await client.get(USAGE, params=MAY)

    assert (response.status_code, the_error(response)["field"]) == (400, "groupBy")


async def test_an_account_that_is_not_there(client: httpx.AsyncClient, stage: Stage) -> None:
    stage.usage.answers |= {"export": NotFound("account"), "export_entries": NotFound("account")}

    for response in (await client.get(USAGE, params=MAY), await client.get(ENTRIES)):
        assert (response.status_code, the_error(response)["code"]) == (404, "NOT_FOUND")


async def test_who_has_no_key_gets_nothing(stage: Stage) -> None:
    for key, status in ((None, 401), ("fbx_wrong", 401), (ROOT_KEY, 403)):
        async with a_client(stage, key) as client:
            for address in (USAGE, ENTRIES):
                assert (await client.get(address, params=MAY)).status_code == status
    assert stage.usage.calls == []


async def test_a_key_of_one_account_downloads_its_own_alone(stage: Stage) -> None:
    stage.credentials.known[SECRET_KEY] = replace(SECRET, account_id=ACCOUNT)
    async with a_client(stage) as client:
        own, other = await client.get(ENTRIES), await client.get("/accounts/bob/entries.csv")

    assert (own.status_code, other.status_code) == (200, 404)


async def test_only_get_and_head(client: httpx.AsyncClient, stage: Stage) -> None:
    posted, asked = await client.post(ENTRIES), await client.head(ENTRIES)

    assert (posted.status_code, posted.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert (asked.status_code, asked.content) == (200, b"")


async def test_a_database_that_is_away_is_said_so(client: httpx.AsyncClient, stage: Stage) -> None:
    stage.usage.answers["export_entries"] = DatabaseUnreachable("gone")

    response = await client.get(ENTRIES)

    assert (response.status_code, the_error(response)["code"]) == (503, "UNAVAILABLE")


async def test_a_download_that_is_cut_short_does_not_look_whole(client: httpx.AsyncClient, stage: Stage) -> None:
    stage.usage.answers["export_entries"] = entries_of([AN_ENTRY], DatabaseUnreachable("gone"))

    with pytest.raises(DatabaseUnreachable):
        await client.get(ENTRIES)
