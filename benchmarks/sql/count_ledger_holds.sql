SELECT count(*) FROM hold
