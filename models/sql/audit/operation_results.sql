-- No operation without its result: the one hold or grant that it names exists, or the entry that settled its amount.
SELECT format('account %s operation %s/%s', o.account_id, o.mutation, o.key) AS "where",
       CASE WHEN o.mutation = 'settleOwed'
            THEN format('expected the SETTLEMENT of %s at %s and no other result, found %s of them, hold %s, grant %s',
                        o.amount, o.at, coalesce(s.times, 0), coalesce(o.hold_id::text, 'unnamed'),
                        coalesce(o.grant_id::text, 'unnamed'))
            ELSE format('expected one result that exists, found hold %s, grant %s',
              CASE WHEN o.hold_id IS NULL THEN 'unnamed' WHEN h.hold_id IS NULL THEN o.hold_id || ' (missing)'
                   ELSE o.hold_id::text END,
              CASE WHEN o.grant_id IS NULL THEN 'unnamed' WHEN g.grant_id IS NULL THEN o.grant_id || ' (missing)'
                   ELSE o.grant_id::text END) END AS message
  FROM operation o
  LEFT JOIN hold h ON h.account_id = o.account_id AND h.hold_id = o.hold_id
  LEFT JOIN token_grant g ON g.account_id = o.account_id AND g.grant_id = o.grant_id
  -- What settles a debt makes neither: its entry is known by instant and amount, one for each operation of both.
  LEFT JOIN (SELECT account_id, at, -owed_change AS amount, count(*) AS times FROM entry
              WHERE kind = 'SETTLEMENT' AND total_change = 0 GROUP BY account_id, at, owed_change) s
    ON o.mutation = 'settleOwed' AND s.account_id = o.account_id AND s.at = o.at AND s.amount = o.amount
 WHERE CASE WHEN o.mutation = 'settleOwed' THEN o.hold_id IS NOT NULL OR o.grant_id IS NOT NULL OR s.times IS NULL
            ELSE (o.hold_id IS NULL) = (o.grant_id IS NULL) END
    OR h.hold_id IS DISTINCT FROM o.hold_id OR g.grant_id IS DISTINCT FROM o.grant_id
 ORDER BY o.account_id, o.mutation, o.key LIMIT $1
