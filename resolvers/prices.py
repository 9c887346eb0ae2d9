"""Prices and estimates: the price list, one price, and what work would cost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from operator import attrgetter
from uuid import UUID

import strawberry

from resolvers.context import Info
from resolvers.errors import ErrorCode, coded
from resolvers.scope import (
    ScopedAccount,
    account_in_scope,
    named_account,
    named_member,
    tenant_shown_to,
)
from resolvers.work import lines_of, saved_work_of
from rules.ledger.records import Estimated, Page, Quote
from rules.ledger.refusals import NotFound
from rules.ledger.requests import AffordableRequest, EstimateRequest, SavedWork, Work
from rules.pricing import price_book as book_rules
from rules.pricing.affordable import Affordable
from rules.pricing.listing import search
from rules.pricing.money import TokenRate, effective_rate
from rules.pricing.refusals import InvalidInput
from rules.pricing.tiers import may_use
from schema.connections import FIRST_MAX, Connection, Listing, connection, slice_of_names
from schema.described import output
from schema.inputs import AffordableInput, EstimateInput, PriceFilter
from schema.prices import Estimate, Price, shown_affordable, shown_estimate, shown_price, shown_quote
from schema.reads import PublishedBook
from schema.refusals import problem_of
from schema.results import AffordableResult, EstimateResult, EstimateSuccess
from services.principal import Scope


@output
class PriceQueries:
    """Reads of prices."""

    @strawberry.field
    async def prices(
        self,
        info: Info,
        filter: PriceFilter | None = None,
        first: int | None = FIRST_MAX,
        after: str | None = None,
        account_id: strawberry.ID | None = None,
        account_external_id: str | None = None,
    ) -> Connection[Price] | None:
        """The price list in force, in its own order.

        filter: which prices
        first: how many, 1 to 100
        after: the cursor that the page follows
        account_id: the account that `allowed` is told for; absent: the credential's own, if it has one
        account_external_id: the tenant's own name for that account
        """
        tenant_id = tenant_shown_to(info, Scope.READ)
        part = slice_of_names(Listing.PRICES, first, after, default=FIRST_MAX)
        book = (await info.context.price_books.current(tenant_id)).book
        wanted = _filtered(book, filter)

        async def count() -> int:
            return len(wanted)

        rows = wanted if part.after is None else _behind(book, wanted, part.after)
        page = Page(rows[: part.first], has_more=len(rows) > part.first)
        show = await _shown_to(info, tenant_id, book, account_id, account_external_id)
        return connection(Listing.PRICES, page, show, attrgetter("model"), count, follows=after is not None)

    @strawberry.field
    async def price(
        self,
        info: Info,
        model: str,
        account_id: strawberry.ID | None = None,
        account_external_id: str | None = None,
    ) -> Price | None:
        """One price; null when the price book in force has none for this model.

        model: the model's slug
        account_id: the account that `allowed` is told for; absent: the credential's own, if it has one
        account_external_id: the tenant's own name for that account
        """
        tenant_id = tenant_shown_to(info, Scope.READ)
        book = (await info.context.price_books.current(tenant_id)).book
        show = await _shown_to(info, tenant_id, book, account_id, account_external_id)
        price = book.price(model)
        return None if price is None else show(price)

    @strawberry.field
    async def estimate(self, info: Info, input: EstimateInput) -> EstimateResult | None:
        """Prices work without a lock, for calculators that follow the user's settings.

        input: what to price, and for whom
        """
        request = await _estimate_request(info, Scope.READ, input)
        if not isinstance(request, EstimateRequest):
            return problem_of(request)
        outcome = await info.context.services.fares.estimate(request)
        if not isinstance(outcome, Estimated):
            return problem_of(outcome)
        return EstimateSuccess(estimate=await _estimate(info, request, outcome), quote=None)

    @strawberry.field
    async def affordable(self, info: Info, input: AffordableInput) -> AffordableResult | None:
        """The most of one dimension (steps, seconds, count …) that the account can pay for now.

        input: of what, and for whom
        """
        account = account_in_scope(info, Scope.READ, input.account_id, input.account_external_id)
        if not isinstance(account, ScopedAccount):
            return problem_of(account)
        member_id = named_member(info, account.account_id, input.member_id, input.member_external_id)
        if isinstance(member_id, NotFound | InvalidInput):
            return problem_of(member_id)
        request = AffordableRequest(
            account.tenant_id,
            account.account_id,
            input.model,
            input.dimension,
            params={} if input.params is None else input.params,
            project=input.project,
            member_id=member_id,
        )
        outcome = await info.context.services.fares.affordable(request)
        return shown_affordable(outcome) if isinstance(outcome, Affordable) else problem_of(outcome)


@output
class PriceMutations:
    """Prices, locked."""

    @strawberry.mutation
    async def estimate(self, info: Info, input: EstimateInput) -> EstimateResult | None:
        """Prices work and locks that price, for 15 minutes unless the price book says otherwise.

        input: what to price, and for whom
        """
        request = await _estimate_request(info, Scope.QUOTE, input)
        if not isinstance(request, EstimateRequest):
            return problem_of(request)
        outcome = await info.context.services.fares.quote(request)
        if not isinstance(outcome, Quote):
            return problem_of(outcome)
        estimate = await _estimate(info, request, outcome.estimated)
        return EstimateSuccess(estimate=estimate, quote=shown_quote(outcome, estimate))


async def _estimate_request(
    info: Info, scope: Scope, given: EstimateInput
) -> EstimateRequest | NotFound | InvalidInput:
    tenant_id = tenant_shown_to(info, scope)
    account_id = named_account(info, given.account_id, given.account_external_id)
    if isinstance(account_id, NotFound | InvalidInput):
        return account_id
    member_id = _member(info, account_id, given)
    if isinstance(member_id, NotFound | InvalidInput):
        return member_id
    work = _work(given)
    if isinstance(work, InvalidInput):
        # An account that is not there is told of first, whatever else is wrong.
        if account_id is not None and await info.context.services.accounts.get(tenant_id, account_id) is None:
            return NotFound("account")
        return work
    return EstimateRequest(tenant_id, work, account_id=account_id, project=given.project, member_id=member_id)


def _member(info: Info, account_id: UUID | None, given: EstimateInput) -> UUID | NotFound | InvalidInput | None:
    if account_id is not None:
        return named_member(info, account_id, given.member_id, given.member_external_id)
    if given.member_id is not None or given.member_external_id is not None:
        return InvalidInput("memberId", "name the member's account, too")
    return None


async def _estimate(info: Info, request: EstimateRequest, estimated: Estimated) -> Estimate:
    published = await info.context.price_books.at_version(request.tenant_id, estimated.price_book_version)
    if published is None:
        raise LookupError(f"price book version {estimated.price_book_version} is gone")
    return shown_estimate(estimated, published, _rate(info, request, published))


def _rate(info: Info, request: EstimateRequest, published: PublishedBook) -> Callable[[], Awaitable[TokenRate | None]]:
    """Finds what the account's tokens are worth, when it is asked."""

    async def rate() -> TokenRate | None:
        if request.account_id is None:
            return effective_rate((), published.book.packages, published.book.currency)
        paid = await info.context.reads.paid(request.tenant_id, request.account_id)
        return effective_rate(paid, published.book.packages, published.book.currency)

    return rate


async def _shown_to(
    info: Info, tenant_id: UUID, book: book_rules.PriceBook, account_id: str | None, external_id: str | None
) -> Callable[[book_rules.Price], Price]:
    """How prices are shown to an account: the one named, else the credential's own, else none."""
    meant = named_account(info, account_id, external_id)
    if isinstance(meant, InvalidInput):
        raise coded(ErrorCode.BAD_USER_INPUT, "Give the account's `accountId` or its `accountExternalId`, not both.")
    if meant is None:
        return shown_price
    record = None
    if isinstance(meant, UUID):
        record = await info.context.services.accounts.get(tenant_id, meant)
    if record is None:
        raise coded(ErrorCode.BAD_USER_INPUT, "There is no such account.")
    return lambda price: shown_price(price, allowed=may_use(book, price.tier, record.plan_id))


def _filtered(book: book_rules.PriceBook, given: PriceFilter | None) -> tuple[book_rules.Price, ...]:
    if given is None:
        return book.prices
    return search(
        book,
        given.search,
        category=given.category,
        provider=given.provider,
        tier=given.tier,
        premium=given.premium,
        models=None if given.models is None else frozenset(given.models),
    )


def _behind(
    book: book_rules.PriceBook, wanted: tuple[book_rules.Price, ...], model: str
) -> tuple[book_rules.Price, ...]:
    """The wanted prices that come after this model in the book's order."""
    places = {price.model: place for place, price in enumerate(book.prices)}
    place = places.get(model)
    if place is None:
        raise coded(
            ErrorCode.BAD_USER_INPUT, "`after` is a cursor of another price book version; start at the first page."
        )
    return tuple([price for price in wanted if places[price.model] > place])


def _work(given: EstimateInput) -> Work | SavedWork | InvalidInput:
    if sum(member is not None for member in (given.lines, given.amount, given.workflow)) > 1:
        return InvalidInput("lines", "give lines or an amount, not both; or a workflow instead of either")
    if given.workflow is not None:
        return saved_work_of(given.workflow)
    if given.lines is not None:
        return lines_of(given.lines)
    if given.amount is not None:
        return given.amount
    return InvalidInput("lines", "give lines, an amount or a workflow")
