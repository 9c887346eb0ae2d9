-- A hold ends once: one RELEASE entry at its end (none is needed where a commit left nothing), and only refunds after it.
SELECT format('account %s hold %s', h.account_id, h.hold_id) AS "where",
       format('state %s, ended at %s: found %s RELEASE entries, the last (version %s) at %s; the last entry but refunds'
              ' is version %s at %s', h.state, coalesce(h.ended_at::text, 'no time'), coalesce(e.releases, 0),
              coalesce(e.release_version::text, 'none'), coalesce(e.released_at::text, 'no time'),
              coalesce(e.work_version::text, 'none'), coalesce(e.worked_at::text, 'no time')) AS message
  FROM hold h
  LEFT JOIN (SELECT account_id, hold_id,
                    count(*) FILTER (WHERE kind = 'RELEASE') AS releases,
                    max(version) FILTER (WHERE kind = 'RELEASE') AS release_version,
                    max(at) FILTER (WHERE kind = 'RELEASE') AS released_at,
                    max(version) AS work_version,
                    max(at) AS worked_at
               FROM entry WHERE hold_id IS NOT NULL AND kind <> 'REFUND' GROUP BY account_id, hold_id) e
    ON e.account_id = h.account_id AND e.hold_id = h.hold_id
 WHERE NOT CASE h.state WHEN 'OPEN' THEN coalesce(e.releases, 0) = 0
                        WHEN 'COMMITTED' THEN coalesce(e.releases, 0) <= 1
                        ELSE coalesce(e.releases, 0) = 1 END
    OR e.work_version > e.release_version
    OR e.released_at <> h.ended_at
    OR e.worked_at > h.ended_at
 ORDER BY h.account_id, h.hold_id LIMIT $1
