"""The verbs of plain HTTP: the scope, services and refusals of the API, for those who only have curl."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

from resolvers.context import Context
from resolvers.errors import ErrorCode, coded
from resolvers.scope import NO_ACCOUNT_NAMED, ScopedAccount, account_in_scope, members_seen, parsed, tenant_shown_to
from rules.identity import IdKind
from rules.ledger.balance import BalanceSnapshot
from rules.ledger.journal import Entry
from rules.ledger.records import EntryFilter, Estimated
from rules.ledger.refusals import NotFound
from rules.ledger.requests import EstimateRequest
from rules.ledger.usage_reports import UsageRequest, UsageRow
from rules.pricing.formulas import PricingType
from rules.pricing.price_book import PriceBounds
from rules.pricing.rating import LineRequest, PricingRefusal
from rules.pricing.refusals import InvalidInput
from schema.reads import PublishedBook
from services.principal import Scope


@dataclass(frozen=True, slots=True)
class PlainCall:
    """One request."""

    context: Context


@dataclass(frozen=True, slots=True)
class PlainBalance:
    """What an account has, and the id of the plan that it is on."""

    balance: BalanceSnapshot
    plan_id: str | None


async def read_balance(call: PlainCall, external_id: str | None) -> PlainBalance | NotFound | InvalidInput:
    """The balance of the credential's own account, or of the one named. Raises UNAUTHENTICATED or FORBIDDEN."""
    account = account_in_scope(call, Scope.READ, None, external_id)
    if account == NO_ACCOUNT_NAMED:
        return InvalidInput("account", "The key has no account of its own: name one by its externalId.")
    if not isinstance(account, ScopedAccount):
        return account
    balance = await call.context.reads.balance(account.tenant_id, account.account_id)
    record = await call.context.services.accounts.get(account.tenant_id, account.account_id)
    if balance is None or record is None:
        return NotFound("account")
    return PlainBalance(balance, record.plan_id)


def exported_account(call: PlainCall, name: str) -> ScopedAccount | NotFound | InvalidInput:
    """The account that an address names, by its id or by its externalId. Raises UNAUTHENTICATED or FORBIDDEN."""
    if not members_seen(call).everyone:
        raise coded(ErrorCode.FORBIDDEN, "Exports need a key, or a client token of the role ADMIN.")
    is_id = parsed(name, IdKind.ACCOUNT) is not None
    return account_in_scope(call, Scope.READ, name if is_id else None, None if is_id else name)


async def export_usage(
    call: PlainCall, request: UsageRequest, take: Callable[[list[UsageRow]], None]
) -> NotFound | InvalidInput | None:
    """Hands over a usage report of an account in scope, page by page; a refusal may come after some."""
    return await call.context.services.usage.export(request, take)


async def export_entries(
    call: PlainCall, account: ScopedAccount, wanted: EntryFilter
) -> AsyncIterator[list[Entry]] | NotFound:
    """The journal of an account in scope, page by page."""
    return await call.context.services.usage.export_entries(account.tenant_id, account.account_id, wanted)


@dataclass(frozen=True, slots=True)
class PlainPrice:
    """What uses of a model cost together, in micro-tokens, and what one can; rounded as the end of a hold does it."""

    total: int
    one: PriceBounds
    pricing_type: PricingType


async def calculate_price(
    call: PlainCall, model: str, params: Mapping[str, object], count: int
) -> PlainPrice | PricingRefusal | NotFound:
    """What `count` uses of a model cost, by the price list in force. Raises UNAUTHENTICATED or FORBIDDEN."""
    tenant_id = tenant_shown_to(call, Scope.READ)
    work = (LineRequest(model, params, count),)
    estimated = await call.context.services.fares.estimate(EstimateRequest(tenant_id, work))
    if not isinstance(estimated, Estimated):
        return estimated
    published = await call.context.price_books.at_version(tenant_id, estimated.price_book_version)
    price = None if published is None else published.book.price(model)
    if price is None:
        raise LookupError(f"the price of {model} in version {estimated.price_book_version} is gone")
    return PlainPrice(estimated.total, price.bounds_alone, price.pricing_type)


async def read_price_list(call: PlainCall) -> PublishedBook:
    """The price list in force. Raises UNAUTHENTICATED or FORBIDDEN."""
    return await call.context.price_books.current(tenant_shown_to(call, Scope.READ))
