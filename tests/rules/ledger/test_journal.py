"""The journal: append-only, gap-free, chained by hash. Its signs are checked after every command of every test here."""

from __future__ import annotations

import hashlib
import struct
from datetime import timedelta

import pytest

from rules.ledger.entries import append
from rules.ledger.journal import Entry, digest_of_text, epoch_micros
from rules.ledger.kinds import EntryKind
from rules.ledger.state import Account, AccountState
from tests.rules.ledger.invariants import Watch
from tests.rules.ledger.notation import ACCOUNT, START, TENANT, a_line, after, fact, tokens
from tests.rules.ledger.workbench import Workbench, an_account


def test_an_account_without_entries_has_version_0() -> None:
    assert (an_account().account.version, an_account().account.head_hash) == (0, b"")


def test_versions_are_1_2_3_without_a_gap() -> None:
    bench = an_account(tokens=100)
    bench.commit(bench.reserve(35), lines=[a_line(3), a_line(5)])
    assert [entry.version for entry in bench.entries] == [1, 2, 3, 4, 5]


def test_a_fare_reads_like_this() -> None:
    bench = an_account(tokens=100)
    hold = bench.reserve(35)
    bench.commit(hold, 20)
    bench.refund(hold, 5)
    assert bench.facts == [
        fact("GRANT", total=100),
        fact("HOLD", held=35),
        fact("CAPTURE", total=-20, held=-20, spent=20),
        fact("RELEASE", held=-15),
        fact("REFUND", total=5, spent=-5),
    ]
    assert [entry.available_after for entry in bench.entries] == [tokens(left) for left in (100, 65, 65, 80, 85)]
    assert [entry.hold_id for entry in bench.entries] == [None, hold, hold, hold, hold]


def test_has_an_entry_of_every_kind_but_those_that_other_operations_write() -> None:
    bench = an_account(tokens=100, credit_limit=10)
    hold = bench.reserve(lines=[a_line("2.5", metered=True)], rounding_unit=1)
    bench.commit(hold)
    bench.refund(hold, 1)
    bench.release(bench.reserve(1))
    bench.claw_back(2)
    bench.grant(50, expires_in=60)
    bench.revoke(bench.grant(5))
    bench.wait(60)
    bench.balance()
    assert set(EntryKind) - {entry.kind for entry in bench.entries} == {EntryKind.TRANSFER, EntryKind.ASSIGNMENT}


def test_an_entry_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        an_account(tokens=1).entries[0].total_change = 2


def test_time_never_runs_backwards() -> None:
    state = AccountState(Account(TENANT, ACCOUNT, created_at=START, last_at=after(10)))
    append(state, EntryKind.ADJUSTMENT, after(5))
    assert state.entries[0].at == after(10)


def the_hash_written_out(before: bytes, entry: Entry) -> bytes:
    """The layout once more, by hand: the audit's SQL and every reader of old journals rely on it."""

    def text(value: str | None) -> bytes:
        return struct.pack(">i", -1) if value is None else struct.pack(">i", len(value.encode())) + value.encode()

    micros = (entry.at - START.replace(year=1970, month=1, day=1, hour=0)) // timedelta(microseconds=1)
    numbers = struct.pack(
        ">11q",
        entry.version,
        micros,
        entry.total_change,
        entry.held_change,
        entry.owed_change,
        entry.clawed_change,
        entry.spent,
        entry.available_after,
        entry.credit_limit,
        entry.hold_id or 0,
        entry.grant_id or 0,
    )
    member = entry.member_id.bytes if entry.member_id else bytes(16)
    labels = text(entry.kind) + member + text(entry.project) + text(entry.model) + text(entry.category)
    ids = TENANT.bytes + entry.account_id.bytes
    return hashlib.sha256(b"\x01" + before + ids + numbers + labels + entry.text_digest).digest()


def a_lively_account() -> Workbench:
    bench = an_account(tokens=100, credit_limit=5)
    hold = bench.reserve(35, project="Köln")
    bench.commit(hold, lines=[a_line(3, ref="node-1"), a_line(5, model="veo")])
    bench.refund(hold, 5, reason="too dark")
    return bench


def test_each_hash_covers_the_entry_and_the_hash_before() -> None:
    before = b""
    for entry in a_lively_account().entries:
        before = the_hash_written_out(before, entry)
        assert entry.hash == before


@pytest.mark.parametrize(
    "forgery",
    [
        {"total_change": 1},
        {"clawed_change": 1},
        {"available_after": 7},
        {"at": after(1)},
        {"hold_id": 99},
        {"grant_id": 99},
        {"project": "Bonn"},
        {"model": "flux-pro"},
        {"category": "video"},
        {"member_id": ACCOUNT},
        {"note": "quietly rewritten"},
        {"kind": EntryKind.EXPIRY},
        {"credit_limit": -1},
    ],
)
def test_whoever_changes_a_fact_breaks_the_chain(forgery: dict[str, object]) -> None:
    bench = a_lively_account()
    index = len(bench.entries) // 2
    bench.entries[index] = bench.entries[index]._replace(**forgery)
    with pytest.raises(AssertionError):
        Watch().check(bench.shelf, bench.now + timedelta(days=1))


def test_of_free_text_the_hash_covers_only_a_salted_digest() -> None:
    bench = an_account(tokens=10)
    bench.release(bench.reserve(1), note="the provider was down")
    entry = bench.entries[-1]
    assert entry.text_digest == digest_of_text(b"salt", None, "the provider was down")
    assert entry.text_digest != digest_of_text(b"pepper", None, "the provider was down")
    erased = entry._replace(note=None, ref=None, text_salt=b"")
    assert the_hash_written_out(bench.entries[-2].hash, erased) == entry.hash


def test_text_and_no_text_differ_and_so_do_reference_and_note() -> None:
    assert digest_of_text(b"salt", None, None) == b""
    digests = {digest_of_text(b"salt", *texts) for texts in [("a", None), (None, "a"), ("a", ""), ("", "a"), ("", "")]}
    assert len(digests) == 5


def test_instants_are_counted_exactly() -> None:
    assert epoch_micros(after(0, microseconds=1)) - epoch_micros(START) == 1
    assert epoch_micros(START) == 1_772_366_400_000_000
