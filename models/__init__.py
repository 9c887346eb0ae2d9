"""Owns the tables: models of the cold ones, the ledger's SQL, migrations, roles, and every connection to Postgres.

Nothing here decides anything. Services ask `models.database.Database` for a transaction and work inside it; a row that
belongs to a tenant is only reachable with that tenant set (row-level security), or as the writer, whose batches span
tenants.
"""
