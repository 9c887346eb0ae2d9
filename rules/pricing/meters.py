"""Meters: what so many units of one dimension cost, at one rate or by tiers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from rules.pricing.dimensions import Value
from rules.pricing.exact_numbers import Number


@dataclass(frozen=True, slots=True)
class Meter:
    """Units of the numeric dimension at position `column`, beyond the included ones, priced by tiers.

    Tier i ends at `ends[i]` inclusive, counted in units beyond the included ones; the last one has no end. `rates` (for
    one unit) and `fixed` (once, in a tier that is reached; the first always is) have one member more than `ends`.
    Graduated: each unit at the rate of the tier that it falls in. Volume: all units at the rate of the last tier
    reached. Amounts are micro-tokens, or, where a meter counts what the provider charges, millionths of the currency.
    """

    column: int
    rates: tuple[Number, ...]
    ends: tuple[Number, ...] = ()
    fixed: tuple[int, ...] = (0,)
    volume: bool = False
    included: Number = 0

    def cost(self, value: Value) -> Number:
        """What the units cost, with parts of the smallest amount."""
        assert not isinstance(value, str)
        units = value - self.included if value > self.included else 0
        reached = bisect_left(self.ends, units)
        if self.volume or not reached:
            return self.fixed[reached] + units * self.rates[reached]
        cost: Number = 0
        before: Number = 0
        for end, rate, fixed in zip(self.ends[:reached], self.rates, self.fixed, strict=False):
            cost = cost + fixed + (end - before) * rate
            before = end
        return cost + self.fixed[reached] + (units - before) * self.rates[reached]

    @property
    def bends(self) -> tuple[Number, ...]:
        """The values of the dimension at which a tier ends."""
        return tuple(end + self.included for end in self.ends)

    def jumps(self) -> Iterator[tuple[Number, Number]]:
        """For each value at which a tier ends, by how much the cost rises, or falls, right above it."""
        for place, bend in enumerate(self.bends):
            rise: Number = self.fixed[place + 1]
            if self.volume:
                rise = rise - self.fixed[place] + self.ends[place] * (self.rates[place + 1] - self.rates[place])
            yield bend, rise

    @property
    def unlimited(self) -> bool:
        """Whether the cost grows without end as the units do."""
        return self.rates[-1] > 0
