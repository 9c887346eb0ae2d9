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
        "return min(available, _countable(state), ",
        "return min(_countable(state), ",
    ),
    Mutant(
        "a frozen account starts no work",
        "holds.py",
        "if state.account.frozen:",
        "if state.account.frozen and state.account.version == 0:",
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
    Mutant(
        "a threshold is crossed below it, not at it",
        "alerting.py",
        "return available < self.tokens",
        "return available <= self.tokens",
    ),
    Mutant(
        "having nothing left is told of",
        "alerting.py",
        "if percent > 0 else available <= 0",
        "if percent > 0 else available < 0",
    ),
    Mutant(
        "thresholds are told of in falling order",
        "alerting.py",
        "return -hundredths, ",
        "return hundredths, ",
    ),
    Mutant(
        "a crossing is told of once",
        "alerts.py",
        "if falls_below and threshold.key not in alerting.crossed:",
        "if falls_below:",
    ),
    Mutant(
        "incoming tokens arm a threshold that they reach",
        "alerts.py",
        "not threshold.is_under(after, account.mark) if came_in else",
        "threshold.is_left_behind(after, account.mark) if came_in else",
    ),
    Mutant(
        "what is released arms a threshold at 5 % more only",
        "alerts.py",
        "came_in=steps > 0 and any(",
        "came_in=steps > 0 or any(",
    ),
    Mutant(
        "tokens that live on do not come in",
        "alerts.py",
        "return not grant.grace and grant.source",
        "return grant.source",
    ),
    Mutant(
        "a new threshold that the balance is below is crossed at once",
        "alerts.py",
        "if threshold.key not in before and threshold.is_under(available",
        "if threshold.key in before and threshold.is_under(available",
    ),
    Mutant(
        "a threshold that is given up is no longer crossed",
        "alerts.py",
        "if key not in kept]:",
        "if key not in kept and not key]:",
    ),
    Mutant(
        "a notice waits as long as a grant is wholly on hold",
        "alerts.py",
        "grant.ended is not None or grant.unheld <= 0 or",
        "grant.ended is not None or grant.remaining <= 0 or",
    ),
    Mutant(
        "a grant that lives for eight days is told of one day before its end",
        "alerts.py",
        "expires_at - created_at > SHORT_LIFE",
        "expires_at - created_at >= SHORT_LIFE",
    ),
    Mutant(
        "a notice that waited is given when tokens come back",
        "grants.py",
        "            if grant.notice_at < at:",
        "            if grant.notice_at < at and not grant.notice_at:",
    ),
    Mutant(
        "a notice wakes the account",
        "due.py",
        "grant.notice_at > horizon and grant.remaining > 0 and",
        "grant.notice_at > horizon and grant.remaining < 0 and",
    ),
    Mutant(
        "what falls due is told of one by one",
        "due.py",
        "        conclude_step(state, available, before)\n",
        "",
    ),
)
