"""The ledger's rules: one account's rows and a command in, an outcome and changed rows out.

Owns every rule about grants, holds, captures, refunds, expiry, keys and the journal, once each. Does no I/O, reads no
clock, makes no random ids. Read `state`, `commands`, `decide` in that order.
"""
