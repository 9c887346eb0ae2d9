-- Months of the journal, and the guards that keep it append-only.

CREATE FUNCTION refuse_journal_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only: % on % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = '0LF01';
END $$;

CREATE TRIGGER entry_append_only BEFORE UPDATE OR DELETE ON entry
    FOR EACH ROW EXECUTE FUNCTION refuse_journal_change();
CREATE TRIGGER entry_no_truncate BEFORE TRUNCATE ON entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_journal_change();

-- Makes every month of the journal that is missing, from its first one to the one of `latest`: also those in which nobody
-- ran the server, because what fell due meanwhile is dated at its own instant. By ATTACH, which lets the journal be
-- written; its foreign key keeps new accounts and their writers waiting until the transaction ends, so whoever serves makes
-- one month in a transaction (`most`). Gives the number of months made.
CREATE FUNCTION ensure_journal_months(latest timestamptz, most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    month timestamptz := coalesce(
        (SELECT min(to_date(right(c.relname, 7), 'YYYY_MM')) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
          WHERE i.inhparent = 'entry'::regclass),
        date_trunc('month', now() - interval '1 month'));
    following timestamptz;
    partition text;
    made integer := 0;
BEGIN
    IF latest > now() + interval '30 years' THEN
        RAISE EXCEPTION 'the journal is asked for months more than 30 years ahead';
    END IF;
    WHILE month <= latest AND made < most LOOP
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

SELECT ensure_journal_months(now() + interval '3 months', 12);

-- It works with its owner's rights; only the writer may call it, where there is one (secure_tables.sql).
REVOKE EXECUTE ON FUNCTION ensure_journal_months FROM PUBLIC;
