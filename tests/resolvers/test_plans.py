"""The plan of an account, and what it opens of the price list, as the API shows them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rules.pricing.offers import Plan, PlanInterval
from tests.resolvers.conftest import Ask
from tests.resolvers.stage import ACCOUNT, ACCOUNT_ID, SECRET, TENANT, ABook, AnAccount, Stage, a_book, a_price

STUDIO = Plan("studio", "Studio", "pro", 5, 1, 2_000, PlanInterval.MONTH)
ALLOWED = """query($id: ID, $name: String) {
    prices(accountId: $id, accountExternalId: $name) { nodes { model allowed } }
    price(model: "veo", accountId: $id, accountExternalId: $name) { allowed } }"""


@pytest.fixture(autouse=True)
def tiered(stage: Stage) -> None:
    book = replace(a_book(), prices=(a_price("flux", 5), replace(a_price("veo", 9), tier="pro")), plans=(STUDIO,))
    stage.price_books.answers["current"] = ABook(book)


@pytest.mark.parametrize(("plan_id", "veo"), [(None, False), ("studio", True), ("sold no more", False)])
@pytest.mark.parametrize("named", [{"id": ACCOUNT_ID}, {"name": "alice"}])
async def test_a_price_says_whether_the_account_may_use_it(
    ask: Ask, stage: Stage, named: dict[str, str], plan_id: str | None, veo: bool
) -> None:
    stage.accounts.answers["get"] = AnAccount(plan_id=plan_id)

    result = await ask(ALLOWED, **named)

    assert result.errors is None
    assert result.data == {
        "prices": {"nodes": [{"model": "flux", "allowed": True}, {"model": "veo", "allowed": veo}]},
        "price": {"allowed": veo},
    }


async def test_without_an_account_it_says_nothing(ask: Ask, stage: Stage) -> None:
    result = await ask(ALLOWED)

    assert result.data is not None
    assert result.data["price"] == {"allowed": None}
    assert stage.accounts.calls == []


@pytest.mark.parametrize("named", [{"id": "nobody"}, {"id": ACCOUNT_ID, "name": "alice"}])
async def test_an_account_that_is_not_there_or_named_twice_is_an_error(ask: Ask, named: dict[str, str]) -> None:
    result = await ask(ALLOWED, **named)

    assert result.errors is not None
    assert {error.extensions["code"] for error in result.errors if error.extensions} == {"BAD_USER_INPUT"}


@pytest.mark.parametrize(
    ("plan_id", "shown"), [(None, None), ("studio", {"id": "studio", "tier": "pro"}), ("sold no more", None)]
)
async def test_an_account_shows_its_plan(ask: Ask, stage: Stage, plan_id: str | None, shown: Any) -> None:
    stage.accounts.answers["get"] = AnAccount(plan_id=plan_id)

    result = await ask("query($id: ID!) { account(id: $id) { plan { id tier } closedAt } }", id=ACCOUNT_ID)

    assert result.errors is None
    assert result.data == {"account": {"plan": shown, "closedAt": None}}


async def test_the_credentials_own_account_is_the_one_in_scope(ask: Ask, stage: Stage) -> None:
    own = replace(SECRET, account_id=ACCOUNT)
    stage.accounts.answers["get"] = AnAccount(plan_id="studio")

    result = await ask('{ price(model: "veo") { allowed } }', own)
    other = await ask('{ price(model: "veo", accountExternalId: "bob") { allowed } }', own)

    assert result.data == {"price": {"allowed": True}}
    assert other.errors is not None
    assert stage.accounts.calls == [("get", (TENANT, ACCOUNT), {})]
