"""The core and the model side by side: every rule says the same to both, and whatever can be seen is compared."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from rules.ledger.alerting import AlertEvent
from rules.ledger.burn_down import Spender
from rules.ledger.commands import LimitSetting, Line, OpenAccount, TransferPart
from rules.ledger.kinds import AlertKind, GrantSource, LimitPeriod, LimitScope, OverrunPolicy
from rules.ledger.limits import statuses_of
from rules.ledger.outcomes import AccountEffect, GrantEffect, HoldEffect
from rules.ledger.refusals import RateLimited
from rules.ledger.spending import NO_LIMIT
from rules.ledger.state import UNLIMITED, Grant
from rules.pricing.tokens import MICROS, format_tokens
from tests.rules.ledger.limit_model import ACCOUNT as LIMITED_ACCOUNT
from tests.rules.ledger.limit_model import ANY_AMOUNT, Owner
from tests.rules.ledger.model import DAY, NEVER, POOL, SECOND, Model, No, Row, Whom
from tests.rules.ledger.notation import ACCOUNT, START, TENANT, Refused, in_tokens
from tests.rules.ledger.workbench import Workbench, member_named

incomes = st.integers(5, 40).map(lambda amount: amount * MICROS) | st.integers(1, 5_000_000)
amounts = st.integers(1, 9).map(lambda amount: amount * MICROS) | st.integers(1, 5_000_000)
costs = amounts | st.integers(0, 2)
some_lines = st.lists(st.tuples(costs, st.booleans()), min_size=1, max_size=3)
ttls = st.sampled_from([3_600, 60, 86_400, 1])
lifetimes = st.sampled_from([None, 3_600, 60, 86_400, 8 * 86_400, 1])
MEMBERS = ("anna", "ben")
OWNERS = (*MEMBERS, "film", "game")
whoms = st.sampled_from([POOL, POOL, (None, "film"), (None, "game"), ("anna", None), ("ben", None), ("anna", "film")])
recent = st.integers(0, 5)
any_hold = st.tuples(st.sampled_from(["fit", "fit", "fit", "any"]), recent)
"""Whether a hold is chosen that the command fits, or any one; and how far back it lies."""
overruns = st.sampled_from(list(OverrunPolicy))
owners = st.sampled_from(
    [
        *[LIMITED_ACCOUNT, LIMITED_ACCOUNT, ("PROJECT", "film"), ("PROJECT", "game")],
        *[("MEMBER", None), ("MEMBER", None), ("MEMBER", "anna")],
    ]
)
periods = st.sampled_from(["DAY", "DAY", "WEEK", "MONTH", "TOTAL"])
limits = st.sampled_from([None, None, None, NO_LIMIT, 0, 15 * MICROS, 60 * MICROS])
NO_SUCH_ID = 10**9
ALL_HOLDS = 500
"""More holds than any sequence makes, so that one batch loads whatever is due."""
Choice = tuple[str, int]


def is_open(hold: Row) -> bool:
    return bool(hold["state"] == "OPEN")


def has_captures(hold: Row) -> bool:
    return bool(sum(line["amount"] for line in hold["lines"]) > hold["refunded"])


def with_a_hold_that(fits: Callable[[Row], bool]) -> Callable[[Any], Any]:
    """A rule that waits until there is such a hold, so that few commands are said in vain."""
    return precondition(lambda machine: any(fits(hold) for hold in machine.model.holds))


class LedgerMachine(RuleBasedStateMachine):
    """Every rule says the same to both, and compares their answers; the invariant compares all that can be seen."""

    def __init__(self) -> None:
        super().__init__()
        self.keys = 0
        self.model = Model()
        self.sent: list[tuple[str, Row]] = []
        self.quotes: list[int] = []
        """Each quote is the instant at which it expires; nothing else of it concerns the ledger."""

    @initialize(
        grace_days=st.sampled_from([7, 7, 1, 0]),
        percents=st.sampled_from([(20, 10), (20, 10), (90, 50, 0), ()]),
        due_holds_max=st.sampled_from([ALL_HOLDS, 2, 1]),
        lots=st.lists(st.tuples(incomes, lifetimes), min_size=1, max_size=3),
    )
    def open(
        self, grace_days: int, percents: tuple[int, ...], due_holds_max: int, lots: list[tuple[int, int | None]]
    ) -> None:
        self.model = Model(grace_days * DAY, percents)
        self.bench = Workbench(opened=False, due_holds_max=due_holds_max)
        self.bench.submit(OpenAccount(TENANT, ACCOUNT, "UTC", grace_days=grace_days, alert_percents=percents))
        for amount, lifetime in lots:
            self.grant(amount, "PURCHASE", 50, lifetime)

    # What is said

    @rule(
        amount=incomes,
        source=st.sampled_from(["PURCHASE", "BONUS"]),
        priority=st.sampled_from([10, 50, 50]),
        lifetime=lifetimes,
    )
    def grant(self, amount: int, source: str, priority: int, lifetime: int | None) -> None:
        expires = self.model.now + lifetime * SECOND if lifetime is not None else NEVER
        cents = amount // 300_000 if source == "PURCHASE" else 0
        self.say("grant", amount=amount, source=source, priority=priority, expires=expires, cents=cents)

    @rule(amount=amounts, ttl=ttls, whom=whoms)
    def reserve(self, amount: int, ttl: int, whom: Whom) -> None:
        self.say("reserve", amount=amount, lines=None, ttl=ttl, whom=whom)

    @rule(lines=some_lines, ttl=ttls, whom=whoms)
    def reserve_lines(self, lines: list[tuple[int, bool]], ttl: int, whom: Whom) -> None:
        self.say("reserve", amount=bound_of(lines), lines=lines, ttl=ttl, whom=whom)

    @rule(more=st.sampled_from([0, 0, 1]), whom=whoms)
    def reserve_to_the_edge(self, more: int, whom: Whom) -> None:
        amount = self.model.available_to(whom) + more
        if amount > 0:
            self.say("reserve", amount=amount, lines=None, ttl=60, whom=whom)

    @rule(ttl=ttls)
    def be_quoted(self, ttl: int) -> None:
        self.quotes.append(self.model.now + ttl * SECOND)

    @precondition(lambda machine: machine.quotes)
    @rule(back=recent, lines=some_lines, ttl=ttls, whom=whoms)
    def reserve_with_a_quote(self, back: int, lines: list[tuple[int, bool]], ttl: int, whom: Whom) -> None:
        quote = self.a_quote(back)
        self.say("reserve", amount=bound_of(lines), lines=lines, ttl=ttl, whom=whom, quote=quote)

    @precondition(lambda machine: machine.quotes)
    @rule(back=recent, lines=some_lines, whom=whoms)
    def charge_with_a_quote(self, back: int, lines: list[tuple[int, bool]], whom: Whom) -> None:
        if sum(cost for cost, _ in lines) > 0:
            quote = self.a_quote(back)
            self.say("charge", amount=bound_of(lines), lines=lines, whom=whom, quote=quote)

    @precondition(lambda machine: machine.quotes)
    @with_a_hold_that(is_open)
    @rule(back=recent, which=any_hold, amount=amounts)
    def extend_with_a_quote(self, back: int, which: Choice, amount: int) -> None:
        self.say("extend", hold=self.an_open_hold(which), amount=amount, ttl=None, quote=self.a_quote(back))

    @rule(lines=some_lines, whom=whoms)
    def charge(self, lines: list[tuple[int, bool]], whom: Whom) -> None:
        if sum(cost for cost, _ in lines) > 0:
            self.say("charge", amount=bound_of(lines), lines=lines, whom=whom)

    @with_a_hold_that(is_open)
    @rule(which=any_hold, lines=some_lines, final=st.booleans(), overrun=overruns)
    def commit_lines(self, which: Choice, lines: list[tuple[int, bool]], final: bool, overrun: OverrunPolicy) -> None:
        self.say("commit", hold=self.an_open_hold(which), lines=lines, final=final, overrun=overrun)

    @with_a_hold_that(is_open)
    @rule(which=any_hold, more=st.sampled_from([-1, 0, 1, 7 * MICROS]), final=st.booleans(), overrun=overruns)
    def commit_about_what_is_held(self, which: Choice, more: int, final: bool, overrun: OverrunPolicy) -> None:
        hold = self.an_open_hold(which)
        held = self.model.left(self.model.holds[hold]) if hold < len(self.model.holds) else MICROS
        self.say("commit", hold=hold, amount=max(0, held + more), final=final, overrun=overrun)

    @with_a_hold_that(is_open)
    @rule(which=any_hold, final=st.booleans(), overrun=overruns)
    def commit_all(self, which: Choice, final: bool, overrun: OverrunPolicy) -> None:
        self.say("commit", hold=self.an_open_hold(which), final=final, overrun=overrun)

    @with_a_hold_that(is_open)
    @rule(which=any_hold)
    def release(self, which: Choice) -> None:
        self.say("release", hold=self.an_open_hold(which))

    @with_a_hold_that(is_open)
    @rule(which=any_hold, amount=st.none() | amounts, ttl=st.none() | ttls)
    def extend(self, which: Choice, amount: int | None, ttl: int | None) -> None:
        self.say("extend", hold=self.an_open_hold(which), amount=amount or 0, ttl=ttl)

    @with_a_hold_that(has_captures)
    @rule(which=any_hold, amount=st.none() | amounts)
    def refund(self, which: Choice, amount: int | None) -> None:
        self.say("refund", hold=self.a_captured_hold(which), amount=amount)

    @precondition(lambda machine: machine.model.grants)
    @rule(back=recent, clawback=st.booleans())
    def revoke(self, back: int, clawback: bool) -> None:
        grants = self.model.grants
        self.say("revoke", grant=len(grants) - 1 - back % len(grants), clawback=clawback)

    @precondition(lambda machine: machine.a_spent_grant() is not None)
    @rule()
    def claw_back_what_was_spent(self) -> None:
        self.say("revoke", grant=self.a_spent_grant(), clawback=True)

    @rule(amount=st.integers(1, 9).map(lambda amount: amount * MICROS))
    def buy_spend_and_dispute(self, amount: int) -> None:
        """Leaves a debt beside whatever else there is."""
        self.say("grant", amount=amount, source="PURCHASE", priority=0, expires=NEVER, cents=amount // MICROS)
        index = len(self.model.grants) - 1
        self.say("charge", amount=amount, lines=[(amount, False)], whom=POOL)
        self.say("revoke", grant=index, clawback=True)

    @precondition(lambda machine: machine.a_sent_grant() is not None)
    @rule()
    def claw_back_what_was_sent(self) -> None:
        self.say("revoke", grant=self.a_sent_grant(), clawback=True)

    @rule(limit=st.sampled_from([0, 5 * MICROS, 30 * MICROS, UNLIMITED]))
    def set_credit_limit(self, limit: int) -> None:
        tokens = "unlimited" if limit == UNLIMITED else limit // MICROS
        self.both(lambda: self.model.adjust(limit, None), lambda: self.bench.adjust(credit_limit=tokens))

    @precondition(lambda machine: machine.keys % 3 == 0)
    @rule(owner=owners, period=periods, limit=limits)
    def set_limit(self, owner: Owner, period: str, limit: int | None) -> None:
        self.limit(owner, period, limit)

    @precondition(lambda machine: machine.keys % 2 == 0)
    @rule(owner=owners, period=periods, room=amounts)
    def set_limit_near_what_was_consumed(self, owner: Owner, period: str, room: int) -> None:
        self.model.settle()
        self.limit(owner, period, self.model.limits.consumed(owner, period) + room)

    @precondition(lambda machine: machine.keys % 4 == 1)
    @rule(owner=owners, percent=st.sampled_from([50, 79, 80, 90, 130]))
    def set_day_limit_of_which_so_much_is_consumed(self, owner: Owner, percent: int) -> None:
        self.model.settle()
        self.limit(owner, "DAY", self.model.limits.consumed(owner, "DAY") * 100 // percent)

    def limit(self, owner: Owner, period: str, limit: int | None) -> None:
        self.both(
            lambda: self.model.set_limit(owner, period, limit),
            lambda: self.bench.set_limits(a_setting(owner, period, limit)),
        )

    @precondition(lambda machine: machine.keys % 4 == 0)
    @rule(whom=whoms, more=st.sampled_from([0, 0, 1]))
    def reserve_up_to_a_limit(self, whom: Whom, more: int) -> None:
        self.look()
        amount = self.model.limits.left(whom, self.model.now)
        if 0 < amount < ANY_AMOUNT:
            self.say("reserve", amount=amount + more, lines=None, ttl=86_400, whom=whom)

    @rule(zone=st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Auckland"]))
    def move_house(self, zone: str) -> None:
        self.both(lambda: self.model.change_zone(zone), lambda: self.bench.adjust(time_zone=zone))

    @precondition(lambda machine: machine.keys % 8 == 0)
    @rule(daily=st.sampled_from([None, 20 * MICROS]), rate=st.sampled_from([None, None, 2, 3]))
    def publish_policies(self, daily: int | None, rate: int | None) -> None:
        self.model.limits.daily = self.bench.daily_limit = daily
        self.model.limits.rate = self.bench.runs_per_minute = rate

    @precondition(lambda machine: machine.keys % 16 == 0)
    @rule(verb=st.sampled_from(["commit", "release", "extend", "refund", "revoke"]), amount=amounts)
    def speak_of_what_is_not_there(self, verb: str, amount: int) -> None:
        more: dict[str, dict[str, Any]] = {
            "commit": {"final": True, "overrun": OverrunPolicy.CAP},
            "extend": {"ttl": 60},
            "revoke": {"grant": NO_SUCH_ID, "clawback": False},
        }
        self.say(verb, hold=NO_SUCH_ID, amount=amount, **more.get(verb, {}))

    @precondition(lambda machine: machine.keys % 8 == 0)
    @rule(overruns=st.booleans())
    def freeze(self, overruns: bool) -> None:
        """Work that runs on may then ask for more than its hold has."""
        self.set_frozen(True)
        if overruns and any(map(is_open, self.model.holds)):
            hold = self.a_hold(("fit", 0), is_open)
            amount = self.model.left(self.model.holds[hold]) + 1
            self.say("commit", hold=hold, amount=amount, final=False, overrun=OverrunPolicy.CHARGE_AVAILABLE)

    @precondition(lambda machine: machine.model.frozen)
    @rule()
    def thaw(self) -> None:
        self.set_frozen(False)

    def set_frozen(self, frozen: bool) -> None:
        self.both(lambda: self.model.adjust(None, frozen), lambda: self.bench.adjust(frozen=frozen))

    @rule(
        percents=st.none() | st.sets(st.sampled_from([0, 5, 10, 20, 50, 95, 100]), max_size=3),
        amounts=st.none() | st.sets(st.sampled_from([1, 5_000_000, 10_000_000, 40_000_000]), max_size=2),
        days=st.none() | st.sets(st.sampled_from([20, 50, 80, 100]), max_size=3),
    )
    def set_alerts(self, percents: set[int] | None, amounts: set[int] | None, days: set[int] | None) -> None:
        model = self.model
        said = {"percents": percents, "amounts": amounts, "day_percents": days}
        wanted = [
            known if given is None else given
            for given, known in zip(said.values(), (model.percents, model.amounts, model.day_percents), strict=True)
        ]
        self.both(
            lambda: model.set_alerts(*wanted),
            lambda: self.bench.set_alerts(
                **{name: tuple(values) for name, values in said.items() if values is not None}
            ),
        )

    @precondition(lambda machine: machine.model.drawn > 0)
    @rule(part=st.integers(1, 3))
    def pay_an_invoice(self, part: int) -> None:
        self.look()
        amount = self.model.drawn // part
        if amount > 0:
            self.model.settle_credit(amount)
            self.bench.settle_credit(format_tokens(amount))

    @precondition(lambda machine: machine.model.owed() > 0)
    @rule(part=st.integers(1, 3), more=st.sampled_from([0, 0, 0, 1]))
    def settle_what_is_owed(self, part: int, more: int) -> None:
        self.look()
        self.say("settle", amount=max(1, self.model.owed() // part) + more * self.model.owed())

    @rule(amount=amounts)
    def send(self, amount: int) -> None:
        self.say("send", amount=amount)

    @precondition(lambda machine: machine.model.sent)
    @rule(back=recent)
    def have_it_back(self, back: int) -> None:
        """The target was closed meanwhile; said again and again, it comes back once."""
        which = len(self.model.sent) - 1 - back % len(self.model.sent)
        self.bring(("own", which), self.model.sent[which], own=True)

    @rule(number=st.integers(0, 5), lots=st.lists(st.tuples(amounts, lifetimes), min_size=1, max_size=3))
    def receive(self, number: int, lots: list[tuple[int, int | None]]) -> None:
        """From elsewhere; one number is one transfer, whatever it says later."""
        parts = [
            {
                "amount": amount,
                "cents": amount // MICROS,
                "priority": 50,
                "expires": self.model.now + (lifetime - 60) * SECOND if lifetime is not None else NEVER,
            }
            for amount, lifetime in lots
        ]
        self.bring(("other", number), parts, own=False)

    def bring(self, name: tuple[str, int], parts: list[Row], *, own: bool) -> None:
        sent = [a_sent_part(name[1] * 10 + place, part) for place, part in enumerate(parts)]
        self.both(
            lambda: self.model.receive(name, parts, own=own),
            lambda: self.bench.take_back(name[1]) if own else self.bench.receive(*sent),
        )

    @precondition(lambda machine: machine.keys % 16 == 15 and not machine.model.closed)
    @rule(spends_all=st.booleans())
    def close(self, spends_all: bool) -> None:
        """Where all was spent before, nothing is left to take back but what is refunded afterwards."""
        amount = self.model.available_to(POOL)
        if spends_all and amount > 0:
            self.say("charge", amount=amount, lines=[(amount, False)], whom=POOL)
        self.model.settle()
        self.model.close()
        self.bench.close()
        if spends_all and any(map(has_captures, self.model.holds)):
            self.say("refund", hold=self.a_captured_hold(("fit", 0)), amount=None)

    @precondition(lambda machine: machine.model.closed)
    @rule()
    def close_again(self) -> None:
        self.model.settle()
        self.bench.close()

    # Members, and what is assigned

    @rule(name=st.sampled_from(MEMBERS))
    def add_member(self, name: str) -> None:
        self.both(lambda: self.model.add_member(name), lambda: self.bench.add_member(name))

    @precondition(lambda machine: any(machine.model.members.values()) and machine.keys % 3 == 0)
    @rule(name=st.sampled_from(MEMBERS))
    def remove_member(self, name: str) -> None:
        self.both(lambda: self.model.remove_member(name), lambda: self.bench.remove_member(name))

    @rule(owner=st.sampled_from(OWNERS), amount=amounts)
    def assign(self, owner: str, amount: int) -> None:
        self.say("assign", owner=owner, amount=amount)

    @rule(owner=st.sampled_from(OWNERS), part=st.integers(1, 2), more=st.sampled_from([0, 0, 1]))
    def assign_to_the_edge(self, owner: str, part: int, more: int) -> None:
        """As much as the pool has, or half of it; or more than there is."""
        self.look()
        free = sum(grant["free"] for grant in self.model.grants if grant["owner"] is None)
        amount = (free if self.model.limit == UNLIMITED else min(free, self.model.available_to(POOL))) // part + more
        if amount > 0:
            self.say("assign", owner=owner, amount=amount)

    @precondition(lambda machine: any(grant["owner"] and grant["free"] for grant in machine.model.grants))
    @rule(back=recent, part=st.integers(1, 2), more=st.sampled_from([0, 0, 1]))
    def take_back(self, back: int, part: int, more: int) -> None:
        parts = [grant for grant in self.model.grants if grant["owner"] and grant["free"]]
        owner = parts[-1 - back % len(parts)]["owner"]
        amount = sum(grant["free"] for grant in parts if grant["owner"] == owner) // part + more
        if amount > 0:
            self.say("assign", owner=owner, amount=-amount)

    # What is said again

    @rule(back=st.integers(0, 12))
    def say_again(self, back: int) -> None:
        """The same key with the same input: replayed where it took effect, judged afresh where it was refused."""
        if back < len(self.sent):
            verb, said = self.sent[-1 - back]
            self.tell(verb, said)

    @rule(back=st.integers(0, 12))
    def say_something_else(self, back: int) -> None:
        """A known key with another input."""
        if back < len(self.sent):
            verb, said = self.sent[-1 - back]
            other = "clawback" if "clawback" in said else "twist"
            self.tell(verb, {**said, other: not said.get(other, False)})

    # Time

    @rule(step=st.sampled_from([SECOND, 30 * SECOND, 1, 60 * SECOND, 3_600 * SECOND, DAY, 7 * DAY, 30 * DAY]))
    def wait(self, step: int) -> None:
        self.move_to(self.model.now + step)

    @rule(off=st.sampled_from([-1, 0, 1]), settle_at_once=st.booleans())
    def wait_until_something_is_due(self, off: int, settle_at_once: bool) -> None:
        instants = [hold["expires"] for hold in self.model.holds if hold["state"] == "OPEN"]
        instants += [grant["expires"] for grant in self.model.grants if grant["expires"] < NEVER]
        instants += [grant["notice"] for grant in self.model.grants if grant["notice"] < NEVER]
        instants += self.quotes
        instants += [ends for _, ends in self.model.limits.windows.values()]
        instants += [began + 60 * SECOND for runs in self.model.limits.runs.values() for began in runs]
        later = [instant + off for instant in instants if instant + off > self.model.now]
        if later:
            self.move_to(min(later))
            if settle_at_once:
                self.look()

    @with_a_hold_that(is_open)
    @rule(which=any_hold, times=st.integers(2, 9))
    def keep_alive(self, which: Choice, times: int) -> None:
        """Extends a hold again and again, just in time, towards its seven days."""
        hold = self.an_open_hold(which)
        for _ in range(times):
            self.say("extend", hold=hold, amount=0, ttl=86_400)
            self.move_to(self.model.now + DAY - SECOND)

    # How it is compared

    def both(self, to_model: Callable[[], object], to_core: Callable[[], object]) -> None:
        """Says something without a key to both: it passes on both sides or is refused by the same name."""
        self.model.settle()
        expected = told = None
        try:
            to_model()
        except No as no:
            expected = str(no)
        try:
            to_core()
        except Refused as refused:
            told = type(refused.refusal).__name__
        assert told == expected

    def say(self, verb: str, **said: object) -> None:
        self.keys += 1
        if self.bench.due_holds_max < ALL_HOLDS:
            # No two holds end at one instant: which of them is loaded first is nobody's promise.
            self.move_to(self.model.now + 1)
        row: Row = {"key": f"k{self.keys}", **said}
        self.sent.append((verb, row))
        self.tell(verb, row)

    def tell(self, verb: str, said: Row) -> None:
        self.model.settle()
        expected = self.ask_model(verb, said)
        try:
            self.ask_core(verb, said)
            outcome: object = self.bench.last
        except Refused as refused:
            outcome = refused.refusal
        if isinstance(expected, str):
            assert type(outcome).__name__ == expected, f"{verb} {said}: {outcome}"
            if isinstance(outcome, RateLimited):
                wait = self.model.limits.retry_after_seconds(said["whom"][0], self.model.now)
                assert outcome.retry_after_seconds == wait
            return
        match outcome:
            case HoldEffect():
                answer = {
                    "hold": sorted(self.bench.shelf.holds).index(outcome.hold.hold_id),
                    "amount": outcome.amount,
                    "uncovered": outcome.uncovered,
                    "replayed": outcome.replayed,
                }
            case AccountEffect() if verb == "settle":
                # What is answered of an account does not tell a replay; the journal does.
                answer = {"replayed": expected["replayed"]}
            case GrantEffect():
                grant = sorted(self.bench.shelf.grants).index(outcome.grant.grant_id)
                answer = {"grant": grant, "replayed": outcome.replayed}
            case _:
                raise AssertionError(f"{verb} {said} was refused: {outcome}")
        assert answer == expected, f"{verb} {said}"

    def ask_model(self, verb: str, said: Row) -> Row | str:
        model = self.model
        lines = said.get("lines")
        unit = unit_of(lines)
        quote = said.get("quote")
        if lines is None and said.get("amount") is not None:
            lines = [(said["amount"], False)]

        def effect() -> Row:
            match verb:
                case "grant":
                    return model.grant(said["amount"], said["source"], said["priority"], said["expires"], said["cents"])
                case "reserve":
                    return model.reserve(said["amount"], said["ttl"] * SECOND, said["whom"], unit, quote)
                case "charge":
                    return model.charge(said["lines"], said["amount"], said["whom"], unit, quote)
                case "commit":
                    if said["hold"] < len(model.holds) and model.holds[said["hold"]]["state"] == "OPEN":
                        self.note_unit(said, unit)
                    return model.commit(said["hold"], self.what_remains(said, lines), said["final"], said["overrun"])
                case "release":
                    return model.release(said["hold"])
                case "extend":
                    ttl = said["ttl"] * SECOND if said["ttl"] is not None else None
                    return model.extend(said["hold"], said["amount"], ttl, quote)
                case "refund":
                    return model.refund(said["hold"], said["amount"])
                case "assign":
                    return model.assign(said["owner"], said["owner"] in MEMBERS, said["amount"])
                case "settle":
                    return model.settle_owed(said["amount"])
                case "send":
                    return model.send(said["amount"])
                case _:
                    return model.revoke(said["grant"], said["clawback"])

        name = "clawBack" if said.get("clawback") else verb
        content = sorted((word, repr(value)) for word, value in said.items())
        try:
            return model.once(name, said["key"], content, effect)
        except No as no:
            return str(no)

    def note_unit(self, said: Row, unit: int) -> None:
        """Metered lines bring their rounding to a hold that had none, if the commit goes through."""
        hold = self.model.holds[said["hold"]]
        cost = sum(cost for cost, _ in said.get("lines") or [])
        if said["overrun"] != OverrunPolicy.REFUSE or cost <= self.model.left(hold):
            hold["unit"] = max(hold["unit"], unit)

    def what_remains(self, said: Row, lines: list[tuple[int, bool]] | None) -> list[tuple[int, bool]] | None:
        """All that remains of an untouched hold of lines is those lines, and then the rounding."""
        if lines is not None or said["hold"] >= len(self.model.holds):
            return lines
        hold = self.model.holds[said["hold"]]
        reserved = hold.get("reserved")
        if reserved and not hold["lines"] and bound_of(reserved) == self.model.left(hold):
            return list(reserved)
        return None

    def ask_core(self, verb: str, said: Row) -> None:
        bench, key = self.bench, said["key"]
        amount = format_tokens(said["amount"]) if said.get("amount") is not None else None
        lines = [a_priced_line(*line) for line in said["lines"]] if said.get("lines") is not None else None
        unit = format_tokens(unit_of(said.get("lines")))
        hold_ids, grant_ids = sorted(bench.shelf.holds), sorted(bench.shelf.grants)
        hold = hold_ids[said["hold"]] if said.get("hold", NO_SUCH_ID) < len(hold_ids) else NO_SUCH_ID
        bench.said = sorted((word, repr(value)) for word, value in said.items())
        quote = said.get("quote")
        quoted_until = START + timedelta(microseconds=quote) if quote is not None else None
        match verb:
            case "grant":
                expires = START + timedelta(microseconds=said["expires"]) if said["expires"] < NEVER else None
                source = GrantSource(said["source"])
                bench.grant(
                    amount or "0",
                    source=source,
                    priority=said["priority"],
                    expires_at=expires,
                    key=key,
                    cents=said["cents"],
                )
            case "reserve":
                bench.reserve(
                    amount,
                    lines=lines or (),
                    rounding_unit=unit,
                    ttl_seconds=said["ttl"],
                    key=key,
                    **spelled(said["whom"]),
                    quote_expires_at=quoted_until,
                )
                if lines and isinstance(bench.last, HoldEffect) and not bench.last.replayed:
                    self.model.holds[-1]["reserved"] = said["lines"]
            case "charge":
                bench.charge(
                    lines=lines or (),
                    rounding_unit=unit,
                    key=key,
                    **spelled(said["whom"]),
                    quote_expires_at=quoted_until,
                )
            case "commit":
                bench.commit(
                    hold, amount, lines=lines, rounding_unit=unit, final=said["final"], overrun=said["overrun"], key=key
                )
            case "release":
                bench.release(hold, key=key)
            case "extend":
                added = amount if said["amount"] else None
                bench.extend(hold, added, ttl_seconds=said["ttl"], key=key, quote_expires_at=quoted_until)
            case "refund":
                bench.refund(hold, amount, key=key)
            case "assign":
                owner = "member" if said["owner"] in MEMBERS else "project"
                bench.assign(amount or "0", key=key, **{owner: said["owner"]})
            case "settle":
                bench.settle_owed(amount or "0", key=key)
            case "send":
                bench.send(amount or "0", key=key)
            case _:
                grant = grant_ids[said["grant"]] if said["grant"] < len(grant_ids) else NO_SUCH_ID
                (bench.claw_back if said["clawback"] else bench.revoke)(grant, key=key)

    def an_open_hold(self, which: Choice) -> int:
        return self.a_hold(which, is_open)

    def a_quote(self, back: int) -> int:
        return self.quotes[-1 - back % len(self.quotes)]

    def a_captured_hold(self, which: Choice) -> int:
        return self.a_hold(which, has_captures)

    def a_spent_grant(self) -> int | None:
        """The one of which most was spent, among those that were not taken back."""
        spent = [(self.model.spent_of(grant), grant["index"]) for grant in self.model.grants if not grant["ended"]]
        return max(spent)[1] if spent and max(spent)[0] > 0 else None

    def a_sent_grant(self) -> int | None:
        """The latest of which something was sent, among those that were not clawed back."""
        sent = [g["index"] for g in self.model.grants if g["sent"] > 0 and g["ended"] != "CLAWED_BACK"]
        return sent[-1] if sent else None

    def a_hold(self, which: Choice, fits: Callable[[Row], bool]) -> int:
        how, back = which
        indices = [index for index, hold in enumerate(self.model.holds) if how == "any" or fits(hold)]
        return indices[-1 - back % len(indices)] if indices else NO_SUCH_ID

    def move_to(self, instant: int) -> None:
        self.model.now = instant
        self.bench.at(START + timedelta(microseconds=instant))

    def look(self) -> None:
        """A read settles what is due, and then both show the same balance."""
        self.model.settle()
        self.bench.balance()
        model = self.model
        for whom in (POOL, ("anna", None), ("ben", None), (None, "film"), ("anna", "film")):
            member, project = whom
            balance = self.bench.balance_for(member=member, project=project)
            assert (balance.total, balance.held, balance.available, balance.assigned) == model.shown(whom), whom
            assert balance.owed == model.owed()
            assert balance.unlimited is (model.limit == UNLIMITED)
            # What is shown is what can be had.
            assert balance.unlimited or balance.available == model.available_to(whom)
            assert balance.mark == model.mark
            assert balance.level == model.level(whom)
            assert balance.remaining_percent == model.percent(whom)
            shown = balance.expiring_at and (micros_of(balance.expiring_at), balance.expiring_amount)
            assert shown == model.expiring(whom)
        self.look_at_limits()

    def look_at_limits(self) -> None:
        """Every limit as it is shown, of the account, its members and its projects, set or not."""
        bench, limits = self.bench, self.model.limits
        for whom in (POOL, ("anna", None), ("ben", None), (None, "film"), (None, "game")):
            member, project = whom
            state = bench.shelf.load(bench.a_reserve(member=member, project=project), bench.now, 1)
            for status in statuses_of(state, Spender(member_named(member), project), bench.now, bench.daily_limit):
                owner = (str(status.scope), project if status.scope == "PROJECT" else member)
                if status.scope == "ACCOUNT":
                    owner = ("ACCOUNT", None)
                resets_at = micros_of(status.resets_at) if status.resets_at is not None else None
                assert (status.limit, status.consumed, resets_at) == (
                    limits.holding(owner, status.period),
                    limits.consumed(owner, status.period),
                    limits.windows[status.period][1] if status.period != "TOTAL" else None,
                ), status

    def day_told(self, event: AlertEvent) -> tuple[object, ...]:
        assert event.scope is not None
        assert event.expires_at is not None
        ends = micros_of(event.expires_at)
        return str(event.scope.kind), event.threshold_percent, event.consumed, event.limit, ends

    @invariant()
    def they_agree(self) -> None:
        model, shelf = self.model, self.bench.shelf
        written = [
            (
                str(entry.kind),
                micros_of(entry.at),
                entry.total_change,
                entry.held_change,
                entry.owed_change,
                entry.spent,
            )
            for entry in shelf.entries
        ]
        assert written == model.journal
        assert [self.told(event) for _, event in sorted(shelf.alerts.items())] == model.events
        if any(grant["free"] > 0 and grant["expires"] <= model.now for grant in model.grants):
            return
        assert [
            (str(hold.state), hold.amount, hold.captured, hold.remaining, hold.refunded, micros_of(hold.expires_at))
            for _, hold in sorted(shelf.holds.items())
        ] == [
            (
                hold["state"],
                hold["amount"],
                sum(line["amount"] for line in hold["lines"]),
                model.left(hold),
                hold["refunded"],
                hold["expires"],
            )
            for hold in model.holds
        ]
        assert [
            (
                str(grant.source),
                grant.granted,
                grant.unheld,
                grant.held,
                grant.spent,
                grant.settled,
                grant.transferred,
                grant.paid_minor_units,
                owner_of(grant),
            )
            for _, grant in sorted(shelf.grants.items())
        ] == [
            (
                grant["source"],
                grant["granted"],
                grant["free"],
                model.held_of(grant),
                model.spent_of(grant),
                grant["settled"],
                grant["sent"],
                grant["cents"],
                grant["owner"],
            )
            for grant in model.grants
        ]
        assert [self.bench.total, self.bench.held, self.bench.owed, self.bench.available] == [
            in_tokens(micros) for micros in (model.total(), model.held(), model.owed(), model.available())
        ]

    def told(self, event: AlertEvent) -> Row:
        """An event as the model tells it."""
        grant_ids = sorted(self.bench.shelf.grants)
        percent, amount = event.threshold_percent, event.threshold_tokens
        threshold = ("%", percent) if percent is not None else ("=", amount)
        grant = None
        if event.grant_id is not None and event.expires_at is not None:
            grant = (grant_ids.index(event.grant_id), event.amount, micros_of(event.expires_at))
        return {
            "kind": str(event.kind),
            "at": micros_of(event.at),
            "version": event.version,
            "available": event.available,
            "threshold": threshold if event.kind is AlertKind.LOW_BALANCE else None,
            "rearmed": micros_of(event.rearmed_at) if event.rearmed_at is not None else None,
            "grant": grant,
            "day": self.day_told(event) if event.scope is not None else None,
        }


def a_setting(owner: Owner, period: str, limit: int | None) -> LimitSetting:
    scope, name = LimitScope(owner[0]), owner[1]
    if scope is LimitScope.PROJECT:
        return LimitSetting(scope, LimitPeriod(period), None, name, limit)
    return LimitSetting(scope, LimitPeriod(period), member_named(name), None, limit)


def micros_of(instant: datetime) -> int:
    return (instant - START) // timedelta(microseconds=1)


def spelled(whom: Whom) -> dict[str, Any]:
    return {"member": whom[0], "project": whom[1]}


def owner_of(grant: Grant) -> str | None:
    names = {member_named(name): name for name in MEMBERS}
    return names[grant.member_id] if grant.member_id is not None else grant.project


def unit_of(lines: list[tuple[int, bool]] | None) -> int:
    """A whole token where any line rounds at the end."""
    return MICROS if any(metered for _, metered in lines or []) else 0


def bound_of(lines: list[tuple[int, bool]]) -> int:
    """What a hold for these lines sets aside: their sum, and the rounding."""
    metered = sum(cost for cost, rounds_at_end in lines if rounds_at_end)
    return sum(cost for cost, _ in lines) + -metered % MICROS


def a_sent_part(version: int, part: Row) -> TransferPart:
    expires_at = START + timedelta(microseconds=part["expires"]) if part["expires"] < NEVER else None
    return TransferPart(version, part["amount"], part["priority"], expires_at, part["cents"], "usd")


def a_priced_line(cost: int, rounds_at_end: bool) -> Line:
    return Line(None, "flux", "image", "{}", 1, cost, 1, rounds_at_end)
