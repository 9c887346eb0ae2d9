from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.pricing.likeness import FORGIVING_CHARACTERS, TWO_ERRORS_CHARACTERS, begins_like

LETTERS = "abcdefghij"
texts = st.text(LETTERS + "12", min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("klingg", "klingaiavatar"),
        ("kligg", "klingaiavatar"),
        ("sable", "stablediffusion"),
        ("lfux", "fluxpro"),
        ("dale3", "dalle3"),
        ("stablediffusoin", "stablediffusion35"),
        ("tsablediffuion", "stablediffusion35"),
    ],
)
def test_a_typing_error_is_forgiven_and_in_long_words_two(typed: str, meant: str) -> None:
    assert begins_like(typed, meant)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("sora", "lora"),
        ("sora", "recraft"),
        ("wan", "van"),
        ("veo4", "veo3"),
        ("veo3", "veo31fast"[:3] + "1"),
        ("imagen4ultra", "imagen3ultra"),
        ("fluxx", "flax"),
        ("stabledifufsoin", "table"),
    ],
)
def test_what_is_further_off_or_a_digit_is_not(typed: str, meant: str) -> None:
    assert not begins_like(typed, meant)


def errors(typed: str, meant: str) -> int:
    """The distance from what was typed to the nearest beginning, by the definition, without any short cut."""
    table: dict[tuple[int, int], int] = {}

    def cost(*letters: str) -> int:
        return 99 if any(letter.isdigit() for letter in letters) else 1

    for row in range(len(typed) + 1):
        for column in range(len(meant) + 1):
            ways = [0] if row == column == 0 else []
            if row:
                ways.append(table[row - 1, column] + cost(typed[row - 1]))
            if column:
                ways.append(table[row, column - 1] + cost(meant[column - 1]))
            if row and column:
                same = typed[row - 1] == meant[column - 1]
                ways.append(table[row - 1, column - 1] + (0 if same else cost(typed[row - 1], meant[column - 1])))
            if row > 1 and column > 1 and typed[row - 2 : row] == meant[column - 2 : column][::-1]:
                ways.append(table[row - 2, column - 2] + cost(*typed[row - 2 : row]))
            table[row, column] = min(ways)
    return min(table[len(typed), column] for column in range(len(meant) + 1))


@given(texts, texts)
def test_long_words_are_judged_by_their_distance_whatever_the_short_cuts(typed: str, meant: str) -> None:
    typed = (typed * TWO_ERRORS_CHARACTERS)[: max(len(typed), TWO_ERRORS_CHARACTERS)]
    assert begins_like(typed, meant) == (errors(typed, meant) <= 2)


@given(texts, st.data())
def test_a_text_near_another_is_found_by_the_short_cuts_too(meant: str, data: st.DataObject) -> None:
    meant = (meant * TWO_ERRORS_CHARACTERS)[:12]
    typed = list(meant)
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(0, len(typed) - 1))
        match data.draw(st.sampled_from(("drop", "add", "wrong", "swap"))):
            case "drop" if len(typed) > TWO_ERRORS_CHARACTERS:
                del typed[place]
            case "add":
                typed.insert(place, data.draw(st.sampled_from(LETTERS)))
            case "wrong":
                typed[place] = data.draw(st.sampled_from(LETTERS))
            case _:
                typed[place : place + 2] = reversed(typed[place : place + 2])
    text = "".join(typed)
    assert begins_like(text, meant) == (errors(text, meant) <= 2)


@given(texts, texts)
def test_short_words_are_forgiven_less(typed: str, meant: str) -> None:
    typed = typed[: TWO_ERRORS_CHARACTERS - 1]
    if len(typed) < FORGIVING_CHARACTERS:
        assert begins_like(typed, meant) == meant.startswith(typed)
    elif begins_like(typed, meant):
        assert errors(typed, meant) <= 1
