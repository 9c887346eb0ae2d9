-- The head of an account's chain is the hash of its latest entry, empty without entries.
SELECT format('account %s ledger_account', a.account_id) AS "where",
       format('head_hash: its latest entry has %s, found %s',
              coalesce(encode(e.hash, 'hex'), 'none'), encode(a.head_hash, 'hex')) AS message
  FROM ledger_account a
  LEFT JOIN (SELECT l.account_id, n.hash
               FROM (SELECT account_id, max(version) AS version FROM entry GROUP BY account_id) l
               JOIN entry n ON n.account_id = l.account_id AND n.version = l.version) e
    ON e.account_id = a.account_id
 WHERE a.head_hash <> coalesce(e.hash, '')
 ORDER BY a.account_id LIMIT $1
