"""Loyalty: so much spent within a period of so many days earns tokens, once for each period.

Periods follow one another from the day, in UTC, on which the account was opened; spending counts on the local day on
which it was spent. Neither ever changes, whatever becomes of the time zone. So no spending counts twice, a late review
finds what an early one would have found, and the number of the period is all that a reward needs as its key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from rules.pricing.policies import LoyaltyRule


@dataclass(frozen=True, slots=True)
class LoyaltyReward:
    """A rule that was met in the period of this number, from 0."""

    rule: LoyaltyRule
    period: int

    @property
    def key(self) -> str:
        """The same for whoever finds the same; another `tokens` of a rule does not make it another rule."""
        return f"{self.rule.spent_micros}/{self.rule.within_days}:{self.period}"


def period_of(day: date, opened_on: date, rule: LoyaltyRule) -> int:
    """The number of the rule's period that this day lies in. West of UTC an account may spend before its first day."""
    return max(0, (day - opened_on).days // rule.within_days)


def first_day(rules: Sequence[LoyaltyRule], opened_on: date, since: date) -> date:
    """From which day on spending must be known to judge all periods from `since` on."""
    periods = [(rule.within_days, period_of(since, opened_on, rule)) for rule in rules]
    return min(opened_on + timedelta(days=days * period if period > 0 else -1) for days, period in periods)


def rewards(
    rules: Sequence[LoyaltyRule], opened_on: date, since: date, spent_by_day: Mapping[date, int]
) -> tuple[LoyaltyReward, ...]:
    """What has been earned in the periods from the one of `since` on: micro-tokens by kept day, refunds taken off."""
    earned = []
    for rule in rules:
        spent_by_period: dict[int, int] = {}
        for day, spent in spent_by_day.items():
            period = period_of(day, opened_on, rule)
            spent_by_period[period] = spent_by_period.get(period, 0) + spent
        first = period_of(since, opened_on, rule)
        earned += [
            LoyaltyReward(rule, period)
            for period, spent in sorted(spent_by_period.items())
            if period >= first and spent >= rule.spent_micros
        ]
    return tuple(earned)
