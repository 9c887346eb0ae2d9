"""Price books: publishing a version, and the versions that were published."""

from __future__ import annotations

from operator import attrgetter

import strawberry

from resolvers.context import Info
from resolvers.scope import principal_of, tenant_with
from schema.connections import FIRST_DEFAULT, Connection, Listing, connection, slice_of_numbers
from schema.described import output
from schema.inputs import PublishPriceBookInput
from schema.prices import shown_book
from schema.publishing import (
    PriceBookVersion,
    PublishedPriceBook,
    shown_price_change,
    shown_text,
    shown_text_change,
    shown_version,
)
from schema.refusals import problem_of
from schema.results import PublishPriceBookResult, PublishPriceBookSuccess
from services.principal import Scope
from services.publishing import Publication


@output
class PublishingQueries:
    """Reads of what was published. A text also says what work costs the product, so these are not for every reader."""

    @strawberry.field
    async def price_books(
        self, info: Info, first: int | None = FIRST_DEFAULT, after: str | None = None
    ) -> Connection[PriceBookVersion] | None:
        """The versions of the tenant's price book, newest first. Needs a secret key.

        first: how many, 1 to 100
        after: the cursor that the page follows
        """
        tenant_id = tenant_with(info, Scope.MANAGE)
        part = slice_of_numbers(Listing.PRICE_BOOKS, first, after)
        publishing = info.context.services.publishing
        page = await publishing.versions(tenant_id, part)

        async def count() -> int:
            return await publishing.count_versions(tenant_id)

        return connection(
            Listing.PRICE_BOOKS, page, shown_version, attrgetter("version"), count, follows=after is not None
        )

    @strawberry.field
    async def price_book(self, info: Info, version: int | None = None) -> PublishedPriceBook | None:
        """One version with its text; null when the tenant has none of this number. Needs a secret key.

        version: its number; absent: the version in force
        """
        tenant_id = tenant_with(info, Scope.MANAGE)
        found = await info.context.services.publishing.version(tenant_id, version)
        return None if found is None else shown_text(found.record, found.published.book, found.source)


@output
class PublishingMutations:
    """The verb that changes prices."""

    @strawberry.mutation
    async def publish_price_book(self, info: Info, input: PublishPriceBookInput) -> PublishPriceBookResult | None:
        """Makes a text the next version of the tenant's price book, and says what that changes. Needs a secret key.

        What is in flight keeps the version that it was priced at.

        input: the text, and from when on it is in force
        """
        tenant_id = tenant_with(info, Scope.MANAGE)
        answer = await info.context.services.publishing.publish(
            tenant_id, input.source, effective_at=input.effective_at, dry_run=bool(input.dry_run), by=principal_of(info)
        )
        if not isinstance(answer, Publication):
            return problem_of(answer)
        changes = answer.changes
        return PublishPriceBookSuccess(
            price_book=shown_book(answer.published),
            effective_at=answer.published.effective_at,
            follows=answer.follows,
            added=list(changes.added),
            removed=list(changes.removed),
            changed=[shown_price_change(change) for change in changes.changed],
            changes=[shown_text_change(change) for change in changes.texts],
            change_count=changes.text_count,
        )
