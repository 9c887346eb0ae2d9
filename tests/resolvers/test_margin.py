from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rules.pricing.earnings import NoRate
from services.captured_work import Period
from services.margin import REQUEST_LINES_MAX, MarginReport, TooMuchWork
from tests.resolvers.conftest import Ask
from tests.resolvers.stage import NOON, TENANT, Stage
from tests.rules.pricing.test_earnings import CENT_A_TOKEN, earned, work

MARGIN = """query ($days: Int, $package: String) { margin(input: {days: $days, packageId: $package}) {
    ... on MarginSuccess { margin { since until priceBookVersion models { ...sums } total { ...sums } } }
    ... on InvalidInput { code field message } } }
fragment sums on ModelMargin {
    model uses tokens revenue { decimal } providerCost { decimal } margin { decimal } marginPercent unknownLines
}"""


def a_report() -> MarginReport:
    earnings = earned(work("picture", 10, 2), work(None, 7), work("upscale", 8, amount=0))
    return MarginReport(Period(NOON - timedelta(days=30), NOON), 3, CENT_A_TOKEN, earnings)


async def test_it_is_told_by_model_and_in_all(ask: Ask, stage: Stage) -> None:
    stage.margins.answers["report"] = a_report()

    result = await ask(MARGIN, days=7, package="small")

    assert result.errors is None
    assert stage.margins.calls == [("report", (TENANT, 7, "small"), {})]
    margin = (result.data or {})["margin"]["margin"]
    assert (margin["priceBookVersion"], margin["until"]) == (3, "2026-03-01T12:00:00Z")
    picture, without, upscale = margin["models"]
    assert picture == {
        "model": "picture",
        "uses": 2,
        "tokens": "10",
        "revenue": {"decimal": "0.10"},
        "providerCost": {"decimal": "0.06"},
        "margin": {"decimal": "0.04"},
        "marginPercent": "40.0",
        "unknownLines": 0,
    }
    assert (without["model"], without["providerCost"], without["margin"], without["unknownLines"]) == (
        None,
        None,
        None,
        1,
    )
    assert (upscale["margin"], upscale["marginPercent"]) == ({"decimal": "-0.03"}, None)
    assert margin["total"]["revenue"] == {"decimal": "0.17"}
    assert margin["total"]["providerCost"] == {"decimal": "0.09"}
    assert margin["total"]["margin"] is None


async def test_thirty_days_at_the_smallest_package_unless_said_otherwise(ask: Ask, stage: Stage) -> None:
    stage.margins.answers["report"] = a_report()

    await ask("{ margin(input: {}) { __typename } }")
    await ask("{ margin(input: {days: null, packageId: null}) { __typename } }")

    assert stage.margins.calls == [("report", (TENANT, 30, None), {})] * 2


@pytest.mark.parametrize(
    ("answer", "days", "field", "said"),
    [
        (None, 0, "days", "between 1 and 3660"),
        (None, 3661, "days", "between 1 and 3660"),
        (NoRate("huge", ("small",)), 30, "packageId", "it has small"),
        (NoRate(None, ()), 30, "packageId", "token_value"),
        (TooMuchWork(REQUEST_LINES_MAX + 1), 30, "days", "fewer days"),
    ],
)
async def test_what_cannot_be_told_says_what_would_help(
    ask: Ask, stage: Stage, answer: Any, days: int, field: str, said: str
) -> None:
    stage.margins.answers["report"] = answer

    result = await ask(MARGIN, days=days)

    problem = (result.data or {})["margin"]
    assert (problem["code"], problem["field"]) == ("INVALID_INPUT", field)
    assert said in problem["message"]
