-- Nothing of an account falls due before its due_at: an open hold, a grant that still has tokens, or the notice of it.
SELECT format('account %s ledger_account', a.account_id) AS "where",
       format('due_at: something falls due at %s, found %s', d.at, coalesce(a.due_at::text, 'nothing')) AS message
  FROM ledger_account a
  JOIN (SELECT due.account_id, min(due.at) AS at
          FROM (SELECT account_id, expires_at AS at FROM hold WHERE open
                UNION ALL
                -- Not yet given: while all of a grant is on hold a notice waits, whenever it was to come.
                SELECT account_id, notice_at FROM token_grant WHERE ended IS NULL AND remaining > held
                UNION ALL
                SELECT g.account_id, g.expires_at
                  FROM token_grant g JOIN ledger_account o ON o.account_id = g.account_id
                 WHERE g.ended IS NULL AND g.remaining > 0
                   -- One that has expired while it was wholly held ends when its tokens come back.
                   AND (g.remaining > g.held OR g.expires_at > o.last_at)) due
         WHERE due.at IS NOT NULL
         GROUP BY due.account_id) d
    ON d.account_id = a.account_id
 WHERE a.due_at IS NULL OR a.due_at > d.at
 ORDER BY a.account_id LIMIT $1
