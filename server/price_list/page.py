"""The price list as a page: self-contained HTML without script, to read on any screen and to print."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from rules.pricing.dimensions import Dimension
from rules.pricing.price_book import Price, PriceBook
from server.price_list.markup import Content, Markup, element, joined, raw
from server.price_list.matrix import matrix_table
from server.price_list.offers import packages_section, plans_section, rules_section
from server.price_list.wording import choices, cost_text, default_text, dimension_text, terms, tokens_text

_STYLE: Final = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Nothing but the page's own style: no script, no image, nothing from anywhere."""


@dataclass(frozen=True, slots=True)
class ShownBook:
    """A price book to show; `version` and `in_force_since` are of a published one, a file has none."""

    book: PriceBook
    version: int | None = None
    in_force_since: datetime | None = None


def price_page(shown: ShownBook) -> str:
    """The whole page. It shows what a price list shows: never what providers charge, nor margins."""
    book, version, in_force_since = shown.book, shown.version, shown.in_force_since
    categories = _by_category(book.prices)
    return page(
        f"{book.name} {_DASH} price list",
        element("h1", book.name),
        element("p", _lead(book, version, in_force_since), class_="lead"),
        _contents(categories, book),
        [_section(category, prices, book.tiers) for category, prices in categories],
        packages_section(book),
        plans_section(book),
        rules_section(book),
        element("footer", _footer(book, version)),
    )


def page(title: str, *content: Content | Iterable[Content]) -> str:
    """A page of this look."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", raw(_STYLE)),
    )
    return f"<!doctype html>\n{element('html', head, element('body', element('main', *content)), lang='en').html}\n"


_DASH: Final = "\N{EN DASH}"
_DOT: Final = " \N{MIDDLE DOT} "


def _lead(book: PriceBook, version: int | None, in_force_since: datetime | None) -> str:
    parts = ["Price list"]
    if version is not None:
        parts.append(f"version {version}")
    if in_force_since is not None:
        parts.append(f"in force since {in_force_since.day} {in_force_since:%B %Y}")
    parts.append(f"{len(book.prices)} models and tools, costs in tokens for one use")
    return _DOT.join(parts)


def _footer(book: PriceBook, version: int | None) -> str:
    of = "" if version is None else f", version {version}"
    return (
        f"Price book {book.slug}{of}. What a use costs follows from its params; a range runs from the least to the "
        "greatest that any of them lead to."
    )


def _by_category(prices: Sequence[Price]) -> list[tuple[str, list[Price]]]:
    """Categories in the order in which the book first names them."""
    categories: dict[str, list[Price]] = {}
    for price in prices:
        categories.setdefault(price.category, []).append(price)
    return list(categories.items())


def _contents(categories: Sequence[tuple[str, list[Price]]], book: PriceBook) -> Markup | None:
    links = [
        *((_id(category), _title(category), str(len(prices))) for category, prices in categories),
        *([("packages", "Packages", str(len(book.packages)))] if book.packages else []),
        *([("plans", "Plans", str(len(book.plans)))] if book.plans else []),
    ]
    if len(links) < 2:
        return None
    items = [
        element("li", element("a", title, element("span", count), href=f"#{name}")) for name, title, count in links
    ]
    return element("nav", element("ul", items), aria_label="Contents")


def _section(category: str, prices: Sequence[Price], tiers: Sequence[str]) -> Markup:
    head = element(
        "thead",
        element(
            "tr",
            element("th", "Model", scope="col"),
            element("th", "Details", scope="col"),
            element("th", "Tokens", scope="col", class_="number"),
        ),
    )
    title = element("h2", _title(category), element("small", str(len(prices))), id=_id(category))
    table = element("table", head, element("tbody", [_row(price, tiers) for price in prices]), class_="price")
    return element("section", title, table, aria_labelledby=_id(category))


def _row(price: Price, tiers: Sequence[str]) -> Markup:
    marks = [
        element("span", "premium", class_="mark premium") if price.premium else None,
        element("span", _tier(price.tier, tiers), class_="mark") if price.tier else None,
    ]
    model = element(
        "td",
        element("span", price.name, class_="name"),
        [
            element("span", name, class_="also", lang=code)
            for code, name in price.names_by_language
            if name != price.name
        ],
        element("code", price.model, class_="slug"),
        _marks(marks),
        class_="model",
    )
    return element("tr", model, element("td", _about(price), class_="about"), _cost(price))


def _tier(tier: str, tiers: Sequence[str]) -> str:
    return tier if tier == tiers[-1] else f"{tier} and above"


def _marks(marks: Sequence[Markup | None]) -> Markup | None:
    shown = [mark for mark in marks if mark is not None]
    return element("div", shown) if shown else None


def _about(price: Price) -> Markup:
    known = [text for text in (price.provider, price.notes) if text]
    described = terms(price)
    params = [
        joined(
            element("dt", dimension.name),
            element("dd", _values(dimension)),
        )
        for dimension in price.dimensions
    ]
    return joined(
        element("div", _DOT.join(known)) if known else None,
        element("dl", params) if params else None,
        matrix_table(price),
        element("ul", [element("li", term) for term in described], class_="terms") if described else None,
    )


def _values(dimension: Dimension) -> Markup:
    """What a param takes, its default in bold."""
    if dimension.default is None:
        return joined(dimension_text(dimension), ", ", element("b", default_text(dimension)))
    if dimension.numeric:
        return joined(dimension_text(dimension), ", ", element("b", default_text(dimension)), " by default")
    default = default_text(dimension)
    shown = [element("b", value) if value == default else joined(value) for value in choices(dimension)]
    return joined(shown[0], [joined(", ", value) for value in shown[1:]])


def _cost(price: Price) -> Markup:
    bounds = price.bounds
    usual = None
    if bounds.first_micros not in (bounds.least_micros, bounds.greatest_micros):
        usual = element("span", f"{tokens_text(bounds.first_micros)} by default", class_="usual")
    return element("td", element("strong", cost_text(price)), usual, class_="cost number")


def _title(category: str) -> str:
    words = category.replace("-", " ").replace("_", " ")
    return words.upper() if len(words) <= _ACRONYM_LENGTH_MAX else words[:1].upper() + words[1:]


_ACRONYM_LENGTH_MAX: Final = 3
"""Categories this short are abbreviations: tts, stt, llm."""


def _id(category: str) -> str:
    return f"category-{category}"
