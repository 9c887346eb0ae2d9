-- What is assigned to members $2 and projects $3 of an account: what is left and held, by owner and by when the part that is
-- not held expires after $4 (null: it does not).
SELECT g.member_id, g.project, x.expires_at, sum(g.remaining)::bigint AS remaining, sum(g.held)::bigint AS held
  FROM token_grant g
  CROSS JOIN LATERAL (
      SELECT CASE WHEN g.remaining > g.held AND g.ended IS NULL AND g.expires_at > $4 THEN g.expires_at END AS expires_at
  ) x
 WHERE g.account_id = $1 AND g.open AND (g.member_id = ANY ($2::uuid[]) OR g.project = ANY ($3::text[]))
 GROUP BY g.member_id, g.project, x.expires_at
