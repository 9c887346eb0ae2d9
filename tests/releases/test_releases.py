"""What a release promised still holds: its clients find what they know, and its databases live on."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from uuid import uuid4

import pytest
from graphql import DangerousChangeType, GraphQLObjectType, build_schema, find_breaking_changes, find_dangerous_changes

from models.migrations import migrate
from releases.asking import asking
from releases.dump import restore
from releases.lived_in import STUDIO, STUDIO_ACCOUNT
from server.edge.schema_export import build_sdl
from services.ledger.audit import run_audit

FOLDER = Path(__file__).parents[2] / "releases"
RELEASES = sorted(path.name for path in FOLDER.iterdir() if (path / "schema.graphql").exists())
DUMP_BYTES_MAX = 200_000

HARMLESS = {DangerousChangeType.OPTIONAL_ARG_ADDED, DangerousChangeType.OPTIONAL_INPUT_FIELD_ADDED}
"""Who does not know what may be left away leaves it away."""

DANGERS: dict[str, frozenset[str]] = {}
"""What changed since a release that no client is broken by, but that one could stumble over: known and meant."""


def test_every_release_of_the_changelog_is_kept() -> None:
    changelog = (FOLDER.parent / "CHANGELOG.md").read_text(encoding="utf-8")
    told = re.findall(r"^## (\d+\.\d+)$", changelog, flags=re.MULTILINE)
    assert told, "the changelog tells of no release"
    assert sorted(told) == RELEASES
    for release in told:
        assert {path.name for path in (FOLDER / release).iterdir()} == {"schema.graphql", "database.sql.gz"}


@pytest.mark.parametrize("release", RELEASES)
def test_no_client_of_a_release_is_broken(release: str) -> None:
    older = build_schema((FOLDER / release / "schema.graphql").read_text(encoding="utf-8"))
    newer = build_schema(build_sdl())
    assert [change.description for change in find_breaking_changes(older, newer)] == []
    found = {change.description for change in find_dangerous_changes(older, newer) if change.type not in HARMLESS}
    assert found == DANGERS.get(release, frozenset()), "if it is meant, name it here and tell of it in the changelog"


def test_a_field_that_is_gone_would_be_found() -> None:
    older = build_schema((FOLDER / RELEASES[0] / "schema.graphql").read_text(encoding="utf-8"))
    without = build_schema(build_sdl())
    balance = without.type_map["Balance"]
    assert isinstance(balance, GraphQLObjectType)
    del balance.fields["remainingPercent"]
    found = [change.description for change in find_breaking_changes(older, without)]
    assert found == ["Field Balance.remainingPercent was removed."]


@pytest.mark.parametrize("release", RELEASES)
def test_a_dump_is_small_and_of_no_machine(release: str) -> None:
    packed = (FOLDER / release / "database.sql.gz").read_bytes()
    assert len(packed) < DUMP_BYTES_MAX
    text = gzip.decompress(packed).decode()
    assert "\n\\" not in text, "commands of psql"
    assert " OWNER TO " not in text


@pytest.mark.parametrize("release", RELEASES)
async def test_a_database_of_a_release_lives_on(release: str, empty_dsn: str) -> None:
    await restore((FOLDER / release / "database.sql.gz").read_bytes(), empty_dsn)
    await migrate(empty_dsn)
    assert await run_audit(empty_dsn) == []

    async with asking(empty_dsn, root_key=f"the root key of this test {uuid4()}") as asker:
        tenants = (await asker.query(None, "{ tenants(first: 100) { nodes { id slug } } }"))["tenants"]["nodes"]
        (studio,) = [tenant["id"] for tenant in tenants if tenant["slug"] == STUDIO]
        made = await asker.mutate(None, "createApiKey", kind="SECRET", name="of the test", tenantId=studio)
        key = made["key"]

        account = {"accountExternalId": STUDIO_ACCOUNT}
        work = {"lines": [{"ref": "image", "model": "imagen-4-ultra"}]}
        # The clock that it lived by is days ahead, so what has fallen due since settles with this first.
        reserved = await asker.mutate(key, "reserve", idempotencyKey="now", **account, work=work)
        committed = await asker.mutate(key, "commit", idempotencyKey="now", holdId=reserved["hold"]["id"], actual=work)
        assert committed["balance"]["version"] > reserved["balance"]["version"]
        assert float(committed["amount"]) > 0

        # A key that was used then gives what it gave then.
        again = await asker.mutate(key, "charge", idempotencyKey="later", **account, work={"amount": "2"})
        assert again["replayed"]
        document = "query ($id: String!) { account(externalId: $id) { entries(first: 1) { totalCount } } }"
        entries = (await asker.query(key, document, id=STUDIO_ACCOUNT))["account"]["entries"]
        assert entries["totalCount"] == committed["balance"]["version"], "from its first entry on, without a gap"

    assert await run_audit(empty_dsn) == []
