-- An account's ledger row with its tenant's time, and how it is seen by member $3 and project $4 (each may be null): what is
-- left and held on the grants of others, what is left on their own, and what expires next of what they may spend; with the
-- version of the price book that is in force then.
SELECT a.account_id, a.tenant_id, a.opened, a.frozen, a.time_zone, a.credit_limit, a.total, a.held, a.credit_drawn,
       a.clawed_back, a.grace_days, a.mark, a.version, a.head_hash, a.due_at, a.created_at, a.last_at,
       a.plan_id, a.closed_at, a.assigned, a.spending, a.alerting,
       at.now AS observed_at,
       extract(epoch FROM a.due_at - at.now)::float8 AS due_in_seconds,
       coalesce(e.amount, 0) AS expiring_amount, e.expires_at AS expiring_at,
       p.others_left, p.others_held, p.own_left,
       (SELECT b.version FROM price_book b WHERE b.tenant_id = t.id AND b.effective_at <= at.now
         ORDER BY b.effective_at DESC, b.version DESC LIMIT 1) AS book_version
  FROM ledger_account a
  JOIN tenant t ON t.id = a.tenant_id
  CROSS JOIN LATERAL (SELECT clock_timestamp() + t.clock_offset_micros * interval '1 microsecond' AS now) at
  CROSS JOIN LATERAL (
      SELECT coalesce(sum(s.remaining) FILTER (WHERE NOT s.own), 0)::bigint AS others_left,
             coalesce(sum(s.held) FILTER (WHERE NOT s.own), 0)::bigint AS others_held,
             coalesce(sum(s.remaining) FILTER (WHERE s.own), 0)::bigint AS own_left
        FROM (SELECT g.remaining, g.held, (g.member_id = $3) IS TRUE OR (g.project = $4) IS TRUE AS own
                FROM token_grant g
               WHERE a.assigned > 0 AND g.account_id = a.account_id AND g.open
                 AND (g.member_id IS NOT NULL OR g.project IS NOT NULL)) s
  ) p
  LEFT JOIN LATERAL (
      SELECT sum(g.remaining - g.held)::bigint AS amount, g.expires_at
        FROM token_grant g
       WHERE g.account_id = a.account_id AND g.open AND g.remaining > g.held AND g.ended IS NULL
          AND g.expires_at > at.now
          AND (g.member_id IS NULL AND g.project IS NULL
               OR (g.member_id = $3) IS TRUE OR (g.project = $4) IS TRUE)
       GROUP BY g.expires_at ORDER BY g.expires_at LIMIT 1
  ) e ON true
 WHERE a.account_id = $1 AND a.tenant_id = $2 AND a.opened
