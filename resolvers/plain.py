"""The verbs of plain HTTP: the scope, services and refusals of the API, for those who only have curl."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from resolvers.context import Context
from resolvers.scope import NO_ACCOUNT_NAMED, ScopedAccount, account_in_scope, tenant_shown_to
from rules.ledger.balance import BalanceSnapshot
from rules.ledger.records import Estimated
from rules.ledger.refusals import NotFound
from rules.ledger.requests import EstimateRequest
from rules.pricing.rating import LineRequest, PricingRefusal
from rules.pricing.refusals import InvalidInput
from schema.reads import PublishedBook
from services.principal import Scope


@dataclass(frozen=True, slots=True)
class PlainCall:
    """One request."""

    context: Context


async def read_balance(call: PlainCall, external_id: str | None) -> BalanceSnapshot | NotFound | InvalidInput:
    """The balance of the credential's own account, or of the one named. Raises UNAUTHENTICATED or FORBIDDEN."""
    account = account_in_scope(call, Scope.READ, None, external_id)
    if account == NO_ACCOUNT_NAMED:
        return InvalidInput("account", "The key has no account of its own: name one by its externalId.")
    if not isinstance(account, ScopedAccount):
        return account
    return await call.context.reads.balance(account.tenant_id, account.account_id) or NotFound("account")


async def calculate_price(
    call: PlainCall, model: str, params: Mapping[str, object], count: int
) -> Estimated | PricingRefusal | NotFound:
    """What `count` uses of a model cost, by the price list in force. Raises UNAUTHENTICATED or FORBIDDEN."""
    tenant_id = tenant_shown_to(call, Scope.READ)
    work = (LineRequest(model, params, count),)
    return await call.context.services.fares.estimate(EstimateRequest(tenant_id, work))


async def read_price_list(call: PlainCall) -> PublishedBook:
    """The price list in force. Raises UNAUTHENTICATED or FORBIDDEN."""
    return await call.context.price_books.current(tenant_shown_to(call, Scope.READ))
