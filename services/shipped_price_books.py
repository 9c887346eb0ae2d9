"""The price books that come with the server, by the names of their files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

SHIPPED_FOLDER: Final = Path(__file__).resolve().parent.parent / "pricebooks"


class ShippedPriceBooks:
    """The TOML files of one folder."""

    def __init__(self, folder: Path = SHIPPED_FOLDER) -> None:
        self._folder = folder

    def slugs(self) -> tuple[str, ...]:
        """What there is, in order."""
        return tuple(sorted(path.stem for path in self._folder.glob("*.toml")))

    def source(self, slug: str) -> str | None:
        """The text of one; None when there is none of that name. The name is looked up, never made into a path."""
        if slug not in self.slugs():
            return None
        return (self._folder / f"{slug}.toml").read_text(encoding="utf-8")
