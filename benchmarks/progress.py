"""One line that says what is being measured now."""

from __future__ import annotations

from time import monotonic
from types import TracebackType
from typing import Final, Self, TextIO

PLAIN_LINE_SECONDS: Final = 10.0
"""How often a line is written where it cannot be written over: a log stays short."""

_ERASE: Final = "\r\033[K"


class ProgressLine:
    """Writes over itself on a terminal, and now and then a line elsewhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._started = monotonic()
        self._next_plain_line = 0.0

    def __call__(self, text: str) -> None:
        """Says what comes now."""
        elapsed = monotonic() - self._started
        if self._is_terminal:
            self._stream.write(f"{_ERASE}{elapsed:4.0f} s  {text}")
        elif elapsed >= self._next_plain_line:
            self._stream.write(f"{elapsed:4.0f} s  {text}\n")
            self._next_plain_line = elapsed + PLAIN_LINE_SECONDS
        self._stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_terminal:
            self._stream.write(_ERASE)
            self._stream.flush()
