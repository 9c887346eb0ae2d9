from __future__ import annotations

from decimal import Decimal

import pytest

from rules.pricing.rating import LineRequest, Priced, Purpose, price_lines
from rules.pricing.refusals import InvalidInput, InvalidParams, UnknownModel
from rules.pricing.tokens import MICROS
from tests.rules.pricing.books import a_book, a_book_with, a_shipped_book, priced, refused

MATRIX = """
dimensions = [
  { name = "size", type = "choice", values = ["small", "wide"], default = "small" },
  { name = "quality", type = "choice", values = ["standard", "hd"] },
]
[prices.matrix]
by = ["quality", "size"]
[prices.matrix.tokens]
standard = { small = 5, wide = 9 }
hd = { small = 13, wide = "not allowed" }
"""

FORMULA = """
dimensions = [
  { name = "quality", type = "choice", values = ["standard", "high"], default = "standard" },
  { name = "upscale", type = "boolean", default = false },
  { name = "steps", type = "integer", minimum = 1, maximum = 100, default = 25 },
  { name = "seconds", type = "number", minimum = 2, maximum = 30, default = 5 },
]
[prices.formula]
base = 10
surcharges = [{ dimension = "upscale", by = { true = 4, false = 0 } }]
rates = [{ of = ["steps"], tokens = 2, per = 25, included = 25 }]
multipliers = [
  { dimension = "quality", by = { standard = 1, high = 1.5 } },
  { dimension = "seconds", ranges = [{ up_to = 5, times = 1 }, { up_to = 10, times = 1.5 }, { times = 2 }] },
]
"""


def tokens(micros: int) -> object:
    """An amount in tokens, to be compared with whole numbers."""
    return Decimal(micros) / MICROS


def test_a_flat_price_is_the_same_for_every_use() -> None:
    line = priced(a_book_with("tokens = 3"), count=4)
    assert (line.unit_cost, line.cost) == (3 * MICROS, 12 * MICROS)
    assert (line.min_cost, line.max_cost) == (3 * MICROS, 3 * MICROS)


def test_a_matrix_has_a_price_for_each_allowed_combination() -> None:
    book = a_book_with(MATRIX)
    assert priced(book, {"quality": "standard"}).cost == 5 * MICROS
    assert priced(book, {"quality": "hd", "size": "small"}).cost == 13 * MICROS
    line = priced(book, {"quality": "standard", "size": "wide"})
    assert (line.cost, line.min_cost, line.max_cost) == (9 * MICROS, 5 * MICROS, 13 * MICROS)
    assert line.steps[0].label == "quality standard, size wide"


@pytest.mark.parametrize("purpose", Purpose)
def test_a_combination_that_is_not_offered_has_no_price(purpose: Purpose) -> None:
    refusal = refused(a_book_with(MATRIX), {"quality": "hd", "size": "wide"}, purpose=purpose)
    assert isinstance(refusal, InvalidParams)
    assert "not offered" in refusal.message


@pytest.mark.parametrize(
    ("params", "cost"),
    [
        ({}, 10),
        ({"steps": 50}, 12),
        ({"steps": 26}, 11),
        ({"upscale": True}, 14),
        ({"quality": "high"}, 15),
        ({"seconds": 5}, 10),
        ({"seconds": 5.000001}, 15),
        ({"seconds": Decimal("10")}, 15),
        ({"seconds": 10.5}, 20),
        ({"steps": 50, "upscale": True, "quality": "high", "seconds": 7}, 36),
    ],
)
def test_a_formula_adds_and_multiplies(params: dict[str, object], cost: int) -> None:
    assert tokens(priced(a_book_with(FORMULA), params).cost) == cost


def test_steps_name_what_each_param_adds_and_show_the_rounding() -> None:
    line = priced(a_book_with(FORMULA), {"steps": 26, "quality": "high"}, count=3)
    assert [(step.label, str(tokens(step.amount))) for step in line.steps] == [
        ("base", "10"),
        ("steps 26", "0.08"),
        ("quality high \N{MULTIPLICATION SIGN} 1.5", "5.04"),
        ("rounding", "0.88"),
        ("3 uses", "32"),
    ]
    assert sum(step.amount for step in line.steps) == line.cost


def test_a_rate_counts_the_product_of_its_dimensions_beyond_what_is_included() -> None:
    book = a_book_with(
        """
        dimensions = [
          { name = "width", type = "integer", minimum = 1, maximum = 2048, default = 1024 },
          { name = "height", type = "integer", minimum = 1, maximum = 2048, default = 1024 },
        ]
        formula.rates = [{ of = ["width", "height"], tokens = 10, per = 1048576, included = 262144 }]
        """
    )
    assert priced(book, {"width": 512, "height": 512}).cost == 0
    assert tokens(priced(book).cost) == 8
    assert priced(book).steps[1].label == "width 1024 \N{MULTIPLICATION SIGN} height 1024"


def test_a_started_unit_counts_in_full() -> None:
    book = a_book_with(
        """
        dimensions = [{ name = "pages", type = "number", minimum = 0, maximum = 100, default = 1 }]
        formula.rates = [{ of = ["pages"], tokens = 3, per = 10, included = 5, started = true }]
        """
    )
    assert [tokens(priced(book, {"pages": pages}).cost) for pages in (5, 5.5, 15, 15.01)] == [0, 3, 3, 6]


def test_a_minimum_charge_lifts_a_small_cost() -> None:
    book = a_book_with(
        """
        dimensions = [{ name = "steps", type = "integer", minimum = 1, maximum = 50, default = 4 }]
        formula = { minimum_charge = 10, rates = [{ of = ["steps"], tokens = 1 }] }
        """
    )
    assert [tokens(priced(book, {"steps": steps}).cost) for steps in (4, 10, 11)] == [10, 10, 11]
    assert priced(book).steps[-1].label == "minimum charge"


def test_a_surcharge_at_single_numbers_leaves_the_numbers_between_alone() -> None:
    book = a_book_with(
        """
        dimensions = [{ name = "steps", type = "integer", minimum = 1, maximum = 50, default = 4 }]
        formula = { base = 10, surcharges = [{ dimension = "steps", by = { 20 = 3, 21 = 4, 50 = 2 } }] }
        """
    )
    costs = [tokens(priced(book, {"steps": steps}).cost) for steps in (1, 19, 20, 21, 22, 49, 50)]
    assert costs == [10, 10, 13, 14, 10, 10, 12]


def test_a_use_is_rounded_up_to_the_books_unit_or_the_prices_own() -> None:
    formula = """
        dimensions = [{ name = "words", type = "integer", minimum = 0, maximum = 1000, default = 1 }]
        formula.rates = [{ of = ["words"], tokens = 0.001 }]
    """
    assert priced(a_book_with(formula), {"words": 1}).cost == MICROS
    assert priced(a_book_with("rounding_unit = 0.25\n" + formula), {"words": 251}).cost == MICROS // 2
    assert priced(a_book_with('rounding_unit = "0.000001"\n' + formula), {"words": 1}).cost == 1_000


def test_numbers_are_exact_where_floats_are_not() -> None:
    book = a_book_with(
        """
        dimensions = [{ name = "seconds", type = "number", minimum = 0, maximum = 10, default = 1 }]
        formula.rates = [{ of = ["seconds"], tokens = 10 }]
        """
    )
    assert priced(book, {"seconds": 0.1}).cost == MICROS
    assert priced(book, {"seconds": 0.1 + 0.2}).cost == 4 * MICROS


def test_params_come_back_canonical_with_defaults_filled_in() -> None:
    line = priced(a_book_with(FORMULA), {"seconds": Decimal("7.50"), "steps": 30.0, "upscale": None})
    assert line.params == (("quality", "standard"), ("upscale", "false"), ("steps", "30"), ("seconds", "7.5"))


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"step": 4}, "step"),
        ({"quality": "High"}, "quality"),
        ({"quality": 3}, "quality"),
        ({"upscale": "true"}, "upscale"),
        ({"upscale": 1}, "upscale"),
        ({"steps": 0}, "steps"),
        ({"steps": 101}, "steps"),
        ({"steps": -1}, "steps"),
        ({"steps": 2.5}, "steps"),
        ({"steps": True}, "steps"),
        ({"steps": "25"}, "steps"),
        ({"steps": 2**63}, "steps"),
        ({"steps": 10**10_000}, "steps"),
        ({"seconds": float("nan")}, "seconds"),
        ({"seconds": float("inf")}, "seconds"),
        ({"seconds": Decimal("sNaN")}, "seconds"),
        ({"seconds": Decimal("1e-30")}, "seconds"),
        ({"seconds": Decimal("1e999999")}, "seconds"),
        ({"seconds": 1e300}, "seconds"),
        ({"seconds": 1.99}, "seconds"),
        ({"seconds": [1]}, "seconds"),
        ({"quality": "a" * 10_000_000}, "quality"),
        ({"quality": "\ud800\x00"}, "quality"),
    ],
)
def test_a_param_that_is_unknown_ill_typed_or_out_of_bounds_is_named(params: dict[str, object], param: str) -> None:
    refusal = refused(a_book_with(FORMULA), params)
    assert isinstance(refusal, InvalidParams)
    assert refusal.param == param
    assert param in refusal.message
    assert len(refusal.message) < 300
    assert "\x00" not in refusal.message.encode().decode()


def test_a_param_without_default_must_be_given() -> None:
    refusal = refused(a_book_with(MATRIX), {"quality": None})
    assert isinstance(refusal, InvalidParams)
    assert refusal.param == "quality"
    assert "missing" in refusal.message


def test_work_that_has_run_goes_beyond_the_bounds_by_the_last_range_and_rate() -> None:
    book = a_book_with(FORMULA)
    assert tokens(priced(book, {"steps": 125}, purpose=Purpose.ACTUAL).cost) == 18
    assert tokens(priced(book, {"seconds": 3_600}, purpose=Purpose.ACTUAL).cost) == 20
    assert tokens(priced(book, {"seconds": 0}, purpose=Purpose.ACTUAL).cost) == 10


@pytest.mark.parametrize("params", [{"steps": -1}, {"steps": "many"}, {"quality": "ultra"}, {"stepz": 3}])
def test_work_that_has_run_keeps_to_types_and_choices(params: dict[str, object]) -> None:
    assert isinstance(refused(a_book_with(FORMULA), params, purpose=Purpose.ACTUAL), InvalidParams)


@pytest.mark.parametrize("count", [0, -1, 1_000_001, 2**63, True, 1.5])
def test_a_count_is_a_whole_number_up_to_a_million(count: int) -> None:
    refusal = refused(a_book_with("tokens = 1"), count=count)
    assert isinstance(refusal, InvalidInput)
    assert refusal.field == "lines[0].count"


@pytest.mark.parametrize("number", [0, 101])
def test_between_one_and_a_hundred_lines_can_be_priced(number: int) -> None:
    answer = price_lines(a_book_with("tokens = 1"), [LineRequest("work")] * number, purpose=Purpose.ESTIMATE)
    assert isinstance(answer, InvalidInput)
    assert answer.field == "lines"


@pytest.mark.parametrize("ref", ["x" * 256, "a\x00b", "\udc00"])
def test_a_ref_that_cannot_be_kept_is_refused(ref: str) -> None:
    answer = price_lines(a_book_with("tokens = 1"), [LineRequest("work", ref=ref)], purpose=Purpose.ESTIMATE)
    assert isinstance(answer, InvalidInput)
    assert answer.field == "lines[0].ref"


def test_a_cost_beyond_the_greatest_amount_is_refused_without_wrapping_around() -> None:
    book = a_book_with("tokens = 9000000000000")
    assert priced(book).cost == 9_000_000_000_000 * MICROS
    line = refused(book, count=2)
    assert isinstance(line, InvalidInput)
    assert line.field == "lines[0]"
    together = price_lines(book, [LineRequest("work")] * 2, purpose=Purpose.RESERVE)
    assert isinstance(together, InvalidInput)
    assert together.field == "lines"


def test_refusals_come_in_one_order_whatever_the_order_of_the_lines() -> None:
    book = a_book_with(FORMULA)
    params, model, count = LineRequest("work", {"steps": 0}), LineRequest("wrok"), LineRequest("work", count=0)
    answer = price_lines(book, [params, model, count], purpose=Purpose.ESTIMATE)
    assert isinstance(answer, InvalidInput)
    assert isinstance(price_lines(book, [params, model], purpose=Purpose.ESTIMATE), UnknownModel)
    assert isinstance(price_lines(book, [params], purpose=Purpose.ESTIMATE), InvalidParams)


def test_lines_keep_their_order_and_refs_and_add_up() -> None:
    book = a_shipped_book("node-studio")
    models = ("imagen-4-ultra", "runway-gen-4", "topaz-video-upscaler")
    lines = [LineRequest(model, ref=f"node {index}") for index, model in enumerate(models)]
    answer = price_lines(book, lines, purpose=Purpose.RESERVE)
    assert isinstance(answer, Priced)
    assert [(line.ref, line.model) for line in answer.lines] == [(line.ref, line.model) for line in lines]
    assert [tokens(line.cost) for line in answer.lines] == [12, 15, 8]
    assert (tokens(answer.total), answer.rounding) == (35, 0)


def test_the_worked_example_of_the_playground_costs_17_tokens() -> None:
    line = priced(a_shipped_book("ai-playground"), {"resolution": "1024x1024", "steps": 50}, model="stable-diffusion")
    assert tokens(line.cost) == 17
    assert [(step.label, tokens(step.amount)) for step in line.steps] == [
        ("base", 10),
        ("resolution 1024x1024", 5),
        ("steps 50", 2),
    ]


def test_a_model_that_the_book_lacks_is_priced_by_the_fallback_and_says_so() -> None:
    old = a_book('prices = [{ name = "Old", category = "image", tokens = 1 }]')
    new = a_book(
        'prices = [{ name = "Old", category = "image", tokens = 9 }, { name = "New", category = "image", tokens = 2 }]'
    )
    answer = price_lines(old, [LineRequest("old"), LineRequest("new")], purpose=Purpose.ACTUAL, fallback=new)
    assert isinstance(answer, Priced)
    assert [(tokens(line.cost), line.at_fallback) for line in answer.lines] == [(1, False), (2, True)]
