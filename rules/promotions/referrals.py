"""Referrals: what the first purchase of a referred account earns whoever referred it."""

from __future__ import annotations


def reward_of(purchased: int, percent: int) -> int:
    """The referrer's tokens, in micro-tokens; a part of a micro-token is not given."""
    return purchased * percent // 100
