from __future__ import annotations

import random
from fractions import Fraction

import pytest

from rules.pricing.bounds import reservation_bound
from rules.pricing.dimensions import Dimension, DimensionType
from rules.pricing.listing import search
from rules.pricing.price_book import Price, PriceBook
from rules.pricing.rating import Purpose
from rules.pricing.tokens import MICROS
from tests.rules.pricing.books import PRICE_BOOKS, a_shipped_book, priced

BOOKS = [a_shipped_book(path.stem) for path in sorted(PRICE_BOOKS.glob("*.toml"))]
PRICES = [pytest.param(book, price, id=f"{book.slug}:{price.model}") for book in BOOKS for price in book.prices]
TRIES = 40


def some_params(price: Price, chance: random.Random) -> dict[str, object]:
    return {dimension.name: some_value(dimension, chance) for dimension in price.dimensions}


def some_value(dimension: Dimension, chance: random.Random) -> object:
    match dimension.type:
        case DimensionType.CHOICE:
            return chance.choice(dimension.values)
        case DimensionType.BOOLEAN:
            return chance.random() < 0.5
        case DimensionType.INTEGER:
            return chance.randint(int(dimension.minimum or 0), int(dimension.maximum or 10_000))
        case DimensionType.NUMBER:
            least, greatest = int(dimension.minimum or 0), int(dimension.maximum or 10_000)
            return round(chance.uniform(least, greatest), chance.choice([0, 1, 6]))


def smaller(params: dict[str, object], chance: random.Random) -> dict[str, object]:
    return {
        name: value if isinstance(value, str | bool) else type(value)(value * chance.random())
        for name, value in params.items()
        if isinstance(value, str | bool | int | float)
    }


@pytest.mark.parametrize(("book", "price"), PRICES)
def test_inside_its_bounds_every_price_holds_what_it_promises(book: PriceBook, price: Price) -> None:
    chance = random.Random(price.model)
    for _ in range(TRIES if price.dimensions else 1):
        params = some_params(price, chance)
        line = priced(book, params, model=price.model, count=chance.randint(1, 5))
        assert sum(step.amount for step in line.steps) == line.cost == line.unit_cost * line.count
        assert line.unit_cost % price.use_unit_micros == 0
        assert 0 < line.min_cost <= line.unit_cost
        assert line.max_cost is None or line.unit_cost <= line.max_cost
        held = priced(book, params, model=price.model, purpose=Purpose.RESERVE)
        used = priced(book, smaller(params, chance), model=price.model, purpose=Purpose.ACTUAL)
        assert used.cost <= held.cost


@pytest.mark.parametrize(("book", "price"), PRICES)
def test_the_price_shown_is_that_of_the_defaults(book: PriceBook, price: Price) -> None:
    required: dict[str, object] = {d.name: d.first_value for d in price.dimensions if d.default is None}
    assert priced(book, required, model=price.model).cost == price.bounds.first_micros


def test_the_file_of_a_book_is_named_by_its_slug() -> None:
    assert [book.slug for book in BOOKS] == [path.stem for path in sorted(PRICE_BOOKS.glob("*.toml"))]


def test_pro_nodes_are_premium() -> None:
    book = a_shipped_book("node-studio")
    premium = {price.model for price in book.prices if price.premium}
    assert {"sora-2", "imagen-4-ultra"} <= premium
    words = ("premium", "high-end", "cutting-edge")
    assert premium == {p.model for p in book.prices if any(word in (p.notes or "").lower() for word in words)}


def test_the_reservation_of_a_playground_video_covers_shorter_ones() -> None:
    price = a_shipped_book("ai-playground").price("stable-video")
    assert price is not None
    assert reservation_bound(price, ("512x512", "standard", Fraction(101, 10))) == 100 * MICROS
    assert reservation_bound(price, ("512x512", "standard", 10)) == 75 * MICROS


def test_elumenta_is_named_in_russian_and_found_by_it() -> None:
    book = a_shipped_book("elumenta")
    named = (book, *book.prices, *book.packages, *book.plans)

    assert len(named) == 1 + 52 + 8 + 5
    assert [one.name for one in named if not one.names.get("ru")] == []
    assert [price.model for price in search(book, "удаление фона")] == ["remove-bg"]
    assert [price.model for price in search(book, "миджорни")] == ["midjourney", "midjourney-video"]
