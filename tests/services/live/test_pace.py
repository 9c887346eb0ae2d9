from hypothesis import given
from hypothesis import strategies as st

from services.live.pace import AT_ONCE, INTERVAL_SECONDS, Pace


def test_a_few_pass_at_once_after_a_quiet_moment() -> None:
    pace = Pace()
    for _ in range(AT_ONCE):
        assert pace.delay_seconds(100.0) == 0
        pace.spend(100.0)

    assert 0 < pace.delay_seconds(100.0) <= INTERVAL_SECONDS


@given(st.lists(st.floats(0, 2), min_size=20, max_size=100))
def test_never_more_than_ten_in_any_second(gaps_seconds: list[float]) -> None:
    pace = Pace()
    now = 0.0
    passed: list[float] = []
    for gap_seconds in gaps_seconds:
        now += gap_seconds
        now += pace.delay_seconds(now)
        pace.spend(now)
        passed.append(now)

    assert all(later - earlier > 1 - 1e-6 for earlier, later in zip(passed, passed[10:], strict=False))


def test_a_flood_passes_six_times_a_second() -> None:
    pace = Pace()
    now = 0.0
    for _ in range(AT_ONCE + 60):
        now += pace.delay_seconds(now)
        pace.spend(now)

    assert abs(now - 10.0) < 0.001


def test_what_happens_out_of_turn_does_not_pile_up() -> None:
    pace = Pace()
    for _ in range(1_000):
        pace.spend(100.0)

    assert pace.delay_seconds(100.0) <= INTERVAL_SECONDS + 1e-9
