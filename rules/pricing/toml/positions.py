"""Lines of TOML keys: tomllib gives values without their places, so a second pass over the text finds them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping

Path = tuple[str | int, ...]
"""The keys and array positions that lead to a value."""

_BARE_ENDS = frozenset(",]}\n#")
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}


def toml_lines(source: str) -> Mapping[Path, int]:
    """The line, counted from 1, of every key, table and array member of a text that tomllib has accepted."""
    scanner = _Scanner(source)
    scanner.read_document()
    return scanner.lines


def path_text(path: Path) -> str:
    """A path as people write it: prices[3].formula.steps."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


class _Scanner:
    """Reads a valid TOML text once from left to right; every read leaves `at` behind what it read."""

    def __init__(self, source: str) -> None:
        self.source = source.replace("\r\n", "\n")
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.members: dict[Path, int] = {}
        self.starts = [0, *(index + 1 for index, character in enumerate(self.source) if character == "\n")]

    def read_document(self) -> None:
        table: Path = ()
        while self.skip_blank():
            if self.source.startswith("[[", self.at):
                table = self.read_header(2)
            elif self.source[self.at] == "[":
                table = self.read_header(1)
            else:
                self.read_pair(table)

    def skip_blank(self) -> bool:
        """Passes over white space, newlines and comments; False at the end of the text."""
        while self.at < len(self.source):
            character = self.source[self.at]
            if character == "#":
                end = self.source.find("\n", self.at)
                self.at = len(self.source) if end < 0 else end
            elif character in " \t\n":
                self.at += 1
            else:
                return True
        return False

    def read_header(self, brackets: int) -> Path:
        line = self.line()
        self.at += brackets
        keys = self.read_key()
        self.at += brackets
        path: Path = ()
        for index, key in enumerate(keys):
            path = (*path, key)
            self.lines.setdefault(path, line)
            if index == len(keys) - 1 and brackets == 2:
                self.members[path] = self.members.get(path, 0) + 1
            if path in self.members:
                path = (*path, self.members[path] - 1)
                self.lines.setdefault(path, line)
        return path

    def read_pair(self, table: Path) -> None:
        line = self.line()
        path = table
        for key in self.read_key():
            path = (*path, key)
            self.lines.setdefault(path, line)
        self.at += 1
        self.skip_blank()
        self.read_value(path)

    def read_key(self) -> list[str]:
        """A dotted key, up to its closing bracket or equals sign."""
        keys: list[str] = []
        while True:
            self.skip_blank()
            character = self.source[self.at]
            if character in "]=":
                return keys
            if character == ".":
                self.at += 1
            elif character in "\"'":
                keys.append(self.read_string())
            else:
                begin = self.at
                while self.source[self.at] not in " \t.=]":
                    self.at += 1
                keys.append(self.source[begin : self.at])

    def read_value(self, path: Path) -> None:
        character = self.source[self.at]
        if character in "\"'":
            self.read_string()
        elif character == "[":
            self.read_array(path)
        elif character == "{":
            self.read_inline_table(path)
        else:
            while self.at < len(self.source) and self.source[self.at] not in _BARE_ENDS:
                self.at += 1

    def read_array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while self.skip_blank() and self.source[self.at] != "]":
            if self.source[self.at] == ",":
                self.at += 1
                continue
            member: Path = (*path, index)
            self.lines.setdefault(member, self.line())
            self.read_value(member)
            index += 1
        self.at += 1

    def read_inline_table(self, path: Path) -> None:
        self.at += 1
        while self.skip_blank() and self.source[self.at] != "}":
            if self.source[self.at] == ",":
                self.at += 1
            else:
                self.read_pair(path)
        self.at += 1

    def read_string(self) -> str:
        """A string's content, of which escapes other than the short ones stay as written: it only names a key."""
        quote = self.source[self.at]
        delimiter = quote * 3 if self.source.startswith(quote * 3, self.at) else quote
        self.at += len(delimiter)
        text = ""
        while not self.source.startswith(delimiter, self.at):
            if quote == '"' and self.source[self.at] == "\\":
                self.at += 1
                text += _ESCAPES.get(self.source[self.at], "\\" + self.source[self.at])
            else:
                text += self.source[self.at]
            self.at += 1
        self.at += len(delimiter)
        if len(delimiter) == 3:
            # Up to two quotes may stand right before a closing delimiter and belong to the content.
            while self.at < len(self.source) and self.source[self.at] == quote:
                self.at += 1
        return text

    def line(self) -> int:
        return bisect_right(self.starts, self.at)
