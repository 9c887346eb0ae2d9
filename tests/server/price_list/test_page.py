from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from rules.pricing.price_book import PriceBook
from rules.pricing.toml import read_price_book
from server.price_list.page import CONTENT_SECURITY_POLICY, ShownBook, price_page
from services.shipped_price_books import SHIPPED_FOLDER
from tests.server.price_list.books import a_book

BOOKS = sorted(SHIPPED_FOLDER.glob("*.toml"))


class Page(HTMLParser):
    """The page as a browser reads it: its cells by row, its ids and links; refuses what does not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag != "meta":
            self.open.append(tag)
        for name, value in attrs:
            assert not name.startswith("on")
            if name == "id":
                self.ids.append(value or "")
            if name == "href":
                self.links.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += f" {data}"


def a_page(book: PriceBook | None = None) -> Page:
    return Page(price_page(ShownBook(book or a_book(), 3, datetime(2026, 3, 1, tzinfo=UTC))))


def test_it_says_what_it_is_and_since_when() -> None:
    page = a_page()

    assert "Studio <b>& Sons</b>" in page.text
    assert "version 3 \N{MIDDLE DOT} in force since 1 March 2026 \N{MIDDLE DOT} 4 models and tools" in page.text


def test_a_file_has_no_version() -> None:
    assert "version" not in Page(price_page(ShownBook(a_book()))).text


def test_texts_of_the_book_are_no_markup() -> None:
    html = price_page(ShownBook(a_book()))

    assert "<b>& Sons" not in html
    assert "Studio &lt;b&gt;&amp; Sons&lt;/b&gt;" in html
    assert "Small &amp; fine" in html


def test_it_needs_no_script_and_loads_nothing() -> None:
    html = price_page(ShownBook(a_book()))

    assert a_page().tags.isdisjoint({"script", "link", "img", "iframe", "form", "object"})
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in CONTENT_SECURITY_POLICY
    assert "url(" not in style
    assert "@import" not in style
    assert "@media print" in style
    assert "prefers-color-scheme: dark" in style
    assert "style=" not in html


def test_every_link_leads_somewhere_on_the_page() -> None:
    page = a_page()

    assert page.links == ["#category-image", "#category-llm", "#category-upscale", "#packages", "#plans"]
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_a_row_has_the_range_the_default_cost_the_marks_and_the_params() -> None:
    text = " ".join(a_page().text.split())

    assert "DALL·E 3 Далли 3 dall-e-3 premium starter and above OpenAI \N{MIDDLE DOT} =1+1" in text
    assert "standard hd 1024x1024 5 9 1792x1024 \N{EM DASH} 1,300 5\N{EN DASH}1,300" in text
    assert "Painter painter pro quality fast , high" in text
    assert "inputTokens 1 or more tokens, must be given" in text
    assert "from 0.4004" in text


def test_names_in_further_languages_are_marked_as_such_and_not_repeated() -> None:
    html = price_page(ShownBook(a_book()))

    assert '<span class="also" lang="ru">Далли 3</span>' in html
    assert 'lang="de"' not in html


def test_offers_have_their_price_and_that_of_a_token() -> None:
    text = " ".join(a_page().text.split())

    assert "Small & fine 300 + 20 $10.00 0.03125 USD" in text
    assert "Starter 50 free once \N{EM DASH}" in text
    assert "Pro 1,500 $2,990.00 a month 1.993 USD" in text


def test_rules_are_told_that_concern_users() -> None:
    text = a_page().text

    assert "50 tokens to try things on" in text
    assert "Trial tokens expire after 1 month." in text
    assert "within 7 days" in text
    assert "stays with these plans: Pro." in text


def test_what_providers_charge_and_what_is_earned_is_not_on_it() -> None:
    html = price_page(ShownBook(a_book()))

    for secret in ("0.007777", "0.0123", "7777", "12300", "margin-percent", "provider cost"):
        assert secret not in re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL).lower()


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_every_shipped_book_is_whole_on_its_page(path: Path) -> None:
    book = read_price_book(path.read_text(encoding="utf-8"))
    assert isinstance(book, PriceBook)

    text = a_page(book).text

    for price in book.prices:
        assert price.name in text
        assert price.model in text
    for offer in (*book.packages, *book.plans):
        assert offer.name in text
