"""Credentials: the kinds there are. What each may do is decided at the API's door, in one place."""

from __future__ import annotations

from enum import StrEnum


class CredentialKind(StrEnum):
    """What kind of credential a request carries: ROOT is the operator's key, SECRET a tenant's backend's."""

    ROOT = "ROOT"
    SECRET = "SECRET"
