from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from models.unavailable import DatabaseBusy
from rules.ledger.kinds import MemberRole
from server.edge import credential_watch
from server.edge.credential_watch import (
    CREDENTIAL_CHECK_SECONDS,
    KEYS_AT_ONCE,
    NO_LONGER_VALID,
    ROLE_CHANGED,
    ROUNDS_BETWEEN_LOOKS,
    CredentialEnd,
    CredentialWatch,
)
from services import client_tokens, credentials
from services.principal import Principal
from tests.patience import eventually
from tests.resolvers.stage import SECRET, SECRET_KEY, Keys, a_client_token

PERIOD_SECONDS = 0.05


class CountedKeys(Keys):
    """Keys that know how often each was looked at, and how many at once."""

    def __init__(self) -> None:
        super().__init__()
        self.looks: Counter[str] = Counter()
        self.pages: list[int] = []
        self.broken: set[str] = set()
        self.silent = False

    async def authenticate(self, key: str) -> Principal | None:
        raise AssertionError("looked at alone, by what may be remembered")

    async def authenticate_many(self, keys: Sequence[str]) -> list[Principal | None]:
        self.looks.update(keys)
        self.pages.append(len(keys))
        await (asyncio.Event().wait() if self.silent else asyncio.sleep(0))
        if self.failure is not None:
            raise self.failure
        if not self.broken.isdisjoint(keys):
            raise RuntimeError("one of these is broken")
        return [self.known.get(key) for key in keys]


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> CountedKeys:
    monkeypatch.setattr(credential_watch, "CREDENTIAL_CHECK_SECONDS", PERIOD_SECONDS)
    return CountedKeys()


def test_a_credential_ends_within_five_seconds_by_whatever_it_was_let_in() -> None:
    remembered_seconds = max(credentials.REMEMBERED_SECONDS, client_tokens.REMEMBERED_SECONDS)
    first_look_seconds = remembered_seconds + CREDENTIAL_CHECK_SECONDS
    between_looks_seconds = ROUNDS_BETWEEN_LOOKS * CREDENTIAL_CHECK_SECONDS

    assert max(first_look_seconds, between_looks_seconds) <= 4.5


async def test_a_key_is_looked_at_once_for_all_that_live_by_it(keys: CountedKeys) -> None:
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
        watch.add(key, admin, lambda end, key=key: ended.update({key: end}))
    keys.failure = DatabaseBusy()
    await eventually(lambda: keys.looks["spared"] == 2)
    assert ended == {}

    keys.failure = None
    keys.broken.add("broken")
    keys.known["demoted"] = a_client_token(role=MemberRole.VIEWER)
    del keys.known["revoked"]
    await eventually(lambda: len(ended) == 2)
    await eventually(lambda: keys.looks["spared"] >= 10)

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


@pytest.mark.parametrize("silent", [False, True])
async def test_time_passes_while_the_database_is_away(keys: CountedKeys, silent: bool) -> None:
    watch = CredentialWatch(keys)
    ended: dict[str, CredentialEnd] = {}
    now = datetime.now(UTC)
    for key, expires_at in {
        "brief": now + timedelta(seconds=0.2),
        "long": now + timedelta(hours=1),
        "rotated": None,
        "endless": None,
    }.items():
        begun_as = Principal(SECRET.kind, SECRET.scopes, expires_at=expires_at)
        keys.known[key] = begun_as
        watch.add(key, begun_as, lambda end, key=key: ended.update({key: end}))
    # Told in the look before the outage.
    keys.known["rotated"] = Principal(SECRET.kind, SECRET.scopes, expires_at=now + timedelta(seconds=0.2))
    await eventually(lambda: keys.looks["rotated"] == 1)
    if silent:
        keys.silent = True
    else:
        keys.failure = DatabaseBusy()

    await eventually(lambda: len(ended) == 2)
    assert datetime.now(UTC) >= now + timedelta(seconds=0.2)
    await asyncio.sleep(5 * PERIOD_SECONDS)

    assert ended == {"brief": NO_LONGER_VALID, "rotated": NO_LONGER_VALID}


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


async def test_thousands_are_looked_at_in_pages_and_each_in_every_other_round(keys: CountedKeys) -> None:
    watch = CredentialWatch(keys)
    names = [f"key {number}" for number in range(5_000)]
    for name in names:
        keys.known[name] = SECRET
        watch.add(name, SECRET, lambda _: None)
    await eventually(lambda: len(keys.looks) == len(names))
    # A newcomer does not wait for the turn of the others.
    keys.known["newcomer"] = SECRET
    watch.add("newcomer", SECRET, lambda _: None)
    await eventually(lambda: keys.looks["newcomer"] == 1)
    assert keys.looks[names[0]] == 1
    await eventually(lambda: keys.looks["newcomer"] == 2)

    assert {keys.looks[name] for name in names} == {2}
    assert sorted(keys.pages) == [1, 1, *[KEYS_AT_ONCE] * (2 * len(names) // KEYS_AT_ONCE)]


async def test_a_look_that_is_broken_off_because_nothing_is_watched_any_more_is_no_fault(
    keys: CountedKeys, caplog: pytest.LogCaptureFixture
) -> None:
    keys.silent = True
    watch = CredentialWatch(keys)
    forget = watch.add(SECRET_KEY, SECRET, lambda _: None)
    await eventually(lambda: keys.looks[SECRET_KEY] == 1)
    forget()
    await eventually(lambda: all(task.get_name() != "credential watch" for task in asyncio.all_tasks()))
    await asyncio.sleep(0)
    gc.collect()

    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
