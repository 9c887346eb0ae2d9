"""Each check of alerts names its own corruption, and that alone."""

from __future__ import annotations

from tests.services.ledger.audit.vandal import NOTHING, Vandal
from tests.services.ledger.histories import LivedIn

STILL_CROSSED = (
    "SELECT max(event_id) FROM alert_event WHERE account_id = $1 AND kind = 'LOW_BALANCE' AND rearmed_at IS NULL"
)
ARMED_AGAIN = "SELECT max(event_id) FROM alert_event WHERE account_id = $1 AND rearmed_at IS NOT NULL"


async def test_a_crossing_that_the_account_has_forgotten(vandal: Vandal, lived_in: LivedIn) -> None:
    event = await vandal.finds(ARMED_AGAIN, lived_in.saver)
    await vandal.changes(
        "UPDATE alert_event SET rearmed_at = NULL WHERE account_id = $1 AND event_id = $2", lived_in.saver, event
    )
    await vandal.is_caught("alert_crossings", f"account {lived_in.saver} alert_event {event}")


async def test_a_crossing_that_was_armed_again_by_nobody(vandal: Vandal, lived_in: LivedIn) -> None:
    event = await vandal.finds(STILL_CROSSED, lived_in.saver)
    await vandal.changes(
        "UPDATE alert_event SET rearmed_at = at WHERE account_id = $1 AND event_id = $2", lived_in.saver, event
    )
    await vandal.is_caught("alert_crossings", f"account {lived_in.saver} alert_event {event}")


async def test_an_event_that_is_missing(vandal: Vandal, lived_in: LivedIn) -> None:
    event = await vandal.finds(ARMED_AGAIN, lived_in.saver)
    await vandal.changes("DELETE FROM alert_event WHERE account_id = $1 AND event_id = $2", lived_in.saver, event)
    await vandal.is_caught("alert_events", f"account {lived_in.saver} ledger_account")


async def test_a_crossing_with_more_than_its_threshold_available(vandal: Vandal, lived_in: LivedIn) -> None:
    event = await vandal.finds(STILL_CROSSED, lived_in.saver)
    await vandal.changes(
        "UPDATE alert_event SET available = threshold_tokens WHERE account_id = $1 AND event_id = $2",
        lived_in.saver,
        event,
    )
    await vandal.is_caught("alert_events", f"account {lived_in.saver} alert_event {event}")


async def test_having_nothing_left_with_something_left(vandal: Vandal, lived_in: LivedIn) -> None:
    event = await vandal.finds(
        "SELECT max(event_id) FROM alert_event WHERE account_id = $1 AND threshold_percent = 0", lived_in.debtor
    )
    await vandal.changes(
        "UPDATE alert_event SET available = 1 WHERE account_id = $1 AND event_id = $2", lived_in.debtor, event
    )
    await vandal.is_caught("alert_events", f"account {lived_in.debtor} alert_event {event}")


async def test_an_event_of_an_entry_that_is_not_there(vandal: Vandal, lived_in: LivedIn) -> None:
    event = await vandal.finds(STILL_CROSSED, lived_in.saver)
    await vandal.changes(
        "UPDATE alert_event SET version = $3 WHERE account_id = $1 AND event_id = $2", lived_in.saver, event, NOTHING
    )
    await vandal.is_caught("alert_events", f"account {lived_in.saver} alert_event {event}")


async def test_an_event_of_an_entry_that_was_made_later(vandal: Vandal, lived_in: LivedIn) -> None:
    event = await vandal.finds(STILL_CROSSED, lived_in.saver)
    await vandal.changes(
        "UPDATE alert_event SET at = at - interval '1 day' WHERE account_id = $1 AND event_id = $2",
        lived_in.saver,
        event,
    )
    await vandal.is_caught("alert_events", f"account {lived_in.saver} alert_event {event}")


async def test_a_notice_that_would_be_forgotten(vandal: Vandal, lived_in: LivedIn) -> None:
    await vandal.changes(
        "UPDATE ledger_account a SET due_at = (SELECT min(g.notice_at) + interval '1 microsecond' FROM token_grant g"
        " WHERE g.account_id = a.account_id AND g.ended IS NULL AND g.remaining > g.held) WHERE a.account_id = $1",
        lived_in.saver,
    )
    await vandal.is_caught("account_due_at", f"account {lived_in.saver} ledger_account")
