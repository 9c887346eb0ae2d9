"""Live balances: whoever watches an account is shown each change, in order, whatever breaks in between.

The writer calls `LiveHub.changed` after COMMIT. This process's watchers are told directly, other processes
through the bus; each reads the account once for all its subscribers. A loop compares versions with the database
and so makes lost messages good.
"""
