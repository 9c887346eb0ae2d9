-- A closed account has no tokens but those that its holds have, and no hold that began after its end.
SELECT format('account %s ledger_account', a.account_id) AS "where",
       format('closed at %s: expected no tokens but on hold and no later hold, found %s tokens and %s holds',
              a.closed_at, coalesce(g.free, 0), coalesce(h.later, 0)) AS message
  FROM ledger_account a
  LEFT JOIN LATERAL (SELECT sum(g.remaining - g.held) AS free FROM token_grant g WHERE g.account_id = a.account_id) g ON true
  LEFT JOIN LATERAL (SELECT count(*) AS later FROM hold h
                      WHERE h.account_id = a.account_id AND h.created_at > a.closed_at) h ON true
 WHERE a.closed_at IS NOT NULL AND (coalesce(g.free, 0) <> 0 OR coalesce(h.later, 0) <> 0)
 ORDER BY a.account_id LIMIT $1
