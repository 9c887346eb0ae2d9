-- Creates the two roles of sessions and lets the owner take them. Roles belong to the whole cluster, so another database's
-- migration may be doing the same at this moment; and the owner may not be allowed to, which secure_tables.sql then sees.
DO $$
DECLARE
    session_role text;
BEGIN
    FOREACH session_role IN ARRAY ARRAY['farebox_server', 'farebox_writer'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = session_role) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', session_role);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN
            NULL;
        END;
        BEGIN
            EXECUTE format('SET LOCAL ROLE %I', session_role);
            RESET ROLE;
        EXCEPTION WHEN insufficient_privilege OR invalid_parameter_value OR undefined_object THEN
            BEGIN
                EXECUTE format('GRANT %I TO %I', session_role, session_user);
            EXCEPTION WHEN insufficient_privilege OR undefined_object OR internal_error THEN
                -- internal_error: "tuple concurrently updated", by another database's migration.
                NULL;
            END;
        END;
    END LOOP;
END
$$;
