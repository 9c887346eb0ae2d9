"""Ways to break the pricing core that its proofs must notice. Each text stands in its file exactly once."""

from __future__ import annotations

from typing import Final

from tests.rules.mutant import Mutant

PROOFS: Final = "test_proofs.py"
AFFORDABLE: Final = "test_affordable.py"

MUTANTS: Final = (
    (
        PROOFS,
        Mutant(
            "a hold reaches back to the ends of ranges at which a price falls",
            "bounds.py",
            "(*(end for end in ends_of(pricing, column) if _below(end, value)), value)",
            "(value,)",
        ),
    ),
    (
        PROOFS,
        Mutant(
            "the greatest cost is at the upper ends of ranges",
            "bounds.py",
            "for values in corners(dimensions, pricing, upper=True):",
            "for values in corners(dimensions, pricing, upper=False):",
        ),
    ),
    (
        PROOFS,
        Mutant(
            "the least cost is at the lower ends of ranges",
            "bounds.py",
            "for values in chain(firsts, corners(dimensions, pricing, upper=False)):",
            "for values in chain(firsts, corners(dimensions, pricing, upper=True)):",
        ),
    ),
    (
        PROOFS,
        Mutant(
            "the steps of a use add up to its cost with the minimum charge",
            "costs.py",
            "        steps.raise_to(pricing.minimum_charge_micros)\n",
            "        pass\n",
        ),
    ),
    (
        PROOFS,
        Mutant(
            "a dimension is monotone only where the cost never falls",
            "monotony.py",
            "if exact_cost(pricing, after) < exact_cost(pricing, before):",
            "if exact_cost(pricing, after) < 0:",
        ),
    ),
    (
        PROOFS,
        Mutant(
            "a meter counts every unit at the rate of its tier",
            "meters.py",
            "cost = cost + fixed + (end - before) * rate",
            "cost = cost + fixed + end * rate",
        ),
    ),
    (
        AFFORDABLE,
        Mutant("what takes the whole budget is affordable", "affordable.py", "held <= limit", "held < limit"),
    ),
)
