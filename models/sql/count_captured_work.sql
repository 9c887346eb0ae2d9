-- How many lines list_captured_work lists in all.
SELECT count(*) FROM captured_line WHERE tenant_id = $1 AND at >= $2
