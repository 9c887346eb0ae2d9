from __future__ import annotations

import pytest

from rules.pricing.refusals import UnknownModel
from rules.pricing.suggestions import MAX_SUGGESTIONS, suggest_models
from tests.rules.pricing.books import a_book, a_shipped_book, refused

BOOK = a_shipped_book("node-studio")


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("dalle 3", "dall-e-3"),
        ("DALL·E 3", "dall-e-3"),
        ("Imagen 4 Ultra", "imagen-4-ultra"),
        ("imagen4ultra", "imagen-4-ultra"),
        ("imgaen-4-ultra", "imagen-4-ultra"),
        ("runway_gen_4", "runway-gen-4"),
        ("sora", "sora-2"),
        ("topaz", "topaz-video-upscaler"),
        ("vectoriser", "vectorizer"),
    ],
)
def test_case_punctuation_and_typing_errors_are_forgiven(text: str, model: str) -> None:
    assert suggest_models(BOOK, text)[0] == model


@pytest.mark.parametrize("text", ["", "***", "zzzzqqqq", "\ud800", "🚋"])
def test_what_is_like_no_model_gets_no_suggestion(text: str) -> None:
    assert suggest_models(BOOK, text) == ()


def test_there_are_never_more_than_five() -> None:
    assert len(suggest_models(BOOK, "flux pro image video imagen veo")) <= MAX_SUGGESTIONS
    assert len(suggest_models(BOOK, "imagen")) == MAX_SUGGESTIONS


def test_a_display_name_is_suggested_but_not_taken_for_a_model() -> None:
    refusal = refused(BOOK, model="Sora 2")
    assert isinstance(refusal, UnknownModel)
    assert refusal.suggestions[0] == "sora-2"
    assert "sora-2" in refusal.message


def test_a_model_of_any_length_or_characters_comes_back_short_and_clean() -> None:
    refusal = refused(BOOK, model="\x00\ud800" + "x" * 10_000_000)
    assert isinstance(refusal, UnknownModel)
    assert len(refusal.model) < 100
    assert "\x00" not in refusal.model.encode().decode()


def test_a_model_without_a_letter_in_any_name_is_passed_over() -> None:
    book = a_book('[[prices]]\nname = "***"\nmodel = "..."\ncategory = "tool"\ntokens = 1\n')
    assert suggest_models(book, "dalle") == ()
