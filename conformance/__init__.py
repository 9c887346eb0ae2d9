"""Outside suites and real clients against a running server: `make conformance`."""
