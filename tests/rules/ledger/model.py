"""A second, naive telling of the ledger's rules, written from the product's text and not from the core.

Plain dicts and lists, everything summed anew whenever it is asked for, no look-ups, no caches. The stateful test drives
the core and this model with the same commands and compares whatever can be seen. Amounts are micro-tokens, instants
microseconds since the test began; grants and holds are named by their order of creation.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any, TypeVar

from tests.rules.ledger.limit_model import ACCOUNT, LimitModel, Owner, owners_of

T = TypeVar("T")
SECOND = 1_000_000
DAY = 86_400 * SECOND
NEVER = 10**30
Row = dict[str, Any]
Whom = tuple[str | None, str | None]
"""For which member and project something is done; no two of them have one name."""
POOL: Whom = (None, None)


class No(Exception):
    """A refusal, by its name."""


class Model:
    """One account."""

    def __init__(self, grace: int = 7 * DAY, percents: tuple[int, ...] = (20, 10)) -> None:
        self.now = 0
        self.grace = grace
        self.grants: list[Row] = []
        self.holds: list[Row] = []
        self.limits = LimitModel(self.holds)
        self.warned: dict[Owner, tuple[int, int, int]] = {}
        """For whose day how much was told of last: in which window, how many percent, of which limit."""
        self.day_percents = {80}
        self.drawn = 0
        self.clawed = 0
        self.limit = 0
        self.frozen = False
        self.closed = False
        self.sent: list[list[Row]] = []
        """What was sent elsewhere, by transfer: its parts."""
        self.arrived: set[object] = set()
        self.mark = 0
        self.members: dict[str, bool] = {}
        self.done: dict[tuple[str, str], Row] = {}
        self.journal: list[tuple[str, int, int, int, int, int]] = []
        self.percents, self.amounts = set(percents), set[int]()
        self.events: list[Row] = []
        self.came_in = False

    # What can be seen

    def total(self) -> int:
        held: int = sum(part["held"] for hold in self.holds for part in hold["parts"] if part["grant"] is not None)
        free: int = sum(grant["free"] for grant in self.grants)
        return free + held

    def held(self) -> int:
        return sum(self.left(hold) for hold in self.holds)

    def owed(self) -> int:
        return self.drawn + self.clawed

    def available(self) -> int:
        return max(0, self.total() - self.held() - self.owed() + max(0, self.limit))

    def level(self, whom: Whom) -> str:
        if self.limit == -1:
            return "GREEN"
        if self.available_to(whom) == 0:
            return "RED"
        return "YELLOW" if self.available_to(whom) < max(map(self.amount_of, self.thresholds())) else "GREEN"

    def percent(self, whom: Whom) -> int | None:
        if self.limit == -1 or self.mark == 0:
            return None
        return min(100, int(Fraction(100 * self.available_to(whom), self.mark)))

    def expiring(self, whom: Whom) -> tuple[int, int] | None:
        """(instant, amount) of what expires next: held tokens do not."""
        mine = [grant for grant in self.grants if self.serves(grant, whom)]
        instants = {grant["expires"] for grant in mine if grant["free"] > 0 and grant["expires"] < NEVER}
        if not instants:
            return None
        soonest = min(instants)
        return soonest, sum(grant["free"] for grant in mine if grant["expires"] == soonest)

    def shown(self, whom: Whom) -> tuple[int, int, int, int]:
        """Total, held, available and assigned, as this member or project sees them."""
        mine = [grant for grant in self.grants if self.serves(grant, whom)]
        on_credit = sum(part["held"] for hold in self.holds for part in hold["parts"] if part["grant"] is None)
        total = sum(grant["free"] + self.held_of(grant) for grant in mine)
        held = sum(self.held_of(grant) for grant in mine) + on_credit
        assigned = sum(grant["free"] + self.held_of(grant) for grant in mine if grant["owner"] is not None)
        return total, held, max(0, total - held - self.owed() + max(0, self.limit)), assigned

    def left(self, hold: Row) -> int:
        return sum(part["held"] for part in hold["parts"])

    def held_of(self, grant: Row) -> int:
        return sum(part["held"] for hold in self.holds for part in hold["parts"] if part["grant"] is grant)

    def spent_of(self, grant: Row) -> int:
        """Captured, net of what was refunded to it."""
        return sum(
            part["captured"] - part["refunded"] + part["elsewhere"]
            for hold in self.holds
            for part in hold["parts"]
            if part["grant"] is grant
        )

    # Keys

    def once(self, verb: str, key: str, said: object, effect: Callable[[], Row]) -> Row:
        """A key does its work once; what was refused is judged afresh."""
        known = self.done.get((verb, key))
        if known is not None:
            if known["said"] != said:
                raise No("IdempotencyConflict")
            return {**known["answer"], "replayed": True}
        answer = self.step(effect)
        self.done[verb, key] = {"said": said, "answer": answer}
        return {**answer, "replayed": False}

    # Time

    def settle(self) -> None:
        """Everything due up to now, at its own instant, in order; where two coincide grants end before holds."""
        self.limits.settle(self.now)
        while True:
            due = [
                (g["expires"], 0, i) for i, g in enumerate(self.grants) if g["free"] > 0 and g["expires"] <= self.now
            ]
            due += [
                (h["expires"], 1, i)
                for i, h in enumerate(self.holds)
                if h["state"] == "OPEN" and h["expires"] <= self.now
            ]
            due += [(g["notice"], 2, i) for i, g in enumerate(self.grants) if g["free"] > 0 and g["notice"] <= self.now]
            if not due:
                return
            instant, what, index = min(due)
            if what == 0:
                self.step(partial(self.expire, self.grants[index], instant), instant)
            elif what == 1:
                self.step(partial(self.end, self.holds[index], "EXPIRED", instant, tell_always=True), instant)
            else:
                self.give_notice(self.grants[index], instant)

    def expire(self, grant: Row, instant: int) -> None:
        self.write("EXPIRY", instant, total=-grant["free"])
        grant["free"] = 0

    # Alerts

    def thresholds(self) -> list[tuple[str, int]]:
        """Greatest first, and a percentage before an equal amount; that of nothing left is always there."""
        percents = [("%", percent) for percent in self.percents | {0}]
        return sorted(percents + [("=", amount) for amount in self.amounts], key=lambda t: (-self.amount_of(t), t[0]))

    def amount_of(self, threshold: tuple[str, int]) -> Fraction:
        kind, number = threshold
        return Fraction(number * self.mark, 100) if kind == "%" else Fraction(number)

    def is_under(self, threshold: tuple[str, int], available: int) -> bool:
        return available == 0 if threshold == ("%", 0) else available < self.amount_of(threshold)

    def again_at(self, threshold: tuple[str, int]) -> Fraction:
        """What must be available for it to be armed again without tokens coming in."""
        kind, number = threshold
        return Fraction((number + 5) * self.mark, 100) if kind == "%" else Fraction(number * 105, 100)

    def spendable(self) -> int:
        return NEVER if self.limit == -1 else self.available_to((None, None))

    def step(self, effect: Callable[[], T], at: int | None = None) -> T:
        """Does something as a whole, and tells of what it led to."""
        before, wrote, consumed = self.spendable(), len(self.journal), self.consumed_today()
        answer = effect()
        if len(self.journal) == wrote:
            return answer
        at = self.now if at is None else at
        after, tokens_came_in = self.spendable(), self.came_in
        self.came_in = False
        for threshold in self.thresholds():
            still = [e for e in self.events if e["threshold"] == threshold and e["rearmed"] is None]
            if not still and self.is_under(threshold, after) and not self.is_under(threshold, before):
                self.tell("LOW_BALANCE", at, threshold=threshold)
            rises_far = after > 0 and after >= self.again_at(threshold)
            if after > before and (rises_far or (tokens_came_in and not self.is_under(threshold, after))):
                for event in still:
                    event["rearmed"] = at
        for owner, today in self.consumed_today().items():
            if today > consumed.get(owner, 0):
                self.tell_of_the_day(owner, consumed.get(owner, 0), at)
        for grant in self.grants:
            if grant["free"] > 0 and grant["notice"] < at:
                self.give_notice(grant, at)
        return answer

    def consumed_today(self) -> dict[Owner, int]:
        """Of everybody whom any work was for."""
        owners = dict.fromkeys(owner for hold in self.holds for owner in owners_of(hold["whom"]))
        return {owner: self.limits.consumed(owner, "DAY") for owner in owners}

    def tell_of_the_day(self, owner: Owner, before: int, at: int) -> None:
        """What today's consumption reaches of today's limit, and was not told already in this window, of this limit.

        Under another limit than then, or without the percentage that was told, what is reached anew is told anew.
        """
        limit, (window, ends) = self.limits.holding(owner, "DAY"), self.limits.windows["DAY"]
        if limit is None:
            return
        consumed = self.limits.consumed(owner, "DAY")
        told_in, told, told_of = self.warned.get(owner, (window, 0, limit))
        if told_in != window:
            told = 0
        if told_of != limit or told not in self.day_percents:
            told = max((percent for percent in self.reached(before, limit) if percent <= told), default=0)
        for percent in self.reached(consumed, limit):
            if percent > told:
                told = percent
                self.tell("DAY_LIMIT", at, day=(owner[0], percent, consumed, limit, ends))
        self.warned[owner] = window, told, limit

    def reached(self, consumed: int, limit: int) -> list[int]:
        return [p for p in sorted(self.day_percents) if consumed > 0 and Fraction(p * limit, 100) <= consumed]

    def tell(self, kind: str, at: int, threshold: object = None, grant: Row | None = None, day: object = None) -> None:
        more = (grant["index"], grant["free"], grant["expires"]) if grant is not None else None
        self.events.append(
            {
                "kind": kind,
                "at": at,
                "version": len(self.journal),
                "available": self.available_to((None, None)),
                "threshold": threshold,
                "rearmed": None,
                "grant": more,
                "day": day,
            }
        )

    def give_notice(self, grant: Row, at: int) -> None:
        grant["notice"] = NEVER
        self.tell("GRANT_EXPIRING", at, grant=grant)

    def set_alerts(self, percents: set[int], amounts: set[int], days: set[int]) -> None:
        if self.closed:
            raise No("InvalidInput")
        if (percents, amounts, days) == (self.percents, self.amounts, self.day_percents):
            return
        known, known_days = self.thresholds(), self.day_percents
        self.percents, self.amounts, self.day_percents = percents, amounts, days
        self.write("ADJUSTMENT")
        for event in self.events:
            if event["kind"] == "LOW_BALANCE" and event["rearmed"] is None:
                event["rearmed"] = None if event["threshold"] in self.thresholds() else self.now
        for threshold in self.thresholds():
            if threshold not in known and self.is_under(threshold, self.spendable()):
                self.tell("LOW_BALANCE", self.now, threshold=threshold)
        if days != known_days:
            self.judge_the_day(ACCOUNT)

    # Commands

    def grant(self, amount: int, source: str, priority: int, expires: int, cents: int) -> Row:
        if expires <= self.now or self.closed:
            raise No("InvalidInput")
        grant = self.new_grant(amount, source, priority, expires)
        grant["cents"] = cents
        self.write("GRANT", total=amount)
        self.came_in = True
        self.pay_debt(grant, amount)
        if source == "PURCHASE" or 100 * amount >= 5 * self.mark:
            self.mark = self.available_to(POOL)
        return {"grant": grant["index"]}

    def reserve(self, amount: int, ttl: int, whom: Whom, unit: int = 0, quote: int | None = None) -> Row:
        self.is_known(whom[0])
        self.is_promised(quote)
        self.may_start(amount, whom)
        self.limits.run(whom[0], self.now)
        hold: Row = {
            "state": "OPEN",
            "amount": 0,
            "created": self.now,
            "expires": self.now + ttl,
            "whom": whom,
            "parts": [],
            "lines": [],
            "refunded": 0,
            "unit": unit,
        }
        self.holds.append(hold)
        self.set_aside(hold, amount)
        return {"hold": len(self.holds) - 1, "amount": 0, "uncovered": 0}

    def charge(
        self, lines: list[tuple[int, bool]], amount: int, whom: Whom, unit: int, quote: int | None = None
    ) -> Row:
        answer = self.reserve(amount, 900 * SECOND, whom, unit, quote)
        hold = self.holds[answer["hold"]]
        uncovered = self.capture_lines(hold, lines, beyond=False)
        self.finish(hold, beyond=False)
        return {**answer, "amount": sum(line["amount"] for line in hold["lines"]), "uncovered": uncovered}

    def extend(self, index: int, amount: int, ttl: int | None, quote: int | None = None) -> Row:
        self.hold(index)
        self.is_promised(quote)
        hold = self.open_hold(index)
        if amount > 0:
            self.may_start(amount, hold["whom"], hold["created"])
        if ttl is not None:
            hold["expires"] = max(hold["expires"], min(self.now + ttl, hold["created"] + 7 * DAY))
        self.set_aside(hold, amount)
        return {"hold": index, "amount": 0, "uncovered": 0}

    def commit(self, index: int, lines: list[tuple[int, bool]] | None, final: bool, overrun: str) -> Row:
        """`lines`: (cost, rounds at the end); None: all that remains, which nothing can overrun."""
        hold = self.open_hold(index)
        if lines is None:
            lines, overrun = [(self.left(hold), False)], "REFUSE"
        if sum(cost for cost, _ in lines) > self.left(hold) and overrun == "REFUSE":
            raise No("HoldExceeded")
        before = sum(line["amount"] for line in hold["lines"])
        beyond = overrun == "CHARGE_AVAILABLE" and not self.frozen and not self.closed
        uncovered = self.capture_lines(hold, lines, beyond)
        if final:
            self.finish(hold, beyond)
        captured = sum(line["amount"] for line in hold["lines"]) - before
        return {"hold": index, "amount": captured, "uncovered": uncovered}

    def release(self, index: int) -> Row:
        self.end(self.open_hold(index), "RELEASED", self.now, tell_always=True)
        return {"hold": index, "amount": 0, "uncovered": 0}

    def refund(self, index: int, amount: int | None) -> Row:
        """Lines in proportion; the credit line first, as far as it is drawn; then grants in reverse burn order."""
        hold = self.hold(index)
        captured = sum(line["amount"] for line in hold["lines"])
        back = captured - hold["refunded"] if amount is None else amount
        if back <= 0 or back > captured - hold["refunded"]:
            raise No("NotRefundable")
        for line, share in self.in_proportion(hold["lines"], back):
            self.refund_line(hold, share)
            line["refunded"] += share
        hold["refunded"] += back
        return {"hold": index, "amount": back, "uncovered": 0}

    def revoke(self, index: int, clawback: bool) -> Row:
        if index >= len(self.grants):
            raise No("NotFound")
        grant = self.grants[index]
        if grant["ended"] == "CLAWED_BACK" or (grant["ended"] == "REVOKED" and not clawback):
            raise No("InvalidInput")
        self.take_away(grant, clawback)
        for part in [part for part in self.grants if part["from"] is grant]:
            is_concerned = part["free"] + self.held_of(part) + self.spent_of(part) + part["settled"] > 0
            if is_concerned and (part["ended"] is None or (part["ended"] == "REVOKED" and clawback)):
                self.take_away(part, clawback)
        return {"grant": index}

    def take_away(self, grant: Row, clawback: bool) -> None:
        grant["ended"] = "CLAWED_BACK" if clawback else "REVOKED"
        grant["notice"] = NEVER
        used = self.spent_of(grant) + grant["settled"] + grant["sent"] if clawback else 0
        self.write("CLAWBACK" if clawback else "REVOCATION", total=-grant["free"], owed=used)
        grant["free"] = 0
        self.clawed += used

    def assign(self, owner: str, is_member: bool, amount: int) -> Row:
        """From the pool in burn order to the owner; or back (below 0), what it would burn last first."""
        whom: Whom = (owner, None) if is_member else (None, owner)
        self.is_known(whom[0])
        if self.closed:
            raise No("InvalidInput")
        mine = [
            grant
            for grant in sorted(self.grants, key=lambda grant: self.burn_rank(grant, whom))
            if grant["free"] > 0 and grant["owner"] == (owner if amount < 0 else None)
        ]
        possible = sum(grant["free"] for grant in mine)
        if amount > 0 and self.limit != -1:
            possible = min(possible, self.available_to(POOL))
        if abs(amount) > possible:
            raise No("InsufficientTokens")
        concerned: list[Row] = []
        left = abs(amount)
        for grant in mine if amount > 0 else mine[::-1]:
            share = min(left, grant["free"])
            if share > 0:
                left -= share
                concerned.append(self.assign_part(grant, share, owner, self.now) if amount > 0 else grant)
                if amount < 0:
                    self.back_to_the_pool(grant, share, self.now)
        return {"grant": concerned[0]["index"]}

    def assign_part(self, grant: Row, share: int, owner: str, at: int) -> Row:
        grant["free"] -= share
        part = self.new_grant(share, "ASSIGNMENT", grant["priority"], grant["expires"], born=at)
        part.update(owner=owner, grace=grant["grace"], cents=self.cents_of(grant, share))
        part["from"] = grant
        self.write("ASSIGNMENT", at)
        return part

    def back_to_the_pool(self, part: Row, share: int, at: int) -> Row:
        part["free"] -= share
        whole: Row = part["from"]
        whole["free"] += share
        whole["cents"] += self.cents_of(part, share)
        whole["paid for"] += share
        self.write("ASSIGNMENT", at)
        return whole

    def cents_of(self, grant: Row, share: int) -> int:
        """Tokens take their share of the money along wherever they go, but no part of a cent."""
        cents = int(Fraction(grant["cents"] * share, grant["paid for"]))
        grant["cents"] -= cents
        grant["paid for"] -= share
        return cents

    def add_member(self, name: str) -> None:
        if self.closed:
            raise No("InvalidInput")
        if not self.members.get(name, False):
            self.members[name] = True
            self.write("ADJUSTMENT")

    def remove_member(self, name: str) -> None:
        if name not in self.members:
            raise No("NotFound")
        if self.closed:
            raise No("InvalidInput")
        self.step(partial(self.take_out, name))

    def take_out(self, name: str) -> None:
        if self.members[name]:
            self.members[name] = False
            self.write("ADJUSTMENT")
            for part in sorted(self.grants, key=lambda grant: self.burn_rank(grant, (name, None))):
                if part["owner"] == name and part["free"] > 0:
                    self.back_to_the_pool(part, part["free"], self.now)

    def is_known(self, member: str | None) -> None:
        if member is not None and not self.members.get(member, False):
            raise No("NotFound")

    def is_removed(self, owner: str | None) -> bool:
        return owner is not None and not self.members.get(owner, True)

    def settle_owed(self, amount: int) -> Row:
        """Paid elsewhere: what was clawed back first, then what was drawn."""
        if amount > self.owed():
            raise No("InvalidInput")
        first = min(amount, self.clawed)
        self.clawed -= first
        self.drawn -= amount - first
        self.write("SETTLEMENT", owed=-amount)
        return {}

    def close(self) -> None:
        self.step(self.shut)

    def shut(self) -> None:
        if self.closed:
            return
        self.closed = True
        self.write("ADJUSTMENT")
        for grant in self.grants:
            if grant["ended"] is None and grant["free"] + self.held_of(grant) > 0:
                self.take_all(grant)

    def take_all(self, grant: Row) -> None:
        grant["ended"] = "REVOKED"
        self.write("REVOCATION", total=-grant["free"])
        grant["free"] = 0

    def send(self, amount: int) -> Row:
        """Unassigned tokens in burn order; neither credit nor what a debt claims."""
        if self.closed:
            raise No("InvalidInput")
        free = sum(grant["free"] for grant in self.grants if grant["owner"] is None)
        credit = 10**30 if self.limit == -1 else self.available_to(POOL)
        if amount > min(free, credit):
            raise No("InsufficientTokens")
        taken = self.take(amount, POOL)
        parts: list[Row] = []
        for grant, share in taken:
            assert grant is not None
            grant["sent"] += share
            as_good = {"priority": grant["priority"], "expires": grant["expires"]}
            parts.append({"amount": share, "cents": self.cents_of(grant, share), **as_good})
            self.write("TRANSFER", total=-share)
        self.sent.append(parts)
        assert taken[0][0] is not None
        return {"grant": taken[0][0]["index"]}

    def receive(self, name: object, parts: list[Row], *, own: bool) -> None:
        """Once by its name: each part as a grant, which is over at once where its time is."""
        if name in self.arrived:
            return
        if self.closed and not own:
            raise No("InvalidInput")
        self.arrived.add(name)
        self.step(partial(self.take_in, parts))

    def take_in(self, parts: list[Row]) -> None:
        for part in parts:
            grant = self.new_grant(part["amount"], "TRANSFER", part["priority"], part["expires"])
            grant["cents"] = part["cents"]
            self.write("TRANSFER", total=part["amount"])
            self.came_in = True
            if self.closed:
                self.take_all(grant)
            elif part["expires"] <= self.now:
                self.write("EXPIRY", total=-part["amount"])
                grant["free"] = 0
            else:
                self.pay_debt(grant, part["amount"])
                self.mark = self.available_to(POOL)

    def adjust(self, limit: int | None, frozen: bool | None) -> None:
        if self.closed:
            raise No("InvalidInput")
        self.step(partial(self.change, limit, frozen))

    def change(self, limit: int | None, frozen: bool | None) -> None:
        if frozen is not None and frozen != self.frozen:
            self.frozen = frozen
            self.write("ADJUSTMENT")
        if limit is not None and limit != self.limit:
            self.limit = limit
            self.write("ADJUSTMENT")

    def set_limit(self, owner: tuple[str, str | None], period: str, limit: int | None) -> None:
        if owner[0] == "MEMBER":
            self.is_known(owner[1])
        if self.closed:
            raise No("InvalidInput")
        if self.limits.set(owner, period, limit):
            self.write("ADJUSTMENT")
            if period == "DAY" and owner != ("MEMBER", None):
                self.judge_the_day(owner)

    def judge_the_day(self, owner: Owner) -> None:
        """Its limit or the percentages are others; what is lifted is forgotten."""
        if self.limits.holding(owner, "DAY") is None:
            self.warned.pop(owner, None)
        self.tell_of_the_day(owner, self.limits.consumed(owner, "DAY"), self.now)

    def change_zone(self, zone: str) -> None:
        if self.closed:
            raise No("InvalidInput")
        if self.limits.change_zone(zone, self.now):
            self.write("ADJUSTMENT")

    def settle_credit(self, amount: int) -> None:
        """An invoice was paid."""
        self.drawn -= amount
        self.write("SETTLEMENT", owed=-amount)

    # Their parts

    def write(
        self, kind: str, at: int | None = None, *, total: int = 0, held: int = 0, owed: int = 0, spent: int = 0
    ) -> None:
        self.journal.append((kind, self.now if at is None else at, total, held, owed, spent))

    def hold(self, index: int) -> Row:
        if index >= len(self.holds):
            raise No("NotFound")
        return self.holds[index]

    def open_hold(self, index: int) -> Row:
        hold = self.hold(index)
        if hold["state"] == "EXPIRED":
            raise No("HoldExpired")
        if hold["state"] != "OPEN":
            raise No("HoldNotOpen")
        return hold

    def new_grant(
        self, amount: int, source: str, priority: int, expires: int, *, grace: bool = False, born: int | None = None
    ) -> Row:
        grant: Row = {
            "index": len(self.grants),
            "source": source,
            "granted": amount,
            "free": amount,
            "priority": priority,
            "expires": expires,
            "ended": None,
            "settled": 0,
            "grace": grace,
            "owner": None,
            "from": None,
            "sent": 0,
            "cents": 0,
            "paid for": amount,
        }
        born = self.now if born is None else born
        early = 7 * DAY if expires - born > 8 * DAY else DAY
        grant["notice"] = expires - early if born < expires - early and expires < NEVER else NEVER
        self.grants.append(grant)
        return grant

    def burn_rank(self, grant: Row | None, whom: Whom) -> tuple[Any, ...]:
        if grant is None:
            return (1,)
        assigned = grant["owner"] is not None and grant["owner"] in whom
        return 0, not assigned, grant["priority"], grant["expires"], grant["index"]

    def serves(self, grant: Row, whom: Whom) -> bool:
        return grant["owner"] is None or grant["owner"] in whom

    def available_to(self, whom: Whom) -> int:
        """What is assigned to somebody else is not to be had."""
        closed: int = sum(grant["free"] for grant in self.grants if not self.serves(grant, whom))
        return max(0, self.total() - self.held() - self.owed() + max(0, self.limit) - closed)

    def is_promised(self, quote: int | None) -> None:
        """A quote is the instant at which its price is promised no longer."""
        if quote is not None and self.now >= quote:
            raise No("QuoteExpired")

    def may_start(self, amount: int, whom: Whom, began: int | None = None) -> None:
        """`began`: when the hold did that is added to; None: it would be a run of its own."""
        if self.frozen or self.closed:
            raise No("AccountFrozen")
        if began is None and self.limits.retry_after_seconds(whom[0], self.now) is not None:
            raise No("RateLimited")
        if amount > self.limits.left(whom, self.now if began is None else began):
            raise No("LimitReached")
        if self.limit != -1 and amount > self.available_to(whom):
            raise No("InsufficientTokens")

    def take(self, amount: int, whom: Whom) -> list[tuple[Row | None, int]]:
        """From free tokens in burn order, then from the credit line."""
        taken: list[tuple[Row | None, int]] = []
        for grant in sorted(self.grants, key=lambda grant: self.burn_rank(grant, whom)):
            share = min(amount, grant["free"])
            if share > 0 and self.serves(grant, whom):
                grant["free"] -= share
                amount -= share
                taken.append((grant, share))
        return [*taken, (None, amount)] if amount > 0 else taken

    def set_aside(self, hold: Row, amount: int) -> None:
        for grant, share in self.take(amount, hold["whom"]):
            hold["parts"].append({"grant": grant, "held": share, "captured": 0, "refunded": 0, "elsewhere": 0})
        hold["amount"] += amount
        self.write("HOLD", held=amount)

    def capture_lines(self, hold: Row, lines: list[tuple[int, bool]], beyond: bool) -> int:
        """Gives what stays uncovered."""
        uncovered = 0
        for cost, rounds_at_end in lines:
            charged = self.capture(hold, cost, beyond, rounds_at_end)
            uncovered += cost - charged
        return uncovered

    def capture(self, hold: Row, cost: int, beyond: bool, rounds_at_end: bool, kind: str = "CAPTURE") -> int:
        """First from the hold, in burn order; then, if allowed, from what is available now. Gives what was charged."""
        free_before = {id(grant): grant["free"] for grant in self.grants}
        from_hold = from_grants = from_credit = 0
        debts: list[int] = []
        for part in sorted(hold["parts"], key=lambda part: self.burn_rank(part["grant"], hold["whom"])):
            share = min(cost - from_hold, part["held"])
            if share <= 0:
                continue
            part["held"] -= share
            part["captured"] += share
            from_hold += share
            if part["grant"] is None:
                from_credit += share
                self.drawn += share
            else:
                from_grants += share
                if part["grant"]["ended"] == "CLAWED_BACK":
                    debts.append(share)
                    self.clawed += share
        more = 0
        if beyond:
            allowed = cost if self.limit == -1 else self.available_to(hold["whom"])
            # What this line took from the hold is consumed as before, although it stands on neither side now.
            within = max(0, self.limits.left(hold["whom"], hold["created"]) - from_hold)
            more = min(cost - from_hold, allowed, within)
            for grant, share in self.take(more, hold["whom"]):
                hold["parts"].append({"grant": grant, "held": 0, "captured": share, "refunded": 0, "elsewhere": 0})
                if grant is None:
                    from_credit += share
                    self.drawn += share
                else:
                    from_grants += share
                    assert free_before[id(grant)] >= share
        charged = from_hold + more
        hold["lines"].append({"amount": charged, "refunded": 0, "metered": rounds_at_end, "kind": kind})
        self.write(kind, total=-from_grants, held=-from_hold, owed=from_credit, spent=charged)
        for debt in debts:
            self.write("CLAWBACK", owed=debt)
        return charged

    def finish(self, hold: Row, beyond: bool) -> None:
        """Rounding of metered lines, once; then the rest goes back."""
        metered = sum(line["amount"] for line in hold["lines"] if line["metered"])
        missing = -metered % hold["unit"] if hold["unit"] else 0
        possible = self.left(hold)
        if beyond and missing > possible:
            debt = sum(p["held"] for p in hold["parts"] if p["grant"] and p["grant"]["ended"] == "CLAWED_BACK")
            available = missing if self.limit == -1 else max(0, self.available_to(hold["whom"]) - debt)
            possible += min(available, self.limits.left(hold["whom"], hold["created"]))
        if min(missing, possible) > 0:
            self.capture(hold, min(missing, possible), beyond, False, "ROUNDING")
        self.end(hold, "COMMITTED", self.now, tell_always=False)

    def end(self, hold: Row, state: str, at: int, *, tell_always: bool) -> None:
        rest = self.left(hold)
        hold["state"] = state
        if rest > 0 or tell_always:
            self.write("RELEASE", at, held=-rest)
        back: dict[int, int] = {}
        for part in hold["parts"]:
            share, part["held"] = part["held"], 0
            if share > 0 and part["grant"] is not None:
                index = part["grant"]["index"]
                back[index] = back.get(index, 0) + share
        for index, share in back.items():
            self.come_back(self.grants[index], share, at)

    def come_back(self, grant: Row, share: int, at: int) -> Row | None:
        """Tokens return to a grant; gives the grant on which they are now, None if they are gone."""
        if self.closed and grant["ended"] is None:
            grant["ended"] = "REVOKED"
        if grant["ended"]:
            self.write("REVOCATION" if grant["ended"] == "REVOKED" else "CLAWBACK", at, total=-share)
            return None
        if grant["expires"] > at:
            grant["free"] += share
            return self.back_to_the_pool(grant, share, at) if self.is_removed(grant["owner"]) else grant
        self.write("EXPIRY", at, total=-share)
        if grant["grace"] or self.grace == 0:
            return None
        self.write("GRANT", at, total=share)
        later = self.new_grant(share, "ADJUSTMENT", grant["priority"], at + self.grace, grace=True, born=at)
        if grant["owner"] is None or self.is_removed(grant["owner"]):
            return later
        return self.assign_part(later, share, grant["owner"], at)

    def pay_debt(self, grant: Row, incoming: int) -> None:
        payment = min(self.clawed, incoming)
        if payment > 0:
            grant["free"] -= payment
            grant["settled"] += payment
            self.clawed -= payment
            self.write("SETTLEMENT", total=-payment, owed=-payment)

    def in_proportion(self, lines: list[Row], amount: int) -> list[tuple[Row, int]]:
        """Largest remainders first, older lines before younger ones."""
        whole = sum(line["amount"] - line["refunded"] for line in lines)
        exact = [Fraction(amount * (line["amount"] - line["refunded"]), whole) for line in lines]
        shares = [int(share) for share in exact]
        while sum(shares) < amount:
            missing = [share - got for share, got in zip(exact, shares, strict=True)]
            shares[missing.index(max(missing))] += 1
        return [(line, share) for line, share in zip(lines, shares, strict=True) if share > 0]

    def refund_line(self, hold: Row, amount: int) -> None:
        repaid = anew = 0
        back: list[tuple[Row, int]] = []
        for part in sorted(hold["parts"], key=lambda part: self.burn_rank(part["grant"], hold["whom"]))[::-1]:
            share = min(amount, part["captured"] - part["refunded"])
            if share <= 0:
                continue
            amount -= share
            part["refunded"] += share
            if part["grant"] is None:
                to_credit = min(share, self.drawn)
                self.drawn -= to_credit
                repaid += to_credit
                anew += share - to_credit
            elif part["grant"]["ended"] == "CLAWED_BACK":
                part["elsewhere"] += share
                anew += share
            else:
                back.append((part["grant"], share))
        on_grants = anew + sum(share for _, share in back)
        self.write("REFUND", total=on_grants, owed=-repaid, spent=-(on_grants + repaid))
        successor = self.new_grant(anew, "ADJUSTMENT", 50, NEVER) if anew > 0 else None
        incoming: list[tuple[Row, int]] = []
        for grant, share in back:
            now_on = self.come_back(grant, share, self.now)
            if now_on is not None:
                incoming.append((now_on, share))
        if successor is not None:
            incoming.append((successor, anew))
        for grant, share in incoming:
            self.pay_debt(grant, share)
        if successor is not None and self.closed:
            self.take_all(successor)
