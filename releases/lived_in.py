"""A life of some tenants, lived through the published API alone, so that a later release can live it again.

There is to be a little of all that the API can make, in every state that it can come to. Nobody needs the keys
afterwards: the root key makes new ones.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final

Ask = Callable[..., Awaitable[dict[str, Any]]]
"""Sends one mutation's field with its input; returns the success's selected fields. Raises where it is refused."""

STUDIO: Final = "lived-in-studio"
"""The slug of the tenant with the most in it."""
STUDIO_BOOK: Final = "node-studio"
"""The price book that it begins with."""
STUDIO_ACCOUNT: Final = "studio"
"""Its account that has tokens left, open holds and members."""

_LINES: Final = [
    {"ref": "image", "model": "imagen-4-ultra"},
    {"ref": "video", "model": "runway-gen-4"},
    {"ref": "upscale", "model": "topaz-video-upscaler"},
]

_LOYALTY: Final = """
[[policies.loyalty]]
spent = 100
within_days = 30
tokens = 5
"""


async def live(ask: Ask, book: str, tomorrow: datetime) -> None:
    """Makes the tenants and lives in them, some days by the test clock. `book`: the text of STUDIO_BOOK."""
    await _studio(ask, book, tomorrow)
    await _playground(ask)


async def _studio(ask: Ask, book: str, tomorrow: datetime) -> None:
    tenant = await ask(None, "createTenant", slug=STUDIO, name="Studio", mode="TEST", priceBook=STUDIO_BOOK)
    key = tenant["secretKey"]
    studio = (await ask(key, "createAccount", externalId=STUDIO_ACCOUNT, name="Studio", kind="TEAM"))["account"]["id"]
    ann = (await ask(key, "createAccount", externalId="ann", name="Ann", timeZone="Europe/Berlin"))["account"]
    await _team(ask, key, studio)
    await _work(ask, key, studio)
    await _grants(ask, key, studio, ann["id"])
    await _promotions(ask, key, ann)
    await _administration(ask, key, studio, book)
    ending = {"amount": "7", "expiresAt": tomorrow.isoformat()}
    await ask(key, "grantTokens", idempotencyKey="ending", accountId=studio, **ending)
    await ask(key, "advanceClock", seconds=3 * 86_400)
    await ask(key, "charge", idempotencyKey="later", accountId=studio, work={"amount": "2"})
    await ask(key, "reserve", idempotencyKey="still open", accountId=studio, work={"lines": _LINES}, ttlSeconds=86_400)


async def _team(ask: Ask, key: str, studio: str) -> None:
    await ask(key, "grantTokens", idempotencyKey="bought", accountId=studio, amount="5000", source="PURCHASE")
    await ask(
        key, "grantTokens", idempotencyKey="bonus", accountId=studio, amount="100.5", source="BONUS", note="hello"
    )
    ids = {}
    for name, role in (("anna", "ADMIN"), ("ben", "MEMBER"), ("cleo", "VIEWER")):
        added = await ask(key, "addMember", accountId=studio, externalId=name, name=name.title(), role=role)
        ids[name] = added["member"]["id"]
    for name in ("anna", "ben", "cleo"):
        await ask(key, "assignTokens", idempotencyKey=f"for {name}", accountId=studio, memberId=ids[name], amount="40")
    await ask(key, "assignTokens", idempotencyKey="for film", accountId=studio, project="film", amount="60")
    await ask(key, "assignTokens", idempotencyKey="back", accountId=studio, memberId=ids["ben"], amount="-10")
    await ask(key, "setLimit", accountId=studio, scope="MEMBER", memberId=ids["anna"], period="DAY", limit="30")
    await ask(key, "setLimit", accountId=studio, scope="ACCOUNT", period="MONTH", limit="100000")
    await ask(key, "setAlerts", accountId=studio, lowBalancePercents=[50, 10], dailyLimitPercents=[80])
    anna = {"accountId": studio, "memberId": ids["anna"]}
    await ask(key, "charge", idempotencyKey="anna's", **anna, work={"amount": "27"})
    await ask(key, "createClientToken", accountId=studio, memberId=ids["ben"], role="MEMBER", ttlSeconds=3600)
    await ask(key, "revokeClientTokens", accountId=studio, memberId=ids["ben"])
    await ask(key, "removeMember", memberId=ids["cleo"])


async def _work(ask: Ask, key: str, studio: str) -> None:
    lines = {"lines": _LINES}
    await ask(key, "saveWorkflow", accountId=studio, name="Poster", lines=_LINES)
    await ask(key, "saveWorkflow", accountId=studio, name="Poster", lines=_LINES[:2])
    await ask(key, "saveProject", accountId=studio, name="film", estimate="200", bufferPercent=10, budget="500")
    quote = await ask(key, "estimate", accountId=studio, lines=_LINES)
    quoted = {"quoteId": quote["quote"]["id"]}
    whole = await _reserve(ask, key, studio, "whole", quoted, project="film")
    await ask(key, "commit", idempotencyKey="whole", holdId=whole, actual=lines)
    part = await _reserve(ask, key, studio, "part", lines)
    await ask(key, "commit", idempotencyKey="part 1", holdId=part, actual={"lines": _LINES[:1]}, final=False)
    await ask(key, "extend", idempotencyKey="longer", holdId=part, ttlSeconds=3600)
    await ask(key, "commit", idempotencyKey="part 2", holdId=part, actual={"lines": _LINES[1:2]})
    await ask(key, "refund", idempotencyKey="sorry", holdId=part, amount="3", reason="it was blurred")
    gone = await _reserve(ask, key, studio, "gone", {"workflow": {"name": "Poster"}})
    await ask(key, "release", idempotencyKey="gone", holdId=gone, outcome="FAILED", note="the model was away")
    over = await _reserve(ask, key, studio, "over", {"amount": "5"})
    await ask(key, "commit", idempotencyKey="over", holdId=over, actual={"amount": "8"}, overrun="CHARGE_AVAILABLE")
    # Left to expire: the clock moves on by days.
    await _reserve(ask, key, studio, "forgotten", {"amount": "4"}, ttlSeconds=60)


async def _reserve(ask: Ask, key: str, account: str, name: str, work: dict[str, Any], **more: Any) -> str:
    reserved = await ask(key, "reserve", idempotencyKey=name, accountId=account, work=work, **more)
    return str(reserved["hold"]["id"])


async def _grants(ask: Ask, key: str, studio: str, ann: str) -> None:
    bought = await ask(
        key, "grantTokens", idempotencyKey="a", accountId=ann, amount="60", source="PURCHASE", priority=1
    )
    await ask(key, "charge", idempotencyKey="spent", accountId=ann, work={"amount": "50"})
    await ask(key, "revokeGrant", idempotencyKey="disputed", grantId=bought["grant"]["id"], note="charged back")
    await ask(key, "updateAccount", accountId=ann, creditLimit="200")
    await ask(key, "charge", idempotencyKey="on credit", accountId=ann, work={"amount": "150"})
    await ask(key, "settleOwed", idempotencyKey="paid elsewhere", accountId=ann, amount="5")
    await ask(key, "transferTokens", idempotencyKey="a gift", fromAccountId=studio, toAccountId=ann, amount="25")
    await ask(key, "updateAccount", accountId=ann, timeZone="Asia/Tokyo", frozen=True)
    await ask(key, "createAccount", externalId="leaver", name="Leaver")
    leaver = (await ask(key, "createAccount", externalId="leaver", name="Leaver"))["account"]["id"]
    await ask(key, "closeAccount", accountId=leaver, note="wished it so")
    await ask(key, "grantTokensToMany", idempotencyKey="party", amount="1", accountIds=[studio, ann])


async def _promotions(ask: Ask, key: str, ann: dict[str, Any]) -> None:
    await ask(key, "createPromoCode", code="WELCOME", tokens="15", maxRedemptions=3)
    friend = await ask(key, "createAccount", externalId="friend", name="Friend", referredBy=ann["referralCode"])
    await ask(key, "redeemPromoCode", idempotencyKey="welcome", accountId=friend["account"]["id"], code="WELCOME")
    friend_id = friend["account"]["id"]
    await ask(key, "grantTokens", idempotencyKey="first", accountId=friend_id, amount="100", source="PURCHASE")


async def _administration(ask: Ask, key: str, studio: str, book: str) -> None:
    await ask(key, "publishPriceBook", source=book + _LOYALTY)
    partner = await ask(key, "createApiKey", kind="PARTNER", name="a partner", accountId=studio)
    other = await ask(key, "createApiKey", kind="SECRET", name="another")
    await ask(key, "rotateApiKey", id=partner["id"], overlapSeconds=60)
    await ask(key, "revokeApiKey", id=other["id"])


async def _playground(ask: Ask) -> None:
    tenant = await ask(
        None, "createTenant", slug="lived-in-playground", name="P", mode="LIVE", priceBook="ai-playground"
    )
    key = tenant["secretKey"]
    for number in range(8):
        account = (await ask(key, "createAccount", externalId=f"user-{number}", name=f"User {number}"))["account"]["id"]
        await ask(key, "grantTokens", idempotencyKey="first", accountId=account, amount=str(10 + number))
        for ride in range(number):
            await ask(key, "charge", idempotencyKey=f"ride {ride}", accountId=account, work={"amount": "1.25"})
