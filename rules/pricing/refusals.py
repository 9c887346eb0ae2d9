"""What pricing answers instead of a price: refusals are values, named as the API names them."""

from __future__ import annotations

from dataclasses import dataclass


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
    """An input field is out of form or bounds; `field` is its path."""

    field: str
    message: str
