"""Price books as TOML: a text becomes a book, or the list of everything that is wrong with it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal

from rules.pricing.margins import MAX_MARGIN_PERCENT
from rules.pricing.price_book import PriceBook
from rules.pricing.slugs import is_slug
from rules.pricing.tokens import MICROS
from rules.pricing.toml.examples import check_examples, read_examples
from rules.pricing.toml.margins import check_margins
from rules.pricing.toml.meters import Sale, read_markup
from rules.pricing.toml.names import read_names
from rules.pricing.toml.policies import read_packages, read_plans, read_policies
from rules.pricing.toml.positions import toml_lines
from rules.pricing.toml.prices import HOLD, LINE, BookDefaults, read_prices
from rules.pricing.toml.sections import Fault, Faults, Section

MAX_SOURCE_CHARACTERS = 1_000_000
MAX_TIERS = 50

MARGIN_KEYS = ("token_value", "provider_cost_per_token", "target_margin_percent")
"""Keys of the book that margins follow from."""

ROUNDING_KEYS = ("rounding", "rounding_unit")
"""Keys of the book that every cost follows from."""

MAX_KEY_PARTS = 16
"""No key of a book has more than four; every part of a key costs the parser time for all those before it."""

_CURRENCY = re.compile(r"[a-z]{3}")
_KEY_PART = r"""(?:(?<![\w-])[\w-]++|"[^"\n]*+"|'[^'\n]*+')"""
_LONG_KEY = re.compile(rf"(?:{_KEY_PART}[ \t]*+\.[ \t]*+){{{MAX_KEY_PARTS}}}")
_SYNTAX_REMEDIES = (
    ("Invalid value", 'after "=" write a number, true, false, a text in quotes, a list in [ ] or a table in { }'),
    ("Invalid statement", "a line is key = value, [table] or [[member of a list]]; a key with other letters is quoted"),
    (
        "Invalid initial character for a key part",
        "a key is of letters, digits, - and _, or quoted; { } stand on one line",
    ),
    ("Expected '='", "write key = value, the key quoted where it has other letters"),
    ("Expected newline", "begin a new line, quote a text, or write a number without leading zeros"),
    ("Expected ']", "close the brackets of the table's name"),
    ("Unclosed array", "put a comma between its members and ] at its end"),
    ("Unclosed inline table", "put a comma between its keys and } at its end, all on one line"),
    ("Unterminated string", "close the quotes"),
    ("Found invalid character", "close the quotes before the line ends, or write three of them on either side"),
    ("Illegal character", "close the quotes before the line ends, and write control characters as \\u escapes"),
    ("Unescaped", "double the backslash, or put the text in single quotes"),
    ("Duplicate inline table key", "keep one of the two"),
    ("Cannot", "it stands here a second time; keep one, and write the members of a list all in one way"),
)
"""What would be right, by how the parser's own words begin."""
_SYNTAX_REMEDY = "mend what stands there"
_SYNTAX_LINE = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)


def read_price_book(source: str) -> PriceBook | tuple[Fault, ...]:
    """The book that a TOML text describes, or all its faults at once, by line.

    A text that is not TOML has one fault. The bounds of every price are computed and its worked examples run, so what
    is returned can be published as it stands.
    """
    table = _parse(source)
    if isinstance(table, Fault):
        return (table,)
    faults = Faults(toml_lines(source))
    section = Section(table, (), faults)
    book = _read_book(section)
    return book if section.sound else faults.in_order()


def _parse(source: str) -> Mapping[str, object] | Fault:
    if len(source) > MAX_SOURCE_CHARACTERS:
        return Fault(None, "", f"The text has {len(source)} characters; at most {MAX_SOURCE_CHARACTERS} fit.")
    if (long_key := _LONG_KEY.search(source)) is not None:
        place = source.count("\n", 0, long_key.start()) + 1
        return Fault(place, "", f"A key has more than {MAX_KEY_PARTS} parts joined by dots; none of a book has.")
    try:
        return tomllib.loads(source, parse_float=Decimal)
    except RecursionError:
        return Fault(None, "", "The text nests lists or tables too deeply.")
    except (ValueError, ArithmeticError) as error:
        match = _SYNTAX_LINE.fullmatch(str(error))
        if match is None:
            return Fault(None, "", f"The text is not TOML: {str(error)[:200]}.")
        what, line, column = match.groups()
        last_line = source.count("\n") + 1
        where = f", at column {column}" if column else ", at the end of the text"
        remedy = next((text for words, text in _SYNTAX_REMEDIES if what.startswith(words)), _SYNTAX_REMEDY)
        return Fault(int(line) if line else last_line, "", f"This is not TOML: {what}{where}; {remedy}.")


def _read_book(section: Section) -> PriceBook:
    slug = section.text("slug", '"node-studio"')
    if slug and not is_slug(slug):
        section.fault(
            "slug", 'must be lower-case letters, digits and dots joined by single hyphens, such as "node-studio"'
        )
    name = section.text("name", '"Node Studio"')
    currency = section.text("currency", '"usd"')
    if currency and _CURRENCY.fullmatch(currency) is None:
        section.fault("currency", 'must be an ISO 4217 code in lower case, such as "usd"')
    tiers = section.texts("tiers", '["starter", "pro"]', limit=MAX_TIERS)
    declared = tiers if tiers or not section.lost("tiers") else None
    rounding_unit = section.amount("rounding_unit", default=MICROS, zero=False)
    rounding = section.one_of("rounding", (LINE, HOLD), default="")
    token_value = section.amount("token_value", zero=False) if section.has("token_value") else None
    markup = read_markup(section)
    sale = Sale(token_value, markup, section.lost("token_value") or section.lost("markup"))
    defaults = BookDefaults(declared, rounding_unit, rounding, sale)
    packages = read_packages(section)
    prices = read_prices(section, defaults)
    examples = read_examples(section)
    book = PriceBook(
        slug=slug,
        name=name,
        currency=currency,
        tiers=tiers,
        policies=read_policies(section, packages),
        prices=prices.named,
        packages=packages,
        plans=read_plans(section, declared),
        examples=tuple(example for _, example in examples),
        rounding_unit_micros=rounding_unit,
        provider_cost_per_token_micros=section.optional_amount("provider_cost_per_token"),
        token_value_micros=token_value,
        target_margin_percent=section.optional_integer("target_margin_percent", 0, MAX_MARGIN_PERCENT),
        names_by_language=read_names(section),
    )
    section.finish()
    if not any(section.lost(key) for key in MARGIN_KEYS):
        check_margins(book, prices.found)
    if not any(section.lost(key) for key in ROUNDING_KEYS):
        check_examples(book, examples, prices.is_doubtful)
    return book
