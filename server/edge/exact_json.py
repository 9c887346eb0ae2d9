"""JSON with exact amounts: tokens are numbers with all their decimals, never floats."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from rules.pricing.tokens import format_tokens


@dataclass(frozen=True, slots=True)
class TokenNumber:
    """An amount in micro-tokens that is written as a number of tokens: 283, or 0.4."""

    micros: int


def exact_json(value: object) -> str:
    """The value as JSON. ASCII alone, so that whatever text is in it can be encoded."""
    match value:
        case TokenNumber(micros):
            return format_tokens(micros)
        case Mapping():
            return (
                f"{{{', '.join(f'{json.dumps(str(name))}: {exact_json(member)}' for name, member in value.items())}}}"
            )
        case list() | tuple():
            return f"[{', '.join(map(exact_json, value))}]"
        case _:
            return json.dumps(value)
