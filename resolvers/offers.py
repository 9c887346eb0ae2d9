"""Offers: the packages and plans that tokens are sold in."""

from __future__ import annotations

import strawberry

from resolvers.context import Info
from resolvers.scope import tenant_shown_to
from schema.described import output
from schema.money import Package, Plan, shown_package, shown_plan
from services.principal import Scope


@output
class OfferQueries:
    """Reads of offers."""

    @strawberry.field
    async def packages(self, info: Info) -> list[Package] | None:
        """The packages of the price book in force, in its order."""
        book = (await info.context.price_books.current(tenant_shown_to(info, Scope.READ))).book
        return [shown_package(package, book.currency) for package in book.packages]

    @strawberry.field
    async def plans(self, info: Info) -> list[Plan] | None:
        """The plans of the price book in force, in its order."""
        book = (await info.context.price_books.current(tenant_shown_to(info, Scope.READ))).book
        return [shown_plan(plan, book.currency) for plan in book.plans]
