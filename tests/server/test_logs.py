import logging
import os

import pytest

from server.logs import EPISODE_SECONDS, OncePerEpisode, configure_logs


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def a_record(name: str, text: str, *values: object, level: int = logging.WARNING) -> logging.LogRecord:
    return logging.LogRecord(name, level, "file.py", 1, text, values, None)


def test_an_outage_is_told_once_however_many_requests_meet_it() -> None:
    clock = Clock()
    told = OncePerEpisode(clock)
    passed = 0
    for number in range(200):
        clock.seconds += EPISODE_SECONDS / 10
        passed += bool(told.filter(a_record("server.edge.graphql_view", "request %s failed: %s", number, "gone")))
    assert passed == 1


def test_the_next_outage_is_told_again() -> None:
    clock = Clock()
    told = OncePerEpisode(clock)
    assert told.filter(a_record("services.ledger.sweeper", "the sweep waits: %s", 1))
    clock.seconds += EPISODE_SECONDS
    assert told.filter(a_record("services.ledger.sweeper", "the sweep waits: %s", 2))


def test_a_warning_of_an_outage_is_one_line_with_its_reason() -> None:
    record = a_record("asyncpg.pool", "no connection; retrying")
    error = ConnectionRefusedError("refused")
    record.exc_info = (ConnectionRefusedError, error, None)
    assert OncePerEpisode(Clock()).filter(record)
    assert logging.Formatter("%(message)s").format(record) == "no connection; retrying: refused"


def test_errors_and_other_warnings_are_all_told() -> None:
    told = OncePerEpisode(Clock())
    for _ in range(2):
        assert told.filter(a_record("server.edge.graphql_view", "request %s failed", 1, level=logging.ERROR))
        assert told.filter(a_record("server.processes", "server process %s died", 1))
        assert told.filter(a_record("asyncio", "something", 1))


def test_what_holds_for_the_database_is_told_once_in_a_process() -> None:
    clock = Clock()
    told = OncePerEpisode(clock)
    assert told.filter(a_record("models.database", "one role"))
    clock.seconds += 100 * EPISODE_SECONDS
    assert not told.filter(a_record("models.database", "one role"))


def test_every_line_tells_the_process(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    configure_logs()
    logging.getLogger("services.live").warning("the bus is away")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(f" {os.getpid()} WARNING services.live: the bus is away")
