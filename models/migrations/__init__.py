"""Owns the steps that bring a database to this release's tables, and the runner that takes them."""

from models.migrations.runner import is_current, migrate

__all__ = ["is_current", "migrate"]
