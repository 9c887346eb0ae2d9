-- An account's ledger row with its tenant's time, and what of it expires next.
SELECT a.account_id, a.tenant_id, a.opened, a.frozen, a.time_zone, a.credit_limit, a.total, a.held, a.credit_drawn,
       a.clawed_back, a.grace_days, a.mark, a.version, a.head_hash, a.due_at, a.created_at, a.last_at,
       a.plan_id, a.closed_at, a.assigned, a.spending, a.alerting,
       at.now AS observed_at,
       extract(epoch FROM a.due_at - at.now)::float8 AS due_in_seconds,
       coalesce(e.amount, 0) AS expiring_amount, e.expires_at AS expiring_at
  FROM ledger_account a
  JOIN tenant t ON t.id = a.tenant_id
  CROSS JOIN LATERAL (SELECT clock_timestamp() + t.clock_offset_micros * interval '1 microsecond' AS now) at
  LEFT JOIN LATERAL (
      SELECT sum(g.remaining - g.held)::bigint AS amount, g.expires_at
        FROM token_grant g
       WHERE g.account_id = a.account_id AND g.open AND g.remaining > g.held AND g.ended IS NULL
          AND g.expires_at > at.now
       GROUP BY g.expires_at ORDER BY g.expires_at LIMIT 1
  ) e ON true
 WHERE a.account_id = $1 AND a.tenant_id = $2 AND a.opened
