"""Short rows for what most batches write, and what must be as it was loaded for a short row to be enough.

The order of fields is that of the types in m0006/types.sql. `rows` has the whole rows.
"""

from __future__ import annotations

from models.ledger.rows import Row
from rules.ledger.kinds import HoldState
from rules.ledger.state import Account, Allocation, Grant, Hold


def account_rest(account: Account) -> Row:
    """All that a tally does not write, to compare by; what never changes is left out."""
    spending, alerting = account.spending, account.alerting
    return (
        account.opened,
        account.frozen,
        account.time_zone,
        account.credit_limit,
        account.clawed_back,
        account.grace_days,
        account.plan_id,
        account.closed_at,
        account.assigned,
        None
        if spending is None
        else (
            spending.day.limit,
            spending.day.starts_at,
            spending.day.ends_at,
            spending.day_warned,
            spending.day_warned_limit,
            spending.week.limit,
            spending.week.starts_at,
            spending.week.ends_at,
            spending.month.limit,
            spending.month.starts_at,
            spending.month.ends_at,
            spending.total.limit,
            spending.runs,
        ),
        None
        if alerting is None
        else (
            alerting.balance_percents,
            alerting.balance_tokens,
            alerting.day_limit_percents,
            tuple(alerting.crossed.items()),
            alerting.events,
        ),
    )


def tally_row(account: Account) -> Row | None:
    """`ledger_tally_v3` of an account; None for one that never spent, whose windows are not there to be counted in."""
    spending = account.spending
    if spending is None:
        return None
    return (
        account.account_id,
        account.total,
        account.held,
        account.credit_drawn,
        account.mark,
        account.version,
        account.head_hash,
        account.due_at,
        account.last_at,
        spending.day.consumed,
        spending.week.consumed,
        spending.month.consumed,
        spending.total.consumed,
    )


def grant_rest(grant: Grant) -> Row:
    """All of a grant that may change and that `burned_row` does not write, to compare by."""
    return (
        grant.settled,
        grant.moved,
        grant.transferred,
        grant.expired,
        grant.revoked,
        grant.ended,
        grant.notice_at,
        grant.paid_minor_units,
    )


def burned_row(account: Account, grant: Grant) -> Row:
    """`ledger_burned_v3` of a grant."""
    return (account.account_id, grant.grant_id, grant.remaining, grant.held, grant.spent)


def has_only_begun(hold: Hold) -> bool:
    """Whether `begun_row` says all of a hold: nothing was captured of it or given back."""
    return hold.state is HoldState.OPEN and hold.captures == 0 and hold.returned == 0


def begun_row(account: Account, hold: Hold) -> Row:
    """`ledger_begun_v3` of a new hold that has only begun."""
    return (
        account.account_id,
        hold.hold_id,
        account.tenant_id,
        hold.amount,
        hold.rounding_unit,
        hold.price_book_version,
        hold.member_id,
        hold.project,
        hold.lines_json,
        hold.created_at,
        hold.expires_at,
        hold.description,
    )


def is_only_set_aside(allocation: Allocation) -> bool:
    """Whether `set_aside_row` says all of an allocation."""
    return allocation.captured == 0 and allocation.returned == 0


def set_aside_row(account: Account, hold_id: int, allocation: Allocation) -> Row:
    """`ledger_set_aside_v3` of a new allocation of which nothing was captured or given back."""
    return (
        account.account_id,
        hold_id,
        allocation.ordinal,
        account.tenant_id,
        allocation.grant_id,
        allocation.held,
    )
