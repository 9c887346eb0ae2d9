from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.pricing.likeness import TWO_ERRORS_CHARACTERS
from rules.pricing.listing import search
from rules.pricing.price_book import Price
from rules.pricing.suggestions import folded, suggest_models
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
    ("text", "models"),
    [
        ("klingg", ["kling-ai-avatar"]),
        ("sable diffusion", ["stable-diffusion-3.5"]),
        ("stablediffusoin", ["stable-diffusion-3.5"]),
        ("dale 3", ["dall-e-3"]),
        ("recrft", ["recraft-v3-svg"]),
        ("runwya gen 4", ["runway-gen-4"]),
        ("remov backgrond", ["sd3-remove-background", "bria-remove-background"]),
        ("veo fast", ["veo-3.1-fast", "veo-3-fast"]),
        ("fast veo", ["veo-3.1-fast", "veo-3-fast"]),
    ],
)
def test_words_apart_and_typing_errors_are_forgiven(text: str, models: list[str]) -> None:
    assert [price.model for price in search(BOOK, text)] == models


def test_a_text_that_is_right_finds_nothing_that_is_only_like_it() -> None:
    assert [price.model for price in search(BOOK, "sora")] == ["sora-2"]
    assert [price.model for price in search(BOOK, "lora")] == ["wan-2.1-with-lora", "lora-control"]
    # There is one, so nothing else is looked for although the other filters leave it out.
    assert search(BOOK, "sora", category="image") == ()


@pytest.mark.parametrize("text", ["veo 4", "imagen 5 ultra", "xyzzy", "zzzzqqqq", "\ud800", "🚋", "a" * 100_000])
def test_what_is_like_nothing_finds_nothing(text: str) -> None:
    assert search(BOOK, text) == ()


@given(st.sampled_from(BOOK.prices), st.data())
def test_every_name_is_found_with_any_one_letter_wrong(price: Price, data: st.DataObject) -> None:
    letters = [place for place, letter in enumerate(price.name) if letter.isalpha() and place > 0]
    place = data.draw(st.sampled_from(letters))
    typed = price.name[:place] + data.draw(st.sampled_from("qxz")) + price.name[place + 1 :]
    whole = folded(typed)
    if len(whole) >= TWO_ERRORS_CHARACTERS:
        assert price in search(BOOK, typed)


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
