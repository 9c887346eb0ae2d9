-- Whether this database was secured by roles of its own.
SELECT EXISTS (SELECT FROM pg_policies WHERE schemaname = 'public' AND 'farebox_writer' = ANY (roles))
