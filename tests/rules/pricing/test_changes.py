from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.pricing.changes import BookChanges, TextChange
from rules.pricing.price_book import PriceBook
from rules.pricing.tokens import MICROS
from rules.pricing.toml import read_price_book
from rules.pricing.toml.changes import MAX_SHOWN_CHARACTERS, MAX_TEXT_CHANGES, book_changes
from tests.rules.pricing.books import HEADER, PRICE_BOOKS

MATRIX = """[[prices]]
name = "DALL·E 3"
category = "image"
dimensions = [{ name = "quality", type = "choice", values = ["low", "mid", "hd"], default = "low" }]
matrix = { by = ["quality"], tokens = { low = 5, mid = 9, hd = 13 } }
"""
FLAT = '[[prices]]\nname = "Sora 2"\ncategory = "video"\ntokens = 20\n'


def read(text: str) -> tuple[str, PriceBook]:
    source = text if "currency =" in text else HEADER + text
    book = read_price_book(source)
    assert isinstance(book, PriceBook), book
    return source, book


def changes(before: str, after: str) -> BookChanges:
    return book_changes(read(before), read(after))


def shipped(slug: str) -> str:
    return (PRICE_BOOKS / f"{slug}.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("slug", ["node-studio", "ai-playground"])
def test_a_book_changes_nothing_of_itself(slug: str) -> None:
    assert changes(shipped(slug), shipped(slug)) == BookChanges()


def test_comments_order_and_ways_of_writing_change_nothing() -> None:
    rewritten = '# A comment\nprices = [{ tokens = 20.0, name = "Sora 2", category = "video" }]\n'
    assert changes(FLAT, rewritten) == BookChanges()


def test_of_a_first_book_everything_is_new() -> None:
    assert book_changes(None, read(MATRIX + FLAT)).added == ("dall-e-3", "sora-2")


def test_models_come_and_go_without_their_every_key() -> None:
    assert changes(MATRIX, FLAT) == BookChanges(added=("sora-2",), removed=("dall-e-3",))


def test_a_model_priced_anew_is_told_with_its_costs_and_the_key_that_did_it() -> None:
    told = changes(MATRIX + FLAT, MATRIX + FLAT.replace("20", "25"))
    (change,) = told.changed
    assert (change.model, change.before.first_micros, change.after.first_micros) == ("sora-2", 20 * MICROS, 25 * MICROS)
    assert told.texts == (TextChange("prices[sora-2].tokens", "20", "25"),)


def test_a_model_whose_price_changes_only_in_between_is_told_too() -> None:
    told = changes(MATRIX, MATRIX.replace("mid = 9", "mid = 10"))
    (change,) = told.changed
    assert change.before == change.after
    assert told.texts == (TextChange("prices[dall-e-3].matrix.tokens.mid", "9", "10"),)


def test_a_name_or_note_is_no_other_price() -> None:
    told = changes(FLAT, FLAT + 'notes = "New"\n')
    assert (told.changed, told.texts) == ((), (TextChange("prices[sora-2].notes", None, "New"),))


def test_tables_of_a_list_are_known_by_name_so_that_one_put_between_is_all_that_differs() -> None:
    package = '[[packages]]\nid = "{0}"\nname = "{0}"\ntokens = {1}\nprice_minor_units = 5\n'
    small, middle, large = (package.format(name, size) for name, size in (("s", 1), ("m", 2), ("l", 3)))
    told = changes(FLAT + small + large, FLAT + small + middle + large)
    assert {change.path.partition("].")[0] for change in told.texts} == {"packages[m"}
    assert told.text_count == 4


def test_what_is_gone_has_no_value_after() -> None:
    told = changes(FLAT + "[policies]\nrefund_days = 7\n", FLAT)
    assert told.texts == (TextChange("policies.refund_days", "7", None),)


def test_a_flood_of_changes_is_cut_and_counted() -> None:
    def many(notes: str) -> str:
        return "".join(
            f'[[prices]]\nname = "M {number}"\ncategory = "image"\ntokens = 1\nnotes = "{notes}"\n'
            for number in range(MAX_TEXT_CHANGES + 7)
        )

    told = changes(many("a"), many("b" * 900))
    assert (len(told.texts), told.text_count) == (MAX_TEXT_CHANGES, MAX_TEXT_CHANGES + 7)
    assert len(told.texts[0].after or "") == MAX_SHOWN_CHARACTERS


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 9), min_size=1),
    st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 9), min_size=1),
)
def test_the_changes_lead_from_one_book_to_the_other(before: dict[str, int], after: dict[str, int]) -> None:
    def book(costs: dict[str, int]) -> str:
        return "".join(f'[[prices]]\nname = "{name}"\ncategory = "image"\ntokens = {costs[name]}\n' for name in costs)

    told = changes(book(before), book(after))

    reached = {name: cost * MICROS for name, cost in before.items() if name not in told.removed}
    reached |= {name: after[name] * MICROS for name in told.added}
    for change in told.changed:
        assert reached[change.model] == change.before.first_micros != change.after.first_micros
        reached[change.model] = change.after.first_micros
    assert reached == {name: cost * MICROS for name, cost in after.items()}


def test_a_combination_that_is_no_longer_offered_changes_the_price() -> None:
    before = """
        [[prices]]
        name = "Reel"
        category = "video"
        dimensions = [
          { name = "size", type = "choice", values = ["small", "wide"], default = "small" },
          { name = "hd", type = "boolean", default = false },
        ]
        [prices.formula]
        base = 1
        surcharges = [
          { dimension = "size", by = { small = 0, wide = 0 } },
          { dimension = "hd", by = { true = 0, false = 0 } },
        ]
        """
    after = before.replace("dimensions =", "not_allowed = [{ size = 'wide', hd = true }]\ndimensions =")
    assert [change.model for change in changes(before, after).changed] == ["reel"]
