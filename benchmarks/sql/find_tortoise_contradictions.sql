-- What does not add up in the Tortoise rival's tables: a rule and the row that breaks it.
SELECT 'an account holds what its open holds hold' AS rule, a.id::text AS place
  FROM rival_account a LEFT JOIN rival_hold h ON h.account_id = a.id AND h.state = 'OPEN'
 GROUP BY a.id HAVING a.held <> coalesce(sum(h.remaining), 0) OR a.held > a.total
UNION ALL
SELECT 'an account''s sums and version are those of its entries', a.id::text
  FROM rival_account a LEFT JOIN rival_entry e ON e.account_id = a.id
 GROUP BY a.id
HAVING (a.version, a.total, a.held)
    <> (count(e.id), coalesce(sum(e.total_change), 0), coalesce(sum(e.held_change), 0))
UNION ALL
SELECT 'a grant holds what is allocated to it', g.id::text
  FROM rival_grant g LEFT JOIN rival_allocation l ON l.grant_id = g.id
 GROUP BY g.id HAVING g.held <> coalesce(sum(l.held), 0) OR g.held > g.remaining
UNION ALL
SELECT 'a hold is allocated in full', h.id::text
  FROM rival_hold h LEFT JOIN rival_allocation l ON l.hold_id = h.id
 GROUP BY h.id HAVING h.remaining <> coalesce(sum(l.held), 0)
UNION ALL
SELECT 'a hold was made by one operation', h.id::text
  FROM rival_hold h LEFT JOIN rival_operation o ON o.hold_id = h.id
 GROUP BY h.id HAVING count(o.id) <> 1
LIMIT 100
