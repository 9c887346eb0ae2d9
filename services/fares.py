"""Fares: the hot path. Prices the work, fingerprints the request, asks the ledger."""

from __future__ import annotations

import asyncio
from typing import Final
from uuid import UUID

from rules.ledger.balance import POOL
from rules.ledger.burn_down import Spender
from rules.ledger.commands import HOLD_TTL_SECONDS_MAX, Charge, Commit, Extend, Refund, Release, Reserve
from rules.ledger.kinds import Mutation
from rules.ledger.outcomes import CommitOutcome, HoldEffect, ReleaseOutcome, RepriceAt, ReserveOutcome
from rules.ledger.records import Estimated, Quote
from rules.ledger.refusals import (
    AccountFrozen,
    HoldExceeded,
    HoldExpired,
    HoldNotOpen,
    IdempotencyConflict,
    InputRefusal,
    InsufficientTokens,
    LimitReached,
    NotFound,
    NotRefundable,
    QuoteExpired,
    RateLimited,
    TierRequired,
)
from rules.ledger.requests import (
    AccountRequest,
    AffordableRequest,
    CommitRequest,
    EstimateRequest,
    ExtendRequest,
    PayableWork,
    Quoted,
    RefundRequest,
    ReleaseRequest,
    ReserveRequest,
    SavedWork,
    Work,
)
from rules.pricing.affordable import Affordable
from rules.pricing.rating import Purpose
from rules.pricing.refusals import InvalidInput, InvalidParams, UnknownModel
from services.estimates import affordable, estimate_work
from services.fingerprints import once
from services.ledger.reads import LedgerReads
from services.ledger.settled_reads import AccountReading
from services.ledger.writer import Writer
from services.price_books import PriceBooks
from services.quotes import Offer, Quotes
from services.texts import NOTE_LENGTH_MAX, fault_of_key, fault_of_label, fault_of_text, first_fault, new_salt
from services.work_pricing import PricedWork, price_work
from services.workflows import Workflows

REPRICINGS_MAX: Final = 2
"""Once at the version that the hold turned out to have; it never changes, so a second time is a bug."""

WORK: Final = "work"
ACTUAL: Final = "actual"
QUOTE: Final = "work.quoteId"


class Fares:
    """Estimates, quotes, and the hot path. Raises `LedgerUnavailable` when the ledger could not judge."""

    def __init__(
        self, writer: Writer, price_books: PriceBooks, reads: LedgerReads, quotes: Quotes, workflows: Workflows
    ) -> None:
        self._writer = writer
        self._price_books = price_books
        self._reads = reads
        self._quotes = quotes
        self._workflows = workflows

    async def estimate(
        self, request: EstimateRequest
    ) -> Estimated | UnknownModel | InvalidParams | NotFound | InvalidInput:
        """Prices work without a lock; with an account also whether it would go through, and what stands in the way."""
        estimated = await self._estimate(request)
        return estimated[1] if isinstance(estimated, tuple) else estimated

    async def _estimate(
        self, request: EstimateRequest
    ) -> tuple[Work, Estimated] | UnknownModel | InvalidParams | NotFound | InvalidInput:
        """The work, a workflow's resolved to its lines, with what it costs."""
        account, spender = None, Spender(request.member_id, request.project)
        if request.account_id is not None:
            seen = await self._seen_by(request.tenant_id, request.account_id, spender)
            if not isinstance(seen, AccountReading):
                return seen
            account = seen
        elif isinstance(request.work, SavedWork):
            return InvalidInput("workflow", "is an account's: name the account")
        work = await self._workflows.resolved(request.tenant_id, request.account_id, request.work)
        if isinstance(work, NotFound):
            return work
        if isinstance(work, Quoted):
            raise AssertionError("a quote is no work to be estimated")
        published = await self._price_books.current(request.tenant_id)
        estimated = estimate_work(published, work, spender, account)
        return (work, estimated) if isinstance(estimated, Estimated) else estimated

    async def affordable(
        self, request: AffordableRequest
    ) -> Affordable | UnknownModel | InvalidParams | NotFound | InvalidInput:
        """The most of one dimension that the account could reserve now: that goes through, the next is refused."""
        spender = Spender(request.member_id, request.project)
        account = await self._seen_by(request.tenant_id, request.account_id, spender)
        if not isinstance(account, AccountReading):
            return account
        published = await self._price_books.current(request.tenant_id)
        # A search over many combinations of choices takes long enough to keep everybody else waiting.
        return await asyncio.to_thread(affordable, published, request, account)

    async def _seen_by(
        self, tenant_id: UUID, account_id: UUID, spender: Spender
    ) -> AccountReading | NotFound | InvalidInput:
        """The account as it is for this spender, who must belong to it."""
        fault = fault_of_label("project", spender.project)
        account = await self._reads.read(tenant_id, account_id, POOL if fault is not None else spender)
        if account is None:
            return NotFound("account")
        if spender.member_id is not None:
            member = await self._reads.member(tenant_id, account_id, spender.member_id)
            if member is None or not member.active:
                return NotFound("member")
        return account if fault is None else fault

    async def quote(self, request: EstimateRequest) -> Quote | UnknownModel | InvalidParams | NotFound | InvalidInput:
        """Estimates work and locks its price, whether or not anything stands in its way now."""
        found = await self._estimate(request)
        if not isinstance(found, tuple):
            return found
        work, estimated = found
        published = await self._price_books.version(request.tenant_id, estimated.price_book_version)
        return await self._quotes.lock(request.tenant_id, request.account_id, published, work, estimated)

    async def reserve(self, request: ReserveRequest) -> ReserveOutcome:
        """Sets an upper bound aside."""
        return _of_reserve(await self._start(request, Mutation.RESERVE, Purpose.RESERVE, Reserve))

    async def charge(self, request: ReserveRequest) -> CommitOutcome:
        """Reserves and commits in one step, at the lines' cost."""
        return await self._start(request, Mutation.CHARGE, Purpose.ESTIMATE, Charge)

    async def _start(
        self, request: ReserveRequest, mutation: Mutation, purpose: Purpose, kind: type[Reserve]
    ) -> CommitOutcome:
        bad_key = fault_of_key(request.key)
        if bad_key is not None:
            return bad_key
        in_force = await self._price_books.current(request.tenant_id)
        policies = in_force.book.policies
        offer = await self._offer(request, request.work, purpose)
        work = offer.work
        fault = first_fault(
            _ttl_fault(request.ttl_seconds),
            fault_of_label("project", request.project),
            fault_of_text("description", request.description, NOTE_LENGTH_MAX),
        )
        command = kind(
            tenant_id=request.tenant_id,
            account_id=request.account_id,
            once=once(mutation, request.key, request),
            amount=work.amount,
            lines=work.lines,
            lines_json=work.lines_json,
            price_book_version=offer.price_book_version,
            ttl_seconds=request.ttl_seconds,
            rounding_unit=work.rounding_unit,
            member_id=request.member_id,
            project=request.project if fault is None else None,
            not_after=request.not_after,
            description=request.description if fault is None else None,
            text_salt=new_salt() if mutation is Mutation.CHARGE else b"",
            refusal=_first_refusal(fault, work.refusal),
            quote_expires_at=offer.quote_expires_at,
            daily_limit=policies.daily_limit_micros,
            daily_limit_since=in_force.effective_at,
            runs_per_minute=policies.runs_per_minute,
            gates=work.gates,
        )
        return _of_hold(await self._writer.submit(command))

    async def _offer(
        self, request: AccountRequest, work: PayableWork, purpose: Purpose, *, version: int | None = None
    ) -> Offer:
        """The work with its price: a quote's, or that of the version, by default the one in force."""
        resolved = await self._workflows.resolved(request.tenant_id, request.account_id, work)
        if isinstance(resolved, NotFound):
            return Offer(0, PricedWork(refusal=resolved))
        if isinstance(resolved, Quoted):
            return await self._quotes.offer(request.tenant_id, request.account_id, resolved, purpose)
        in_force = await self._price_books.current(request.tenant_id)
        published = in_force if version is None else await self._price_books.version(request.tenant_id, version)
        return Offer(published.version, price_work(published, resolved, purpose, field=WORK, in_force=in_force))

    async def commit(self, request: CommitRequest) -> CommitOutcome:
        """Captures what was used, at the price book version of the hold."""
        bad_key = fault_of_key(request.key)
        if bad_key is not None:
            return bad_key
        identity = once(Mutation.COMMIT, request.key, request)
        current = await self._price_books.current(request.tenant_id)
        version = current.version
        for _ in range(REPRICINGS_MAX):
            work: PricedWork | None = None
            if request.actual is not None:
                published = await self._price_books.version(request.tenant_id, version)
                work = price_work(published, request.actual, Purpose.ACTUAL, field=ACTUAL, fallback=current)
            is_amount = isinstance(request.actual, int)
            outcome = await self._writer.submit(
                Commit(
                    tenant_id=request.tenant_id,
                    account_id=request.account_id,
                    once=identity,
                    hold_id=request.hold_id,
                    lines=work.lines if work is not None and not is_amount else None,
                    amount=work.amount if work is not None and is_amount else None,
                    final=request.final,
                    overrun=request.overrun,
                    rounding_unit=work.rounding_unit if work is not None else 0,
                    priced_at=version if work is not None and not is_amount else None,
                    text_salt=new_salt(),
                    refusal=work.refusal if work is not None else None,
                    daily_limit=current.book.policies.daily_limit_micros,
                    daily_limit_since=current.effective_at,
                )
            )
            if not isinstance(outcome, RepriceAt):
                return _of_hold(outcome)
            version = outcome.price_book_version
        raise AssertionError("a hold changed its price book version")

    async def extend(self, request: ExtendRequest) -> ReserveOutcome:
        """Adds time or work to a hold, at its own price book version."""
        bad_key = fault_of_key(request.key)
        if bad_key is not None:
            return bad_key
        identity = once(Mutation.EXTEND, request.key, request)
        daily = await self._price_books.daily_limit(request.tenant_id)
        version: int | None = None
        fault: InvalidInput | None = None
        if request.ttl_seconds is None and request.work is None:
            fault = InvalidInput("ttlSeconds", "give ttlSeconds, work, or both")
        elif request.ttl_seconds is not None:
            fault = _ttl_fault(request.ttl_seconds)
        for _ in range(REPRICINGS_MAX):
            offer = Offer(0, PricedWork())
            if request.work is not None:
                offer = await self._offer(request, request.work, Purpose.RESERVE, version=version)
            work = offer.work
            # A plain amount, quoted or not, costs the same at every version.
            has_version = bool(work.lines) or work.refusal is not None
            outcome = await self._writer.submit(
                Extend(
                    tenant_id=request.tenant_id,
                    account_id=request.account_id,
                    once=identity,
                    hold_id=request.hold_id,
                    ttl_seconds=request.ttl_seconds,
                    amount=work.amount,
                    adds_work=request.work is not None,
                    lines=work.lines,
                    lines_json=work.lines_json,
                    rounding_unit=work.rounding_unit,
                    priced_at=offer.price_book_version if has_version else None,
                    refusal=_first_refusal(fault, work.refusal),
                    quote_expires_at=offer.quote_expires_at,
                    daily_limit=daily.limit,
                    daily_limit_since=daily.since,
                    gates=work.gates,
                )
            )
            if not isinstance(outcome, RepriceAt):
                return _of_reserve(outcome)
            version = outcome.price_book_version
            if isinstance(request.work, Quoted):
                return InvalidInput(QUOTE, _other_version(offer.price_book_version, version))
        raise AssertionError("a hold changed its price book version")

    async def release(self, request: ReleaseRequest) -> ReleaseOutcome:
        """Gives back what was not captured."""
        bad_key = fault_of_key(request.key)
        if bad_key is not None:
            return bad_key
        fault = fault_of_text("note", request.note, NOTE_LENGTH_MAX)
        daily = await self._price_books.daily_limit(request.tenant_id)
        outcome = await self._writer.submit(
            Release(
                tenant_id=request.tenant_id,
                account_id=request.account_id,
                once=once(Mutation.RELEASE, request.key, request),
                hold_id=request.hold_id,
                outcome=request.outcome,
                note=request.note if fault is None else None,
                text_salt=new_salt(),
                refusal=fault,
                daily_limit=daily.limit,
                daily_limit_since=daily.since,
            )
        )
        match outcome:
            case HoldEffect() | HoldExpired() | HoldNotOpen() | IdempotencyConflict() | NotFound() | InvalidInput():
                return outcome
            case _:
                raise AssertionError(f"a release came to {type(outcome).__name__}")

    async def refund(self, request: RefundRequest) -> CommitOutcome:
        """Gives captured tokens back."""
        bad_key = fault_of_key(request.key)
        if bad_key is not None:
            return bad_key
        fault = fault_of_text("reason", request.reason, NOTE_LENGTH_MAX)
        if fault is None and request.amount is not None and request.amount <= 0:
            fault = InvalidInput("amount", "must be more than 0")
        daily = await self._price_books.daily_limit(request.tenant_id)
        return _of_hold(
            await self._writer.submit(
                Refund(
                    tenant_id=request.tenant_id,
                    account_id=request.account_id,
                    once=once(Mutation.REFUND, request.key, request),
                    hold_id=request.hold_id,
                    amount=request.amount,
                    reason=request.reason if fault is None else None,
                    text_salt=new_salt(),
                    refusal=fault,
                    daily_limit=daily.limit,
                    daily_limit_since=daily.since,
                )
            )
        )


def _first_refusal(fault: InvalidInput | None, of_work: InputRefusal | None) -> InputRefusal | None:
    """Of what was found before the queue: a quote or workflow that is not there comes before bad input."""
    return of_work if isinstance(of_work, NotFound) else fault or of_work


def _other_version(quoted: int, held: int) -> str:
    return (
        f"the quote is of price book version {quoted}, and all of a hold is priced at its own, which is {held}. "
        "Reserve with the quote, or extend with lines"
    )


def _ttl_fault(ttl_seconds: int) -> InvalidInput | None:
    if 1 <= ttl_seconds <= HOLD_TTL_SECONDS_MAX:
        return None
    return InvalidInput("ttlSeconds", f"must be between 1 and {HOLD_TTL_SECONDS_MAX}, not {ttl_seconds}")


def _of_hold(outcome: object) -> CommitOutcome:
    """The ledger's answer, for a command about a hold."""
    match outcome:
        case (
            HoldEffect()
            | InsufficientTokens()
            | LimitReached()
            | RateLimited()
            | AccountFrozen()
            | TierRequired()
            | UnknownModel()
            | InvalidParams()
            | QuoteExpired()
            | HoldExpired()
            | HoldNotOpen()
            | HoldExceeded()
            | NotRefundable()
            | IdempotencyConflict()
            | NotFound()
            | InvalidInput()
        ):
            return outcome
        case _:
            raise AssertionError(f"a command about a hold came to {type(outcome).__name__}")


def _of_reserve(outcome: object) -> ReserveOutcome:
    """The ledger's answer, for a command that captures nothing."""
    match _of_hold(outcome):
        case HoldExceeded() | NotRefundable() as unexpected:
            raise AssertionError(f"a reservation came to {type(unexpected).__name__}")
        case expected:
            return expected
