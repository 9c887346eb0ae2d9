-- An entry's free text has the digest that the entry keeps; what was erased is missed by nobody.
SELECT format('account %s entry_text %s', x.account_id, x.version) AS "where",
       format('ref, note: their entry keeps the digest %s, found %s',
              encode(x.text_digest, 'hex'), encode(x.found, 'hex')) AS message
  FROM (SELECT t.account_id, t.version, e.text_digest,
               sha256(t.salt
                      || coalesce(int4send(octet_length(convert_to(t.ref, 'UTF8'))) || convert_to(t.ref, 'UTF8'), '\xffffffff')
                      || coalesce(int4send(octet_length(convert_to(t.note, 'UTF8'))) || convert_to(t.note, 'UTF8'), '\xffffffff')
               ) AS found
          FROM entry_text t JOIN entry e ON e.account_id = t.account_id AND e.version = t.version
         WHERE t.ref IS NOT NULL OR t.note IS NOT NULL) x
 WHERE x.found <> x.text_digest
 ORDER BY x.account_id, x.version LIMIT $1
