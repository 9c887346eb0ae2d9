"""Prices: price books read from TOML, the exact cost of work, its bounds, and the refusals that pricing can give."""
