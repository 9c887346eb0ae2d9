-- What does not add up in the one-call rival's tables: a rule and the row that breaks it.
SELECT 'an account holds what its open holds hold' AS rule, a.account_id::text AS place
  FROM one_call.ledger_account a LEFT JOIN one_call.hold h ON h.account_id = a.account_id AND h.open
 GROUP BY a.account_id HAVING a.held <> coalesce(sum(h.remaining), 0) OR a.held > a.total
UNION ALL
SELECT 'an account''s sums and version are those of its entries', a.account_id::text
  FROM one_call.ledger_account a LEFT JOIN one_call.entry e USING (account_id)
 GROUP BY a.account_id
HAVING (a.version, a.total, a.held)
    <> (count(e.version), coalesce(sum(e.total_change), 0), coalesce(sum(e.held_change), 0))
UNION ALL
SELECT 'a grant holds what is allocated to it', g.account_id || ' ' || g.grant_id
  FROM one_call.token_grant g LEFT JOIN one_call.hold_allocation l USING (account_id, grant_id)
 GROUP BY g.account_id, g.grant_id HAVING g.held <> coalesce(sum(l.held), 0)
UNION ALL
SELECT 'a hold is allocated in full', h.account_id || ' ' || h.hold_id
  FROM one_call.hold h LEFT JOIN one_call.hold_allocation l USING (account_id, hold_id)
 GROUP BY h.account_id, h.hold_id HAVING h.remaining <> coalesce(sum(l.held), 0)
UNION ALL
SELECT 'a hold was made by one operation', h.account_id || ' ' || h.hold_id
  FROM one_call.hold h LEFT JOIN one_call.operation o USING (account_id, hold_id)
 GROUP BY h.account_id, h.hold_id HAVING count(o.key) <> 1
LIMIT 100
