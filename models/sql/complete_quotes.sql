-- What the model of quotes cannot say: the owner leads the key, and old ones are found by their end.
ALTER TABLE quote DROP CONSTRAINT quote_pkey, ADD PRIMARY KEY (owner_id, quote_id);
CREATE INDEX quote_kept_until ON quote (kept_until);
