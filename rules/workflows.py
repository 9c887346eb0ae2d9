"""Saved workflows: lines of work under a name, in versions that never change."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from rules.pricing.rating import LineRequest
from rules.pricing.slugs import model_slug


@dataclass(frozen=True, slots=True)
class Workflow:
    """One version of an account's workflow. `slug` names it within the account; versions are 1, 2, 3 …"""

    account_id: UUID
    slug: str
    name: str
    version: int
    lines: tuple[LineRequest, ...]
    note: str | None
    created_at: datetime
    archived_at: datetime | None = None


def workflow_slug(name: str) -> str:
    """The slug that a workflow's name, or its slug, leads to; empty where there is none in it."""
    return model_slug(name)


def encode_lines(lines: Sequence[LineRequest]) -> str:
    """The lines as rows keep them: ASCII, the same text for the same lines, params given as null left out.

    1024.0 is kept as 1024: they are one number to whoever sends JSON.
    """
    members = [
        {
            "model": line.model,
            "params": {name: _kept(value) for name, value in line.params.items() if value is not None},
            "count": line.count,
            "ref": line.ref,
        }
        for line in lines
    ]
    return json.dumps(members, sort_keys=True, separators=(",", ":"), allow_nan=False)


def decode_lines(text: str) -> tuple[LineRequest, ...]:
    """Reads what `encode_lines` wrote."""
    return tuple(
        LineRequest(member["model"], member["params"], member["count"], member["ref"]) for member in json.loads(text)
    )


def _kept(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value
