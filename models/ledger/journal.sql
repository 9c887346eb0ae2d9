-- Months of the journal, and the guards that keep it append-only.

CREATE FUNCTION refuse_journal_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only: % on % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = '0LF01';
END $$;

CREATE TRIGGER entry_append_only BEFORE UPDATE OR DELETE ON entry
    FOR EACH ROW EXECUTE FUNCTION refuse_journal_change();
CREATE TRIGGER entry_no_truncate BEFORE TRUNCATE ON entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_journal_change();

-- Makes every missing month from the one of `earliest` to the one of `latest`, each by ATTACH, which does not lock the
-- journal against writers. One caller at a time; gives the number of months made.
CREATE FUNCTION ensure_journal_months(earliest timestamptz, latest timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    month timestamptz := date_trunc('month', earliest);
    following timestamptz;
    partition text;
    made integer := 0;
BEGIN
    IF latest > earliest + interval '30 years' THEN
        RAISE EXCEPTION 'more than 30 years of journal months asked for at once';
    END IF;
    WHILE month <= latest LOOP
        partition := 'entry_' || to_char(month, 'YYYY_MM');
        following := month + interval '1 month';
        IF to_regclass(partition) IS NULL THEN
            PERFORM pg_advisory_xact_lock(hashtext('farebox.journal_months'));
            IF to_regclass(partition) IS NULL THEN
                EXECUTE format('CREATE TABLE %I (LIKE entry INCLUDING ALL)', partition);
                EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I CHECK (at >= %L AND at < %L)',
                               partition, partition || '_month', month, following);
                EXECUTE format('ALTER TABLE entry ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                               partition, month, following);
                -- Row triggers come with ATTACH; a TRUNCATE trigger does not.
                EXECUTE format('CREATE TRIGGER entry_no_truncate BEFORE TRUNCATE ON %I '
                               'FOR EACH STATEMENT EXECUTE FUNCTION refuse_journal_change()', partition);
                made := made + 1;
            END IF;
        END IF;
        month := following;
    END LOOP;
    RETURN made;
END $$;

SELECT ensure_journal_months(now() - interval '1 month', now() + interval '3 months');
