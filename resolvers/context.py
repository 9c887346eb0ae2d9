"""What a request brings along, and the services that the API's verbs call.

Services take ids and plain requests of `rules`, and answer with values: effects, or refusals in the order that
`rules.ledger.refusals` documents. They raise only for what nobody can act on, which the edge turns into UNAVAILABLE or
INTERNAL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import strawberry

from rules.ledger.records import MembersSeen
from schema.reads import LedgerReads, PriceBooks
from services.accounts import Accounts
from services.alerts import Alerts
from services.change_log import ChangeLog
from services.charges import Charges
from services.client_tokens import ClientTokens
from services.credentials import Credentials
from services.fares import Fares
from services.gifts import Gifts
from services.grants import Grants
from services.ledger.usage import Usage
from services.limits import Limits
from services.live.hub import LiveHub
from services.margin import Margins
from services.members import Members
from services.principal import Principal
from services.projects import Projects
from services.promo_codes import PromoCodes
from services.publishing import Publishing
from services.redemptions import Redemptions
from services.tenant_clock import TenantClock
from services.tenants import Tenants
from services.transfers import Transfers
from services.workflows import Workflows


class Services(Protocol):
    """Everything that the API calls, put together by the composition."""

    @property
    def fares(self) -> Fares:
        """The hot path."""

    @property
    def charges(self) -> Charges:
        """Charges explained."""

    @property
    def grants(self) -> Grants:
        """Tokens given."""

    @property
    def transfers(self) -> Transfers:
        """Tokens moved between accounts."""

    @property
    def workflows(self) -> Workflows:
        """Saved workflows."""

    @property
    def projects(self) -> Projects:
        """Projects."""

    @property
    def gifts(self) -> Gifts:
        """Tokens given to many."""

    @property
    def promo_codes(self) -> PromoCodes:
        """Promo codes."""

    @property
    def redemptions(self) -> Redemptions:
        """Promo codes redeemed."""

    @property
    def accounts(self) -> Accounts:
        """Accounts."""

    @property
    def limits(self) -> Limits:
        """Limits."""

    @property
    def alerts(self) -> Alerts:
        """What accounts are warned of."""

    @property
    def members(self) -> Members:
        """Members of accounts."""

    @property
    def reads(self) -> LedgerReads:
        """Reads of accounts."""

    @property
    def price_books(self) -> PriceBooks:
        """Price lists."""

    @property
    def publishing(self) -> Publishing:
        """Versions of price lists."""

    @property
    def tenants(self) -> Tenants:
        """Tenants."""

    @property
    def clocks(self) -> TenantClock:
        """Test clocks."""

    @property
    def api_keys(self) -> Credentials:
        """Keys."""

    @property
    def client_tokens(self) -> ClientTokens:
        """Tokens for browsers."""

    @property
    def change_log(self) -> ChangeLog:
        """Who administered what."""

    @property
    def margins(self) -> Margins:
        """Margin reports."""

    @property
    def usage(self) -> Usage:
        """Usage reports."""

    @property
    def live(self) -> LiveHub:
        """Accounts as they change."""


@dataclass(frozen=True, slots=True)
class Context:
    """One request's, or one socket's: who asks (None: no credential) and whom to call.

    It keeps nothing that was read: on a socket it lives for hours, and a loader that caches would answer with the first
    balance for ever.
    """

    principal: Principal | None
    services: Services

    @property
    def members_seen(self) -> MembersSeen:
        """Whose rows of an account are shown; nobody's to nobody."""
        return MembersSeen(everyone=False) if self.principal is None else self.principal.members_seen

    @property
    def reads(self) -> LedgerReads:
        """What accounts and holds read when they are looked into."""
        return self.services.reads

    @property
    def price_books(self) -> PriceBooks:
        """What holds and prices are shown with."""
        return self.services.price_books

    @property
    def usage(self) -> Usage:
        """What accounts tell of their usage."""
        return self.services.usage


class Asking(Protocol):
    """However a request came in: GraphQL hands its resolvers an `Info`, a plain route a call of its own."""

    @property
    def context(self) -> Context:
        """Who asks, and whom to call."""


Info: TypeAlias = strawberry.Info[Context, None]
"""What Strawberry hands to the root fields."""
