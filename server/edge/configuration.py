"""The edge: what is allowed at the door, whoever knocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from resolvers.context import Services
from server.edge.bounds import BODY_BYTES_MAX as BODY_BYTES_MAX
from server.edge.bounds import FRAME_BYTES_MAX as FRAME_BYTES_MAX
from services.principal import Principal


@dataclass(frozen=True, slots=True)
class Edge:
    """What is open. `allowed_origins`: pages elsewhere that may use the API, such as "https://app.example.com".

    `shipped_prices`: whether the price books that come with the server are shown to everyone. `trusted_texts`:
    documents that may be asked for by their hash, which is the key; `only_trusted`: whether no others are taken.
    """

    introspection: bool
    graphiql: bool
    shipped_prices: bool = False
    allowed_origins: frozenset[str] = frozenset()
    trusted_texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    only_trusted: bool = False


class Authenticator(Protocol):
    """Tells who has a key."""

    async def authenticate(self, key: str) -> Principal | None:
        """None when nobody has it, also when it is revoked or expired."""

    async def authenticate_many(self, keys: Sequence[str]) -> list[Principal | None]:
        """The same of each, not from memory; for keys that were let in once."""

    def is_past(self, instant: datetime) -> bool:
        """Whether it has come by the clock that keys end by, as far as that is known without asking."""


class Readiness(Protocol):
    """Tells whether requests can be served."""

    async def readiness(self) -> dict[str, str]:
        """Named checks, each `ok` or what is wrong."""


class ServedServices(Services, Readiness, Protocol):
    """All that an application needs of its composition."""

    @property
    def credentials(self) -> Authenticator:
        """Who is asking."""


def bearer_key(authorization: str) -> str | None:
    """The key in `Bearer <key>`; None when the header says something else."""
    scheme, _, key = authorization.partition(" ")
    key = key.strip()
    return key if scheme.lower() == "bearer" and key else None


def is_origin_allowed(origin: str | None, host: str | None, allowed: frozenset[str]) -> bool:
    """Whether a page of this origin may open a socket here. What is no browser sends none, and has nothing to steal."""
    if origin is None or origin in allowed:
        return True
    # An origin is a scheme and a host, so comparing texts is exact, and nothing of it can fail to parse.
    return host is not None and origin.lower() in (f"http://{host.lower()}", f"https://{host.lower()}")
