"""How often something may happen: a few times at once, then evenly."""

AT_ONCE = 4
"""What may happen in a row without waiting, so that a change after a quiet moment is shown immediately."""

INTERVAL_SECONDS = 1 / 6
"""The gap after that. AT_ONCE and the six that fit into a second make ten, the most that any second may see."""

_ROUNDING_SECONDS = 1e-6
_ALLOWANCE_SECONDS = (AT_ONCE - 1) * INTERVAL_SECONDS + _ROUNDING_SECONDS


class Pace:
    """At most ten in any second, counted by one number (the generic cell rate algorithm).

    `now` is in seconds of any clock that only rises.
    """

    __slots__ = ("_full_at_seconds",)

    def __init__(self) -> None:
        self._full_at_seconds = float("-inf")

    def delay_seconds(self, now: float) -> float:
        """How long to wait from `now` until the next one may happen; 0 when it may happen now."""
        return max(0.0, self._full_at_seconds - _ALLOWANCE_SECONDS - now)

    def spend(self, now: float) -> None:
        """Counts one that happens at `now`; those that happen out of turn put off the next by one interval at most."""
        latest_seconds = now + _ALLOWANCE_SECONDS + INTERVAL_SECONDS
        self._full_at_seconds = min(max(self._full_at_seconds, now) + INTERVAL_SECONDS, latest_seconds)
