from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.pricing.captured_work import CapturedWork
from rules.pricing.dimensions import Dimension, DimensionType
from rules.pricing.price_book import PriceBook
from rules.pricing.rating import LineRequest, Priced, Purpose, price_lines
from rules.pricing.replay import ModelReplay, Replay, Repricer, by_difference
from rules.pricing.tokens import MICROS
from tests.rules.pricing.books import PRICE_BOOKS, a_book, a_shipped_book

BOOKS = {path.stem: a_shipped_book(path.stem) for path in sorted(PRICE_BOOKS.glob("*.toml"))}

STUDIO = """
[[prices]]
name = "Picture"
category = "image"
dimensions = [
  { name = "steps", type = "integer", minimum = 1, maximum = 100, default = 25 },
  { name = "quality", type = "choice", values = ["fast", "fine"], default = "fast" },
]
[prices.formula]
base = 10
multipliers = [
  { dimension = "quality", by = { fast = 1, fine = 2 } },
  { dimension = "steps", ranges = [{ up_to = 50, times = 2 }, { times = 1 }] },
]
[[prices]]
name = "Upscale"
category = "tool"
tokens = 8
"""


def work(model: str | None, cost: int, count: int = 1, **more: Any) -> CapturedWork:
    facts: dict[str, Any] = {"params": (), "amount": cost * MICROS, "refunded": 0, "price_book_version": 1}
    return CapturedWork(model, count=count, cost=cost * MICROS, **facts | more)


def replayed(own: PriceBook, target: PriceBook, *lines: CapturedWork) -> Replay:
    repricer = Repricer(target)
    repricer.learn(1, own)
    for line in lines:
        repricer.add(line)
    return repricer.replay


def values_of(dimension: Dimension) -> st.SearchStrategy[Any]:
    match dimension.type:
        case DimensionType.CHOICE:
            return st.sampled_from(dimension.values)
        case DimensionType.BOOLEAN:
            return st.booleans()
        case _:
            least = dimension.minimum or 0
            greatest = dimension.maximum if dimension.maximum is not None else least + 10**6
            if dimension.type is DimensionType.INTEGER:
                return st.integers(int(least), int(greatest))
            return st.integers(int(least * 10), int(greatest * 10)).map(lambda tenths: tenths / 10)


@st.composite
def captured(draw: st.DrawFn, book: PriceBook) -> CapturedWork | None:
    """A line as the ledger keeps it: params in canonical texts, at its cost or at what was set aside for it."""
    price = draw(st.sampled_from(book.prices))
    params = {dimension.name: draw(values_of(dimension)) for dimension in price.dimensions}
    purpose = draw(st.sampled_from([Purpose.ACTUAL, Purpose.RESERVE]))
    priced = price_lines(book, (LineRequest(price.model, params, draw(st.integers(1, 50))),), purpose=purpose)
    if not isinstance(priced, Priced):
        return None
    (line,) = priced.lines
    return CapturedWork(line.model, line.params, line.count, line.cost, line.cost, 0, 1)


@pytest.mark.parametrize("slug", BOOKS)
@given(data=st.data())
def test_under_the_version_that_priced_it_no_work_of_any_shipped_book_changes(slug: str, data: st.DataObject) -> None:
    book = BOOKS[slug]
    lines = [line for line in data.draw(st.lists(captured(book), max_size=8)) if line is not None]

    replay = replayed(book, book, *lines)

    assert {sums.difference for sums in replay.models.values()} <= {0}
    assert sum(sums.lines for sums in replay.models.values()) == len(lines) == replay.lines
    assert sum(sums.cost_now for sums in replay.models.values()) == sum(line.cost for line in lines)
    assert (replay.by_amount_lines, replay.uncharged) == (0, 0)


@pytest.mark.parametrize("slug", BOOKS)
@given(data=st.data())
def test_every_line_falls_under_one_heading_whatever_the_draft(slug: str, data: st.DataObject) -> None:
    book = BOOKS[slug]
    kept = data.draw(st.lists(st.sampled_from(book.prices), min_size=1, unique_by=lambda price: price.model))
    draft = replace(book, prices=tuple(kept))
    lines = [line for line in data.draw(st.lists(captured(book), max_size=8)) if line is not None]

    replay = replayed(book, draft, *lines)

    sums = replay.models.values()
    assert sum(of.lines + of.gone_lines + of.refused_lines for of in sums) == len(lines)
    assert sum(of.cost_then + of.gone_cost + of.refused_cost for of in sums) == sum(line.cost for line in lines)


def test_a_draft_changes_what_it_prices_otherwise() -> None:
    own, draft = a_book(STUDIO), a_book(STUDIO.replace("tokens = 8", "tokens = 11"))

    replay = replayed(
        own, draft, work("upscale", 8), work("upscale", 24, 3), work("picture", 20, params=(("steps", "25"),))
    )

    assert replay.models["upscale"] == ModelReplay("upscale", 2, 4, cost_then=32 * MICROS, cost_now=44 * MICROS)
    assert replay.models["upscale"].difference == 12 * MICROS
    assert replay.models["picture"].difference == 0
    assert [sums.model for sums in by_difference(list(replay.models.values()))] == ["upscale", "picture"]


def test_a_hold_that_was_captured_whole_is_priced_as_it_was_set_aside() -> None:
    own = a_book(STUDIO)
    whole = work("picture", 20, params=(("steps", "60"),))

    assert replayed(own, own, whole).models["picture"].difference == 0
    draft = a_book(STUDIO.replace("base = 10", "base = 15"))
    assert replayed(own, draft, whole).models["picture"].cost_now == 30 * MICROS


def test_what_a_draft_no_longer_prices_is_told_apart() -> None:
    own = a_book(STUDIO)
    draft = a_book(
        '[[prices]]\nname = "Picture"\ncategory = "image"\ntokens = 3\n'
        'dimensions = [{ name = "quality", type = "choice", values = ["fast", "best"], default = "fast" }]\n'
        "[prices.matrix]\n".replace("tokens = 3\n", "")
        + 'by = ["quality"]\ntokens = { fast = 3, best = 4 }\n'
    )
    fine = work("picture", 40, params=(("quality", "fine"),))
    fast = work("picture", 20, params=(("quality", "fast"),))

    replay = replayed(own, draft, work("upscale", 8), fine, fast)

    assert (replay.models["upscale"].gone_lines, replay.models["upscale"].gone_cost) == (1, 8 * MICROS)
    picture = replay.models["picture"]
    assert (picture.refused_lines, picture.refused_cost) == (1, 40 * MICROS)
    assert picture.why_refused is not None
    assert "quality" in picture.why_refused
    assert (picture.lines, picture.cost_then, picture.cost_now) == (1, 20 * MICROS, 3 * MICROS)


@pytest.mark.parametrize("line", [work("upscale", 7), work(None, 12), work("upscale", 3, 0), work("nothing", 5)])
def test_what_the_caller_named_the_amount_of_is_not_priced(line: CapturedWork) -> None:
    own, draft = a_book(STUDIO), a_book(STUDIO.replace("tokens = 8", "tokens = 11"))

    replay = replayed(own, draft, line)

    assert (replay.by_amount_lines, replay.by_amount, replay.models) == (1, line.cost, {})


def test_rounding_and_what_was_not_kept_are_summed_apart() -> None:
    own = a_book(STUDIO)
    capped = work("upscale", 8, amount=5 * MICROS, refunded=2 * MICROS)

    replay = replayed(own, own, capped, work(None, 1, 0, rounding=True))

    assert replay.uncharged == 5 * MICROS
    assert replay.rounding == MICROS
    assert replay.by_amount_lines == 0
    assert replay.lines == 2


def test_a_cost_beyond_what_an_amount_can_be_is_refused() -> None:
    own, draft = a_book(STUDIO), a_book(STUDIO.replace("tokens = 8", "tokens = 9000000000000"))

    replay = replayed(own, draft, work("upscale", 16, 2))

    assert replay.models["upscale"].refused_lines == 1


def test_fractions_of_params_come_back_as_they_were() -> None:
    own = a_book(
        '[[prices]]\nname = "Voice"\ncategory = "tts"\nrounding_unit = 0.000001\n'
        'dimensions = [{ name = "seconds", type = "number", minimum = 0, maximum = 60, default = 1 }]\n'
        'formula = { rates = [{ of = ["seconds"], tokens = 1 }] }\n'
    )
    line = CapturedWork("voice", (("seconds", "0.125"),), 1, int(Fraction(MICROS, 8)), int(Fraction(MICROS, 8)), 0, 1)

    assert replayed(own, own, line).models["voice"].cost_now == MICROS // 8
