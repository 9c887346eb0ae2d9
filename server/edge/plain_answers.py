"""What plain HTTP answers: the balance, one price and the list of models, or the refusal, in its own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, assert_never

from starlette.requests import Request

from resolvers.errors import ErrorCode
from resolvers.plain import PlainBalance, PlainCall, PlainPrice, calculate_price, read_balance, read_price_list
from rules.ledger.refusals import NotFound
from rules.pricing.dimensions import Dimension
from rules.pricing.formulas import PricingType
from rules.pricing.price_book import Price
from rules.pricing.refusals import InvalidInput, InvalidParams, UnknownModel
from schema.words import ProblemCode
from server.edge.exact_json import TokenNumber
from server.edge.http_requests import read_json

JsonObject = Mapping[str, Any]

_BODY_MEMBERS: Final = ("params", "count")


@dataclass(frozen=True, slots=True)
class PlainRefusal:
    """Why there is no answer: a status of HTTP, a code for programs, a message for people, and what else is known."""

    status: int
    code: ProblemCode | ErrorCode
    message: str
    details: JsonObject = field(default_factory=dict)


async def answer_balance(call: PlainCall, request: Request) -> JsonObject | PlainRefusal:
    """What the account can spend now, and its plan. When that expires is null: none is paid for by the period yet."""
    named = request.query_params.getlist("account")
    if len(named) > 1:
        return PlainRefusal(400, ProblemCode.INVALID_INPUT, "Name one account.", {"field": "account"})
    read = await read_balance(call, named[0] if named else None)
    if not isinstance(read, PlainBalance):
        return _refusal(read)
    balance = read.balance
    return {
        "token_balance": None if balance.unlimited else TokenNumber(balance.available),
        "plan": read.plan_id,
        "plan_expires_at": None,
    }


async def answer_price(call: PlainCall, request: Request) -> JsonObject | PlainRefusal:
    """What so many uses with these params cost, and the least and the greatest that one use can."""
    body = await read_json(request)
    if not isinstance(body, dict):
        return _bad_body("The body must be a JSON object, such as " + _EXAMPLE)
    for name in body:
        if name not in _BODY_MEMBERS:
            return _bad_body(f"The body has no member {name[:60]!r}; it takes params and count, such as {_EXAMPLE}")
    params = body.get("params")
    if not isinstance(params, dict | None):
        return PlainRefusal(
            400, ProblemCode.INVALID_INPUT, "params must be a JSON object of names and values.", {"field": "params"}
        )
    priced = await calculate_price(call, request.path_params["model"], params or {}, body.get("count", 1))
    if not isinstance(priced, PlainPrice):
        return _refusal(priced)
    return {
        "token_cost": TokenNumber(priced.total),
        "min_token_cost": TokenNumber(priced.one.least_micros),
        "max_token_cost": _tokens_or_null(priced.one.greatest_micros),
        "pricing_type": _pricing_type(priced.pricing_type),
    }


async def answer_models(call: PlainCall, request: Request) -> JsonObject:
    """The price list in force, in its own order."""
    del request
    book = (await read_price_list(call)).book
    return {"models": [_model(price) for price in book.prices]}


_EXAMPLE: Final = '{"params": {"quality": "hd"}, "count": 1}'


def _bad_body(message: str) -> PlainRefusal:
    return PlainRefusal(400, ErrorCode.BAD_USER_INPUT, message)


def _refusal(refusal: NotFound | InvalidInput | InvalidParams | UnknownModel) -> PlainRefusal:
    match refusal:
        case NotFound(what):
            return PlainRefusal(404, ProblemCode.NOT_FOUND, f"There is no such {what}.")
        case UnknownModel(model, suggestions):
            message = refusal.message if suggestions else f"{refusal.message} `GET /api/v2/models` lists its models."
            return PlainRefusal(
                404, ProblemCode.UNKNOWN_MODEL, message, {"model": model, "suggestions": list(suggestions)}
            )
        case InvalidParams(model, param, message):
            return PlainRefusal(
                400, ProblemCode.INVALID_PARAMS, f"{model}: {message}", {"model": model, "param": param}
            )
        case InvalidInput(name, message):
            # Of the one line only the count can be meant: model and params have refusals of their own.
            named = "count" if name.startswith("lines") else name
            return PlainRefusal(400, ProblemCode.INVALID_INPUT, message, {"field": named})
        case _:
            assert_never(refusal)


def _model(price: Price) -> JsonObject:
    bounds = price.bounds_alone
    return {
        "model": price.model,
        "name": price.name,
        "category": price.category,
        "provider": price.provider,
        "tier": price.tier,
        "premium": price.premium,
        "notes": price.notes,
        "token_cost": TokenNumber(bounds.first_micros),
        "min_token_cost": TokenNumber(bounds.least_micros),
        "max_token_cost": _tokens_or_null(bounds.greatest_micros),
        "pricing_type": _pricing_type(price.pricing_type),
        "params": [_param(dimension) for dimension in price.dimensions],
    }


def _param(dimension: Dimension) -> JsonObject:
    """A param in the words of the API: texts, because a bound may have more digits than a number of JSON keeps."""
    return {
        "name": dimension.name,
        "type": dimension.type.value.lower(),
        "unit": dimension.unit,
        "values": list(dimension.values) or None,
        "default": dimension.default_text,
        "minimum": dimension.minimum_text,
        "maximum": dimension.maximum_text,
    }


def _pricing_type(pricing_type: PricingType) -> str:
    return pricing_type.value.lower()


def _tokens_or_null(micros: int | None) -> TokenNumber | None:
    return None if micros is None else TokenNumber(micros)
