from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from rules.ledger.records import Page, Slice
from rules.pricing.changes import BookChanges, PriceChange, TextChange
from rules.pricing.price_book import PriceBounds
from rules.pricing.publication import InvalidPriceBook
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MICROS
from rules.pricing.toml import Fault
from services.price_books import PublishedBook
from services.publishing import Publication, PublishedText, VersionRecord
from tests.resolvers.conftest import Ask
from tests.resolvers.stage import NOON, SECRET, TENANT, Stage, a_book

PUBLISH = """mutation($input: PublishPriceBookInput!) { publishPriceBook(input: $input) { __typename
    ... on PublishPriceBookSuccess {
        priceBook { slug version publishedAt } effectiveAt follows added removed changeCount
        changed { model before after minBefore minAfter maxBefore maxAfter }
        changes { path before after }
    }
    ... on Problem { code message }
    ... on InvalidInput { field }
    ... on InvalidPriceBook { faults { line path message } }
} }"""

PUBLISHED = PublishedBook(4, NOON, datetime(2026, 4, 1, tzinfo=UTC), a_book())


def bounds(first: int, greatest: int | None) -> PriceBounds:
    return PriceBounds(first * MICROS, MICROS, None if greatest is None else greatest * MICROS)


async def test_a_publication_is_shown_with_everything_that_it_changes(ask: Ask, stage: Stage) -> None:
    changes = BookChanges(
        added=("kling",),
        removed=("sora",),
        changed=(PriceChange("flux", bounds(5, 9), bounds(6, None)),),
        texts=(TextChange("prices[flux].tokens", "5", "6"), TextChange("policies.refund_days", None, "7")),
        text_count=2,
    )
    stage.publishing.answers["publish"] = Publication(PUBLISHED, 3, changes)

    result = await ask(PUBLISH, input={"source": "text", "effectiveAt": "2026-04-01T02:00:00+02:00", "dryRun": True})

    assert stage.publishing.calls == [
        ("publish", (TENANT, "text"), {"effective_at": PUBLISHED.effective_at, "dry_run": True, "by": SECRET})
    ]
    assert result.errors is None
    assert result.data is not None
    assert result.data["publishPriceBook"] == {
        "__typename": "PublishPriceBookSuccess",
        "priceBook": {"slug": "studio", "version": 4, "publishedAt": "2026-03-01T12:00:00Z"},
        "effectiveAt": "2026-04-01T00:00:00Z",
        "follows": 3,
        "added": ["kling"],
        "removed": ["sora"],
        "changeCount": 2,
        "changed": [
            {
                "model": "flux",
                "before": "5",
                "after": "6",
                "minBefore": "1",
                "minAfter": "1",
                "maxBefore": "9",
                "maxAfter": None,
            }
        ],
        "changes": [
            {"path": "prices[flux].tokens", "before": "5", "after": "6"},
            {"path": "policies.refund_days", "before": None, "after": "7"},
        ],
    }


@pytest.mark.parametrize("more", [{}, {"effectiveAt": None, "dryRun": None}])
async def test_by_default_it_is_published_at_once(ask: Ask, stage: Stage, more: dict[str, Any]) -> None:
    stage.publishing.answers["publish"] = Publication(PUBLISHED, None, BookChanges())

    await ask(PUBLISH, input={"source": "text"} | more)

    assert stage.publishing.calls == [
        ("publish", (TENANT, "text"), {"effective_at": None, "dry_run": False, "by": SECRET})
    ]


async def test_a_book_with_faults_is_refused_with_all_of_them(ask: Ask, stage: Stage) -> None:
    stage.publishing.answers["publish"] = InvalidPriceBook(
        (Fault(3, "currency", "is wrong"), Fault(None, "", "too long"))
    )

    result = await ask(PUBLISH, input={"source": "text"})

    assert result.data is not None
    answer = result.data["publishPriceBook"]
    assert (answer["__typename"], answer["code"]) == ("InvalidPriceBook", "INVALID_PRICE_BOOK")
    assert answer["faults"] == [
        {"line": 3, "path": "currency", "message": "is wrong"},
        {"line": None, "path": "", "message": "too long"},
    ]


async def test_an_instant_in_the_past_is_invalid_input(ask: Ask, stage: Stage) -> None:
    stage.publishing.answers["publish"] = InvalidInput("effectiveAt", "lies in the past")

    result = await ask(PUBLISH, input={"source": "text", "effectiveAt": "2020-01-01T00:00:00Z"})

    assert result.data is not None
    assert result.data["publishPriceBook"]["field"] == "effectiveAt"


def a_record(version: int, *, in_force: bool = False) -> VersionRecord:
    return VersionRecord(version, "studio", "Studio", NOON, NOON, in_force)


async def test_versions_come_by_the_page(ask: Ask, stage: Stage) -> None:
    stage.publishing.answers["versions"] = lambda tenant, part: Page(
        (a_record(3, in_force=True), a_record(2)) if part.after is None else (a_record(1),), part.after is None
    )
    stage.publishing.answers["count_versions"] = 3
    query = """query($after: String) { priceBooks(first: 2, after: $after) {
        totalCount nodes { version slug name publishedAt effectiveAt inForce } pageInfo { hasNextPage endCursor }
    } }"""

    first = await ask(query)
    assert first.data is not None
    page = first.data["priceBooks"]
    rest = await ask(query, after=page["pageInfo"]["endCursor"])

    assert rest.data is not None
    assert [node["version"] for node in page["nodes"] + rest.data["priceBooks"]["nodes"]] == [3, 2, 1]
    assert [node["inForce"] for node in page["nodes"]] == [True, False]
    assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (3, True)
    assert stage.publishing.calls[2][:2] == ("versions", (TENANT, Slice(2, 2)))


@pytest.mark.parametrize(("argument", "asked"), [("", None), ("(version: 2)", 2), ("(version: -5)", -5)])
async def test_a_version_comes_with_its_text(ask: Ask, stage: Stage, argument: str, asked: int | None) -> None:
    stage.publishing.answers["version"] = PublishedText(a_record(2), PUBLISHED, "slug = …")

    result = await ask(f"{{ priceBook{argument} {{ version inForce currency tiers source }} }}")

    assert stage.publishing.calls == [("version", (TENANT, asked), {})]
    assert result.data == {
        "priceBook": {
            "version": 2,
            "inForce": False,
            "currency": "usd",
            "tiers": ["free", "pro"],
            "source": "slug = …",
        }
    }


async def test_a_version_that_never_was_is_null(ask: Ask, stage: Stage) -> None:
    stage.publishing.answers["version"] = None

    result = await ask("{ priceBook(version: 9) { version } }")

    assert (result.data, result.errors) == ({"priceBook": None}, None)
