"""Versions of a price book, and what one changes of another."""

from __future__ import annotations

from datetime import datetime

from rules.pricing import changes as rules
from rules.pricing.price_book import PriceBook
from schema.described import output
from schema.reads import PriceBookRecord
from schema.scalars import Tokens, tokens_or_none


@output
class PriceChange:
    """A model that is priced anew. Where all the amounts stay alike, something in between changed: see `changes`."""

    model: str
    """The model."""
    before: Tokens
    """Tokens for one use at the default params, before."""
    after: Tokens
    """The same, after."""
    min_before: Tokens
    """The fewest tokens that one use could cost, before."""
    min_after: Tokens
    """The same, after."""
    max_before: Tokens | None
    """The most tokens that one use could cost, before; null: nothing bounded it."""
    max_after: Tokens | None
    """The same, after."""


@output
class PriceBookChange:
    """A key of the book's text with another value."""

    path: str
    """Where it stands, such as "policies.trial_tokens" or "prices[imagen-4].tokens"."""
    before: str | None
    """Its value before, cut to 200 characters; null: it was not there."""
    after: str | None
    """Its value after, cut to 200 characters; null: it is not there any more."""


@output
class PriceBookVersion:
    """A version of the tenant's price book. It never changes."""

    version: int
    """Its number: 1, 2, 3 … without a gap."""
    slug: str
    """Which price list, such as "node-studio"."""
    name: str
    """What people call it."""
    published_at: datetime
    """When it was made, by the tenant's clock."""
    effective_at: datetime
    """From when on it is in force, until a version with a later instant is."""
    in_force: bool
    """Whether prices are taken from it now."""


@output
class PublishedPriceBook(PriceBookVersion):
    """A version with the text that it was made from."""

    currency: str
    """ISO 4217, in lower case; what its packages and plans are sold in."""
    tiers: list[str]
    """Plan tiers, lowest first."""
    source: str
    """The text. Published anew, it is a rollback to this version."""


def shown_price_change(change: rules.PriceChange) -> PriceChange:
    """A model's other price as it is shown."""
    before, after = change.before, change.after
    return PriceChange(
        model=change.model,
        before=Tokens(before.first_micros),
        after=Tokens(after.first_micros),
        min_before=Tokens(before.least_micros),
        min_after=Tokens(after.least_micros),
        max_before=tokens_or_none(before.greatest_micros),
        max_after=tokens_or_none(after.greatest_micros),
    )


def shown_text_change(change: rules.TextChange) -> PriceBookChange:
    """A key's other value as it is shown."""
    return PriceBookChange(path=change.path, before=change.before, after=change.after)


def shown_version(record: PriceBookRecord) -> PriceBookVersion:
    """A version as a list shows it."""
    return PriceBookVersion(
        version=record.version,
        slug=record.slug,
        name=record.name,
        published_at=record.published_at,
        effective_at=record.effective_at,
        in_force=record.in_force,
    )


def shown_text(record: PriceBookRecord, book: PriceBook, source: str) -> PublishedPriceBook:
    """A version as it is shown by itself."""
    return PublishedPriceBook(
        version=record.version,
        slug=record.slug,
        name=record.name,
        published_at=record.published_at,
        effective_at=record.effective_at,
        in_force=record.in_force,
        currency=book.currency,
        tiers=list(book.tiers),
        source=source,
    )
