"""The ledger's shell: commands are queued per lane, decided by the core on locked rows, and committed in groups.

Owns the writer (queue and group commit), the batch (load and write), reads and the audit. Every rule is in
`rules.ledger`.
"""
