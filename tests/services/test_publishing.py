"""A text becomes a tenant's next price book, or tells what it would change."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest

from models.database import Database
from models.tenant import Tenant
from rules.ledger.outcomes import HoldEffect
from rules.ledger.records import Slice
from rules.pricing.changes import TextChange
from rules.pricing.publication import InvalidPriceBook
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MICROS
from services.price_books import PriceBookMissing, PriceBooks
from services.publishing import LATE_SECONDS_MAX, Publication, PublishedText, Publishing
from tests.services.shop import a_line, a_source, open_shop

TenantBuilder = Callable[..., Awaitable[Tenant]]

EVERYTHING: Slice[int] = Slice(100)


@pytest.fixture
def publishing(database: Database) -> Publishing:
    return Publishing(database, PriceBooks(database))


def done(answer: Publication | InvalidInput | InvalidPriceBook) -> Publication:
    assert isinstance(answer, Publication), answer
    return answer


async def test_a_publication_tells_what_it_changes(publishing: Publishing, a_tenant: TenantBuilder) -> None:
    tenant = await a_tenant()
    first = done(await publishing.publish(tenant.id, a_source()))
    assert (first.published.version, first.follows, first.changes.added) == (1, None, ("picture", "upscale"))

    newer = a_source(picture=12, trial=40).replace('"Upscale"', '"Upscaler"')
    second = done(await publishing.publish(tenant.id, newer))

    assert (second.published.version, second.follows) == (2, 1)
    assert (second.changes.added, second.changes.removed) == (("upscaler",), ("upscale",))
    (change,) = second.changes.changed
    assert (change.model, change.before.first_micros, change.after.first_micros) == (
        "picture",
        10 * MICROS,
        12 * MICROS,
    )
    assert second.changes.texts == (
        TextChange("policies.trial_tokens", "50", "40"),
        TextChange("prices[picture].formula.base", "10", "12"),
    )


async def test_a_dry_run_tells_the_same_and_writes_nothing(publishing: Publishing, a_tenant: TenantBuilder) -> None:
    tenant = await a_tenant()
    await publishing.publish(tenant.id, a_source())
    tried = done(await publishing.publish(tenant.id, a_source(picture=12), dry_run=True))
    assert await publishing.count_versions(tenant.id) == 1

    done_really = done(await publishing.publish(tenant.id, a_source(picture=12)))

    assert (tried.published.version, tried.follows, tried.changes) == (2, 1, done_really.changes)
    assert await publishing.count_versions(tenant.id) == 2


async def test_faults_come_all_at_once_and_nothing_is_written(publishing: Publishing, a_tenant: TenantBuilder) -> None:
    tenant = await a_tenant()
    answer = await publishing.publish(tenant.id, 'slug = "x"\ncurrency = 5')
    assert isinstance(answer, InvalidPriceBook)
    assert len(answer.faults) > 1
    assert await publishing.count_versions(tenant.id) == 0


async def test_a_text_too_long_is_a_fault(publishing: Publishing, a_tenant: TenantBuilder) -> None:
    tenant = await a_tenant()
    answer = await publishing.publish(tenant.id, a_source() + "#" * 1_000_000)
    assert isinstance(answer, InvalidPriceBook)
    assert "characters" in answer.faults[0].message


async def test_an_unknown_tenant_is_a_fault_of_the_server(publishing: Publishing) -> None:
    with pytest.raises(PriceBookMissing):
        await publishing.publish(uuid4(), a_source())


class TestAnEffectiveDate:
    async def test_compares_with_what_is_in_force_then(self, publishing: Publishing, a_tenant: TenantBuilder) -> None:
        tenant = await a_tenant()
        monday = datetime.now(UTC) + timedelta(days=3)
        await publishing.publish(tenant.id, a_source(picture=10))
        dated = done(await publishing.publish(tenant.id, a_source(picture=11), effective_at=monday))
        assert (dated.published.effective_at, dated.follows) == (monday, 1)

        now = done(await publishing.publish(tenant.id, a_source(picture=12)))
        later = done(
            await publishing.publish(tenant.id, a_source(picture=11), effective_at=monday + timedelta(seconds=1))
        )

        assert (now.follows, later.follows) == (1, 2)
        assert later.changes.changed == ()

    async def test_is_replaced_by_another_version_for_the_same_instant(
        self, publishing: Publishing, a_tenant: TenantBuilder
    ) -> None:
        tenant = await a_tenant()
        monday = datetime.now(UTC) + timedelta(days=3)
        await publishing.publish(tenant.id, a_source(picture=10))
        await publishing.publish(tenant.id, a_source(picture=99), effective_at=monday)
        taken_back = done(await publishing.publish(tenant.id, a_source(picture=10), effective_at=monday))
        assert taken_back.follows == 2
        assert done(await publishing.compare(tenant.id, a_source(picture=10))).follows == 1

    @pytest.mark.parametrize("source", [a_source(), "no TOML"])
    async def test_in_the_past_is_refused_before_the_text_is_looked_at(
        self, publishing: Publishing, a_tenant: TenantBuilder, source: str
    ) -> None:
        tenant = await a_tenant()
        long_ago = datetime.now(UTC) - timedelta(seconds=LATE_SECONDS_MAX + 5)
        answer = await publishing.publish(tenant.id, source, effective_at=long_ago)
        assert isinstance(answer, InvalidInput)
        assert (answer.field, "leave it out" in answer.message) == ("effectiveAt", True)
        assert await publishing.count_versions(tenant.id) == 0

    async def test_that_has_just_passed_is_now(self, publishing: Publishing, a_tenant: TenantBuilder) -> None:
        tenant = await a_tenant()
        just_now = datetime.now(UTC) - timedelta(seconds=LATE_SECONDS_MAX - 20)
        published = done(await publishing.publish(tenant.id, a_source(), effective_at=just_now)).published
        assert published.effective_at == published.published_at

    async def test_is_judged_by_the_tenants_clock(self, database: Database, a_tenant: TenantBuilder) -> None:
        tenant = await a_tenant()
        async with open_shop(database, tenant.id) as shop:
            await shop.clock.advance(tenant.id, 30 * 86_400)
            tomorrow = datetime.now(UTC) + timedelta(days=1)
            answer = await shop.publishing.publish(tenant.id, a_source(), effective_at=tomorrow)
        assert isinstance(answer, InvalidInput)


async def test_many_who_publish_at_once_each_follow_the_one_before(database: Database, a_tenant: TenantBuilder) -> None:
    """Each process sees what it really changes, although all of them read at the same moment."""
    tenant = await a_tenant()
    first, elsewhere = Publishing(database, PriceBooks(database)), Publishing(database, PriceBooks(database))
    await first.publish(tenant.id, a_source(picture=100))
    answers = await asyncio.gather(
        *((first if number % 2 else elsewhere).publish(tenant.id, a_source(picture=number + 1)) for number in range(12))
    )
    publications = sorted(map(done, answers), key=lambda publication: publication.published.version)
    assert [publication.published.version for publication in publications] == list(range(2, 14))
    before = 100 * MICROS
    for publication in publications:
        assert publication.follows == publication.published.version - 1
        (change,) = publication.changes.changed
        assert change.before.first_micros == before
        before = change.after.first_micros


async def test_a_version_cannot_be_changed(database: Database, publishing: Publishing, a_tenant: TenantBuilder) -> None:
    tenant = await a_tenant()
    await publishing.publish(tenant.id, a_source())
    for statement in ("UPDATE price_book SET source = ''", "DELETE FROM price_book"):
        with pytest.raises(asyncpg.PostgresError):
            async with database.tenant(tenant.id) as connection:
                await connection.execute(statement)


async def test_what_is_in_flight_keeps_its_version(database: Database, a_tenant: TenantBuilder) -> None:
    tenant = await a_tenant()
    async with open_shop(database, tenant.id) as shop:
        account = await shop.open(tokens=1000)
        reserved = await shop.fares.reserve(shop.reserve_request(account, "job", a_line("picture")))
        assert isinstance(reserved, HoldEffect)
        await shop.publish(a_source(picture=500).replace('"Upscale"', '"Upscaler"'))

        extended = await shop.fares.extend(
            shop.extend_request(account, "more", reserved.hold.hold_id, work=(a_line("upscale"),))
        )
        committed = await shop.fares.commit(
            shop.commit_request(account, "job", reserved.hold.hold_id, a_line("picture"), a_line("upscale"))
        )

        assert isinstance(extended, HoldEffect)
        assert isinstance(committed, HoldEffect)
        assert (committed.hold.captured, committed.hold.price_book_version) == (18 * MICROS, 1)
        again = await shop.fares.reserve(shop.reserve_request(account, "next", a_line("picture")))
        assert isinstance(again, HoldEffect)
        assert (again.hold.amount, again.hold.price_book_version) == (500 * MICROS, 2)


class TestVersions:
    async def test_are_listed_newest_first_with_the_one_in_force(
        self, publishing: Publishing, a_tenant: TenantBuilder
    ) -> None:
        tenant = await a_tenant()
        await publishing.publish(tenant.id, a_source(picture=1))
        await publishing.publish(tenant.id, a_source(picture=2))
        monday = datetime.now(UTC) + timedelta(days=3)
        await publishing.publish(tenant.id, a_source(picture=3), effective_at=monday)

        page = await publishing.versions(tenant.id, EVERYTHING)
        first = await publishing.versions(tenant.id, Slice(2))
        rest = await publishing.versions(tenant.id, Slice(2, first.rows[-1].version))

        assert [(record.version, record.in_force) for record in page.rows] == [(3, False), (2, True), (1, False)]
        assert page.rows[0].effective_at == monday
        assert (first.has_more, rest.has_more) == (True, False)
        assert first.rows + rest.rows == page.rows

    async def test_come_with_their_text_so_that_an_old_one_can_be_published_anew(
        self, publishing: Publishing, a_tenant: TenantBuilder
    ) -> None:
        tenant = await a_tenant()
        await publishing.publish(tenant.id, a_source(picture=10))
        await publishing.publish(tenant.id, a_source(picture=11))
        old = await publishing.version(tenant.id, 1)
        assert isinstance(old, PublishedText)
        assert (old.source, old.record.in_force, old.published.version) == (a_source(picture=10), False, 1)

        back = done(await publishing.publish(tenant.id, old.source))

        current = await publishing.version(tenant.id, None)
        assert current is not None
        assert (back.published.version, current.record.version, current.source) == (3, 3, old.source)

    @pytest.mark.parametrize("version", [-1, 0, 2, 2**31, 2**63])
    async def test_that_never_were_are_not_found(
        self, publishing: Publishing, a_tenant: TenantBuilder, version: int
    ) -> None:
        tenant = await a_tenant()
        await publishing.publish(tenant.id, a_source())
        assert await publishing.version(tenant.id, version) is None

    async def test_of_another_tenant_are_not_seen(self, publishing: Publishing, a_tenant: TenantBuilder) -> None:
        tenant, other = await a_tenant(), await a_tenant()
        await publishing.publish(tenant.id, a_source())
        await publishing.publish(tenant.id, a_source(picture=11))
        await publishing.publish(other.id, a_source(picture=77))
        assert await publishing.count_versions(other.id) == 1
        assert await publishing.version(other.id, 2) is None
        assert done(await publishing.compare(other.id, a_source(picture=77))).changes.changed == ()
