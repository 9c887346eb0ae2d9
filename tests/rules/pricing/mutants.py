"""Ways to break the pricing core that its proofs must notice: for each proof at least one that it finds by itself.

Each text stands in its file exactly once. A proof is a test below `tests`.
"""

from __future__ import annotations

from typing import Final

from tests.rules.mutant import Mutant

PROOFS: Final = "rules/pricing/test_proofs.py"
BOOKS: Final = "pricebooks/test_proofs.py"
AFFORDABLE: Final = "rules/pricing/test_affordable.py"
REPLAY: Final = "rules/pricing/test_replay.py"

BOUNDS: Final = (
    f"{PROOFS}::test_inside_its_bounds_no_price_fails_or_is_negative_and_its_least_and_greatest_are_the_true_ones"
)
HELD: Final = "test_a_hold_has_the_greatest_cost_of_all_params_with_every_number_at_or_below"
RAISED: Final = "test_raising_a_monotone_dimension_never_lowers_the_cost"

GREATEST: Final = Mutant(
    "the greatest cost is at the upper ends of ranges",
    "bounds.py",
    "for values in corners(dimensions, pricing, upper=True):",
    "for values in corners(dimensions, pricing, upper=False):",
)
COUNTED: Final = Mutant(
    "every unit is counted",
    "meters.py",
    "return self.fixed[reached] + units * self.rates[reached]",
    "return self.fixed[reached] + units % 250_000 * self.rates[reached]",
)
"""Beyond what the worked examples have, so that the books can be read."""

MUTANTS: Final = (
    (
        BOUNDS,
        Mutant(
            "every number has a range",
            "formulas.py",
            "return self.amounts[bisect_left(self.ends, value)]",
            "return self.amounts[:-1][bisect_left(self.ends, value)]",
        ),
    ),
    (
        BOUNDS,
        Mutant(
            "a rate adds to the cost",
            "costs.py",
            "            steps.add(amount)\n            steps.show(TIMES.join(",
            "            steps.add(-amount)\n            steps.show(TIMES.join(",
        ),
    ),
    (BOUNDS, GREATEST),
    (
        BOUNDS,
        Mutant(
            "the least cost is at the lower ends of ranges",
            "bounds.py",
            "for values in chain(firsts, corners(dimensions, pricing, upper=False)):",
            "for values in chain(firsts, corners(dimensions, pricing, upper=True)):",
        ),
    ),
    (
        f"{PROOFS}::{HELD}",
        Mutant(
            "a hold reaches back to the ends of ranges at which a price falls",
            "bounds.py",
            "(*(end for end in ends_of(pricing, column) if _below(end, value)), value)",
            "(value,)",
        ),
    ),
    (
        f"{PROOFS}::test_the_steps_add_up_to_the_cost",
        Mutant(
            "the steps of a use add up to its cost with the minimum charge",
            "costs.py",
            "        steps.raise_to(pricing.minimum_charge_micros)\n",
            "        pass\n",
        ),
    ),
    (
        f"{PROOFS}::{RAISED}",
        Mutant(
            "a dimension is monotone only where the cost never falls",
            "monotony.py",
            "if exact_cost(pricing, after) < exact_cost(pricing, before):",
            "if exact_cost(pricing, after) < 0:",
        ),
    ),
    (
        f"{PROOFS}::test_a_dimension_that_is_not_monotone_falls_somewhere",
        Mutant(
            "a cost that stays the same has not fallen",
            "monotony.py",
            "if exact_cost(pricing, after) < exact_cost(pricing, before):",
            "if exact_cost(pricing, after) <= exact_cost(pricing, before):",
        ),
    ),
    (
        f"{PROOFS}::test_a_meter_counts_every_unit_at_the_rate_of_its_tier",
        Mutant(
            "a meter counts every unit at the rate of its tier",
            "meters.py",
            "cost = cost + fixed + (end - before) * rate",
            "cost = cost + fixed + end * rate",
        ),
    ),
    (
        f"{PROOFS}::test_a_use_captured_in_parts_costs_what_the_whole_does_and_at_most_a_micro_token_more_for_each",
        Mutant(
            "what a hold rounds at its end is exact before",
            "price_book.py",
            "return 1 if self.rounds_at_end else self.rounding_unit_micros",
            "return self.rounding_unit_micros",
        ),
    ),
    (
        f"{PROOFS}::test_splitting_the_count_never_changes_the_total",
        Mutant(
            "many uses cost what each of them does",
            "rating.py",
            "    cost = unit_cost * line.count\n",
            "    cost = unit_cost * line.count - line.count // 2\n",
        ),
    ),
    (f"{BOOKS}::test_the_least_and_the_greatest_are_the_true_ones", GREATEST),
    (f"{BOOKS}::{HELD}", COUNTED),
    (f"{BOOKS}::{RAISED}", COUNTED),
    (
        f"{AFFORDABLE}::test_the_largest_value_goes_through_and_the_next_is_refused",
        Mutant("what takes the whole budget is affordable", "affordable.py", "held <= limit", "held < limit"),
    ),
    (
        f"{AFFORDABLE}::test_the_largest_value_goes_through_and_the_next_is_refused",
        Mutant(
            "the largest value itself fits into the budget",
            "affordable.py",
            "held = price_values(price, *axis.at(place), Purpose.RESERVE)",
            "held = price_values(price, *axis.at(max(0, place - 1)), Purpose.RESERVE)",
        ),
    ),
    (
        f"{REPLAY}::test_under_the_version_that_priced_it_no_work_of_any_shipped_book_changes",
        Mutant(
            "work is priced anew as often as it was done",
            "replay.py",
            "now = self._priced(None, work.model, work.params, work.count, purpose)",
            "now = self._priced(None, work.model, work.params, 1, purpose)",
        ),
    ),
    (
        f"{REPLAY}::test_every_line_falls_under_one_heading_whatever_the_draft",
        Mutant(
            "a line whose model is gone is told once",
            "replay.py",
            "            case UnknownModel():\n                sums.gone_lines += 1\n",
            "            case UnknownModel():\n                sums.gone_lines += 2\n",
        ),
    ),
)
