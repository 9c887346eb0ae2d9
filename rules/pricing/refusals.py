"""What pricing answers instead of a price: refusals are values, named as the API names them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class UnknownModel:
    """No price of the book has this model; `suggestions` are at most five that may have been meant, closest first."""

    model: str
    suggestions: tuple[str, ...]

    @property
    def message(self) -> str:
        """What to tell the caller."""
        if self.suggestions:
            return f"There is no model {self.model!r}. Did you mean {', '.join(self.suggestions)}?"
        return f"There is no model {self.model!r} in the price book."


@dataclass(frozen=True, slots=True)
class InvalidParams:
    """A line's params cannot be priced; `param` names the culprit where there is one."""

    model: str
    param: str | None
    message: str


@dataclass(frozen=True, slots=True)
class InvalidInput:
    """An input field is out of form or bounds; `field` is its path.

    `others`: what else is wrong, where many things were given at once, in the order of their places.
    """

    field: str
    message: str
    others: tuple[InvalidInput, ...] = ()

    @property
    def faults(self) -> tuple[InvalidInput, ...]:
        """Everything that is wrong, each by itself."""
        return (InvalidInput(self.field, self.message), *self.others)


def invalid_inputs(by_place: Mapping[int, InvalidInput]) -> InvalidInput | None:
    """What is wrong with a list, told as one refusal: of each place one fault, the first place first."""
    faults = [by_place[place] for place in sorted(by_place)]
    return replace(faults[0], others=tuple(faults[1:])) if faults else None
