from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from models.unavailable import DatabaseBusy
from rules.ledger.kinds import MemberRole
from server.edge import credential_watch
from server.edge.credential_watch import NO_LONGER_VALID, ROLE_CHANGED, CredentialEnd, CredentialWatch
from services.principal import Principal
from tests.resolvers.stage import SECRET, SECRET_KEY, Keys, a_client_token
from tests.server.edge.serving import eventually

PERIOD_SECONDS = 0.05


class CountedKeys(Keys):
    """Keys that know how often each was looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.looks: Counter[str] = Counter()
        self.broken: set[str] = set()

    async def authenticate(self, key: str) -> Principal | None:
        self.looks[key] += 1
        if key in self.broken:
            raise RuntimeError("this one is broken")
        return await super().authenticate(key)


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> CountedKeys:
    monkeypatch.setattr(credential_watch, "CREDENTIAL_CHECK_SECONDS", PERIOD_SECONDS)
    return CountedKeys()


async def test_a_key_is_looked_at_once_a_period_for_all_that_live_by_it(keys: CountedKeys) -> None:
    watch = CredentialWatch(keys)
    ended: list[CredentialEnd] = []
    forget = [watch.add(SECRET_KEY, SECRET, ended.append) for _ in range(2_000)]
    await eventually(lambda: keys.looks[SECRET_KEY] == 3)
    del keys.known[SECRET_KEY]
    await eventually(lambda: len(ended) >= 2_000)

    assert keys.looks[SECRET_KEY] <= 5
    assert set(ended) == {NO_LONGER_VALID}
    for call in forget:
        call()
    assert watch.keys_watched == 0


async def test_only_what_lives_by_the_key_that_ended_or_changed_is_told(keys: CountedKeys) -> None:
    watch = CredentialWatch(keys)
    ended: dict[str, CredentialEnd] = {}
    admin = a_client_token(role=MemberRole.ADMIN)
    for key in ("revoked", "demoted", "spared", "broken"):
        keys.known[key] = admin
        watch.add(key, admin, lambda end, key=key: ended.update({key: end}))  # type: ignore[misc]
    keys.failure = DatabaseBusy()
    await eventually(lambda: keys.looks["spared"] == 2)
    assert ended == {}

    keys.failure = None
    keys.broken.add("broken")
    keys.known["demoted"] = a_client_token(role=MemberRole.VIEWER)
    del keys.known["revoked"]
    await eventually(lambda: len(ended) == 2)
    await eventually(lambda: keys.looks["spared"] >= 6)

    assert ended == {"revoked": NO_LONGER_VALID, "demoted": ROLE_CHANGED}


async def test_a_stream_that_fails_to_end_keeps_no_other_alive(keys: CountedKeys) -> None:
    def fail(_: CredentialEnd) -> None:
        raise RuntimeError("this one does not end")

    watch = CredentialWatch(keys)
    keys.known["later"] = SECRET
    ended: list[CredentialEnd] = []
    forget = [watch.add("gone", SECRET, fail), watch.add("later", SECRET, ended.append)]
    await eventually(lambda: keys.looks["gone"] == 2)
    del keys.known["later"]

    await eventually(lambda: ended != [])
    for call in forget:
        call()


async def test_nothing_runs_while_nothing_is_watched(keys: CountedKeys) -> None:
    watch = CredentialWatch(keys)
    for _ in range(2):
        forget = [watch.add(key, SECRET, lambda _: None) for key in ("one", "two", "two")]
        assert watch.keys_watched == 2
        await eventually(lambda: keys.looks["two"] >= 1)
        keys.looks.clear()
        for call in [*forget, *forget]:
            call()
        await asyncio.sleep(0)

        assert watch.keys_watched == 0
        assert [task for task in asyncio.all_tasks() if task.get_name() == "credential watch"] == []


async def test_thousands_are_looked_at_within_a_period_and_nobody_waits_for_it(keys: CountedKeys) -> None:
    watch = CredentialWatch(keys)
    names = [f"key {number}" for number in range(5_000)]
    for name in names:
        watch.add(name, SECRET, lambda _: None)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while len(keys.looks) < len(names):
            turns += 1
            await asyncio.sleep(0)

    async with asyncio.timeout(30):
        await others()

    assert turns > len(names) / credential_watch.LOOKS_IN_A_ROW / credential_watch.LOOKS_AT_ONCE / 2
    assert all(keys.looks[name] <= 2 for name in names)
