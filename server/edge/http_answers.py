"""HTTP answers: which media type a client wants, and how an answer is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from server.edge.answers import Answer

JSON: Final = "application/json"
GRAPHQL: Final = "application/graphql-response+json"
EVENTS: Final = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a client wants its answer. `single`: the media type of one answer, which None takes not at all.

    `events`: whether a subscription may be streamed to it.
    """

    single: str | None
    events: bool


def wanted(accept: str | None) -> Wanted:
    """What an Accept header asks for."""
    if accept is None or not accept.strip():
        return Wanted(JSON, events=False)
    weights = accept_weights(accept)
    return Wanted(_single(weights), events=weights.get(EVENTS, 0.0) > 0)


def _single(weights: Mapping[str, float]) -> str | None:
    """Of what is offered.

    A client that lists JSON gets it, whatever else it lists: urql puts `text/event-stream` into every request.
    """
    named = [kind for kind in (GRAPHQL, JSON) if weights.get(kind, 0.0) > 0]
    if named:
        return max(named, key=lambda kind: weights[kind])
    if weights.get(EVENTS, 0.0) > 0:
        return EVENTS
    if any(weights.get(wildcard, 0.0) > 0 for wildcard in ("*/*", "application/*")) and weights.get(JSON) != 0:
        return JSON
    return None


def accept_weights(accept: str) -> dict[str, float]:
    """How much a client wants each media type of its Accept header, 0 to 1."""
    weights = {}
    for member in accept.split(",")[:_MEMBERS_MAX]:
        kind, *parameters = [part.strip().lower() for part in member.split(";")]
        weights[kind] = _weight(parameters)
    return weights


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter.removeprefix("q="))
            except ValueError:
                return 0.0
    return 1.0


_MEMBERS_MAX: Final = 32
"""Members of an Accept header that are read."""


def respond(
    answer: Answer,
    media_type: str,
    request_id: str,
    *,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The response. Without a status: 200, or 400 for a refusal where the media type lets statuses say something."""
    if status is None:
        status = 400 if answer.refused and media_type == GRAPHQL else 200
    return Response(
        answer.text,
        status_code=status,
        headers={
            "content-type": f"{media_type}; charset=utf-8",
            "vary": "Accept",
            "cache-control": "no-store",
            "x-request-id": request_id,
            **(headers or {}),
        },
    )
