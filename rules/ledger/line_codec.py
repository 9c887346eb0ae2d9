"""How a hold keeps its lines: a JSON array, written by hand because it stands on the hot path."""

from __future__ import annotations

import json
from collections.abc import Iterable

from rules.ledger.commands import Line


def encode_lines(lines: Iterable[Line]) -> str:
    """The lines as one JSON array; `decode_lines` reads it back."""
    return f"[{','.join(map(_encode, lines))}]"


def decode_lines(text: str) -> tuple[Line, ...]:
    """Reads what `encode_lines` wrote."""
    return tuple(
        Line(
            ref=item["ref"],
            model=item["model"],
            category=item["category"],
            params_json=json.dumps(item["params"], separators=(",", ":"), ensure_ascii=False),
            count=item["count"],
            cost=item["cost"],
            price_book_version=item["version"],
            rounds_at_end=item["roundsAtEnd"],
        )
        for item in json.loads(text)
    )


def join_lines(first: str, second: str) -> str:
    """One array of what two arrays list."""
    if first == "[]":
        return second
    return first if second == "[]" else f"{first[:-1]},{second[1:]}"


def _encode(line: Line) -> str:
    ref = json.dumps(line.ref, ensure_ascii=False)
    model = json.dumps(line.model, ensure_ascii=False)
    category = json.dumps(line.category, ensure_ascii=False)
    rounds = "true" if line.rounds_at_end else "false"
    return (
        f'{{"ref":{ref},"model":{model},"category":{category},"params":{line.params_json},"count":{line.count},'
        f'"cost":{line.cost},"version":{line.price_book_version},"roundsAtEnd":{rounds}}}'
    )
