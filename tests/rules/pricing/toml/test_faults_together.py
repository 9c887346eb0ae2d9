"""Each mistake in a book gets one message, whatever else is wrong with it: none hides another, none is told twice."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations, takewhile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.pricing.price_book import PriceBook
from rules.pricing.toml import read_price_book
from tests.rules.pricing.books import PRICE_BOOKS, faults_of

SOUND = """\
slug = "studio"
name = "Studio"
currency = "usd"
tiers = ["starter", "pro"]
token_value = 0.01
markup = 2

[[prices]]
name = "Vectorizer"
category = "tool"
tier = "pro"
provider_cost = 0.01
target_margin_percent = 40
tokens = 2

[[prices]]
name = "Picture"
category = "image"
dimensions = [
  { name = "size", type = "choice", values = ["small", "wide"], default = "small" },
  { name = "quality", type = "choice", values = ["draft", "standard"], default = "draft" },
]
[prices.matrix]
by = ["size", "quality"]
[prices.matrix.tokens]
small = { draft = 3, standard = 5 }
wide = { draft = 6, standard = 9 }

[[prices]]
name = "Painter"
category = "image"
dimensions = [
  { name = "finish", type = "choice", values = ["matte", "gloss"], default = "matte" },
  { name = "steps", type = "integer", unit = "step", minimum = 1, maximum = 150, default = 25 },
]
[prices.formula]
base = 4
surcharges = [{ dimension = "finish", by = { matte = 0, gloss = 2 } }]
rates = [{ of = ["steps"], tokens = 2, per = 25, included = 25 }]
multipliers = [{ dimension = "steps", ranges = [{ up_to = 50, times = 1 }, { times = 0.9 }] }]

[[prices]]
name = "Small Talk"
model = "chat"
category = "text"
dimensions = [
  { name = "inputTokens", type = "integer", minimum = 1, maximum = 1000000, default = 1000 },
  { name = "outputTokens", type = "integer", minimum = 0, maximum = 100000, default = 500 },
]
[prices.composite]
components = [
  { of = "inputTokens", provider_cost = 2.5, per = 1000000 },
  { of = "outputTokens", volume = [{ up_to = 1000, tokens = 1, per = 1000 }, { tokens = 0.5, per = 1000 }] },
]

[[packages]]
id = "small-pack"
name = "Small Pack"
tokens = 1000
price_minor_units = 1000

[[plans]]
id = "monthly"
name = "Monthly"
tokens = 2000
price_minor_units = 2000
interval = "month"
tier = "pro"

[policies]
alert_percents = [20, 10]
hold_ttl_seconds_max = 3600
[policies.expiry_months]
default = 12
[policies.auto_top_up]
threshold = 500
package = "small-pack"

[[examples]]
name = "A picture and a tool"
lines = [{ model = "picture", params = { quality = "standard" }, tokens = 5 }, { model = "vectorizer" }]
total = 7

[[examples]]
name = "A painting"
lines = [{ model = "painter", params = { steps = 50 } }]
total = 6

[[examples]]
name = "A talk"
lines = [{ model = "chat", params = { inputTokens = 2000, outputTokens = 1000 } }]
total = 2
"""


WORK, PAINTING, TALK = (
    tuple(f"examples[{number}].{key}" for key in ("lines[0]", "total", "lines[0].tokens")) for number in range(3)
)
MARGIN = "prices[0].target_margin_percent"
NEGATIVE = "prices[2].formula"
TOP_UP = "policies.auto_top_up.package"
UNPAINTED = (*PAINTING, NEGATIVE)
CELLS = ("prices[1].matrix.tokens.wide.draught", "prices[1].matrix.tokens.wide.standard")


@dataclass(frozen=True)
class Mistake:
    """`right`, which stands in the sound book once, becomes `wrong`; the one message is at `path` and has `remedy`.

    `hides` are the paths of what cannot be told before this is mended; `line_of` is what stands in the line that is
    told, where that is another one.
    """

    right: str
    wrong: str
    path: str
    remedy: str
    hides: tuple[str, ...] = ()
    line_of: str = ""

    @property
    def line(self) -> int:
        """That of the first difference."""
        if self.line_of:
            return SOUND[: SOUND.index(self.line_of)].count("\n") + 1
        same = len([*takewhile(lambda pair: pair[0] == pair[1], zip(self.right, self.wrong, strict=False))])
        return SOUND[: SOUND.index(self.right) + same].count("\n") + 1


MISTYPED = (
    Mistake('currency = "usd"', 'curency = "usd"', "curency", "did you mean currency"),
    Mistake('"Painter"\ncategory', '"Painter"\ncategroy', "prices[2].categroy", "did you mean category"),
    Mistake("tokens = 2\n\n", "token = 2\n\n", "prices[0].token", "did you mean tokens", (*WORK, MARGIN)),
    Mistake("wide = { draft", "wide = { draught", CELLS[0], "(draft, standard)", WORK),
    Mistake("gloss = 2 }", "glos = 2 }", "prices[2].formula.surcharges[0].by.glos", "(matte, gloss)", UNPAINTED),
    Mistake(
        'dimension = "finish"',
        'dimension = "finnish"',
        "prices[2].formula.surcharges[0].dimension",
        "(finish, steps)",
        (*UNPAINTED, "prices[2].formula.surcharges[0].by.glos"),
    ),
    Mistake('of = ["steps"]', 'off = ["steps"]', "prices[2].formula.rates[0].off", "did you mean of", UNPAINTED),
    Mistake(
        "volume = [",
        "volumes = [",
        "prices[3].composite.components[1].volumes",
        "did you mean volume",
        (*TALK, "prices[3].composite.components[1].volume[0].up_to"),
    ),
    Mistake(
        'name = "size"',
        'nmae = "size"',
        "prices[1].dimensions[0].nmae",
        "did you mean name",
        (*WORK, *CELLS),
    ),
    Mistake(
        'id = "small-pack"',
        'idd = "small-pack"',
        "packages[0].idd",
        "did you mean id",
        ("policies.auto_top_up.package",),
    ),
    Mistake(
        "up_to = 50, times",
        "upto = 50, times",
        "prices[2].formula.multipliers[0].ranges[0].upto",
        "did you mean up_to",
        (*UNPAINTED, "prices[2].formula.multipliers[0].ranges[0].times"),
    ),
    Mistake(
        "up_to = 1000, tokens",
        "upto = 1000, tokens",
        "prices[3].composite.components[1].volume[0].upto",
        "did you mean up_to",
        (*TALK, *(f"prices[3].composite.components[1].{other}" for other in ("volumes", "volume[0].up_to"))),
    ),
    Mistake(
        "provider_cost = 2.5",
        "provide_cost = 2.5",
        "prices[3].composite.components[0].provide_cost",
        "did you mean provider_cost",
        TALK,
    ),
    Mistake('model = "chat"\n', 'mdoel = "chat"\n', "prices[3].mdoel", "did you mean model", TALK),
    Mistake('lines = [{ model = "painter"', 'line = [{ model = "painter"', "examples[1].line", "mean lines", PAINTING),
)
"""Told once, and not also as missing."""

REFERRED_TO = (
    Mistake('tiers = ["starter", "pro"]', 'tiers = "pro"', "tiers", "must be a list of texts", ("prices[0].tier",)),
    Mistake("token_value = 0.01", "token_value = 0", "token_value", "more than 0", (MARGIN, *TALK)),
    Mistake("markup = 2", "markup = 0", "markup", "more than 0", TALK),
    Mistake(
        'values = ["matte", "gloss"]',
        "values = 2",
        "prices[2].dimensions[0].values",
        "must be a list of texts",
        (*UNPAINTED, "prices[2].formula.surcharges[0].by.glos"),
    ),
    Mistake("seconds_max = 3600", "seconds_max = 0", "policies.hold_ttl_seconds_max", "from 1 to 86400"),
)
"""What refers to it is not blamed."""

OF_A_PRICE = (
    Mistake('tier = "pro"\nprovider', 'tier = "elite"\nprovider', "prices[0].tier", "(starter, pro)"),
    Mistake("margin_percent = 40", "margin_percent = 60", MARGIN, "below 60 %"),
    Mistake("matte = 0", "matte = -5", NEGATIVE, "raise the base", PAINTING, line_of="[prices.formula]"),
    Mistake(
        "up_to = 50, times = 1",
        "up_to = 50, times = 0",
        "prices[2].formula.multipliers[0].ranges[0].times",
        "more than 0",
        UNPAINTED,
    ),
    Mistake(
        "included = 25", "included = -25", "prices[2].formula.rates[0].included", "must not be negative", UNPAINTED
    ),
    Mistake(
        'default = "draft"',
        'default = "fine"',
        "prices[1].dimensions[1].default",
        "choose one of draft, standard",
        (*WORK, *CELLS),
    ),
    Mistake(
        "maximum = 150, default = 25",
        "maximum = 150, default = 251",
        "prices[2].dimensions[1].default",
        "at most 150",
        (*UNPAINTED, "prices[2].formula.multipliers[0].ranges[0].times"),
    ),
    Mistake("standard = 9", "standard = -9", CELLS[1], "Write 0 or more", WORK),
    Mistake(
        "up_to = 1000, tokens",
        "up_to = 0, tokens",
        "prices[3].composite.components[1].volume[0].up_to",
        "above 0",
        TALK,
    ),
    Mistake("per = 1000000 }", "per = 0 }", "prices[3].composite.components[0].per", "more than 0", TALK),
)

WORKED_EXAMPLES = (
    Mistake("standard = 5", "standard = 4", WORK[2], "this line costs 4", WORK, 'lines = [{ model = "picture"'),
    Mistake(
        '["steps"]',
        '["pages"]',
        "prices[2].formula.rates[0].of",
        '"pages" is not a dimension',
        (*UNPAINTED, "prices[2].formula.rates[0].off"),
    ),
    Mistake("total = 7", "total = 8", "examples[0].total", "these lines cost 7"),
    Mistake("total = 6", "total = 5", "examples[1].total", "these lines cost 6"),
    Mistake("params = { quality", "params = { qualty", "examples[0].lines[0]", "it takes size, quality", WORK),
    Mistake('model = "chat", params', 'model = "chatt", params', "examples[2].lines[0]", "Did you mean chat?"),
)
"""Run whatever else is wrong, as far as what they name has a price."""

OF_THE_REST = (
    Mistake('interval = "month"', 'interval = "weekly"', "plans[0].interval", '"month" or "year"'),
    Mistake("percents = [20, 10]", "percents = [10, 20]", "policies.alert_percents", "falling"),
    Mistake("default = 12\n", "default = 0\n", "policies.expiry_months.default", '"never"'),
    Mistake(
        'package = "small-pack"',
        'package = "huge"',
        "policies.auto_top_up.package",
        "(small-pack)",
        ("packages[0].idd",),
    ),
)

MISTAKES = (*MISTYPED, *REFERRED_TO, *OF_A_PRICE, *WORKED_EXAMPLES, *OF_THE_REST)


def with_mistakes(*mistakes: Mistake) -> str:
    source = SOUND
    for mistake in mistakes:
        assert source.count(mistake.right) == 1, mistake
        source = source.replace(mistake.right, mistake.wrong)
    return source


def told(source: str) -> list[tuple[int, str]]:
    return sorted((fault.line or 0, fault.path) for fault in faults_of(source))


def test_the_book_is_sound_without_them() -> None:
    assert isinstance(read_price_book(SOUND), PriceBook), read_price_book(SOUND)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.wrong)
def test_one_mistake_has_one_message_with_its_line_its_path_and_the_remedy(mistake: Mistake) -> None:
    (fault,) = faults_of(with_mistakes(mistake))

    assert (fault.line, fault.path) == (mistake.line, mistake.path)
    assert mistake.remedy in fault.message


KEYS = re.compile(r"(?:(?<=[\s{,\[])|^)([a-z_]{4,})(?= =)")


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(PRICE_BOOKS.glob("*.toml"))), st.data())
def test_any_key_of_a_shipped_book_mistyped_has_one_message_in_its_line(path: Path, data: st.DataObject) -> None:
    lines = path.read_text(encoding="utf-8").split("\n")
    keys = [(place, key) for place, line in enumerate(lines) if "#" not in line for key in KEYS.finditer(line)]
    place, key = data.draw(st.sampled_from(keys))
    at = key.start() + data.draw(st.integers(0, len(key[0]) - 2))
    line = lines[place]
    typed = line[:at] + line[at + 1] + line[at] + line[at + 2 :]
    if typed == line:
        return

    (fault,) = faults_of("\n".join([*lines[:place], typed, *lines[place + 1 :]]))

    assert fault.line == place + 1


def test_of_two_mistakes_in_different_parts_of_a_book_both_are_told_and_nothing_else() -> None:
    for pair in combinations(MISTAKES, 2):
        if not depend(*pair):
            assert told(with_mistakes(*pair)) == sorted((mistake.line, mistake.path) for mistake in pair), pair


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_ten_mistakes_at_once_are_ten_messages(data: st.DataObject) -> None:
    chosen: list[Mistake] = []
    for mistake in data.draw(st.permutations(MISTAKES)):
        if len(chosen) < 10 and not any(depend(mistake, other) for other in chosen):
            chosen.append(mistake)
    assert len(chosen) == 10

    assert told(with_mistakes(*chosen)) == sorted((mistake.line, mistake.path) for mistake in chosen)


def depend(one: Mistake, other: Mistake) -> bool:
    """Whether one of them has to be mended before the other can be told."""
    return other.path in one.hides or one.path in other.hides
