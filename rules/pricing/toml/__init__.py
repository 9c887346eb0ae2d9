"""Reads price books from TOML: everything is checked, and every fault told with its line, path and remedy."""

from rules.pricing.toml.reader import read_price_book
from rules.pricing.toml.sections import Fault

__all__ = ["Fault", "read_price_book"]
