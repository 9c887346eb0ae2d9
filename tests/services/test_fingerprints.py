"""Which requests ask for the same thing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest

from rules.ledger.kinds import GrantSource, Mutation, OverrunPolicy
from rules.ledger.requests import CommitRequest, GrantRequest, Quoted, RefundRequest, ReserveRequest
from rules.pricing.rating import LineRequest
from services.fingerprints import once

TENANT, ACCOUNT = uuid4(), uuid4()
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def of_reserve(mutation: Mutation = Mutation.RESERVE, **fields: Any) -> bytes:
    request = ReserveRequest(TENANT, ACCOUNT, **{"key": "k", "work": (LineRequest("picture"),), **fields})
    return once(mutation, "k", request).fingerprint


def of_params(**params: object) -> bytes:
    return of_reserve(work=(LineRequest("picture", params),))


def of_line(*arguments: Any) -> bytes:
    return of_reserve(work=(LineRequest(*arguments),))


def test_an_input_left_out_is_its_default() -> None:
    assert of_reserve() == of_reserve(ttl_seconds=900, project=None, not_after=None, description=None)
    assert of_line("picture") == of_line("picture", {}, 1, None)
    granted = GrantRequest(TENANT, ACCOUNT, "k", 5)
    in_full = GrantRequest(TENANT, ACCOUNT, "k", 5, GrantSource.BONUS, 50, None, None)
    assert once(Mutation.GRANT_TOKENS, "k", granted) == once(Mutation.GRANT_TOKENS, "k", in_full)
    committed = CommitRequest(TENANT, ACCOUNT, "k", 7)
    in_full_too = CommitRequest(TENANT, ACCOUNT, "k", 7, None, True, OverrunPolicy.REFUSE)
    assert once(Mutation.COMMIT, "k", committed) == once(Mutation.COMMIT, "k", in_full_too)


def test_a_param_given_as_null_is_absent() -> None:
    assert of_params(steps=None) == of_params()
    assert of_params(steps=25, quality=None) == of_params(steps=25)


@pytest.mark.parametrize(("whole", "written"), [(1024, 1024.0), (0, -0.0), (10**20, 1e20)])
def test_a_whole_number_is_one_however_it_is_written(whole: int, written: float) -> None:
    assert of_params(width=whole) == of_params(width=written)


def test_the_order_of_params_does_not_matter() -> None:
    assert of_params(width=1, height=2) == of_params(height=2, width=1)


def test_a_quote_is_its_id_and_nothing_else_is_it() -> None:
    assert of_reserve(work=Quoted("quote_a")) == of_reserve(work=Quoted("quote_a"))
    works = (Quoted("quote_a"), Quoted("quote_b"), Quoted("1"), Quoted("\ud800"), 1, (LineRequest("quote_a"),))
    assert len({of_reserve(work=work) for work in works}) == len(works)


def test_the_order_of_lines_matters() -> None:
    one, two = LineRequest("one"), LineRequest("two")
    assert of_reserve(work=(one, two)) != of_reserve(work=(two, one))


def test_an_instant_is_one_in_every_zone() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert of_reserve(not_after=NOON) == of_reserve(not_after=elsewhere)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (of_params(width=1024), of_params(width="1024")),
        (of_params(width=1), of_params(width=True)),
        (of_params(width=0.5), of_params(width=0.25)),
        (of_params(width=1), of_params(height=1)),
        (of_params(width=0), of_params()),
        (of_params(width=""), of_params()),
        (of_line("a"), of_line("b")),
        (of_line("a", {}, 1), of_line("a", {}, 2)),
        (of_line("a", {}, 1, "node"), of_line("a", {}, 1, None)),
        (of_reserve(work=(LineRequest("a"),) * 2), of_reserve(work=(LineRequest("a", {}, 2),))),
        (of_reserve(work=5), of_reserve(work=6)),
        (of_reserve(ttl_seconds=60), of_reserve()),
        (of_reserve(project="film"), of_reserve(description="film")),
        (of_reserve(project=""), of_reserve()),
        (of_reserve(not_after=NOON), of_reserve(not_after=NOON + timedelta(microseconds=1))),
        (of_reserve(), of_reserve(Mutation.CHARGE)),
        (of_reserve(project='a"\ndescription="b'), of_reserve(project="a", description="b")),
    ],
)
def test_what_differs_in_anything_else_is_not_the_same(one: bytes, other: bytes) -> None:
    assert one != other


def test_nothing_captured_is_not_everything_that_remains() -> None:
    everything, nothing = CommitRequest(TENANT, ACCOUNT, "k", 7), CommitRequest(TENANT, ACCOUNT, "k", 7, 0)
    assert once(Mutation.COMMIT, "k", everything) != once(Mutation.COMMIT, "k", nothing)
    whole, part = RefundRequest(TENANT, ACCOUNT, "k", 7), RefundRequest(TENANT, ACCOUNT, "k", 7, 1)
    assert once(Mutation.REFUND, "k", whole) != once(Mutation.REFUND, "k", part)


@pytest.mark.parametrize("text", ["half a pair \ud800", "\x00", "\N{MOUNTAIN RAILWAY}", "\n", "t" * 100_000])
def test_any_text_has_a_fingerprint(text: str) -> None:
    assert len(of_reserve(description=text)) == 32
    assert len(of_params(name=text)) == 32
    assert len(of_line("a", {text: 1}, 1, text)) == 32


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan"), 1e308, 10**1_000, -(2**63)])
def test_any_number_has_a_fingerprint(number: float) -> None:
    assert of_params(width=number) == of_params(width=number)


def test_a_fingerprint_of_yesterday_is_the_one_of_today() -> None:
    lines = (LineRequest("picture", {"steps": 50, "quality": "fine", "scale": 0.5}, 2, "node 1"),)
    fingerprint = of_reserve(work=lines, ttl_seconds=60, project="film", not_after=NOON)
    # Keys are kept for good, so what was remembered must match what is worked out by every later release.
    assert fingerprint.hex() == "a4be2caa4cae0b02f45a670ebd0990e82552858487e58ceabc5d5eb81ed792d8"
