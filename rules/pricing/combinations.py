"""Combinations of choices that a price does not offer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from rules.pricing.dimensions import Dimension, Value
from rules.pricing.formulas import Matrix


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Choices that are not offered together: by position of the dimension, the values that meet it."""

    choices: tuple[tuple[int, tuple[Value, ...]], ...]

    def meets(self, values: tuple[Value, ...]) -> bool:
        """Whether every one of its dimensions has one of its values."""
        return all(values[column] in excluded for column, excluded in self.choices)


def excluded_columns(exclusions: Sequence[Exclusion], values: tuple[Value, ...]) -> tuple[int, ...]:
    """The dimensions whose values are not offered together; none where they are."""
    for exclusion in exclusions:
        if exclusion.meets(values):
            return tuple([column for column, _ in exclusion.choices])
    return ()


def gaps(dimensions: Sequence[Dimension], matrix: Matrix) -> tuple[Exclusion, ...]:
    """The combinations that a matrix has no amount for."""
    return tuple(
        Exclusion(tuple((column, (value,)) for column, value in zip(matrix.columns, values, strict=True)))
        for values in product(*(dimensions[column].values for column in matrix.columns))
        if values not in matrix.cells
    )


def combination_text(dimensions: Sequence[Dimension], columns: Sequence[int], values: tuple[Value, ...]) -> str:
    """A combination of choices as people read it: size 1792x1024, quality standard."""
    return ", ".join(f"{dimensions[column].name} {values[column]}" for column in columns)
