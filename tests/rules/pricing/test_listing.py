from __future__ import annotations

import pytest

from rules.pricing.listing import search
from rules.pricing.suggestions import suggest_models
from tests.rules.pricing.books import a_book, a_shipped_book

BOOK = a_shipped_book("node-studio")


def test_without_filters_every_price_is_listed_in_the_books_order() -> None:
    assert search(BOOK) == BOOK.prices
    assert search(BOOK, " ") == BOOK.prices


@pytest.mark.parametrize("text", ["dalle 3", "DALL·E", "dall-e-3", "Dall E 3"])
def test_text_is_found_whatever_its_case_and_punctuation(text: str) -> None:
    assert [price.model for price in search(BOOK, text)] == ["dall-e-3"]


def test_filters_narrow_each_other() -> None:
    prices = search(BOOK, "veo", category="video", premium=True)
    assert [price.model for price in prices] == ["veo-3.1", "veo-text-to-video"]
    assert {price.provider for price in search(BOOK, provider="openai")} == {"OpenAI"}
    assert search(BOOK, tier="pro") == ()
    assert [price.model for price in search(BOOK, models=["trellis", "nothing"])] == ["trellis"]


def test_a_text_that_is_only_punctuation_finds_nothing() -> None:
    assert search(BOOK, "***") == ()


@pytest.mark.parametrize(
    ("text", "model"), [("dale 3", "dall-e-3"), ("Ideogarm V2", "ideogram-v2"), ("treliss", "trellis")]
)
def test_a_typing_error_is_forgiven_where_nothing_is_found(text: str, model: str) -> None:
    assert model in [price.model for price in search(BOOK, text)]
    assert search(BOOK, text, category="no such thing") == ()
    assert search(BOOK, "zzzzzz") == ()


def test_text_is_found_in_names_of_every_language() -> None:
    book = a_book(
        """
        [[prices]]
        name = "Chat"
        names = { ru = "Беседа", ja = "***" }
        category = "text"
        tokens = 1
        [[prices]]
        name = "Paint"
        category = "image"
        tokens = 1
        """
    )
    assert [price.model for price in search(book, "бесед")] == ["chat"]
    assert [price.model for price in search(book, "Беседда")] == ["chat"]
    assert suggest_models(book, "беседа") == ("chat",)
    assert suggest_models(book, "pain") == ("paint",)
