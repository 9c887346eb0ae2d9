"""Fingerprints: whether two requests under one idempotency key ask for the same thing."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from datetime import UTC, datetime
from uuid import UUID

from rules.ledger.commands import Once
from rules.ledger.kinds import Mutation
from rules.ledger.requests import AccountRequest, Quoted, SavedWork
from rules.pricing.rating import LineRequest
from rules.workflows import workflow_slug

_NOT_COMPARED = frozenset({"key", "tenant_id", "account_id"})
"""The key itself, and what already names the operation's row."""

_FIELDS_OF: dict[type[AccountRequest], tuple[str, ...]] = {}
"""The compared fields by kind of request; there are seven kinds."""


def once(mutation: Mutation, key: str, request: AccountRequest) -> Once:
    """The request's key with a SHA-256 over its canonical input: every field by name, defaults filled in.

    Fields that are null or false are left out: one that is added later, null or false by default, does not change what
    earlier requests were.
    """
    canonical = [mutation.value]
    for name in _compared_fields(request):
        value = getattr(request, name)
        if value is not None and value is not False:
            canonical.append(f"{name}={json.dumps(_canonical(value), sort_keys=True, default=str)}")
    return Once(mutation, key, hashlib.sha256("\n".join(canonical).encode("utf-8", "surrogatepass")).digest())


def _compared_fields(request: AccountRequest) -> tuple[str, ...]:
    kind = type(request)
    known = _FIELDS_OF.get(kind)
    if known is None:
        known = tuple(field.name for field in fields(request) if field.name not in _NOT_COMPARED)
        _FIELDS_OF[kind] = known
    return known


def _canonical(value: object) -> object:
    match value:
        case tuple():
            return [_canonical(item) for item in value]
        case LineRequest(model, params, count, ref):
            given = {name: _canonical(param) for name, param in params.items() if param is not None}
            return {"model": model, "params": given, "count": count, "ref": ref}
        case Quoted(quote_id):
            return {"quote": quote_id}
        case SavedWork(name, version):
            # As it was given: a repeated request means the version that the first one took, whatever was saved since.
            return {"workflow": workflow_slug(name), "version": version}
        case float() if value.is_integer():
            # 1024.0 and 1024 are one number to whoever sends JSON.
            return int(value)
        case datetime():
            return value.astimezone(UTC).isoformat()
        case UUID():
            return value.hex
        case _:
            return value
