"""The ledger's invariants over an account's rows in memory; the audit asks the same of the tables.

A `Watch` reads the journal once, entry by entry, and keeps the running sums; after every command it compares them with
the rows.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime

from rules.ledger.alerting import Alerting, Threshold
from rules.ledger.journal import Entry, chained_hash, digest_of_text, epoch_micros
from rules.ledger.kinds import AlertKind, EntryKind, GrantEnd, GrantSource, HoldState, LimitPeriod, LimitScope
from rules.ledger.spending import ACCOUNT_SCOPE, Scope, Spending
from rules.ledger.state import UNLIMITED, CapturedLine, Grant, Hold
from rules.ledger.usage import UsageKey, UsageSum, WorkKey
from tests.rules.ledger.shelf import Shelf


@dataclass(slots=True)
class Watch:
    """What the journal has said so far."""

    version: int = 0
    total: int = 0
    held: int = 0
    owed: int = 0
    drawn: int = 0
    clawed: int = 0
    head: bytes = b""
    at: datetime | None = None
    held_by: Counter[int] = field(default_factory=Counter)
    spent_by: Counter[int] = field(default_factory=Counter)
    ended: dict[int, tuple[object, ...]] = field(default_factory=dict)
    created: set[int] = field(default_factory=set)

    def check(self, shelf: Shelf, now: datetime) -> None:
        """Fails at the first invariant that does not hold."""
        for entry in shelf.entries[self.version :]:
            self._read(shelf, entry, now)
        self._check_account(shelf)
        for hold in shelf.holds.values():
            self._check_hold(shelf, hold)
        _check_windows(shelf)
        _check_grants(shelf)
        _check_usage(shelf)
        _check_due(shelf, now)
        _check_alerts(shelf)

    def _read(self, shelf: Shelf, entry: Entry, now: datetime) -> None:
        self.version += 1
        assert entry.version == self.version, f"version {entry.version} where {self.version} was due"
        assert entry.account_id == shelf.account.account_id
        assert self.at is None or entry.at >= self.at, "the journal's time runs backwards"
        assert entry.at <= now, "an entry lies in the future"
        self.at = entry.at
        _check_signs(entry)
        unlimited = entry.credit_limit == UNLIMITED
        before = max(0, self.total - self.held - self.owed + max(0, entry.credit_limit))
        newly_bound = _newly_bound(entry)
        assert unlimited or newly_bound <= before, f"oversold: {newly_bound} taken of {before}\n{entry}"
        self.total += entry.total_change
        self.held += entry.held_change
        self.owed += entry.owed_change
        if entry.kind is EntryKind.SETTLEMENT and entry.total_change == 0:
            assert entry.owed_change <= entry.clawed_change <= 0
        else:
            is_clawed = entry.kind in (EntryKind.CLAWBACK, EntryKind.SETTLEMENT)
            assert entry.clawed_change == (entry.owed_change if is_clawed else 0)
        self.clawed += entry.clawed_change
        self.drawn += entry.owed_change - entry.clawed_change
        formula = max(0, self.total - self.held - self.owed + max(0, entry.credit_limit))
        assert entry.available_after == formula, f"available after says {entry.available_after}, the sums {formula}"
        if entry.grant_id is not None and entry.hold_id is None:
            grant = shelf.grants[entry.grant_id]
            assert (entry.member_id, entry.project) == (grant.member_id, grant.project), f"not its owner's: {entry}"
        self._check_hash(shelf, entry)
        if entry.hold_id is not None:
            self.held_by[entry.hold_id] += entry.held_change
            self.spent_by[entry.hold_id] += entry.spent

    def _check_hash(self, shelf: Shelf, entry: Entry) -> None:
        assert entry.text_digest == digest_of_text(entry.text_salt, entry.ref, entry.note)
        numbers = (
            entry.version,
            epoch_micros(entry.at),
            entry.total_change,
            entry.held_change,
            entry.owed_change,
            entry.clawed_change,
            entry.spent,
            entry.available_after,
            entry.credit_limit,
            entry.hold_id or 0,
            entry.grant_id or 0,
        )
        self.head = chained_hash(
            self.head,
            shelf.account.tenant_id,
            entry.account_id,
            numbers,
            entry.kind,
            entry.member_id,
            entry.project,
            entry.model,
            entry.category,
            entry.text_digest,
        )
        assert entry.hash == self.head, f"the chain breaks at {entry.version}"

    def _check_account(self, shelf: Shelf) -> None:
        account = shelf.account
        assert account.version == self.version == len(shelf.entries)
        assert account.head_hash == self.head
        assert (account.total, account.held, account.owed) == (self.total, self.held, self.owed)
        assert min(account.total, account.held, account.credit_drawn, account.clawed_back) >= 0
        assert account.total == sum(grant.remaining for grant in shelf.grants.values())
        assert account.held == sum(hold.remaining for hold in shelf.holds.values() if hold.state is HoldState.OPEN)
        on_grants = sum(grant.held for grant in shelf.grants.values())
        on_credit = sum(
            part.held for hold in shelf.holds.values() for part in hold.allocations if part.grant_id is None
        )
        assert account.held == on_grants + on_credit
        assert account.owed == account.credit_drawn + account.clawed_back
        assert (account.credit_drawn, account.clawed_back) == (self.drawn, self.clawed)

    def _check_hold(self, shelf: Shelf, hold: Hold) -> None:
        parts = hold.allocations
        assert hold.amount + hold.overrun == hold.captured + hold.returned + hold.remaining, hold
        assert hold.remaining == sum(part.held for part in parts), hold
        assert hold.captured == sum(part.captured for part in parts), hold
        assert hold.returned == sum(part.returned for part in parts), hold
        assert hold.refunded == sum(part.refunded for part in parts) <= hold.captured, hold
        assert all(0 <= part.redirected <= part.refunded <= part.captured for part in parts), hold
        assert [part.ordinal for part in parts] == list(range(len(parts)))
        lines = shelf.lines.get(hold.hold_id, [])
        assert hold.captured == sum(line.amount for line in lines), hold
        assert hold.refunded == sum(line.refunded for line in lines), hold
        assert hold.rounding == sum(line.amount for line in lines if line.rounding), hold
        assert hold.captures == len(lines)
        assert all(0 <= line.refunded <= line.amount <= line.cost for line in lines)
        assert self.held_by[hold.hold_id] == hold.remaining, "the journal and the hold disagree on what is held"
        assert self.spent_by[hold.hold_id] == hold.captured - hold.refunded, "… on what was spent"
        is_open = hold.state is HoldState.OPEN
        assert is_open is (hold.ended_at is None)
        assert is_open or hold.remaining == 0
        if not is_open:
            end = (hold.state, hold.ended_at, hold.outcome, hold.amount, hold.captured, hold.returned, hold.expires_at)
            assert self.ended.setdefault(hold.hold_id, end) == end, f"hold {hold.hold_id} ended twice"


def _newly_bound(entry: Entry) -> int:
    """What the entry takes out of what is available: set aside anew, or spent beyond its hold."""
    if entry.kind is EntryKind.HOLD:
        return entry.held_change
    if entry.kind is EntryKind.TRANSFER:
        return max(0, -entry.total_change)
    return entry.spent + entry.held_change if entry.kind in (EntryKind.CAPTURE, EntryKind.ROUNDING) else 0


def _check_windows(shelf: Shelf) -> None:
    """Every window has counted the holds that began in it, and no others; nobody's window outlasts the account's."""
    calendar = shelf.account.spending or Spending()
    scopes = {ACCOUNT_SCOPE: calendar} | shelf.scopes
    for scope, spending in scopes.items():
        holds = [hold for hold in shelf.holds.values() if _counts_for(scope, hold)]
        assert spending.total.consumed == sum(map(_consumed, holds)), f"{scope} has lost count of what it consumed"
        for period in (LimitPeriod.DAY, LimitPeriod.WEEK, LimitPeriod.MONTH):
            window, of_account = spending.window(period), calendar.window(period)
            if window.starts_at is None or window.ends_at is None or of_account.starts_at is None:
                assert window.starts_at is window.ends_at is None
                assert window.consumed == 0
                continue
            assert window.starts_at < window.ends_at
            begun = [hold for hold in holds if hold.created_at >= window.starts_at]
            assert window.consumed == sum(map(_consumed, begun)) >= 0, f"the {period} of {scope} is miscounted"
            assert window.starts_at <= of_account.starts_at
            if window.starts_at < of_account.starts_at:
                assert window.ends_at <= of_account.starts_at, f"the {period} of {scope} reaches into the next"


def _counts_for(scope: Scope, hold: Hold) -> bool:
    match scope.kind:
        case LimitScope.ACCOUNT:
            return True
        case LimitScope.MEMBER:
            return scope.member_id is not None and hold.member_id == scope.member_id
        case LimitScope.PROJECT:
            return hold.project == scope.project


def _consumed(hold: Hold) -> int:
    return hold.captured - hold.refunded + hold.remaining


def _check_grants(shelf: Shelf) -> None:
    held: Counter[int] = Counter()
    spent: Counter[int] = Counter()
    for hold in shelf.holds.values():
        for part in hold.allocations:
            if part.grant_id is not None:
                held[part.grant_id] += part.held
                spent[part.grant_id] += part.captured - part.refunded + part.redirected
    sent: Counter[int] = Counter()
    for entry in shelf.entries:
        if entry.kind is EntryKind.TRANSFER and entry.grant_id is not None:
            sent[entry.grant_id] += max(0, -entry.total_change)
    refs = [grant.source_ref for grant in shelf.grants.values()]
    assert len(refs) == len(set(refs)), "a source reference has two grants"
    for grant in shelf.grants.values():
        used = grant.spent + grant.settled + grant.moved + grant.transferred + grant.expired + grant.revoked
        assert grant.granted == grant.remaining + used > 0, grant
        assert min(grant.remaining, grant.spent, grant.settled, grant.expired, grant.revoked, grant.transferred) >= 0, (
            grant
        )
        assert 0 <= grant.held == held[grant.grant_id] <= grant.remaining, grant
        assert grant.spent == spent[grant.grant_id], grant
        assert grant.ended is None or grant.unheld == 0, "a grant that was taken back has free tokens"
        assert grant.revoked == 0 or grant.ended in (GrantEnd.REVOKED, GrantEnd.CLAWED_BACK)
        made_by = shelf.entries[grant.grant_id - 1]
        if grant.parent_id is None:
            makers = (EntryKind.GRANT, EntryKind.REFUND)
            assert made_by.kind in ((EntryKind.TRANSFER,) if grant.source is GrantSource.TRANSFER else makers), grant
            assert not grant.is_assigned, "what is assigned was split off another grant"
        else:
            assert made_by.kind is EntryKind.ASSIGNMENT, grant
            assert (made_by.grant_id, made_by.member_id, made_by.project) == (
                grant.grant_id,
                grant.member_id,
                grant.project,
            ), grant
            _check_part(shelf, grant)
        parts = [part for part in shelf.grants.values() if part.parent_id == grant.grant_id]
        if grant.parent_id is None:
            assert grant.moved == sum(part.granted - part.moved for part in parts), grant
        assert grant.transferred == sent[grant.grant_id], grant
    if shelf.account.closed_at is not None:
        assert all(grant.unheld == 0 for grant in shelf.grants.values()), "a closed account has free tokens"
    owned = Counter[tuple[object, object]]()
    for grant in shelf.grants.values():
        owned[grant.member_id, grant.project] += grant.remaining
    in_pool = owned.pop((None, None), 0)
    assert shelf.account.assigned == sum(owned.values())
    assert shelf.account.total == in_pool + sum(owned.values()), "the scopes do not add up to the total"


def _check_part(shelf: Shelf, part: Grant) -> None:
    """A part is as good as the grant that it was split off, serves one owner, and is never split itself."""
    assert part.parent_id is not None
    whole = shelf.grants[part.parent_id]
    assert whole.parent_id is None, "a part of a part"
    assert (part.member_id is None) is not (part.project is None), part
    assert (part.priority, part.expires_at, part.grace) == (whole.priority, whole.expires_at, whole.grace), part
    assert whole.ended is None or part.unheld == 0, "what was split off outlives its grant"
    if part.member_id is not None and not shelf.members[part.member_id].active:
        assert part.unheld == 0, "who was removed has tokens"


def _check_usage(shelf: Shelf) -> None:
    """The sums by day are those of the captured lines and refunds, and of the holds that ended."""
    expected: dict[UsageKey, UsageSum] = {}
    by_version = {line.version: line for lines in shelf.lines.values() for line in lines}
    for line in by_version.values():
        assert line.amount == shelf.entries[line.version - 1].spent
        kept = expected.setdefault(_usage_key(line, line.day), UsageSum())
        kept.charged += line.amount
        kept.uses += 0 if line.rounding else line.count
        kept.operations += 0 if line.rounding else 1
    for refund in shelf.refunds:
        assert refund.amount == -shelf.entries[refund.version - 1].spent
        line = by_version[refund.line]
        expected.setdefault(_usage_key(line, refund.day), UsageSum()).refunded += refund.amount
    assert shelf.usage == expected
    refunded = Counter[int]()
    for refund in shelf.refunds:
        refunded[refund.line] += refund.amount
    assert all(line.refunded == refunded[line.version] for line in by_version.values())
    works = Counter(
        WorkKey(hold.ended_day, hold.member_id, hold.project, hold.outcome or hold.state)
        for hold in shelf.holds.values()
        if hold.ended_day is not None
    )
    assert shelf.works == works
    assert sum(works.values()) == sum(hold.state is not HoldState.OPEN for hold in shelf.holds.values())


def _usage_key(line: CapturedLine, day: date) -> UsageKey:
    return UsageKey(day, line.member_id, line.project, line.model, line.category)


def _check_due(shelf: Shelf, now: datetime) -> None:
    """Nothing is overdue, and the account knows in time when something will be."""
    instants = [hold.expires_at for hold in shelf.holds.values() if hold.state is HoldState.OPEN]
    instants += [
        grant.expires_at
        for grant in shelf.grants.values()
        if grant.expires_at is not None and grant.ended is None and grant.unheld > 0
    ]
    # What holds have of a grant may be back by its end.
    upcoming = instants + [
        grant.expires_at
        for grant in shelf.grants.values()
        if grant.expires_at is not None and grant.ended is None and grant.held > 0 and grant.expires_at > now
    ]
    if upcoming:
        assert shelf.account.due_at is not None
        assert shelf.account.due_at <= min(upcoming), "the account would wake up too late"
    if instants:
        assert min(instants) > now, "something is overdue"


def _check_alerts(shelf: Shelf) -> None:
    """What is crossed is what was told of and not armed again, and a notice that is to come wakes the account."""
    alerting = shelf.account.alerting or Alerting()
    assert sorted(shelf.alerts) == list(range(1, alerting.events + 1))
    still = {
        Threshold(event.threshold_percent, event.threshold_tokens).key: event_id
        for event_id, event in shelf.alerts.items()
        if event.kind is AlertKind.LOW_BALANCE and event.rearmed_at is None
    }
    assert alerting.crossed == still
    assert still.keys() <= {threshold.key for threshold in alerting.thresholds}
    for event in shelf.alerts.values():
        # What is assigned is not everyone's.
        assert shelf.entries[event.version - 1].available_after >= event.available, event
        assert shelf.entries[event.version - 1].at <= event.at, event
    for grant in shelf.grants.values():
        if grant.notice_at is not None and grant.ended is None and grant.unheld > 0:
            assert shelf.account.due_at is not None
            assert shelf.account.due_at <= grant.notice_at, "the notice would come too late"


def _check_signs(entry: Entry) -> None:
    """product.md, *The journal's signs*."""
    total, held, owed, spent = entry.total_change, entry.held_change, entry.owed_change, entry.spent
    match entry.kind:
        case EntryKind.GRANT:
            holds = total > 0 and held == owed == spent == 0
        case EntryKind.HOLD:
            holds = held >= 0 and total == owed == spent == 0
        case EntryKind.CAPTURE | EntryKind.ROUNDING:
            holds = total <= 0 and owed >= 0 and spent == owed - total and 0 <= -held <= spent
        case EntryKind.RELEASE:
            holds = held <= 0 and total == owed == spent == 0
        case EntryKind.REFUND:
            holds = total >= 0 and owed <= 0 and held == 0 and spent == owed - total < 0
        case EntryKind.EXPIRY | EntryKind.REVOCATION:
            holds = total <= 0 and held == owed == spent == 0
        case EntryKind.CLAWBACK:
            holds = total <= 0 and owed >= 0 and held == spent == 0
        case EntryKind.SETTLEMENT:
            holds = total in (0, owed) and owed < 0 and held == spent == 0
        case EntryKind.ADJUSTMENT:
            holds = total == held == owed == spent == 0 and entry.note is not None
        case EntryKind.TRANSFER:
            holds = total != 0 and held == owed == spent == 0
        case EntryKind.ASSIGNMENT:
            holds = total == held == owed == spent == 0 and entry.grant_id is not None
    assert holds, f"the signs of {entry.kind} are wrong: {entry}"
