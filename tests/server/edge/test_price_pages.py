from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from models.unavailable import DatabaseUnreachable
from server.app import build_app
from server.edge.configuration import Edge
from tests.resolvers.stage import ROOT_KEY, SECRET_KEY, ABook, Stage
from tests.server.price_list.books import a_book

PRODUCTION = Edge(introspection=False, graphiql=False)
DEVELOPMENT = Edge(introspection=True, graphiql=True, shipped_prices=True)
BOTH = ["/prices", "/prices.csv"]


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.price_books.answers["current"] = ABook(a_book())
    return stage


def a_client(stage: Stage, edge: Edge, key: str | None = SECRET_KEY) -> httpx.AsyncClient:
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    transport = httpx.ASGITransport(app=build_app(stage, edge))
    return httpx.AsyncClient(transport=transport, base_url="http://farebox.test", headers=headers)


@pytest.fixture
async def client(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    async with a_client(stage, PRODUCTION) as client:
        yield client


async def test_a_key_shows_the_price_list_of_its_tenant(client: httpx.AsyncClient) -> None:
    response = await client.get("/prices")

    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "version 3" in response.text
    assert "DALL·E 3" in response.text


async def test_the_same_as_a_table(client: httpx.AsyncClient) -> None:
    response = await client.get("/prices.csv")

    assert response.status_code == 200
    assert response.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert response.headers["content-disposition"] == 'attachment; filename="studio-prices.csv"'
    assert response.text.startswith("model,name,category")
    assert len(response.text.splitlines()) == 5


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/html"),
        ("*/*", "text/html"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("text/csv", "text/csv"),
        ("text/csv, */*;q=0.1", "text/csv"),
        ("text/csv;q=0.5, text/html", "text/html"),
    ],
)
async def test_whoever_asks_for_csv_alone_gets_it_at_the_page_too(
    client: httpx.AsyncClient, accept: str, kind: str
) -> None:
    response = await client.get("/prices", headers={"accept": accept})

    assert response.headers["content-type"].startswith(kind)


@pytest.mark.parametrize("path", BOTH)
class TestBothAddresses:
    async def test_no_cache_keeps_them_and_no_script_runs_in_them(self, client: httpx.AsyncClient, path: str) -> None:
        for status, response in ((200, await client.get(path)), (405, await client.post(path))):
            assert response.status_code == status
            assert response.headers["cache-control"] == "no-store"
            assert response.headers["x-content-type-options"] == "nosniff"
            assert response.headers["vary"] == "Accept, Authorization"
            assert response.headers["x-request-id"]
        page = await client.get("/prices")
        assert "default-src 'none'; style-src 'sha256-" in page.headers["content-security-policy"]

    async def test_without_a_key_production_shows_nothing_of_anybody(self, stage: Stage, path: str) -> None:
        async with a_client(stage, PRODUCTION, key=None) as client:
            answers = [await client.get(f"{path}{named}") for named in ("", "?book=studio", "?book=node-studio")]

        assert {answer.status_code for answer in answers} == {401}
        assert len({answer.text for answer in answers}) == 1
        assert answers[0].headers["www-authenticate"].startswith("Bearer")
        assert "Authorization: Bearer" in answers[0].text
        assert stage.price_books.calls == []

    async def test_a_key_that_opens_nothing_is_told_so_in_development_too(self, stage: Stage, path: str) -> None:
        async with a_client(stage, DEVELOPMENT, key="nonsense") as client:
            response = await client.get(path)

        assert response.status_code == 401
        assert "unknown, revoked or expired" in response.text

    async def test_the_root_key_has_no_price_list(self, stage: Stage, path: str) -> None:
        async with a_client(stage, PRODUCTION, ROOT_KEY) as client:
            response = await client.get(path)

        assert response.status_code == 403

    async def test_in_development_the_books_that_come_along_are_shown_by_name(self, stage: Stage, path: str) -> None:
        async with a_client(stage, DEVELOPMENT, key=None) as client:
            found = await client.get(path, params={"book": "node-studio"})
            missing = await client.get(path, params={"book": "../pyproject"})

        assert found.status_code == 200
        assert "imagen-4-ultra" in found.text
        assert missing.status_code == 404
        assert "node-studio" in missing.text
        assert stage.price_books.calls == []

    async def test_a_key_and_a_book_are_one_too_many(self, stage: Stage, path: str) -> None:
        async with a_client(stage, DEVELOPMENT) as client:
            response = await client.get(path, params={"book": "node-studio"})

        assert response.status_code == 400

    async def test_other_methods_are_told_which_it_takes(self, client: httpx.AsyncClient, path: str) -> None:
        posted, asked = await client.post(path), await client.options(path)

        assert (posted.status_code, asked.status_code) == (405, 204)
        assert posted.headers["allow"] == asked.headers["allow"] == "GET, HEAD, OPTIONS"

    async def test_an_outage_is_worth_a_retry(self, client: httpx.AsyncClient, stage: Stage, path: str) -> None:
        stage.price_books.answers["current"] = DatabaseUnreachable("dsn")

        response = await client.get(path)

        assert (response.status_code, response.headers["retry-after"]) == (503, "1")
        assert "dsn" not in response.text

    async def test_what_nobody_expected_is_masked_and_logged(
        self, client: httpx.AsyncClient, stage: Stage, path: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        stage.price_books.answers["current"] = RuntimeError("swordfish")

        response = await client.get(path)

        assert response.status_code == 500
        assert "swordfish" not in response.text
        assert "swordfish" in caplog.text
        assert response.headers["x-request-id"] in caplog.text


async def test_in_development_there_are_links_to_every_book_and_they_work(stage: Stage) -> None:
    async with a_client(stage, DEVELOPMENT, key=None) as client:
        page = await client.get("/prices")
        table = await client.get("/prices.csv")
        links = [part.partition('"')[0] for part in page.text.split('href="')[1:]]
        answers = [await client.get(link) for link in links]

    assert page.status_code == 200
    assert table.status_code == 400
    assert "?book=" in table.text
    assert len(links) >= 4
    assert {answer.status_code for answer in answers} == {200}


async def test_texts_of_a_book_are_no_markup(client: httpx.AsyncClient, stage: Stage) -> None:
    book = a_book()
    prices = (replace(book.prices[0], name="<script>alert(1)</script>"),)
    stage.price_books.answers["current"] = ABook(replace(book, prices=prices))

    response = await client.get("/prices")

    assert "<script" not in response.text
    assert "&lt;script&gt;alert(1)" in response.text
