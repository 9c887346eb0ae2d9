-- What happened to one hold, however long the journal is. The rest is found without: a hold is named by its first entry, and
-- a captured line by its own.
CREATE INDEX entry_of_hold ON entry (account_id, hold_id, version)
    WHERE hold_id <> version AND kind NOT IN ('CAPTURE', 'ROUNDING');
