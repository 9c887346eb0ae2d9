"""Sections of a price book's TOML: every read checks the form and records faults instead of stopping at the first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from itertools import islice, pairwise

from rules.pricing.exact_numbers import Number, NumberOutOfForm, exact_number
from rules.pricing.tokens import MICROS, parse_token_literal
from rules.pricing.toml.positions import Path, path_text

MAX_FAULTS = 1_000
"""Further faults are only counted: nobody mends more in one go."""

MAX_TEXT_CHARACTERS = 200

MAX_COMPARED = 20
"""Words that one is compared with: whoever has more of them that are not known has not mistyped one."""

MISSING = "is missing"
"""How the fault of an absent key begins."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a price book: its line, if it has one, the path of the key, what is wrong and what is right."""

    line: int | None
    path: str
    message: str


class Faults:
    """All faults of one book, in the order of their lines at the end."""

    def __init__(self, lines: Mapping[Path, int]) -> None:
        self._lines = lines
        self._faults: list[Fault] = []
        self._inside: Counter[Path] = Counter()
        self._paths: set[Path] = set()
        self.count = 0

    def add(self, path: Path, message: str) -> None:
        """Records a fault at the line of the path, or of the nearest key around it."""
        self.count += 1
        self._inside.update(path[:length] for length in range(len(path) + 1))
        self._paths.add(path)
        if self.count <= MAX_FAULTS:
            self._faults.append(Fault(self._line(path), path_text(path), message))

    @property
    def full(self) -> bool:
        """Whether no further fault is kept, so that nothing about one needs to be found out."""
        return self.count >= MAX_FAULTS

    def within(self, path: Path) -> int:
        """How many faults stand at the path or inside it."""
        return self._inside[path]

    def at(self, path: Path) -> bool:
        """Whether a fault stands right at the path."""
        return path in self._paths

    def withdraw_absence(self, path: Path) -> None:
        """Takes back that a key is missing: it stands there under a mistyped name, which is a fault of its own."""
        text = path_text(path)
        for place, fault in enumerate(self._faults):
            if fault.path == text and fault.message.startswith(MISSING):
                del self._faults[place]
                self.count -= 1
                self._inside.subtract(path[:length] for length in range(len(path) + 1))
                return

    def in_order(self) -> tuple[Fault, ...]:
        """The faults by line; a last one tells how many were left out."""
        ordered = sorted(self._faults, key=lambda fault: fault.line or 0)
        if self.count > MAX_FAULTS:
            ordered.append(Fault(None, "", f"There are {self.count - MAX_FAULTS} more faults; mend these first."))
        return tuple(ordered)

    def _line(self, path: Path) -> int:
        """The line of the path or of the nearest table around it; what the whole book lacks belongs on its first."""
        for length in range(len(path), 0, -1):
            if (line := self._lines.get(path[:length])) is not None:
                return line
        return 1


class Section:
    """A table of the TOML text.

    Each method reads one key and returns its value, or a value of the right type after recording a fault; callers ask
    `sound` before they build on what they read. `like` is what a right value looks like, for the fault's remedy.
    """

    def __init__(self, table: Mapping[str, object], path: Path, faults: Faults) -> None:
        self.table = table
        self.path = path
        self.faults = faults
        self._known: list[str] = []

    @property
    def sound(self) -> bool:
        """Whether no fault was recorded in this section."""
        return self.faults.within(self.path) == 0

    def sound_at(self, *keys: str) -> bool:
        """Whether no fault was recorded at any of these keys, or inside."""
        return not any(self.faults.within((*self.path, key)) for key in keys)

    def lost(self, key: str) -> bool:
        """Whether what stands at the key is not known: it is at fault, or perhaps stands under a mistyped name."""
        if key in self.table:
            return not self.sound_at(key)
        return self.faults.full or is_mistyped(key, (other for other in self.table if other not in self._known))

    def fault(self, key: str | None, message: str) -> None:
        """Records a fault of a key, or of the section itself."""
        self.faults.add(self.path if key is None else (*self.path, key), message)

    def has(self, key: str) -> bool:
        """Whether the key stands here; it counts as known from now on."""
        self._known.append(key)
        return key in self.table

    def raw(self, key: str) -> object | None:
        """The value as it stands, None where it is absent."""
        return self.table[key] if self.has(key) else None

    def required(self, key: str, like: str) -> object | None:
        """The value as it stands; its absence is a fault."""
        value = self.raw(key)
        if value is None:
            self.fault(key, f"is missing: add {key} = {like}")
        return value

    def text(self, key: str, like: str, *, limit: int = MAX_TEXT_CHARACTERS) -> str:
        """A required text of one line."""
        value = self.required(key, like)
        return "" if value is None else self._line_of_text(key, value, like, limit) or ""

    def optional_text(self, key: str, like: str, *, limit: int = MAX_TEXT_CHARACTERS) -> str | None:
        """A text of one line, None where it is absent."""
        value = self.raw(key)
        return None if value is None else self._line_of_text(key, value, like, limit)

    def _line_of_text(self, key: str, value: object, like: str, limit: int) -> str | None:
        if not isinstance(value, str) or not value.strip():
            self.fault(key, f"must be a text that is not empty, such as {like}")
        elif len(value) > limit:
            self.fault(key, f"has {len(value)} characters; at most {limit} fit")
        elif _CONTROL.search(value):
            self.fault(key, "has control characters or line breaks; write it on one line")
        else:
            return value
        return None

    def texts(self, key: str, like: str, *, limit: int) -> tuple[str, ...]:
        """A list of different texts, empty where it is absent."""
        values = self.raw(key)
        if values is None:
            return ()
        if not isinstance(values, list) or not values or not all(isinstance(value, str) for value in values):
            self.fault(key, f"must be a list of texts, such as {like}")
            return ()
        if len(values) > limit:
            self.fault(key, f"has {len(values)} members; at most {limit} fit")
        for index, value in enumerate(values):
            if not value.strip() or len(value) > MAX_TEXT_CHARACTERS or _CONTROL.search(value):
                self.faults.add(
                    (*self.path, key, index), f"must be a text of one line, 1 to {MAX_TEXT_CHARACTERS} characters long"
                )
            elif value in values[:index]:
                self.faults.add((*self.path, key, index), f'"{value}" stands here twice; remove one')
        return tuple(dict.fromkeys(values))

    def one_of(self, key: str, options: Collection[str], *, default: str | None = None) -> str:
        """One of a few words; required unless a default is given."""
        like = " or ".join(f'"{option}"' for option in options)
        value = self.raw(key)
        if value is None and default is not None:
            return default
        if value is None:
            self.fault(key, f"is missing: add {key} = {like}")
            return ""
        if isinstance(value, str) and value in options:
            return value
        self.fault(key, f"must be {like}, not {shown(value)}")
        return ""

    def flag(self, key: str) -> bool:
        """true or false; false where it is absent."""
        value = self.raw(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        self.fault(key, f"must be true or false, not {shown(value)}")
        return False

    def integer(self, key: str, least: int, greatest: int, *, default: int | None = None) -> int:
        """A whole number within bounds; required unless a default is given."""
        value = self.raw(key)
        if value is None and default is not None:
            return default
        if value is None:
            self.fault(key, f"is missing: add {key} = a whole number from {least} to {greatest}")
        elif type(value) is not int or not least <= value <= greatest:
            self.fault(key, f"must be a whole number from {least} to {greatest}, not {shown(value)}")
        else:
            return value
        return least

    def optional_integer(self, key: str, least: int, greatest: int) -> int | None:
        """A whole number within bounds, None where it is absent."""
        return self.integer(key, least, greatest) if self.has(key) else None

    def integers(self, key: str, least: int, greatest: int, *, default: tuple[int, ...]) -> tuple[int, ...]:
        """A list of at most ten falling whole numbers."""
        values = self.raw(key)
        if values is None:
            return default
        like = f"must be a list of at most 10 falling whole numbers from {least} to {greatest}, such as [{default[0]}]"
        if not isinstance(values, list) or len(values) > 10 or not all(type(value) is int for value in values):
            self.fault(key, f"{like}, not {shown(values)}")
            return default
        falling = all(before > after for before, after in pairwise(values))
        if not falling or not all(least <= value <= greatest for value in values):
            self.fault(key, like)
            return default
        return tuple(values)

    def amount(self, key: str, *, default: int | None = None, negative: bool = False, zero: bool = True) -> int:
        """An amount in millionths, of tokens or of money; required unless a default is given.

        Where it is at fault there is still an amount to go on with, and none of 0 where that may be divided by.
        """
        stand_in = 0 if zero else default or MICROS
        value = self.raw(key)
        if value is None and default is not None:
            return default
        if value is None:
            self.fault(key, f"is missing: add {key} = an amount such as 10 or 0.5")
            return stand_in
        try:
            if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
                raise ValueError('must be an amount such as 10, 0.5 or "0.5"')
            micros = parse_token_literal(value)
        except ValueError as fault:
            self.fault(key, f"{fault}; it is {shown(value)}")
            return stand_in
        if micros < 0 and not negative:
            self.fault(key, f"must not be negative; it is {shown(value)}. Write 0 or more")
        elif micros == 0 and not zero:
            self.fault(key, "must be more than 0")
            return stand_in
        return micros

    def optional_amount(self, key: str) -> int | None:
        """An amount of at least 0 in millionths, None where it is absent."""
        return self.amount(key) if self.has(key) else None

    def number(self, key: str, *, like: str) -> Number | None:
        """An exact number of at least 0, None where it is absent or at fault."""
        value = self.raw(key)
        if value is None:
            return None
        try:
            number = exact_number(value)
        except NumberOutOfForm as fault:
            self.fault(key, f"{fault}, such as {like}; it is {shown(value)}")
            return None
        if number < 0:
            self.fault(key, f"must not be negative; it is {shown(value)}. Write {like}")
            return None
        return number

    def section(self, key: str) -> Section | None:
        """A table inside this one, None where it is absent."""
        value = self.raw(key)
        if value is None:
            return None
        if isinstance(value, dict):
            return Section(value, (*self.path, key), self.faults)
        self.fault(key, f"must be a table, written [{path_text((*self.path, key))}] or {{ … }}, not {shown(value)}")
        return None

    def sections(self, key: str, *, limit: int) -> Sequence[Section]:
        """A list of tables, empty where it is absent."""
        value = self.raw(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(member, dict) for member in value):
            self.fault(key, f"must be a list of tables, written [[{path_text((*self.path, key))}]] or [ {{ … }} ]")
            return ()
        if len(value) > limit:
            self.fault(key, f"has {len(value)} members; at most {limit} fit")
            return ()
        return [Section(member, (*self.path, key, index), self.faults) for index, member in enumerate(value)]

    def finish(self) -> None:
        """Records a fault for every key that nobody read: a mistyped key must not be passed over."""
        for key in self.table:
            if key not in self._known and self.faults.full:
                self.fault(key, "is not known here")
            elif key not in self._known:
                close = get_close_matches(key[:50], self._known, n=1)
                known = ", ".join(dict.fromkeys(self._known))
                hint = f"did you mean {close[0]}?" if close else f"the keys known here are {known}"
                if close and close[0] not in self.table:
                    self.faults.withdraw_absence((*self.path, close[0]))
                self.fault(key, f"is not known here; {hint}")


def is_mistyped(word: str, found: Iterable[str]) -> bool:
    """Whether one of the words that were found, of which a few are looked at, is probably this one, mistyped."""
    return any(get_close_matches(other[:50], [word], n=1) for other in islice(found, MAX_COMPARED))


def shown(value: object) -> str:
    """A value as a fault shows it, cut to a bearable length."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{value[:40]}"'
        case int() if value.bit_length() > 200:
            return "a number of that size"
        case int() | Decimal():
            return str(value)[:40]
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return str(value)[:40]
