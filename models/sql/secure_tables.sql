-- Rights and row-level security of every table that has a tenant's rows; safe to run again after each new table.
--
-- With roles of their own: farebox_server sees the rows of the tenants named in farebox.tenants, farebox_writer all. Where
-- the owner may not take those roles it does the work itself, and its sessions say with farebox.spanning that they span
-- tenants.
--
-- Only the parent of a partitioned table is granted: a granted partition would bypass the parent's policies. The setting
-- is read in a subselect, once per statement; written plainly it is parsed for every row.
DO $$
DECLARE
    server_role text := 'farebox_server';
    writer_role text := 'farebox_writer';
    named_tenants constant text :=
        $sql$= ANY (ARRAY(SELECT unnest(string_to_array(nullif(current_setting('farebox.tenants', true), ''), ','))::uuid))$sql$;
    every_tenant text := 'true';
    secured record;
    server_rights text;
    writer_rights text;
BEGIN
    BEGIN
        SET LOCAL ROLE farebox_server;
        SET LOCAL ROLE farebox_writer;
        RESET ROLE;
    EXCEPTION WHEN insufficient_privilege OR invalid_parameter_value OR undefined_object THEN
        server_role := session_user;
        writer_role := session_user;
        every_tenant := $sql$(SELECT current_setting('farebox.spanning', true)) = 'on'$sql$;
    END;

    FOR secured IN
        SELECT c.oid::regclass AS name, a.attname AS tenant_column,
               EXISTS (
                   SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname LIKE '%append\_only%'
               ) AS is_append_only
        FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
            AND a.attname = CASE c.relname WHEN 'tenant' THEN 'id' ELSE 'tenant_id' END
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        ORDER BY c.relname
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', secured.name);
        EXECUTE format('DROP POLICY IF EXISTS tenant_rows ON %s', secured.name);
        EXECUTE format('DROP POLICY IF EXISTS spanning_rows ON %s', secured.name);
        EXECUTE format('CREATE POLICY tenant_rows ON %s TO %I USING (%I %s)',
                       secured.name, server_role, secured.tenant_column, named_tenants);
        EXECUTE format('CREATE POLICY spanning_rows ON %s TO %I USING (%s)', secured.name, writer_role, every_tenant);

        IF server_role <> writer_role THEN
            -- Requests write only what is not the ledger's.
            server_rights := CASE secured.name::text
                WHEN 'api_key' THEN 'SELECT, INSERT, UPDATE'
                WHEN 'account' THEN 'SELECT, UPDATE'
                WHEN 'price_book' THEN 'SELECT, INSERT'
                WHEN 'quote' THEN 'SELECT, INSERT'
                WHEN 'promo_code' THEN 'SELECT, INSERT, UPDATE'
                -- A claim whose grant was refused is taken back.
                WHEN 'promo_claim' THEN 'SELECT, INSERT, UPDATE, DELETE'
                WHEN 'promo_guesses' THEN 'SELECT, INSERT, UPDATE'
                WHEN 'loyalty_watch' THEN 'SELECT, INSERT, UPDATE'
                WHEN 'project' THEN 'SELECT, INSERT, UPDATE'
                WHEN 'workflow' THEN 'SELECT, INSERT, UPDATE'
                WHEN 'workflow_version' THEN 'SELECT, INSERT'
                WHEN 'referral' THEN 'SELECT, UPDATE'
                WHEN 'change_log' THEN 'SELECT, INSERT'
                -- Only who tells credentials apart needs it.
                WHEN 'signing_secret' THEN NULL
                ELSE 'SELECT'
            END;
            -- Nothing is ever deleted but quotes that are long over and sums to be replaced, and what took effect under a key or from a message
            -- stands for good.
            writer_rights := CASE
                -- A right to change some column is what locking a row takes.
                WHEN secured.name::text = 'quote' THEN 'SELECT, DELETE, UPDATE (kept_until)'
                -- Sums that can be worked out anew, and then are.
                WHEN secured.name::text IN ('usage_day', 'work_day') THEN 'SELECT, INSERT, UPDATE, DELETE'
                WHEN secured.is_append_only OR secured.name::text IN ('operation', 'inbox', 'signing_secret')
                    THEN 'SELECT, INSERT'
                ELSE 'SELECT, INSERT, UPDATE'
            END;
            EXECUTE format('REVOKE ALL ON %s FROM PUBLIC, %I, %I', secured.name, server_role, writer_role);
            IF server_rights IS NOT NULL THEN
                EXECUTE format('GRANT %s ON %s TO %I', server_rights, secured.name, server_role);
            END IF;
            EXECUTE format('GRANT %s ON %s TO %I', writer_rights, secured.name, writer_role);
        END IF;
    END LOOP;

    IF server_role <> writer_role THEN
        IF to_regclass('usage_journaled') IS NOT NULL THEN
            EXECUTE format('GRANT SELECT ON usage_journaled, work_journaled TO %I', writer_role);
        END IF;
        EXECUTE format('GRANT USAGE ON SCHEMA public TO %I, %I', server_role, writer_role);
        EXECUTE format('GRANT EXECUTE ON FUNCTION ensure_journal_months TO %I', writer_role);
        EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO %I', writer_role);
        EXECUTE format('GRANT SELECT ON tortoise_migrations TO %I, %I', server_role, writer_role);
    END IF;
END
$$;
