"""How long a run takes: rounds, slices and the numbers of callers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Effort:
    """The size of a run. Times in seconds."""

    rounds: int
    slice_seconds: float
    warm_up_seconds: float
    callers: tuple[int, ...]
    """Concurrent callers of the comparison; TARGET_CALLERS must be among them."""
    crowds: tuple[int, ...]
    """Concurrent callers of one hot account whose latency is looked at."""
    pool_sizes: tuple[int, ...]
    """Connections that are tried for each rival."""
    sweep_rounds: int
    sweep_seconds: float
    usage_entries: tuple[int, int] = (10_000, 1_000_000)
    """Entries of a month whose usage is asked for: few and many."""
    live_subscribers: tuple[int, ...] = (1, 500, 2_000)
    """Websockets of the live part. LATENCY_SUBSCRIBERS and FAN_OUT_SUBSCRIBERS must be among them."""
    live_accounts: tuple[int, ...] = (500, 2_000)
    """Accounts with a subscriber each."""
    live_changes: int = 12
    """Changes of one account in a round, at most six a second."""
    live_scattered_changes: int = 150
    """Changes of many accounts in a round, fifty a second."""


TARGET_CALLERS: Final = 64
"""The number of callers that most targets speak of."""

LATENCY_SUBSCRIBERS: Final = 500
FAN_OUT_SUBSCRIBERS: Final = 2_000
"""The numbers of subscribers that targets speak of."""

FULL: Final = Effort(
    rounds=5,
    slice_seconds=1.2,
    warm_up_seconds=0.4,
    callers=(1, 8, 64, 256),
    crowds=(64, 256, 512),
    pool_sizes=(2, 4, 8, 16, 32),
    sweep_rounds=2,
    sweep_seconds=0.5,
)
QUICK: Final = Effort(
    rounds=5,
    slice_seconds=0.4,
    warm_up_seconds=0.3,
    callers=(1, 64),
    crowds=(64, 512),
    pool_sizes=(4, 8, 16),
    sweep_rounds=1,
    sweep_seconds=0.3,
    usage_entries=(10_000, 100_000),
    live_accounts=(500,),
    live_changes=4,
    live_scattered_changes=50,
)
