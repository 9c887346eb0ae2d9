-- For triggers with append_only in their name: rows of these tables are written once. secure_tables.sql reads the triggers' names and
-- grants accordingly.
CREATE FUNCTION farebox_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END
$$;
