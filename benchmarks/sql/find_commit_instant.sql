-- When the transaction that wrote entry $2 of account $1 committed, in microseconds of the epoch.
SELECT (extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000000)::bigint
  FROM entry
 WHERE account_id = $1 AND version = $2
