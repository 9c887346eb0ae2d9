"""Likeness: whether a text was meant, with a typing error or two, by what somebody typed."""

from __future__ import annotations

FORGIVING_CHARACTERS = 4
"""A shorter word has to be right: with one error "wan" would mean "van", "wav" and "man"."""
TWO_ERRORS_CHARACTERS = 8
"""From this length on two errors are forgiven."""


def begins_like(typed: str, meant: str) -> bool:
    """Whether a text begins with what was typed, but for typing errors.

    An error is a letter too many, too few or wrong, or two of them swapped; one is forgiven in a word of 4 letters, two
    from 8 on. Digits have to be right, for "veo 4" is no typing error for "veo 3"; the first letter of a word of less
    than 8 is right, or swapped with the second.
    """
    length = len(typed)
    if length < FORGIVING_CHARACTERS:
        return meant.startswith(typed)
    errors_max = 1 if length < TWO_ERRORS_CHARACTERS else 2
    if errors_max == 1 and typed[:1] != meant[:1] and typed[:2] != meant[1::-1]:
        return False
    return _is_within(errors_max, typed, meant[: length + errors_max])


def _is_within(errors_max: int, typed: str, meant: str) -> bool:
    """Whether some beginning of the text is at most so many errors away from what was typed.

    The distance of Damerau and Levenshtein with neighbours swapped, row by row over what was typed, and of each row
    only the places that so few errors can reach.
    """
    hopeless = errors_max + 1
    width = len(meant) + 1
    earlier: list[int] = []
    row = [place if not any(map(str.isdigit, meant[:place])) else hopeless for place in range(min(hopeless, width))]
    row += [hopeless] * (width - len(row))
    for typed_place, letter in enumerate(typed, start=1):
        extra = hopeless if letter.isdigit() else 1
        before, row = row, [hopeless] * width
        row[0] = before[0] + extra
        for place in range(max(1, typed_place - errors_max), min(width, typed_place + hopeless)):
            other = meant[place - 1]
            missing = hopeless if other.isdigit() else 1
            wrong = 0 if letter == other else max(extra, missing)
            fewest = min(before[place - 1] + wrong, before[place] + extra, row[place - 1] + missing)
            if earlier and place > 1 and letter == meant[place - 2] and typed[typed_place - 2] == other:
                fewest = min(fewest, earlier[place - 2] + max(extra, missing))
            row[place] = fewest
        if min(row) > errors_max:
            return False
        earlier = before
    return True
