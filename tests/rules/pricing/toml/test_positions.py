from __future__ import annotations

import pytest

from rules.pricing.toml.positions import path_text, toml_lines

SOURCE = '''# A comment with [brackets] and key = "value"
slug = "x"
"quoted key" = """
[not.a.table]
inner = 1 """""
literal = 'a # b' # c = 1

[policies.expiry_months] # after a header
default = 12
policies.dotted."a.b" = 1979-05-27 07:32:00

[[prices]]
name = "First"
dimensions = [ # open
  { name = "steps", values = ["a", "]"] }, { name = "size",
    type = "integer" },
]
[prices.formula]
steps = -1

[[prices]]
name = "Second"
formula.rates = [{ of = ["x"] }]
[[prices.examples]]
total = 5'''
SOURCE = SOURCE.replace('{ name = "size",\n    type = "integer" },', '{ name = "size" },\n  [\n  1,\n\n  2 ],')


@pytest.mark.parametrize(
    ("path", "key"),
    [
        (("slug",), "slug ="),
        (("quoted key",), '"quoted key"'),
        (("literal",), "literal"),
        (("policies",), "[policies.expiry"),
        (("policies", "expiry_months", "default"), "default"),
        (("policies", "expiry_months", "policies", "dotted", "a.b"), "policies.dotted"),
        (("prices", 0), "[[prices]]"),
        (("prices", 0, "dimensions", 0, "values", 1), '  { name = "steps"'),
        (("prices", 0, "dimensions", 1, "name"), '  { name = "steps"'),
        (("prices", 0, "dimensions", 2, 1), "  2 ]"),
        (("prices", 0, "formula", "steps"), "steps = -1"),
        (("prices", 1, "name"), 'name = "Second"'),
        (("prices", 1, "formula", "rates", 0, "of", 0), "formula.rates"),
        (("prices", 1, "examples", 0, "total"), "total"),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_key_is_found_on_its_line(path: tuple[str | int, ...], key: str, newline: str) -> None:
    line = next(number for number, text in enumerate(SOURCE.split("\n"), start=1) if text.startswith(key))
    assert toml_lines(SOURCE.replace("\n", newline))[path] == line


def test_a_path_is_written_as_people_write_it() -> None:
    assert path_text(("prices", 3, "formula", "steps")) == "prices[3].formula.steps"
