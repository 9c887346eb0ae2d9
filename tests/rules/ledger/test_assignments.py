"""Tokens assigned to members and projects: who may spend them, what comes back, and what ends with what."""

from __future__ import annotations

import pytest

from rules.ledger import assignments
from rules.ledger.kinds import GrantEnd, GrantSource, OverrunPolicy
from rules.ledger.refusals import InsufficientTokens, NotFound
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MICROS
from tests.rules.ledger.notation import after, fact, in_tokens, refusal, tokens
from tests.rules.ledger.workbench import Workbench, an_account, member_named


def a_team(tokens: int = 100, **more: int) -> Workbench:
    """An account with two members."""
    bench = an_account(tokens=tokens, **more)
    bench.add_member("anna")
    bench.add_member("ben")
    return bench


def shown(bench: Workbench, *, member: str | None = None, project: str | None = None) -> tuple[int, int, int, int]:
    """Total, held, available and assigned, as they are seen for somebody, in whole tokens."""
    balance = bench.balance_for(member=member, project=project)
    micros = (balance.total, balance.held, balance.available, balance.assigned)
    return tuple(int(in_tokens(amount)) for amount in micros)


class TestAssigning:
    def test_splits_a_part_off_that_is_as_good_as_the_whole(self) -> None:
        bench = an_account()
        bought = bench.grant(100, expires_in=60, priority=7, source=GrantSource.PURCHASE)
        part = bench.lot(bench.assign(30, project="film"))
        assert (part.source, in_tokens(part.granted), in_tokens(part.remaining)) == (GrantSource.ASSIGNMENT, 30, 30)
        assert (part.parent_id, part.project, part.member_id) == (bought, "film", None)
        assert (part.priority, part.expires_at) == (7, after(60))
        assert (in_tokens(bench.lot(bought).remaining), in_tokens(bench.lot(bought).moved)) == (70, 30)

    def test_writes_one_entry_for_each_part_and_changes_no_sum(self) -> None:
        bench = a_team(10)
        bench.grant(20)
        bench.assign(25, member="anna")
        assert bench.written == [fact("ASSIGNMENT"), fact("ASSIGNMENT")]
        entries = bench.entries[-2:]
        assert [entry.note for entry in entries] == ["assigned 10", "assigned 15"]
        assert all(entry.member_id == member_named("anna") for entry in entries)
        assert [entry.grant_id for entry in entries] == [entry.version for entry in entries]
        assert bench.available == 30

    def test_takes_from_the_pool_in_burn_order(self) -> None:
        bench = an_account()
        never, soon, first = bench.grant(10), bench.grant(10, expires_in=60), bench.grant(10, priority=1)
        bench.assign(15, project="film")
        assert bench.left_on(never, soon, first) == [10, 5, 0]

    def test_answers_with_the_first_part_and_its_owners_balance(self) -> None:
        bench = a_team()
        bench.assign(30, member="anna", key="k")
        effect = bench.last
        assert (effect.grant.member_id, effect.balance.spender.member_id) == (member_named("anna"),) * 2
        assert (effect.balance.total, effect.balance.assigned) == (tokens(100), tokens(30))
        bench.assign(30, member="anna", key="k")
        again = bench.last
        assert (again.replayed, again.balance) == (True, effect.balance)
        assert bench.written == []

    def test_takes_neither_held_nor_expired_nor_assigned_tokens(self) -> None:
        bench = an_account()
        bench.grant(50, expires_in=60)
        bench.grant(40)
        bench.wait(60)
        bench.reserve(10)
        bench.assign(12, project="game")
        with refusal(InsufficientTokens(tokens("18.000001"), tokens(18))):
            bench.assign("18.000001", project="film")
        bench.assign(18, project="film")

    def test_takes_nothing_from_the_credit_line_nor_what_is_owed(self) -> None:
        bench = an_account(credit_limit=50)
        spent = bench.grant(10)
        bench.charge(10)
        bench.claw_back(spent)
        bench.grant(30)
        bench.charge(60)
        bench.adjust(credit_limit=0)
        bench.grant(50)
        assert bench.available == 10
        with refusal(InsufficientTokens(tokens(11), tokens(10))):
            bench.assign(11, project="film")

    def test_an_unlimited_account_has_no_more_than_its_tokens_to_assign(self) -> None:
        bench = an_account(tokens=10, credit_limit="unlimited")
        with refusal(InsufficientTokens(tokens(11), tokens(10))):
            bench.assign(11, project="film")

    @pytest.mark.parametrize("member", ["anna", "carl"])
    def test_to_nobody(self, member: str) -> None:
        bench = a_team()
        bench.remove_member("anna")
        with refusal(NotFound("member")):
            bench.assign(5, member=member, refused=InvalidInput("amount", "…"))

    def test_passes_where_the_account_is_frozen(self) -> None:
        bench = an_account(tokens=10, frozen=True)
        bench.assign(5, project="film")

    def test_more_lots_than_can_be_looked_through(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(assignments, "ASSIGNED_GRANTS_MAX", 2)
        bench = an_account(tokens=10)
        bench.assign(2, project="film")
        bench.grant(10)
        with refusal(InvalidInput):
            bench.assign(18, project="film")
        bench.assign(8, project="film")
        bench.assign(-8, project="film")
        bench.assign(1, project="game")


class TestMoney:
    def test_goes_along_in_proportion_and_adds_up(self) -> None:
        bench = an_account()
        bought = bench.grant(3)
        bench.lot(bought).paid_minor_units, bench.lot(bought).paid_currency = 100, "usd"
        parts = [bench.assign(1, project="film") for _ in range(3)]
        assert [bench.lot(part).paid_minor_units for part in parts] == [33, 33, 34]
        assert bench.lot(bought).paid_minor_units == 0
        assert {bench.lot(part).paid_currency for part in parts} == {"usd"}
        bench.assign(-3, project="film")
        assert bench.lot(bought).paid_minor_units == 100

    def test_what_was_spent_keeps_its_share(self) -> None:
        bench = an_account()
        bought = bench.grant(10)
        bench.lot(bought).paid_minor_units = 1_000
        bench.charge(5)
        part = bench.assign(5, project="film")
        assert (bench.lot(part).paid_minor_units, bench.lot(bought).paid_minor_units) == (500, 500)


class TestSpending:
    def test_ones_own_tokens_go_first_whatever_their_priority(self) -> None:
        bench = a_team(1)
        bench.grant(50, priority=90)
        part = bench.assign(51, member="anna")
        pool = bench.grant(20, priority=1)
        bench.charge(30, member="anna")
        assert bench.left_on(part, part + 1, pool) == [0, 21, 20]

    def test_nobody_spends_what_is_assigned_to_another(self) -> None:
        bench = a_team(100)
        bench.assign(60, member="anna")
        for member, project in (("ben", None), (None, None), (None, "film"), ("ben", "film")):
            with refusal(InsufficientTokens(tokens("40.000001"), tokens(40))):
                bench.reserve("40.000001", member=member, project=project)
        bench.reserve(100, member="anna", project="film")

    def test_a_member_works_on_a_project_with_both(self) -> None:
        bench = a_team(100)
        bench.assign(30, member="anna")
        bench.assign(30, project="film")
        assert shown(bench, member="anna", project="film") == (100, 0, 100, 60)
        bench.reserve(100, member="anna", project="film")

    @pytest.mark.parametrize("name", ["carl", "ben"])
    def test_for_nobody(self, name: str) -> None:
        bench = a_team()
        bench.remove_member("ben")
        with refusal(NotFound("member")):
            bench.reserve(1, member=name, refused=InvalidInput("ttlSeconds", "…"))
        with refusal(NotFound("member")):
            bench.charge(1, member=name)

    def test_what_took_effect_for_a_member_is_replayed_after_its_removal(self) -> None:
        bench = a_team()
        hold = bench.reserve(10, member="anna", key="k")
        bench.remove_member("anna")
        assert bench.reserve(10, member="anna", key="k") == hold

    def test_holds_captures_and_entries_say_for_whom(self) -> None:
        bench = a_team()
        hold = bench.reserve(10, member="anna", project="film")
        bench.commit(hold, 4)
        anna = member_named("anna")
        assert (bench.hold(hold).member_id, bench.shelf.lines[hold][0].member_id) == (anna, anna)
        assert [(entry.member_id, entry.project) for entry in bench.entries[-3:]] == [(anna, "film")] * 3

    def test_an_overrun_takes_no_tokens_of_others(self) -> None:
        bench = a_team(100)
        bench.assign(60, member="anna")
        hold = bench.reserve(10, member="ben")
        effect = bench.commit(hold, 100, overrun=OverrunPolicy.CHARGE_AVAILABLE)
        assert (effect.amount, effect.uncovered) == (tokens(40), tokens(60))


class TestTakingBack:
    def test_gives_to_the_grant_that_it_came_from(self) -> None:
        bench = an_account()
        bought = bench.grant(100)
        part = bench.assign(60, project="film")
        assert bench.assign(-20, project="film") == part
        assert bench.left_on(bought, part) == [60, 40]
        assert bench.written == [fact("ASSIGNMENT")]
        assert bench.entries[-1].note == "taken back 20"

    def test_begins_with_what_its_owner_would_burn_last(self) -> None:
        bench = an_account()
        bench.grant(10, expires_in=60)
        bench.grant(10)
        soon = bench.assign(20, project="film")
        bench.assign(-12, project="film")
        assert bench.left_on(soon, soon + 1) == [8, 0]

    def test_takes_only_that_owners_and_nothing_on_hold(self) -> None:
        bench = a_team()
        bench.assign(30, member="anna")
        bench.assign(30, project="film")
        bench.reserve(10, member="anna")
        with refusal(InsufficientTokens(tokens(21), tokens(20))):
            bench.assign(-21, member="anna")
        bench.assign(-20, member="anna")
        assert shown(bench, project="film") == (90, 0, 90, 30)

    def test_wakes_the_account_for_the_tokens_that_are_back(self) -> None:
        bench = an_account()
        bought = bench.grant(10, expires_in=60)
        bench.assign(10, project="film")
        bench.assign(-10, project="film")
        bench.wait(60)
        bench.balance()
        assert bench.left_on(bought) == [0]
        assert bench.written == [fact("EXPIRY", total=-10)]

    def test_can_be_assigned_again(self) -> None:
        bench = a_team(10)
        bench.assign(10, member="anna")
        bench.assign(-10, member="anna")
        bench.assign(10, member="ben")
        bench.charge(10, member="ben")


class TestRemoval:
    def test_gives_back_what_is_not_on_hold(self) -> None:
        bench = a_team(100)
        bench.assign(60, member="anna")
        bench.reserve(25, member="anna")
        bench.remove_member("anna")
        assert bench.written == [fact("ADJUSTMENT"), fact("ASSIGNMENT")]
        assert bench.entries[-1].note == "taken back 35"
        assert shown(bench) == (75, 0, 75, 0)

    @pytest.mark.parametrize("way", ["release", "commit", "ttl"])
    def test_what_comes_back_later_goes_on_to_the_pool(self, way: str) -> None:
        bench = a_team(100)
        part = bench.assign(60, member="anna")
        hold = bench.reserve(25, member="anna", ttl_seconds=60)
        bench.remove_member("anna")
        spent = 0
        if way == "release":
            bench.release(hold)
        elif way == "commit":
            spent = 5
            bench.commit(hold, 5)
        else:
            bench.wait(60)
            bench.balance()
        assert bench.written[-2:] == [fact("RELEASE", held=spent - 25), fact("ASSIGNMENT")]
        assert bench.left_on(part) == [0]
        assert shown(bench) == (100 - spent, 0, 100 - spent, 0)

    def test_a_refund_goes_on_to_the_pool_too(self) -> None:
        bench = a_team(100)
        bench.assign(60, member="anna")
        hold = bench.charge(60, member="anna").hold.hold_id
        bench.remove_member("anna")
        bench.refund(hold, 20)
        assert bench.written == [fact("REFUND", total=20, spent=-20), fact("ASSIGNMENT")]
        assert shown(bench) == (60, 0, 60, 0)

    def test_who_is_back_by_then_keeps_it(self) -> None:
        bench = a_team(100)
        bench.assign(60, member="anna")
        hold = bench.reserve(25, member="anna")
        bench.remove_member("anna")
        bench.add_member("anna")
        bench.release(hold)
        assert shown(bench, member="anna") == (100, 0, 100, 25)

    def test_of_somebody_else_changes_nothing(self) -> None:
        bench = a_team(100)
        bench.assign(60, member="anna")
        bench.remove_member("ben")
        assert shown(bench, member="anna") == (100, 0, 100, 60)


class TestExpiry:
    def test_ends_a_part_with_its_whole(self) -> None:
        bench = an_account()
        bench.grant(100, expires_in=60)
        bench.assign(30, project="film")
        bench.wait(60)
        bench.balance()
        assert bench.written == [fact("EXPIRY", total=-70), fact("EXPIRY", total=-30)]
        assert [entry.project for entry in bench.entries[-2:]] == [None, "film"]

    def test_what_comes_back_too_late_is_assigned_again_for_its_grace(self) -> None:
        bench = a_team(1)
        bench.grant(100, expires_in=60)
        bench.assign(30, member="anna")
        hold = bench.reserve(30, member="anna")
        bench.wait(61)
        bench.release(hold)
        assert bench.written[-4:] == [
            fact("RELEASE", held=-30),
            fact("EXPIRY", total=-30),
            fact("GRANT", total=30),
            fact("ASSIGNMENT"),
        ]
        assert shown(bench, member="anna") == (31, 0, 31, 30)

    def test_of_a_removed_member_stays_with_the_pool(self) -> None:
        bench = a_team(1)
        bench.grant(100, expires_in=60)
        bench.assign(30, member="anna")
        hold = bench.reserve(30, member="anna")
        bench.remove_member("anna")
        bench.wait(61)
        bench.release(hold)
        assert bench.written[-1] == fact("GRANT", total=30)
        assert shown(bench) == (31, 0, 31, 0)

    def test_grace_is_given_once_also_to_what_was_assigned_of_it(self) -> None:
        bench = an_account(grace_days=1)
        bench.grant(10, expires_in=60)
        first = bench.reserve(10)
        bench.wait(61)
        bench.release(first)
        bench.assign(10, project="film")
        second = bench.reserve(10, project="film", ttl_seconds=86_400)
        bench.wait(40_000)
        bench.extend(second, ttl_seconds=86_400)
        bench.wait(86_400)
        bench.balance()
        assert bench.written == [fact("RELEASE", held=-10), fact("EXPIRY", total=-10)]


class TestRevocation:
    def test_takes_the_parts_along(self) -> None:
        bench = an_account()
        bought = bench.grant(100)
        part = bench.assign(30, project="film")
        bench.reserve(10, project="film")
        bench.revoke(bought)
        assert bench.written == [fact("REVOCATION", total=-70), fact("REVOCATION", total=-20)]
        assert bench.lot(part).ended is GrantEnd.REVOKED
        assert bench.total == 10

    def test_leaves_out_parts_of_which_nothing_is_left_or_spent(self) -> None:
        bench = an_account()
        bought = bench.grant(100)
        bench.assign(30, project="film")
        bench.assign(-30, project="film")
        bench.revoke(bought)
        assert bench.written == [fact("REVOCATION", total=-100)]

    def test_a_clawback_claims_what_was_spent_of_the_parts(self) -> None:
        bench = an_account()
        bought = bench.grant(100)
        bench.assign(30, project="film")
        bench.charge(30, project="film")
        bench.charge(10)
        bench.claw_back(bought)
        assert bench.written == [fact("CLAWBACK", total=-60, owed=10), fact("CLAWBACK", owed=30)]

    def test_a_clawback_after_a_revocation_claims_them_too(self) -> None:
        bench = an_account()
        bought = bench.grant(100)
        bench.assign(30, project="film")
        bench.charge(30, project="film")
        bench.revoke(bought)
        bench.claw_back(bought)
        assert bench.owed == 30

    def test_a_refund_to_a_revoked_part_is_revoked(self) -> None:
        bench = an_account()
        bought = bench.grant(100)
        bench.assign(30, project="film")
        hold = bench.charge(30, project="film").hold.hold_id
        bench.revoke(bought)
        bench.refund(hold)
        assert bench.total == 0

    def test_of_a_part_alone_leaves_the_whole(self) -> None:
        bench = an_account()
        bought = bench.grant(100)
        part = bench.assign(30, project="film")
        bench.revoke(part)
        assert bench.left_on(bought, part) == [70, 0]
        bench.revoke(bought)
        assert bench.written == [fact("REVOCATION", total=-70)]


class TestBalances:
    def test_show_each_scope_its_own_grants(self) -> None:
        bench = a_team(100)
        bench.assign(30, member="anna")
        bench.assign(20, project="film")
        bench.reserve(40, member="anna")
        assert shown(bench) == (50, 10, 40, 0)
        assert shown(bench, member="anna") == (80, 40, 40, 30)
        assert shown(bench, member="ben") == (50, 10, 40, 0)
        assert shown(bench, project="film") == (70, 10, 60, 20)

    def test_of_the_scopes_add_up_to_the_total(self) -> None:
        bench = a_team(100)
        bench.assign(30, member="anna")
        bench.assign(20, project="film")
        assigned = sum(
            shown(bench, member=member, project=project)[3] for member, project in (("anna", None), (None, "film"))
        )
        assert shown(bench)[0] + assigned == 100 == bench.total
        assert bench.account.assigned == 50 * MICROS

    def test_count_all_that_is_held_on_the_credit_line(self) -> None:
        bench = a_team(10, credit_limit=50)
        bench.assign(10, member="anna")
        bench.reserve(30)
        assert shown(bench) == (0, 30, 20, 0)
        assert shown(bench, member="anna") == (10, 30, 30, 10)

    def test_expiring_next_is_the_scopes_own(self) -> None:
        bench = an_account()
        bench.grant(10, expires_in=600)
        bench.assign(4, project="film")
        assert bench.balance_for().expiring_amount == tokens(6)
        assert bench.balance_for(project="film").expiring_amount == tokens(10)
        assert bench.balance_for(project="game").expiring_amount == tokens(6)

    def test_an_assignment_is_no_income_so_the_mark_stays(self) -> None:
        bench = an_account(tokens=100)
        bench.assign(90, project="film")
        balance = bench.balance_for()
        assert (balance.mark, balance.remaining_percent, balance.level) == (tokens(100), 10, "YELLOW")

    def test_the_mark_is_of_the_pool(self) -> None:
        bench = an_account(tokens=100)
        bench.assign(90, project="film")
        bench.grant(50, source=GrantSource.PURCHASE)
        assert bench.account.mark == tokens(60)
