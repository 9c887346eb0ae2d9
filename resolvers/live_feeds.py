"""Live: what happens in an account, told once: its usage and its holds.

There is no `sinceVersion` here: the snapshot that comes first is whole, and what happened since any version is read as
`entries(afterVersion:)`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import strawberry

from resolvers.context import Info
from resolvers.live import account_watched, shown_events, spender_watched
from resolvers.scope import members_seen
from rules.ledger.hold_events import HoldsEvent as HoldsEventRecord
from rules.ledger.hold_events import HoldsView
from rules.ledger.usage_events import UsageEvent as UsageEventRecord
from rules.ledger.usage_events import UsageView
from schema.described import output
from schema.holds import HoldsEvent, shown_holds_event
from schema.usage import UsageEvent, shown_usage_event
from services.ledger.live_feeds import FeedEvent, HoldsFeed, UsageFeed
from services.live.pace import Pace

USAGE_SECONDS: Final = 1.0
"""Between two events of usage: dashboards show figures that people read."""


@output
class FeedSubscriptions:
    """What is told of what happens."""

    @strawberry.subscription
    async def usage(
        self,
        info: Info,
        account_id: strawberry.ID | None = None,
        member_id: strawberry.ID | None = None,
        project: str | None = None,
    ) -> AsyncIterator[UsageEvent | None]:
        """What the account is charged and given back: the running local day at once, then whatever comes, and each day
        as it begins.

        At most one event a second, the first after a quiet second at once; the last one always comes. Each capture and
        refund after the snapshot is in exactly one event. Whoever may not see other members apart is told its own
        usage or, without a member, that of all together.

        account_id: whose usage; absent: that of the credential's own account
        member_id: only of this member
        project: only of this project
        """
        account, seen = await account_watched(info, account_id), members_seen(info)
        member, of = await spender_watched(info, account, member_id, project)
        if member is None and not seen.everyone:
            # As in `usage` of the queries: everyone sees themselves; the pool's sum is not told by member.
            member = seen.member_id
        view = UsageFeed(UsageView(member, of, by_member=seen.everyone or member is not None))
        pace = Pace(at_once=1, interval_seconds=USAGE_SECONDS)
        return shown_events(info, account, view, None, _usage, pace)

    @strawberry.subscription
    async def holds(
        self, info: Info, account_id: strawberry.ID | None = None, member_id: strawberry.ID | None = None
    ) -> AsyncIterator[HoldsEvent | None]:
        """The account's open holds at once, then those that change: made, extended, captured, refunded, or ended, which
        by expiry they are at its instant.

        Bursts are conflated to at most 10 events a second, each hold as it is in the end; the last one always comes.
        Members see their own, and those for no member.

        account_id: whose holds; absent: those of the credential's own account
        member_id: only of this member
        """
        account, seen = await account_watched(info, account_id), members_seen(info)
        spender = await spender_watched(info, account, member_id)
        return shown_events(info, account, HoldsFeed(HoldsView(spender.member_id, seen)), None, _holds)


def _usage(event: FeedEvent[UsageEventRecord]) -> UsageEvent:
    return shown_usage_event(event.told)


def _holds(event: FeedEvent[HoldsEventRecord]) -> HoldsEvent:
    return shown_holds_event(event.told)
