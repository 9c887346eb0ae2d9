"""A price book in which every kind of price stands once."""

from __future__ import annotations

from rules.pricing.price_book import PriceBook
from rules.pricing.toml import read_price_book

SOURCE = """
slug = "studio"
name = "Studio <b>& Sons</b>"
currency = "usd"
tiers = ["starter", "pro"]
token_value = 0.01
provider_cost_per_token = 0.007777
target_margin_percent = 10

[[prices]]
name = "DALL·E 3"
category = "image"
names = { ru = "Далли 3", de = "DALL·E 3" }
provider = "OpenAI"
tier = "starter"
premium = true
provider_cost = 0.0123
notes = "=1+1"
dimensions = [
  { name = "size", type = "choice", values = ["1024x1024", "1792x1024"], default = "1024x1024" },
  { name = "quality", type = "choice", values = ["standard", "hd"], default = "standard" },
]
[prices.matrix]
by = ["size", "quality"]
[prices.matrix.tokens]
1024x1024 = { standard = 5, hd = 9 }
1792x1024 = { standard = "not allowed", hd = 1300 }

[[prices]]
name = "Painter"
category = "image"
tier = "pro"
dimensions = [
  { name = "quality", type = "choice", values = ["fast", "high"], default = "fast" },
  { name = "upscale", type = "boolean", default = false },
  { name = "steps", type = "integer", unit = "step", minimum = 1, maximum = 1500, default = 25 },
  { name = "width", type = "integer", unit = "pixel", minimum = 64, maximum = 2048, default = 1024 },
  { name = "height", type = "integer", unit = "pixel", minimum = 64, maximum = 2048, default = 1024 },
]
[prices.formula]
base = 4
surcharges = [{ dimension = "upscale", by = { true = 2, false = 0 } }]
rates = [
  { of = ["width", "height"], tokens = 1, per = 1048576 },
  { of = ["steps"], tokens = 2, per = 25, included = 25, started = true },
]
multipliers = [
  { dimension = "quality", by = { fast = 1, high = 1.5 } },
  { dimension = "steps", ranges = [{ up_to = 50, times = 1 }, { times = 0.9 }] },
]
minimum_charge = 5

[[prices]]
name = "Chat"
category = "llm"
dimensions = [
  { name = "inputTokens", type = "integer", unit = "token", minimum = 1, unbounded = true },
  { name = "outputTokens", type = "integer", unit = "token", minimum = 0, maximum = 100000, default = 0 },
  { name = "toolCalls", type = "integer", unit = "call", minimum = 0, maximum = 10, default = 0 },
]
[prices.composite]
components = [
  { of = "inputTokens", included = 100, graduated = [
    { up_to = 200000, tokens = 30, per = 1000000 }, { tokens = 20, per = 1000000 }] },
  { of = "outputTokens", volume = [{ up_to = 1000, fixed = 2 }, { tokens = 400, per = 1000000 }] },
  { of = "toolCalls", tokens = 0.5 },
]

[[prices]]
name = "Upscale"
category = "upscale"
tokens = 8

[[packages]]
id = "small"
name = "Small & fine"
tokens = 300
bonus_tokens = 20
price_minor_units = 1000

[[plans]]
id = "starter"
name = "Starter"
tokens = 50
price_minor_units = 0
interval = "one-time"

[[plans]]
id = "pro"
name = "Pro"
tokens = 1500
price_minor_units = 299000
interval = "month"
tier = "pro"
rollover = true

[policies]
trial_tokens = 50
refund_days = 7
runs_per_minute = 10
referral_percent = 10
[policies.expiry_months]
trial = 1
bonus = "never"
"""


def a_book() -> PriceBook:
    book = read_price_book(SOURCE)
    assert isinstance(book, PriceBook), book
    return book
