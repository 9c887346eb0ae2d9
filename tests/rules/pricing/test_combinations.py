from __future__ import annotations

from rules.pricing.rating import Purpose
from rules.pricing.refusals import InvalidParams
from rules.pricing.tokens import MICROS
from tests.rules.pricing.books import HEADER, a_book_with, faults_of, priced, refused

REEL = """
not_allowed = [{ resolution = "4k", quality = ["draft", "standard"] }, { resolution = "480p", sound = true }]
dimensions = [
  { name = "resolution", type = "choice", values = ["480p", "1080p", "4k"], default = "1080p" },
  { name = "quality", type = "choice", values = ["draft", "standard", "high"], default = "standard" },
  { name = "sound", type = "boolean" },
]
[prices.formula]
base = 40
multipliers = [
  { dimension = "resolution", by = { 480p = 0.5, 1080p = 1, 4k = 3 } },
  { dimension = "quality", by = { draft = 0.5, standard = 1, high = 0.25 } },
]
surcharges = [{ dimension = "sound", by = { true = 10, false = 0 } }]
"""


def test_choices_that_are_not_offered_together_have_no_price() -> None:
    book = a_book_with(REEL)
    for purpose in (Purpose.ESTIMATE, Purpose.RESERVE):
        refusal = refused(book, {"resolution": "4k", "sound": False}, purpose=purpose)
        assert isinstance(refusal, InvalidParams)
        assert refusal.param == "quality"
        assert refusal.message == "The combination resolution 4k, quality standard is not offered."
    refusal = refused(book, {"resolution": "480p", "sound": True})
    assert isinstance(refusal, InvalidParams)
    assert refusal.param == "sound"
    assert priced(book, {"resolution": "4k", "quality": "high", "sound": True}).cost == 38 * MICROS


def test_work_that_has_run_is_priced_in_any_combination() -> None:
    assert priced(a_book_with(REEL), {"resolution": "4k", "sound": False}, purpose=Purpose.ACTUAL).cost == 120 * MICROS


def test_least_and_greatest_are_those_of_what_is_offered() -> None:
    """480p with sound (6.25), and 4k at standard quality (150), are not."""
    bounds = a_book_with(REEL).prices[0].bounds
    assert (bounds.least_micros, bounds.greatest_micros) == (5 * MICROS, 50 * MICROS)


def test_a_price_without_all_defaults_is_shown_at_the_first_combination_that_is_offered() -> None:
    book = a_book_with(
        """
        not_allowed = [{ size = "small", quality = "low" }]
        dimensions = [
          { name = "size", type = "choice", values = ["small", "wide"] },
          { name = "quality", type = "choice", values = ["low", "high"] },
        ]
        formula = { base = 1, surcharges = [{ dimension = "size", by = { small = 0, wide = 5 } },
                                            { dimension = "quality", by = { low = 0, high = 2 } }] }
        """
    )
    assert book.prices[0].bounds.first_micros == 3 * MICROS


def test_the_combination_of_the_defaults_must_be_offered() -> None:
    text = REEL.replace('resolution = "480p", sound', 'resolution = "1080p", quality = "standard", sound')
    price = f'[[prices]]\nname = "Reel"\ncategory = "video"\n{text}'
    a_book_with(text)
    (fault,) = faults_of(HEADER + price.replace('"boolean" }', '"boolean", default = true }'))
    assert fault.path == "prices[0].not_allowed"
    assert "(resolution 1080p, quality standard, sound true)" in fault.message


def test_a_price_that_is_never_offered_is_a_fault() -> None:
    text = REEL.replace("not_allowed = [", "not_allowed = [{ sound = [true, false] }, ")
    (fault,) = faults_of(HEADER + f'[[prices]]\nname = "Reel"\ncategory = "video"\n{text}')
    assert "every combination" in fault.message


def test_what_is_not_offered_can_be_told_before_anybody_asks() -> None:
    reel, table = a_book_with(REEL).prices[0], a_book_with(GAPPY).prices[0]

    assert [exclusion.choices for exclusion in reel.not_offered] == [
        ((0, ("4k",)), (1, ("draft", "standard"))),
        ((0, ("480p",)), (2, ("true",))),
    ]
    assert [exclusion.choices for exclusion in table.not_offered] == [((0, ("wide",)), (1, ("standard",)))]


GAPPY = """
dimensions = [
  { name = "size", type = "choice", values = ["square", "wide"], default = "square" },
  { name = "quality", type = "choice", values = ["standard", "hd"], default = "standard" },
]
[prices.matrix]
by = ["size", "quality"]
[prices.matrix.tokens]
square = { standard = 5, hd = 9 }
wide = { standard = "not allowed", hd = 13 }
"""
