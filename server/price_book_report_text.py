"""Replays and margins for the console, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from rules.pricing.earnings import ModelEarnings, half_up
from rules.pricing.money import TokenRate, minor_unit_digits
from rules.pricing.replay import ModelReplay, Replay, by_difference
from rules.pricing.tokens import MICROS
from server.price_book_text import instant_text
from server.price_list.wording import amount_text, tokens_text

if TYPE_CHECKING:
    from services.captured_work import Period
    from services.margin import MarginReport
    from services.replay import ReplayReport

NO_MODEL: Final = "(no model)"
UNKNOWN: Final = "unknown"
IN_ALL: Final = "in all"
_RATE_DIGITS: Final = 6


def replay_text(report: ReplayReport, tenant: str, draft: str | None) -> Iterator[str]:
    """What the work would cost, model by model, and what was not priced anew and why."""
    replay = report.replay
    by = f"the draft {draft}" if report.version is None else f"version {report.version}, which is in force"
    yield f"{_lines(replay.lines)} of tenant {tenant}, {_period(report.period)}, priced anew by {by}. In tokens:"
    yield ""
    models = by_difference([sums for sums in replay.models.values() if sums.lines])
    total = ModelReplay(IN_ALL)
    for sums in models:
        total.uses += sums.uses
        total.cost_then += sums.cost_then
        total.cost_now += sums.cost_now
    rows = [_replay_row(sums) for sums in (*models, total)]
    yield from table(("model", "uses", "cost then", "cost now", "difference", ""), rows)
    left = list(_not_priced(replay))
    if left:
        yield ""
        yield "Not priced anew, and not in the sums:"
        yield from (f"  {line}" for line in left)
    if replay.uncharged:
        yield ""
        yield f"Not charged of all these costs, or given back again: {tokens_text(replay.uncharged)}."


def _replay_row(sums: ModelReplay) -> tuple[str, ...]:
    difference = sums.difference
    percent = f"{_signed(Fraction(difference * 100, sums.cost_then), 1)} %" if difference and sums.cost_then else ""
    return (
        sums.model,
        f"{sums.uses:,}",
        tokens_text(sums.cost_then),
        tokens_text(sums.cost_now),
        f"{'+' if difference > 0 else ''}{tokens_text(difference)}",
        percent,
    )


def _not_priced(replay: Replay) -> Iterator[str]:
    for sums in sorted(replay.models.values(), key=lambda sums: sums.model):
        if sums.gone_lines:
            yield f"{sums.model}: {_lines(sums.gone_lines)}, {tokens_text(sums.gone_cost)} tokens: there is no price"
        if sums.refused_lines:
            yield (
                f"{sums.model}: {_lines(sums.refused_lines)}, {tokens_text(sums.refused_cost)} tokens: the params are "
                f"refused, first because: {sums.why_refused}"
            )
    if replay.by_amount_lines:
        yield (
            f"{_lines(replay.by_amount_lines)}, {tokens_text(replay.by_amount)} tokens: charged by amount, "
            "which no price list changes"
        )
    if replay.rounding:
        yield f"{tokens_text(replay.rounding)} tokens that holds were rounded up by at their end"


def margin_text(report: MarginReport, tenant: str, package: str | None) -> Iterator[str]:
    """Tokens, revenue, provider cost and margin, model by model."""
    earnings, rate = report.earnings, report.rate
    chosen = f"package {package}" if package is not None else "the smallest package (without packages: the token value)"
    yield (
        f"Margin of tenant {tenant}, {_period(report.period)}, at the rate of {chosen} of version {report.version} "
        f"({_rate(rate)} a token):"
    )
    yield ""
    rows = [_margin_row(sums.model or NO_MODEL, sums, rate) for sums in earnings.by_revenue()]
    rows.append(_margin_row(IN_ALL, earnings.total, rate))
    yield from table(("model", "uses", "tokens", "revenue", "provider cost", "margin", ""), rows)
    unknown = earnings.total.unknown_lines
    if unknown:
        yield ""
        yield (
            f"The provider's cost of {_lines(unknown)} is unknown: charged without a model, or by a price book that "
            "says nothing of it (provider_cost, provider_cost_per_token)."
        )


def _margin_row(name: str, sums: ModelEarnings, rate: TokenRate) -> tuple[str, ...]:
    revenue, cost, margin = sums.shown(rate)
    percent = sums.margin_percent(rate)
    return (
        name,
        f"{sums.uses:,}",
        tokens_text(sums.tokens_micros),
        revenue.formatted,
        UNKNOWN if cost is None else cost.formatted,
        UNKNOWN if margin is None else margin.formatted,
        "" if percent is None else f"{_signed(percent, 1, plus=False)} %",
    )


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Aligned lines: the first column to the left, all others to the right; the last row stands apart."""
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    for place, cells in enumerate((columns, *rows)):
        if place == len(rows):
            yield "-" * (sum(widths) + 2 * (len(widths) - 1))
        first, *others = [
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        yield "  ".join((first, *others)).rstrip()


def _rate(rate: TokenRate) -> str:
    price = rate.minor_units_per_micro * MICROS / 10 ** minor_unit_digits(rate.currency)
    return f"{amount_text(round(price, _RATE_DIGITS))} {rate.currency.upper()}"


def _signed(number: Fraction, digits: int, *, plus: bool = True) -> str:
    rounded = Fraction(half_up(number * 10**digits), 10**digits)
    return f"{'+' if plus and rounded > 0 else ''}{amount_text(rounded)}"


def _lines(count: int) -> str:
    return f"{count:,} line{'' if count == 1 else 's'}"


def _period(period: Period) -> str:
    return f"{_instant(period.since)} to {_instant(period.until)}"


def _instant(instant: datetime) -> str:
    return instant_text(instant)
