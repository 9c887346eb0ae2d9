-- Adds differences to the sums of works.
INSERT INTO work_day AS w SELECT n.* FROM unnest($1::ledger_work_v2[]) n
    ON CONFLICT (account_id, day, member_id, project, outcome) DO UPDATE SET works = w.works + excluded.works
