"""How often something may happen: a few times at once, then evenly."""

AT_ONCE = 4
"""What may happen in a row without waiting, so that a change after a quiet moment is shown immediately."""

INTERVAL_SECONDS = 1 / 6
"""The gap after that. AT_ONCE and the six that fit into a second make ten, the most that any second may see."""

_ROUNDING_SECONDS = 1e-6


class Pace:
    """At most ten in any second unless told otherwise, counted by one number (the generic cell rate algorithm).

    `now` is in seconds of any clock that only rises.
    """

    __slots__ = ("_allowance_seconds", "_full_at_seconds", "_interval_seconds")

    def __init__(self, at_once: int = AT_ONCE, interval_seconds: float = INTERVAL_SECONDS) -> None:
        self._interval_seconds = interval_seconds
        self._allowance_seconds = (at_once - 1) * interval_seconds + _ROUNDING_SECONDS
        self._full_at_seconds = float("-inf")

    def delay_seconds(self, now: float) -> float:
        """How long to wait from `now` until the next one may happen; 0 when it may happen now."""
        return max(0.0, self._full_at_seconds - self._allowance_seconds - now)

    def spend(self, now: float) -> None:
        """Counts one that happens at `now`; those that happen out of turn put off the next by one interval at most."""
        latest_seconds = now + self._allowance_seconds + self._interval_seconds
        self._full_at_seconds = min(max(self._full_at_seconds, now) + self._interval_seconds, latest_seconds)
