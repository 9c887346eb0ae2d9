"""Measures the ledger beside its rivals: the same work in other ways, interleaved on one durable Postgres."""
