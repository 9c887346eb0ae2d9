"""The price books that come with the server, by the names of their files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rules.pricing.price_book import PriceBook
from rules.pricing.toml import read_price_book
from services.price_books import PriceBookUnreadable

SHIPPED_FOLDER: Final = Path(__file__).resolve().parent.parent / "pricebooks"


class ShippedPriceBooks:
    """The TOML files of one folder."""

    def __init__(self, folder: Path = SHIPPED_FOLDER) -> None:
        self._folder = folder
        self._read: dict[str, PriceBook] = {}

    def slugs(self) -> tuple[str, ...]:
        """What there is, in order."""
        return tuple(sorted(path.stem for path in self._folder.glob("*.toml")))

    def book(self, slug: str) -> PriceBook | None:
        """One of them, read once. Raises PriceBookUnreadable for a file that this release does not read."""
        if slug not in self._read:
            source = self.source(slug)
            if source is None:
                return None
            book = read_price_book(source)
            if not isinstance(book, PriceBook):
                raise PriceBookUnreadable(f"{slug}: {book[0].message}")
            self._read[slug] = book
        return self._read[slug]

    def books(self) -> tuple[PriceBook, ...]:
        """All of them, in the order of their slugs."""
        return tuple(book for book in map(self.book, self.slugs()) if book is not None)

    def source(self, slug: str) -> str | None:
        """The text of one; None when there is none of that name. The name is looked up, never made into a path."""
        if slug not in self.slugs():
            return None
        return (self._folder / f"{slug}.toml").read_text(encoding="utf-8")
