"""Owns the embedded Postgres: its binaries, its directory, its process, and that it ends with its parent."""
