"""Target margins, held against a book's own prices and provider costs."""

from __future__ import annotations

from collections.abc import Sequence

from rules.pricing.costs import NotAllowed, use_cost
from rules.pricing.margins import margin_percent, target_margin_percent
from rules.pricing.price_book import Price, PriceBook
from rules.pricing.toml.sections import Section


def check_margins(book: PriceBook, prices: Sequence[tuple[Section, Price]]) -> None:
    """Records a fault for every price that misses its target at the params it is shown at.

    Passed over is one whose provider cost or target is at fault.
    """
    for written, price in prices:
        target = target_margin_percent(book, price)
        if target is None or written.lost("provider_cost") or written.lost("target_margin_percent"):
            continue
        values = tuple(dimension.first_value for dimension in price.dimensions)
        try:
            use = use_cost(price.pricing, values, price.use_unit_micros)
        except NotAllowed:
            continue
        margin = margin_percent(book, price, values, use)
        if margin is not None and margin < target:
            key = "target_margin_percent" if written.has("target_margin_percent") else None
            remedy = "raise the price, mend the provider's cost or lower the target"
            written.fault(key, f"leaves a margin of {round(margin)} % at its defaults, below {target} %; {remedy}")
