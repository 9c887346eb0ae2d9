from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from models.unavailable import DatabaseBusy, DatabaseUnreachable
from rules.ledger.burn_down import Spender
from rules.ledger.requests import EstimateRequest
from rules.pricing.price_book import PriceBook
from rules.pricing.tokens import MICROS
from rules.pricing.toml import read_price_book
from server.app import build_app
from server.edge.configuration import BODY_BYTES_MAX, Edge
from services.estimates import estimate_work
from services.ledger.lane import LedgerUnavailable
from tests.resolvers.stage import (
    ACCOUNT,
    OTHER_TENANT,
    ROOT_KEY,
    SECRET,
    SECRET_KEY,
    TENANT,
    ABook,
    AnAccount,
    Stage,
    a_balance,
)

BALANCE = "/api/v2/balance"
MODELS = "/api/v2/models"
JSON = {"content-type": "application/json"}

SOURCE = """
slug = "studio"
name = "Studio"
currency = "usd"
tiers = ["starter", "pro"]
[[prices]]
name = "DALL·E 3"
category = "image"
provider = "OpenAI"
tier = "pro"
premium = true
dimensions = [
  { name = "size", type = "choice", values = ["1024x1024", "1792x1024"], default = "1024x1024" },
  { name = "quality", type = "choice", values = ["standard", "hd"], default = "standard" },
]
[prices.matrix]
by = ["size", "quality"]
[prices.matrix.tokens]
1024x1024 = { standard = 5, hd = 9 }
1792x1024 = { standard = 9, hd = 13 }
[[prices]]
name = "Narrator"
category = "tts"
rounding_unit = 0.000001
dimensions = [{ name = "characters", type = "integer", unit = "character", minimum = 1, unbounded = true }]
formula = { rates = [{ of = ["characters"], tokens = 3, per = 1000 }] }
[[prices]]
name = "Chat"
category = "text"
rounding_unit = 0.01
dimensions = [{ name = "words", type = "integer", minimum = 1, maximum = 1111, default = 333 }]
metered = { of = "words", tokens = 1, per = 1000 }
[[prices]]
name = "Upscale"
category = "tool"
tokens = 1
"""


def a_book() -> PriceBook:
    book = read_price_book(SOURCE)
    assert isinstance(book, PriceBook), book
    return book


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    published: Any = ABook(a_book())
    stage.price_books.answers |= {"current": published, "at_version": published}

    def estimate(request: EstimateRequest) -> Any:
        assert (request.tenant_id, request.account_id) == (TENANT, None)
        return estimate_work(published, request.work, Spender(), None)

    stage.fares.answers["estimate"] = estimate
    return stage


def a_client(stage: Stage, key: str | None = SECRET_KEY) -> httpx.AsyncClient:
    app = build_app(stage, Edge(introspection=False, graphiql=False))
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://farebox.test", headers=headers)


@pytest.fixture
async def client(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    async with a_client(stage) as client:
        yield client


def the_error(response: httpx.Response) -> dict[str, Any]:
    error: dict[str, Any] = response.json()["error"]
    assert list(response.json()) == ["error"]
    assert list(error)[:3] == ["code", "message", "request_id"]
    assert error["request_id"] == response.headers["x-request-id"]
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    return error


async def price(client: httpx.AsyncClient, model: str = "dall-e-3", **body: Any) -> httpx.Response:
    return await client.post(f"{MODELS}/{model}/calculate-price", json=body)


class TestBalance:
    async def test_it_is_what_can_be_spent_now(self, client: httpx.AsyncClient) -> None:
        response = await client.get(BALANCE, params={"account": "alice"})

        assert response.status_code == 200
        assert response.json() == {"token_balance": 65, "plan": None, "plan_expires_at": None}
        assert response.headers["cache-control"] == "no-store"

    async def test_it_comes_with_the_plan(self, client: httpx.AsyncClient, stage: Stage) -> None:
        stage.accounts.answers["get"] = AnAccount(plan_id="vip")

        response = await client.get(BALANCE, params={"account": "alice"})

        assert response.json()["plan"] == "vip"

    async def test_parts_of_a_token_are_exact(self, client: httpx.AsyncClient, stage: Stage) -> None:
        stage.reads.answers["balance"] = a_balance(available=65 * MICROS + 1)

        response = await client.get(BALANCE, params={"account": "alice"})

        assert '"token_balance": 65.000001,' in response.text

    async def test_an_unlimited_account_has_no_number(self, client: httpx.AsyncClient, stage: Stage) -> None:
        stage.reads.answers["balance"] = a_balance(unlimited=True)

        response = await client.get(BALANCE, params={"account": "alice"})

        assert response.json()["token_balance"] is None

    async def test_a_key_without_an_account_must_name_one(self, client: httpx.AsyncClient) -> None:
        response = await client.get(BALANCE)

        assert response.status_code == 400
        assert the_error(response)["code"] == "INVALID_INPUT"
        assert the_error(response)["field"] == "account"

    async def test_of_two_accounts_none_is_chosen(self, client: httpx.AsyncClient) -> None:
        response = await client.get(f"{BALANCE}?account=alice&account=bob")

        assert response.status_code == 400
        assert the_error(response)["field"] == "account"

    @pytest.mark.parametrize("external_id", ["bob", "", "a" * 256, "%ED%A0%80"])
    async def test_an_account_that_is_not_there_is_not_found(self, client: httpx.AsyncClient, external_id: str) -> None:
        response = await client.get(f"{BALANCE}?account={external_id}")

        assert response.status_code == 404
        assert the_error(response)["code"] == "NOT_FOUND"

    async def test_another_tenants_account_of_the_same_name_is_another_account(self, stage: Stage) -> None:
        stage.credentials.known["elsewhere"] = replace(SECRET, tenant_id=OTHER_TENANT)
        async with a_client(stage, "elsewhere") as client:
            response = await client.get(BALANCE, params={"account": "alice"})

        assert response.status_code == 404
        ((_, (tenant_id, account_id), _),) = stage.reads.calls
        assert tenant_id == OTHER_TENANT
        assert account_id != ACCOUNT

    @pytest.mark.parametrize(("named", "status"), [("", 200), ("?account=alice", 200), ("?account=bob", 404)])
    async def test_a_key_of_one_account_sees_that_one_alone(self, stage: Stage, named: str, status: int) -> None:
        stage.credentials.known["alice's"] = replace(SECRET, account_id=ACCOUNT)
        stage.reads.answers["balance"] = a_balance()
        async with a_client(stage, "alice's") as client:
            response = await client.get(f"{BALANCE}{named}")

        assert response.status_code == status


class TestPrice:
    async def test_it_has_the_cost_of_these_params_and_the_bounds_of_all(self, client: httpx.AsyncClient) -> None:
        response = await price(client, params={"size": "1792x1024", "quality": "hd"}, count=1)

        assert response.status_code == 200
        assert response.json() == {
            "token_cost": 13,
            "min_token_cost": 5,
            "max_token_cost": 13,
            "pricing_type": "matrix",
        }

    async def test_count_multiplies_the_cost_and_not_the_bounds(self, client: httpx.AsyncClient) -> None:
        response = await price(client, params={"quality": "hd"}, count=4)

        assert response.json() == {
            "token_cost": 36,
            "min_token_cost": 5,
            "max_token_cost": 13,
            "pricing_type": "matrix",
        }

    @pytest.mark.parametrize("body", [{}, {"params": None}, {"params": {}}, {"params": {"quality": None}, "count": 1}])
    async def test_what_is_left_out_has_its_default(self, client: httpx.AsyncClient, body: dict[str, Any]) -> None:
        response = await price(client, **body)

        assert response.json()["token_cost"] == 5

    async def test_a_price_that_nothing_bounds_has_no_greatest_cost_and_exact_parts(
        self, client: httpx.AsyncClient
    ) -> None:
        response = await price(client, "narrator", params={"characters": 1})

        assert response.text == (
            '{"token_cost": 0.003, "min_token_cost": 0.003, "max_token_cost": null, "pricing_type": "formula"}\n'
        )

    async def test_what_a_holds_end_rounds_is_within_the_bounds_of_one_use_and_as_it_is_listed(
        self, client: httpx.AsyncClient
    ) -> None:
        usual, least, greatest = [
            (await price(client, "chat", params=params)).json() for params in ({}, {"words": 1}, {"words": 1111})
        ]

        bounds = {"min_token_cost": 0.01, "max_token_cost": 1.12, "pricing_type": "metered"}
        assert usual == {"token_cost": 0.34, **bounds}
        assert least == {"token_cost": 0.01, **bounds}
        assert greatest == {"token_cost": 1.12, **bounds}
        listed = (await client.get(MODELS)).json()["models"]
        assert [model["token_cost"] for model in listed if model["model"] == "chat"] == [0.34]

    async def test_a_model_that_is_not_there_leads_to_those_that_may_be_meant(self, client: httpx.AsyncClient) -> None:
        response = await price(client, "dalle3")

        assert response.status_code == 404
        assert the_error(response)["code"] == "UNKNOWN_MODEL"
        assert the_error(response)["suggestions"] == ["dall-e-3"]

    @pytest.mark.parametrize("model", ["a/b", "%00", "%F0%9F%98%80", "x" * 3000])
    async def test_no_name_of_a_model_is_more_than_unknown(self, client: httpx.AsyncClient, model: str) -> None:
        response = await price(client, model)

        assert response.status_code == 404
        assert the_error(response)["code"] == "UNKNOWN_MODEL"
        assert "/api/v2/models" in the_error(response)["message"]

    @pytest.mark.parametrize(
        ("model", "params", "param"),
        [
            ("dall-e-3", {"quality": "ultra"}, "quality"),
            ("dall-e-3", {"quality": {"a": 1}}, "quality"),
            ("dall-e-3", {"colour": "red"}, "colour"),
            ("narrator", {}, "characters"),
            ("narrator", {"characters": 0.5}, "characters"),
            ("narrator", {"characters": True}, "characters"),
            ("narrator", {"characters": -1}, "characters"),
        ],
    )
    async def test_a_param_that_cannot_be_priced_is_named(
        self, client: httpx.AsyncClient, model: str, params: dict[str, Any], param: str
    ) -> None:
        response = await price(client, model, params=params)

        assert response.status_code == 400
        assert the_error(response)["code"] == "INVALID_PARAMS"
        assert the_error(response)["param"] == param

    @pytest.mark.parametrize("count", [0, -1, 1.5, "2", True, None, 1_000_001, 2**70])
    async def test_a_count_out_of_form_or_bounds_is_refused(self, client: httpx.AsyncClient, count: Any) -> None:
        response = await price(client, count=count)

        assert response.status_code == 400
        assert the_error(response)["code"] == "INVALID_INPUT"
        assert the_error(response)["field"] == "count"

    async def test_a_cost_beyond_the_greatest_amount_is_refused(self, client: httpx.AsyncClient) -> None:
        response = await price(client, "narrator", params={"characters": 10**14}, count=1_000_000)

        assert response.status_code == 400
        assert the_error(response)["field"] == "count"

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "JSON"),
            (b"[]", "object"),
            (b"null", "object"),
            (b'{"count": NaN}', "JSON"),
            (b'{"params": {"quality": "\\u0000"}}', "NUL"),
            (b'{"params": []}', "params"),
            (b'{"parms": {}}', "parms"),
            (b'{"params": ' + b"[" * 500 + b"]" * 500 + b"}", "nests"),
        ],
    )
    async def test_a_body_out_of_form_is_a_bad_request(
        self, client: httpx.AsyncClient, content: bytes, said: str
    ) -> None:
        response = await client.post(f"{MODELS}/upscale/calculate-price", content=content, headers=JSON)

        assert response.status_code == 400
        assert said in the_error(response)["message"]

    async def test_only_json_of_a_bounded_size_is_taken(self, client: httpx.AsyncClient) -> None:
        address = f"{MODELS}/upscale/calculate-price"
        form = await client.post(address, data={"count": "1"})
        large = await client.post(address, content=b" " * (BODY_BYTES_MAX + 1), headers=JSON)

        assert (form.status_code, large.status_code) == (415, 413)
        assert {the_error(form)["code"], the_error(large)["code"]} == {"BAD_USER_INPUT"}


async def test_the_models_are_listed_with_what_they_take(client: httpx.AsyncClient) -> None:
    response = await client.get(MODELS)

    models = response.json()["models"]
    assert [model["model"] for model in models] == ["dall-e-3", "narrator", "chat", "upscale"]
    assert models[0] == {
        "model": "dall-e-3",
        "name": "DALL·E 3",
        "category": "image",
        "provider": "OpenAI",
        "tier": "pro",
        "premium": True,
        "notes": None,
        "token_cost": 5,
        "min_token_cost": 5,
        "max_token_cost": 13,
        "pricing_type": "matrix",
        "params": [
            {
                "name": "size",
                "type": "choice",
                "unit": None,
                "values": ["1024x1024", "1792x1024"],
                "default": "1024x1024",
                "minimum": None,
                "maximum": None,
            },
            {
                "name": "quality",
                "type": "choice",
                "unit": None,
                "values": ["standard", "hd"],
                "default": "standard",
                "minimum": None,
                "maximum": None,
            },
        ],
    }
    assert models[1]["max_token_cost"] is None


EVERYTHING = [("GET", BALANCE), ("GET", MODELS), ("POST", f"{MODELS}/upscale/calculate-price")]


@pytest.mark.parametrize(("method", "path"), EVERYTHING)
class TestEveryAddress:
    @pytest.mark.parametrize("authorization", [None, "Bearer nonsense", "Basic abc", ""])
    async def test_a_key_is_needed(self, stage: Stage, method: str, path: str, authorization: str | None) -> None:
        headers = JSON if authorization is None else {**JSON, "authorization": authorization}
        async with a_client(stage, key=None) as client:
            response = await client.request(method, path, content=b"{}", headers=headers)

        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer")
        assert the_error(response)["code"] == "UNAUTHENTICATED"

    async def test_the_root_key_has_no_tenant(self, stage: Stage, method: str, path: str) -> None:
        async with a_client(stage, ROOT_KEY) as client:
            response = await client.request(method, path, content=b"{}", headers=JSON)

        assert response.status_code == 403
        assert the_error(response)["code"] == "FORBIDDEN"

    async def test_other_methods_are_told_which_it_takes(
        self, client: httpx.AsyncClient, method: str, path: str
    ) -> None:
        for other in {"GET", "POST", "PUT", "PATCH", "DELETE"} - {method}:
            response = await client.request(other, path)

            assert response.status_code == 405
            assert method in response.headers["allow"]
            assert the_error(response)["code"] == "BAD_USER_INPUT"

    async def test_options_needs_no_key_and_names_the_methods(self, stage: Stage, method: str, path: str) -> None:
        async with a_client(stage, key=None) as client:
            response = await client.options(path)

        assert response.status_code == 204
        assert response.headers["allow"] == ("GET, HEAD, OPTIONS" if method == "GET" else "POST, OPTIONS")

    @pytest.mark.parametrize("failure", [DatabaseBusy("dsn"), DatabaseUnreachable("dsn"), LedgerUnavailable("dsn")])
    async def test_an_outage_is_worth_a_retry(self, stage: Stage, method: str, path: str, failure: Exception) -> None:
        stage.reads.answers["balance"] = failure
        stage.price_books.answers["current"] = failure
        stage.fares.answers["estimate"] = failure
        async with a_client(stage) as client:
            response = await client.request(method, f"{path}?account=alice", content=b"{}", headers=JSON)

        assert response.status_code == 503
        assert response.headers["retry-after"] == "1"
        assert the_error(response)["code"] == "UNAVAILABLE"
        assert "dsn" not in response.text

    async def test_what_nobody_expected_is_masked_and_logged(
        self, stage: Stage, method: str, path: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        for service in (stage.reads.answers, stage.price_books.answers, stage.fares.answers):
            service.update(dict.fromkeys(("balance", "current", "estimate"), RuntimeError("swordfish")))
        async with a_client(stage) as client:
            response = await client.request(method, f"{path}?account=alice", content=b"{}", headers=JSON)

        assert response.status_code == 500
        assert the_error(response)["code"] == "INTERNAL"
        assert "swordfish" not in response.text
        assert "swordfish" in caplog.text
        assert the_error(response)["request_id"] in caplog.text


async def test_head_asks_what_get_would(client: httpx.AsyncClient) -> None:
    found = await client.head(BALANCE, params={"account": "alice"})
    missing = await client.head(BALANCE, params={"account": "bob"})

    assert (found.status_code, missing.status_code) == (200, 404)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    "path", ["/api/v2", "/api/v2/", "/api/v2/prices", "/api/v2/models/upscale", "/api/v2/balance/alice"]
)
async def test_an_unknown_address_says_what_there_is(client: httpx.AsyncClient, method: str, path: str) -> None:
    response = await client.request(method, path)

    assert response.status_code == 404
    assert the_error(response)["code"] == "NOT_FOUND"
    assert "/api/v2/balance" in the_error(response)["message"]


async def test_the_greatest_whole_balance_is_exact_in_every_json_reader(
    client: httpx.AsyncClient, stage: Stage
) -> None:
    stage.reads.answers["balance"] = a_balance(available=9_000_000_000_000 * MICROS)

    response = await client.get(BALANCE, params={"account": "alice"})

    assert json.loads(response.text, parse_int=float)["token_balance"] == 9_000_000_000_000
