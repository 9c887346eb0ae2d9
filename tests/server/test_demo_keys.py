from __future__ import annotations

import json
import stat
from pathlib import Path
from uuid import uuid4

import pytest

from models.api_key import ApiKey
from models.database import Database
from models.migrations import migrate
from models.tenant import Tenant, TenantMode
from rules.identity import IdKind, public_id
from server.data_directory import DEMO_KEYS_FILE, FORMER_DEMO_KEYS_FILE
from server.demo_keys import FORMER_KEYS_MAX, seed_demo_data
from server.settings import Settings
from services.credentials import Credentials
from services.shipped_price_books import ShippedPriceBooks
from services.tenants import Tenants
from tests.conftest import TenantBuilder

A_ROOT_KEY = "a-root-key-that-is-long-enough-to-be-one"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", root_key=A_ROOT_KEY)


def kept_keys(settings: Settings) -> dict[str, str]:
    content = json.loads((settings.data_dir / DEMO_KEYS_FILE).read_text())
    return {slug: tenant["secretKey"] for slug, tenant in content.items()}


async def opened_by(database: Database, key: str) -> str | None:
    principal = await Credentials(database, root_key=A_ROOT_KEY).authenticate(key)
    return None if principal is None else principal.tenant_slug


async def tenant_slugs(database: Database) -> set[str]:
    async with database.administration():
        return {tenant.slug for tenant in await Tenant.all()}


async def make_demo_tenant(database: Database, slug: str) -> None:
    name = slug.replace("-", " ").title()
    await Tenants(database, ShippedPriceBooks()).create_tenant(
        slug=slug, name=name, mode=TenantMode.TEST, price_book=slug
    )


async def test_an_empty_database_gets_a_tenant_for_each_book_and_a_private_file_of_keys(
    database: Database, settings: Settings
) -> None:
    assert set(await seed_demo_data(database, settings)) == set(ShippedPriceBooks().slugs())
    for slug, key in kept_keys(settings).items():
        assert await opened_by(database, key) == slug
    assert stat.S_IMODE((settings.data_dir / DEMO_KEYS_FILE).stat().st_mode) == 0o600


async def test_keys_that_open_this_database_are_kept_as_they_are(database: Database, settings: Settings) -> None:
    await seed_demo_data(database, settings)
    before = (settings.data_dir / DEMO_KEYS_FILE).read_bytes()
    assert set(await seed_demo_data(database, settings)) == set(ShippedPriceBooks().slugs())
    assert (settings.data_dir / DEMO_KEYS_FILE).read_bytes() == before


async def test_a_data_directory_used_with_two_databases_has_keys_that_work_after_each_start(
    database: Database, settings: Settings, empty_dsn: str
) -> None:
    await migrate(empty_dsn)
    async with await Database.open(empty_dsn, pool_size=1, spanning_pool_size=1) as other:
        for started in (database, other, database, other, database):
            await seed_demo_data(started, settings)
            keys = kept_keys(settings)
            assert keys.keys() == set(ShippedPriceBooks().slugs())
            assert [await opened_by(started, key) for key in keys.values()] == list(keys)
        # The one of each tenant that it was made with: nobody who goes to and fro makes more.
        for started in (database, other):
            async with started.administration():
                assert await ApiKey.all().count() == len(ShippedPriceBooks().slugs())
    assert stat.S_IMODE((settings.data_dir / FORMER_DEMO_KEYS_FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "[]", "{", '{"x": "y"}', '{"x": 1}', '{"ten_AAAA": "key"}'])
async def test_what_was_kept_of_other_databases_may_be_spoilt(
    database: Database, settings: Settings, content: str
) -> None:
    await seed_demo_data(database, settings)
    (settings.data_dir / FORMER_DEMO_KEYS_FILE).write_text(content)
    (settings.data_dir / DEMO_KEYS_FILE).unlink()
    await seed_demo_data(database, settings)
    assert await opened_by(database, kept_keys(settings)["node-studio"]) == "node-studio"


async def test_keys_of_other_databases_are_kept_up_to_a_bound(database: Database, settings: Settings) -> None:
    elsewhere = {public_id(IdKind.TENANT, uuid4()): f"key {number}" for number in range(FORMER_KEYS_MAX + 5)}
    path = settings.data_dir / FORMER_DEMO_KEYS_FILE
    path.parent.mkdir()
    path.write_text(json.dumps(elsewhere))
    await seed_demo_data(database, settings)
    assert json.loads(path.read_text()) == dict(list(elsewhere.items())[5:])


async def test_only_the_key_that_does_not_open_its_tenant_is_made_anew(database: Database, settings: Settings) -> None:
    await seed_demo_data(database, settings)
    path = settings.data_dir / DEMO_KEYS_FILE
    content = json.loads(path.read_text())
    before = kept_keys(settings)
    # Another tenant's key opens something, but not what it is kept for.
    content["node-studio"]["secretKey"] = before["ai-playground"]
    path.write_text(json.dumps(content))
    await seed_demo_data(database, settings)
    after = kept_keys(settings)
    assert await opened_by(database, after["node-studio"]) == "node-studio"
    assert {slug for slug in before if before[slug] != after[slug]} == {"node-studio"}


@pytest.mark.parametrize("content", ["", "[]", '{"node-studio": 1}', '{"node-studio": {}}'])
async def test_a_file_that_holds_no_keys_is_written_anew(database: Database, settings: Settings, content: str) -> None:
    await seed_demo_data(database, settings)
    (settings.data_dir / DEMO_KEYS_FILE).write_text(content)
    await seed_demo_data(database, settings)
    assert await opened_by(database, kept_keys(settings)["node-studio"]) == "node-studio"


async def test_seeding_that_was_ended_between_two_tenants_is_finished_by_the_next_start(
    database: Database, settings: Settings
) -> None:
    await make_demo_tenant(database, "ai-playground")
    await seed_demo_data(database, settings)
    assert await tenant_slugs(database) == set(ShippedPriceBooks().slugs())
    for slug, key in kept_keys(settings).items():
        assert await opened_by(database, key) == slug


async def test_beside_a_tenant_of_the_operator_s_no_demo_tenant_is_made(
    database: Database, settings: Settings, a_tenant: TenantBuilder
) -> None:
    await a_tenant(slug="acme")
    assert not await seed_demo_data(database, settings)
    assert await tenant_slugs(database) == {"acme"}
    assert not (settings.data_dir / DEMO_KEYS_FILE).exists()


async def test_an_operator_s_live_tenant_named_like_a_book_is_left_alone(
    database: Database, settings: Settings, a_tenant: TenantBuilder
) -> None:
    await a_tenant(slug="node-studio", name="Node Studio", mode=TenantMode.LIVE)
    assert not await seed_demo_data(database, settings)
    assert await tenant_slugs(database) == {"node-studio"}


async def test_a_demo_tenant_beside_the_operator_s_own_keeps_a_key_that_works(
    database: Database, settings: Settings, a_tenant: TenantBuilder
) -> None:
    await seed_demo_data(database, settings)
    await a_tenant(slug="acme")
    (settings.data_dir / DEMO_KEYS_FILE).unlink()
    await seed_demo_data(database, settings)
    assert kept_keys(settings).keys() == set(ShippedPriceBooks().slugs())


async def test_another_database_s_file_is_left_where_this_one_has_no_demo(
    database: Database, settings: Settings, a_tenant: TenantBuilder
) -> None:
    await a_tenant(slug="acme")
    settings.data_dir.mkdir()
    (settings.data_dir / DEMO_KEYS_FILE).write_text('{"node-studio": {"secretKey": "another database\'s"}}')
    assert not await seed_demo_data(database, settings)
    assert "another database" in (settings.data_dir / DEMO_KEYS_FILE).read_text()
