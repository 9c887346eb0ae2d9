"""Ways to break the core that the stateful test must notice. Each text stands in its file exactly once."""

from __future__ import annotations

from typing import Final

from tests.rules.mutant import Mutant

MUTANTS: Final = (
    Mutant(
        "the lowest priority number burns first",
        "burn_down.py",
        "key=lambda grant: (grant.priority, grant.expires_at or _NEVER, grant.grant_id)",
        "key=lambda grant: (grant.expires_at or _NEVER, grant.priority, grant.grant_id)",
    ),
    Mutant(
        "tokens assigned to a project burn first",
        "burn_down.py",
        "sorted(usable, key=lambda grant: not spender.owns(grant))",
        "usable",
    ),
    Mutant(
        "tokens assigned to one project are not available to another",
        "burn_down.py",
        "account.credit_limit - closed_to_spender",
        "account.credit_limit",
    ),
    Mutant(
        "a hold is over at its instant, not after it",
        "due.py",
        "if hold.state is HoldState.OPEN and hold.expires_at <= horizon",
        "if hold.state is HoldState.OPEN and hold.expires_at < horizon",
    ),
    Mutant(
        "a grant that is wholly on hold wakes the account when it expires",
        "due.py",
        "grant.expires_at > horizon and grant.remaining > 0 and",
        "grant.expires_at > horizon and grant.held == 0 and",
    ),
    Mutant(
        "what falls due is settled as far as it was loaded, and no further",
        "due.py",
        "now if state.next_due_at is None else min(now, state.next_due_at)",
        "now",
    ),
    Mutant(
        "grace is given once",
        "grants.py",
        "if not grant.grace and state.account.grace_days > 0",
        "if state.account.grace_days > 0",
    ),
    Mutant(
        "a clawback also claims what the grant settled",
        "grants.py",
        "grant.spent + grant.settled",
        "grant.spent",
    ),
    Mutant(
        "only incoming tokens pay what was clawed back",
        "grants.py",
        "min(account.clawed_back, amount, grant.unheld)",
        "min(account.clawed_back, grant.unheld)",
    ),
    Mutant(
        "small gifts leave the mark",
        "grants.py",
        "if not is_small_gift:",
        "if grant.granted:",
    ),
    Mutant(
        "what is captured of a clawed-back grant becomes owed",
        "captures.py",
        "grant.ended is GrantEnd.CLAWED_BACK:\n            append(",
        "grant.ended is GrantEnd.REVOKED:\n            append(",
    ),
    Mutant(
        "a changed grant is written",
        "captures.py",
        "grant.spent += amount\n    state.changed_grants.add(grant.grant_id)",
        "grant.spent += amount",
    ),
    Mutant(
        "a hold spends its grants before the credit line",
        "burn_down.py",
        "return True, False, 0, _NEVER, 0",
        "return False, False, 0, _NEVER, 0",
    ),
    Mutant(
        "a refund repays the credit line only as far as it is drawn",
        "refunds.py",
        "to_credit = min(portion, drawn)",
        "to_credit = portion",
    ),
    Mutant(
        "a refund goes back in reverse burn order",
        "refunds.py",
        "in reversed(in_burn_order(state, spender_of(hold), hold.allocations))",
        "in in_burn_order(state, spender_of(hold), hold.allocations)",
    ),
    Mutant(
        "a refund takes lines in proportion",
        "refunds.py",
        "for index in by_remainder[: amount - sum(shares)]",
        "for index in by_remainder[::-1][: amount - sum(shares)]",
    ),
    Mutant(
        "a quote is over at its instant, not after it",
        "holds.py",
        "and now >= quote_expires_at else None",
        "and now > quote_expires_at else None",
    ),
    Mutant(
        "a hold is not extended at a price that is promised no longer",
        "holds.py",
        "        or _outlived(command.quote_expires_at, now)\n        or _ended(hold)",
        "        or _ended(hold)",
    ),
    Mutant(
        "a hold lives seven days at most",
        "holds.py",
        "min(now + timedelta(seconds=command.ttl_seconds), latest)",
        "now + timedelta(seconds=command.ttl_seconds)",
    ),
    Mutant(
        "a commit may take all that is held",
        "holds.py",
        "if cost > hold.remaining and",
        "if cost >= hold.remaining and",
    ),
    Mutant(
        "rounding takes no more than is allowed",
        "holds.py",
        "min(hold.rounding_unit - hold.metered % hold.rounding_unit, allowed)",
        "hold.rounding_unit - hold.metered % hold.rounding_unit",
    ),
    Mutant(
        "an overrun takes no more than is available",
        "holds.py",
        "return min(available, limits_leave, _countable(state), ",
        "return min(limits_leave, _countable(state), ",
    ),
    Mutant(
        "a frozen account starts no work",
        "holds.py",
        "return AccountFrozen() if state.account.frozen else None",
        "return AccountFrozen() if state.account.frozen and state.account.version == 0 else None",
    ),
    Mutant(
        "a hold counts in the windows in which it began",
        "limits.py",
        "if counted.starts_at is not None and counted.starts_at <= began_at:",
        "if counted.starts_at is not None:",
    ),
    Mutant(
        "what is refunded is consumed no longer",
        "refunds.py",
        "    count(state, hold, -amount)\n",
        "",
    ),
    Mutant(
        "what goes beyond a hold counts",
        "captures.py",
        "    count(state, hold, overrun)\n",
        "",
    ),
    Mutant(
        "a day is over at its end, not after it",
        "limits.py",
        "day.ends_at is None or now >= day.ends_at:",
        "day.ends_at is None or now > day.ends_at:",
    ),
    Mutant(
        "a project's window follows the account's",
        "limits.py",
        "mine.starts_at, mine.consumed = starts_at, 0",
        "mine.starts_at = starts_at",
    ),
    Mutant(
        "in another time zone a running window ends no earlier, and at a boundary there",
        "limits.py",
        "kept.ends_at = boundary_not_before(period, stretch.ends_at, time_zone)",
        "kept.ends_at = boundary_not_before(period, now, time_zone)",
    ),
    Mutant(
        "what a limit leaves goes through",
        "limits.py",
        "amount <= tightest.left:",
        "amount < tightest.left:",
    ),
    Mutant(
        "of several limits the tightest is kept",
        "limits.py",
        "if tightest is None or left < tightest.left:",
        "if tightest is None:",
    ),
    Mutant(
        "a hold of yesterday is not bound by the limit of today",
        "limits.py",
        "            if began_at < starts_at:\n                continue\n",
        "",
    ),
    Mutant(
        "an overrun takes no more than limits leave",
        "holds.py",
        "return min(available, limits_leave, _countable(state), MAX_MICROS",
        "return min(available, _countable(state), MAX_MICROS",
    ),
    Mutant(
        "a run of a minute ago is over",
        "runs.py",
        "if wait_micros > 0 else None",
        "if wait_micros >= 0 else None",
    ),
    Mutant(
        "a change of a limit keeps the count",
        "limit_settings.py",
        "        limited.limit = setting.limit\n",
        "        limited.limit, limited.consumed = setting.limit, 0\n",
    ),
    Mutant(
        "another input under a known key is a conflict",
        "decide.py",
        "if known.fingerprint != once.fingerprint:",
        "if known.mutation != once.mutation:",
    ),
    Mutant(
        "what is owed is not available",
        "state.py",
        "return max(0, self.total - self.held - self.owed + max(0, self.credit_limit))",
        "return max(0, self.total - self.held + max(0, self.credit_limit))",
    ),
    Mutant(
        "the journal's time is that of what fell due",
        "due.py",
        "state.holds[local_id], instant, HoldState.EXPIRED",
        "state.holds[local_id], now, HoldState.EXPIRED",
    ),
)
