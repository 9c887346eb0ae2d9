"""Publishing: what a text that is to be a tenant's next price book comes to."""

from __future__ import annotations

from dataclasses import dataclass

from rules.pricing.toml import Fault


@dataclass(frozen=True, slots=True)
class InvalidPriceBook:
    """The text is no sound price book; nothing was published. At least one fault, by line."""

    faults: tuple[Fault, ...]
