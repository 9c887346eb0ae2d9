"""What each release promised, and a database as it left one behind: docs/releasing.md."""
