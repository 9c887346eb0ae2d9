-- The journal and each of its months refuse changes by enabled triggers: of rows, and of the whole by TRUNCATE.
SELECT format('table %s', j.relation) AS "where",
       format('expected an enabled trigger against %s, found none', w.against) AS message
  FROM (SELECT 'entry'::regclass AS relation
        UNION ALL
        SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'entry'::regclass) j
  -- Bits of pg_trigger.tgtype: 1 for each row, 2 before, 8 delete, 16 update, 32 truncate.
 CROSS JOIN (VALUES ('UPDATE and DELETE', 27), ('TRUNCATE', 34)) w (against, bits)
  LEFT JOIN pg_trigger t
    ON t.tgrelid = j.relation AND t.tgtype & w.bits = w.bits AND t.tgenabled IN ('O', 'A') AND t.tgqual IS NULL
       AND t.tgfoid = 'refuse_journal_change'::regproc
 WHERE t.oid IS NULL
 ORDER BY j.relation::text, w.against LIMIT $1
