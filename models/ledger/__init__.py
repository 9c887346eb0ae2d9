"""The ledger's tables, and the two functions that load and write them; rows travel as the types of types.sql."""
