"""Credentials: the kinds there are. What each may do is decided at the API's door, in one place."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

CLIENT_TTL_SECONDS_DEFAULT: Final = 3_600
CLIENT_TTL_SECONDS_MAX: Final = 86_400
"""How long a client token lives at most: it is in a browser, where it can be taken."""


class CredentialKind(StrEnum):
    """What kind of credential a request carries.

    ROOT is the operator's key, SECRET a tenant's backend's, PARTNER one that reads, CLIENT a token for one account.
    """

    ROOT = "ROOT"
    SECRET = "SECRET"
    PARTNER = "PARTNER"
    CLIENT = "CLIENT"
