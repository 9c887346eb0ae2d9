"""An account to try the ledger's rules on: `bench = an_account(tokens=100)`, `hold = bench.reserve(35)` …

Amounts go in as tokens (35, "0.4") and are shown as tokens (`bench.available == 65`). Every command is judged on rows
loaded afresh, as a batch does it, and leaves every invariant true, or the test fails. A refusal raises `Refused`:
`with refusal(InsufficientTokens): …`.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

from rules.identity import member_id_of
from rules.ledger.balance import BalanceSnapshot, balance_of
from rules.ledger.burn_down import Spender
from rules.ledger.commands import (
    AdjustAccount,
    AnyCommand,
    AssignTokens,
    Charge,
    ClawBack,
    CloseAccount,
    Commit,
    Extend,
    GrantTokens,
    LimitSetting,
    Line,
    ManageMembers,
    Once,
    OpenAccount,
    PlanAssignment,
    ReceiveTransfer,
    Refund,
    Release,
    Reserve,
    RevokeGrant,
    SendTokens,
    SetAlerts,
    SetLimits,
    Settle,
    SettleOwed,
    TransferPart,
)
from rules.ledger.decide import decide
from rules.ledger.due import settle_due
from rules.ledger.entries import append
from rules.ledger.gates import Gate
from rules.ledger.journal import Entry
from rules.ledger.kinds import (
    EntryKind,
    GrantSource,
    LimitPeriod,
    LimitScope,
    MemberRole,
    Mutation,
    OverrunPolicy,
    WorkOutcome,
)
from rules.ledger.limit_status import LimitStatus
from rules.ledger.line_codec import encode_lines
from rules.ledger.member_changes import AddMember, MemberChange, RemoveMember, UpdateMember
from rules.ledger.outcomes import AccountEffect, GrantEffect, HoldEffect, LimitsEffect, MembersEffect, Outcome
from rules.ledger.refusals import InputRefusal
from rules.ledger.spending import NO_LIMIT
from rules.ledger.state import Account, AccountState, Grant, Hold
from rules.ledger.team import Member
from rules.ledger.transfers import read_payload
from rules.pricing.refusals import InvalidInput
from tests.rules.ledger.invariants import Watch
from tests.rules.ledger.notation import (
    ACCOUNT,
    ELSEWHERE,
    PRICE_BOOK_VERSION,
    START,
    TENANT,
    Amount,
    Fact,
    Refused,
    fact_of,
    in_tokens,
    tokens,
)
from tests.rules.ledger.shelf import Shelf, copy_of_hold

EFFECTS = HoldEffect | GrantEffect | AccountEffect | LimitsEffect | MembersEffect
"""What comes of a command that was not refused."""

LOADS_MAX = 10_000
"""Far more batches than any test needs to settle what is due."""


class Workbench:
    """One account, its clock, and its commands."""

    def __init__(self, *, opened: bool = True, due_holds_max: int = 500) -> None:
        self.shelf = Shelf(Account(TENANT, ACCOUNT, created_at=START, last_at=START, opened=opened))
        self.now = START
        self.watch = Watch()
        self.due_holds_max = due_holds_max
        self.last: Outcome | None = None
        self.written: list[Fact] = []
        """What the latest command wrote, with what fell due before it."""
        self.said: object = None
        """What fingerprints are made of, where a test decides that itself."""
        self.daily_limit: int | None = None
        """What the price book in force allows a day, in micro-tokens."""
        self.daily_limit_since: datetime | None = None
        """Since when; None leaves the instant out of what is shown."""
        self.runs_per_minute: int | None = None
        """How many runs it allows a minute."""
        self._keys = count(1)

    # What stands on the account

    @property
    def account(self) -> Account:
        return self.shelf.account

    @property
    def total(self) -> Decimal:
        return in_tokens(self.account.total)

    @property
    def held(self) -> Decimal:
        return in_tokens(self.account.held)

    @property
    def owed(self) -> Decimal:
        return in_tokens(self.account.owed)

    @property
    def available(self) -> Decimal:
        return in_tokens(self.account.available)

    @property
    def entries(self) -> list[Entry]:
        return self.shelf.entries

    @property
    def facts(self) -> list[Fact]:
        return [fact_of(entry) for entry in self.entries]

    def hold(self, hold_id: int) -> Hold:
        return self.shelf.holds[hold_id]

    def lot(self, grant_id: int) -> Grant:
        return self.shelf.grants[grant_id]

    def left_on(self, *grant_ids: int) -> list[Decimal]:
        """What is left on these grants, held tokens included."""
        return [in_tokens(self.lot(grant_id).remaining) for grant_id in grant_ids]

    def balance(self) -> BalanceSnapshot:
        """The balance as a read shows it: what is due is settled first."""
        effect = self.submit(Settle(TENANT, ACCOUNT))
        assert isinstance(effect, AccountEffect)
        return effect.balance

    def balance_for(self, *, member: str | None = None, project: str | None = None) -> BalanceSnapshot:
        """The balance as this member or project sees it."""
        spender = Spender(member_named(member), project)
        return balance_of(self._settled(Settle(TENANT, ACCOUNT)), self.now, spender=spender)

    # Time

    def wait(self, seconds: int = 0, *, microseconds: int = 0, days: int = 0) -> None:
        """Lets time pass; nothing looks at the account meanwhile."""
        self.now += timedelta(days=days, seconds=seconds, microseconds=microseconds)

    def at(self, instant: datetime) -> None:
        """Goes to an instant."""
        assert instant >= self.now, "time does not run backwards"
        self.now = instant

    # Commands

    def submit(self, command: AnyCommand) -> Outcome:
        """Judges one command as a batch of its own, under the price book's policies; raises `Refused`."""
        policies: dict[str, Any] = {"daily_limit": self.daily_limit, "daily_limit_since": self.daily_limit_since}
        if isinstance(command, Reserve):
            policies["runs_per_minute"] = self.runs_per_minute
        command = replace(command, **policies)
        first = len(self.entries)
        state = self._settled(command)
        before: AccountState = pickle.loads(pickle.dumps(state))
        outcome = decide(state, command, self.now)
        if not isinstance(outcome, EFFECTS):
            before.burn_order = state.burn_order
            assert state == before, f"{type(command).__name__} was refused and changed something"
        else:
            spender, since = outcome.balance.spender, command.daily_limit_since
            assert outcome.balance == balance_of(state, self.now, command.daily_limit, spender, since=since)
            if isinstance(outcome, HoldEffect):
                assert outcome.balance.spender == (outcome.hold.member_id, outcome.hold.project)
        self.shelf.write(state)
        self.watch.check(self.shelf, self.now)
        self.last = outcome
        self.written = [fact_of(entry) for entry in self.entries[first:]]
        if not isinstance(outcome, EFFECTS):
            raise Refused(command, outcome)
        return outcome

    def _settled(self, command: AnyCommand) -> AccountState:
        for _ in range(LOADS_MAX):
            state = self.shelf.load(command, self.now, self.due_holds_max)
            if settle_due(state, self.now):
                return state
            self.shelf.write(state)
        raise AssertionError("what is due never ends")

    def once(self, mutation: Mutation, key: str | None, *said: object) -> Once:
        """A key with a digest of what was said; a fresh key unless one is given."""
        digest = hashlib.sha256(repr(self.said or said).encode()).digest()
        return Once(mutation, key if key is not None else f"key-{next(self._keys)}", digest)

    def open(
        self,
        *,
        trial: Amount = 0,
        trial_months: int | None = None,
        grace_days: int = 7,
        plan: PlanAssignment | None = None,
    ) -> AccountEffect:
        effect = self.submit(OpenAccount(TENANT, ACCOUNT, "UTC", tokens(trial), trial_months, grace_days, plan=plan))
        assert isinstance(effect, AccountEffect)
        return effect

    def adjust(
        self,
        *,
        credit_limit: Amount | None = None,
        frozen: bool | None = None,
        time_zone: str | None = None,
        plan: PlanAssignment | None = None,
    ) -> AccountEffect:
        """Changes settings; `credit_limit="unlimited"` takes away the bound."""
        limit = -1 if credit_limit == "unlimited" else tokens(credit_limit) if credit_limit is not None else None
        effect = self.submit(AdjustAccount(TENANT, ACCOUNT, time_zone, frozen, limit, plan))
        assert isinstance(effect, AccountEffect)
        return effect

    def set_limit(
        self,
        limit: Amount | None,
        period: LimitPeriod = LimitPeriod.DAY,
        scope: LimitScope = LimitScope.ACCOUNT,
        *,
        member: str | UUID | None = None,
        project: str | None = None,
    ) -> LimitStatus:
        """Sets one limit; None takes it away, -1 says that there is none."""
        micros = NO_LIMIT if limit == NO_LIMIT else tokens(limit) if limit is not None else None
        return self.set_limits(LimitSetting(scope, period, member_named(member), project, micros))[0]

    def set_limits(self, *settings: LimitSetting, refused: InvalidInput | None = None) -> tuple[LimitStatus, ...]:
        effect = self.submit(SetLimits(TENANT, ACCOUNT, settings, refusal=refused))
        assert isinstance(effect, LimitsEffect)
        return effect.limits

    def set_alerts(
        self,
        *,
        percents: Sequence[int] | None = None,
        amounts: Sequence[int] | None = None,
        day_percents: Sequence[int] | None = None,
    ) -> AccountEffect:
        """Changes thresholds; `amounts` in micro-tokens."""
        given = [None if values is None else tuple(values) for values in (percents, amounts, day_percents)]
        effect = self.submit(SetAlerts(TENANT, ACCOUNT, *given))
        assert isinstance(effect, AccountEffect)
        return effect

    def grant(
        self,
        amount: Amount,
        *,
        expires_in: int | None = None,
        expires_at: datetime | None = None,
        expires_after_months: int | None = None,
        priority: int = 50,
        source: GrantSource = GrantSource.BONUS,
        key: str | None = None,
        source_ref: str | None = None,
        note: str | None = None,
        cents: int = 0,
        refused: InputRefusal | None = None,
    ) -> int:
        """Adds tokens; gives the grant's id. `expires_in` counts seconds from now, `cents` were paid."""
        if expires_in is not None:
            expires_at = self.now + timedelta(seconds=expires_in)
        once = self.once(Mutation.GRANT_TOKENS, key, amount, source, priority, expires_at)
        effect = self.submit(
            GrantTokens(
                TENANT,
                ACCOUNT,
                once,
                tokens(amount),
                source,
                source_ref if source_ref is not None else f"ref:{once.key}",
                priority,
                expires_at,
                expires_after_months,
                paid_minor_units=cents,
                paid_currency="usd" if cents else None,
                note=note,
                refusal=refused,
            )
        )
        assert isinstance(effect, GrantEffect)
        return effect.grant.grant_id

    def reserve(
        self,
        amount: Amount | None = None,
        *,
        lines: Sequence[Line] = (),
        rounding_unit: Amount = 0,
        ttl_seconds: int = 900,
        key: str | None = None,
        member: str | UUID | None = None,
        project: str | None = None,
        not_after: datetime | None = None,
        quote_expires_at: datetime | None = None,
        refused: InputRefusal | None = None,
        gates: tuple[Gate, ...] = (),
    ) -> int:
        """Sets tokens aside; gives the hold's id."""
        once = self.once(Mutation.RESERVE, key, amount, lines, ttl_seconds, member, project)
        whom: tuple[str | UUID | None, str | None] = (member, project)
        command = self._work(
            Reserve, once, amount, lines, rounding_unit, ttl_seconds, *whom, not_after, refused, quote_expires_at, gates
        )
        return self._hold_effect(command).hold.hold_id

    def charge(
        self,
        amount: Amount | None = None,
        *,
        lines: Sequence[Line] = (),
        rounding_unit: Amount = 0,
        key: str | None = None,
        member: str | UUID | None = None,
        project: str | None = None,
        not_after: datetime | None = None,
        quote_expires_at: datetime | None = None,
        refused: InputRefusal | None = None,
        gates: tuple[Gate, ...] = (),
    ) -> HoldEffect:
        once = self.once(Mutation.CHARGE, key, amount, lines, member, project)
        whom: tuple[str | UUID | None, str | None] = (member, project)
        return self._hold_effect(
            self._work(
                Charge, once, amount, lines, rounding_unit, 900, *whom, not_after, refused, quote_expires_at, gates
            )
        )

    def commit(
        self,
        hold_id: int,
        amount: Amount | None = None,
        *,
        lines: Sequence[Line] | None = None,
        rounding_unit: Amount = 0,
        final: bool = True,
        overrun: OverrunPolicy = OverrunPolicy.REFUSE,
        key: str | None = None,
        priced_at: int | None = None,
        refused: InputRefusal | None = None,
    ) -> HoldEffect:
        return self._hold_effect(
            Commit(
                TENANT,
                ACCOUNT,
                self.once(Mutation.COMMIT, key, hold_id, amount, lines, final, overrun),
                hold_id,
                tuple(lines) if lines is not None else None,
                tokens(amount) if amount is not None else None,
                final,
                overrun,
                rounding_unit=tokens(rounding_unit),
                priced_at=priced_at,
                refusal=refused,
            )
        )

    def release(
        self,
        hold_id: int,
        *,
        outcome: WorkOutcome = WorkOutcome.CANCELLED,
        key: str | None = None,
        note: str | None = None,
        refused: InputRefusal | None = None,
    ) -> HoldEffect:
        once = self.once(Mutation.RELEASE, key, hold_id, outcome)
        return self._hold_effect(Release(TENANT, ACCOUNT, once, hold_id, outcome, note, b"salt", refused))

    def extend(
        self,
        hold_id: int,
        amount: Amount | None = None,
        *,
        lines: Sequence[Line] = (),
        ttl_seconds: int | None = None,
        key: str | None = None,
        priced_at: int | None = None,
        quote_expires_at: datetime | None = None,
        refused: InputRefusal | None = None,
        gates: tuple[Gate, ...] = (),
    ) -> HoldEffect:
        added = sum(line.cost for line in lines) if amount is None else tokens(amount)
        return self._hold_effect(
            Extend(
                TENANT,
                ACCOUNT,
                self.once(Mutation.EXTEND, key, hold_id, amount, lines, ttl_seconds),
                hold_id,
                ttl_seconds,
                added,
                adds_work=amount is not None or bool(lines),
                lines=tuple(lines),
                lines_json=encode_lines(lines),
                priced_at=priced_at,
                refusal=refused,
                quote_expires_at=quote_expires_at,
                gates=gates,
            )
        )

    def refund(
        self,
        hold_id: int,
        amount: Amount | None = None,
        *,
        key: str | None = None,
        reason: str | None = None,
        refused: InputRefusal | None = None,
    ) -> HoldEffect:
        once = self.once(Mutation.REFUND, key, hold_id, amount, reason)
        micros = tokens(amount) if amount is not None else None
        return self._hold_effect(Refund(TENANT, ACCOUNT, once, hold_id, micros, reason, b"salt", refused))

    def revoke(self, grant_id: int, *, key: str | None = None, refused: InputRefusal | None = None) -> GrantEffect:
        once = self.once(Mutation.REVOKE_GRANT, key, grant_id)
        effect = self.submit(RevokeGrant(TENANT, ACCOUNT, once, grant_id, refusal=refused))
        assert isinstance(effect, GrantEffect)
        return effect

    def claw_back(self, grant_id: int, *, key: str | None = None) -> GrantEffect:
        effect = self.submit(ClawBack(TENANT, ACCOUNT, self.once(Mutation.CLAW_BACK, key, grant_id), grant_id))
        assert isinstance(effect, GrantEffect)
        return effect

    def assign(
        self,
        amount: Amount,
        *,
        project: str | None = None,
        member: str | UUID | None = None,
        key: str | None = None,
        refused: InputRefusal | None = None,
    ) -> int:
        """Assigns tokens of the pool, or takes them back (below 0); gives the id of the first part concerned."""
        once = self.once(Mutation.ASSIGN_TOKENS, key, amount, project, member)
        micros = tokens(amount)
        effect = self.submit(AssignTokens(TENANT, ACCOUNT, once, micros, member_named(member), project, refused))
        assert isinstance(effect, GrantEffect)
        return effect.grant.grant_id

    def settle_owed(
        self, amount: Amount, *, key: str | None = None, note: str | None = None, refused: InputRefusal | None = None
    ) -> AccountEffect:
        once = self.once(Mutation.SETTLE_OWED, key, amount)
        effect = self.submit(SettleOwed(TENANT, ACCOUNT, once, tokens(amount), note, b"salt", refused))
        assert isinstance(effect, AccountEffect)
        return effect

    def close(self, *, note: str | None = None, refused: InputRefusal | None = None) -> AccountEffect:
        effect = self.submit(CloseAccount(TENANT, ACCOUNT, note, b"salt", refused))
        assert isinstance(effect, AccountEffect)
        return effect

    def send(
        self,
        amount: Amount,
        *,
        to: UUID = ELSEWHERE,
        key: str | None = None,
        note: str | None = None,
        refused: InputRefusal | None = None,
    ) -> GrantEffect:
        """Sends tokens to another account; they stay on their way until somebody brings them."""
        once = self.once(Mutation.TRANSFER_TOKENS, key, amount, to)
        effect = self.submit(SendTokens(TENANT, ACCOUNT, once, tokens(amount), to, note, b"salt", refused))
        assert isinstance(effect, GrantEffect)
        return effect

    def receive(self, *parts: TransferPart, source: UUID = ELSEWHERE) -> AccountEffect:
        effect = self.submit(ReceiveTransfer(TENANT, ACCOUNT, source, parts))
        assert isinstance(effect, AccountEffect)
        return effect

    def take_back(self, which: int = -1) -> AccountEffect:
        """Brings back what it sent and nobody could take."""
        return self.receive(*read_payload(self.shelf.outgoing[which].payload_json)[1], source=ACCOUNT)

    # What other parts of the product do to the rows

    def manage(
        self,
        *changes: MemberChange,
        listed: bool = True,
        refused: InvalidInput | None = None,
        faults: Mapping[int, InvalidInput] | None = None,
    ) -> MembersEffect:
        effect = self.submit(ManageMembers(TENANT, ACCOUNT, changes, listed, refused, faults or {}))
        assert isinstance(effect, MembersEffect)
        return effect

    def add_member(self, name: str, role: MemberRole = MemberRole.MEMBER) -> Member:
        """A member whose external id and name are the same."""
        return self.manage(adding(name, role), listed=False).members[0]

    def remove_member(self, name: str) -> Member:
        return self.manage(removing(name), listed=False).members[0]

    # What other parts of the product do to the rows

    def settle_credit(self, amount: Amount) -> None:
        """A paid invoice: the journal's SETTLEMENT without tokens."""
        state = self._settled(Settle(TENANT, ACCOUNT))
        append(state, EntryKind.SETTLEMENT, self.now, drawn=-tokens(amount))
        self.shelf.write(state)
        self.watch.check(self.shelf, self.now)

    def _work(
        self,
        kind: type[Reserve],
        once: Once,
        amount: Amount | None,
        lines: Sequence[Line],
        rounding_unit: Amount,
        ttl_seconds: int,
        member: str | UUID | None,
        project: str | None,
        not_after: datetime | None,
        refused: InputRefusal | None,
        quote_expires_at: datetime | None,
        gates: tuple[Gate, ...],
    ) -> Reserve:
        unit = tokens(rounding_unit)
        metered = sum(line.cost for line in lines if line.rounds_at_end)
        bound = sum(line.cost for line in lines) + (-metered % unit if unit else 0)
        return kind(
            TENANT,
            ACCOUNT,
            once,
            tokens(amount) if amount is not None else bound,
            tuple(lines),
            encode_lines(lines),
            PRICE_BOOK_VERSION,
            ttl_seconds,
            unit,
            member_named(member),
            project,
            not_after,
            refusal=refused,
            quote_expires_at=quote_expires_at,
            gates=gates,
        )

    def a_reserve(self, *, member: str | UUID | None = None, project: str | None = None) -> Reserve:
        """A command as yet unsaid, for what it loads."""
        once = self.once(Mutation.RESERVE, None)
        return self._work(Reserve, once, 1, (), 0, 900, member, project, None, None, None, ())

    def _hold_effect(self, command: AnyCommand) -> HoldEffect:
        effect = self.submit(command)
        assert isinstance(effect, HoldEffect)
        return effect


def an_account(
    *,
    tokens: Amount | None = None,
    credit_limit: Amount = 0,
    frozen: bool = False,
    grace_days: int = 7,
    due_holds_max: int = 500,
) -> Workbench:
    """An open account; `tokens` come as one purchase that never expires."""
    bench = Workbench(opened=False, due_holds_max=due_holds_max)
    bench.open(grace_days=grace_days)
    if credit_limit != 0:
        bench.adjust(credit_limit=credit_limit)
    if tokens is not None:
        bench.grant(tokens, source=GrantSource.PURCHASE)
    if frozen:
        bench.adjust(frozen=True)
    return bench


def member_named(name: str | UUID | None) -> UUID | None:
    """The id of the account's member of this external id, which may be given by its id as well."""
    return member_id_of(ACCOUNT, name) if isinstance(name, str) else name


def adding(name: str, role: MemberRole = MemberRole.MEMBER, *, called: str | None = None) -> AddMember:
    return AddMember(member_id_of(ACCOUNT, name), name, called if called is not None else name, role)


def removing(name: str) -> RemoveMember:
    return RemoveMember(member_id_of(ACCOUNT, name))


def updating(name: str, *, called: str | None = None, role: MemberRole | None = None) -> UpdateMember:
    return UpdateMember(member_id_of(ACCOUNT, name), called, role)


def a_copy_of(bench: Workbench, hold_id: int) -> Hold:
    """A hold as it stands now, to compare with later."""
    return copy_of_hold(bench.hold(hold_id))
