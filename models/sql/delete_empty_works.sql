-- Sums of account $1 to which no work was ever added.
DELETE FROM work_day WHERE account_id = $1 AND works = 0
