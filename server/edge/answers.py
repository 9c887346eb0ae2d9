"""Answers: what an operation came to, as JSON for whatever carries it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from resolvers.errors import ErrorCode
from server.edge.request_errors import shown_error


@dataclass(slots=True, eq=False)
class Answer:
    """An answer. `refused`: nothing ran, and `body` has no data. Not to be changed once it is made."""

    body: dict[str, Any]
    refused: bool = False
    _text: bytes | None = field(default=None, init=False, repr=False)

    @property
    def text(self) -> bytes:
        """The body as JSON without a line break, encoded once however many are sent it."""
        if self._text is None:
            self._text = encoded(self.body)
        return self._text


def encoded(body: Mapping[str, Any]) -> bytes:
    """The body as JSON. ASCII alone, so that whatever text is in it can be encoded."""
    return json.dumps(body, separators=(",", ":")).encode("ascii")


def refusal(code: ErrorCode, message: str, request_id: str) -> Answer:
    """An answer to a request that was not even read."""
    return Answer({"errors": [shown_error(code, message, request_id)]}, refused=True)
