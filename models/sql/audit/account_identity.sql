-- An account's id derives from its tenant and its external id, as rules/identity.py says.
SELECT format('account %s account', p.account_id) AS "where",
       format('account_id: its tenant and external id make %s, found %s', p.derived, p.account_id) AS message
  FROM (SELECT d.account_id,
               encode(set_byte(set_byte(d.digest, 6, get_byte(d.digest, 6) & 15 | 128),
                               8, get_byte(d.digest, 8) & 63 | 128), 'hex')::uuid AS derived
          FROM (SELECT account_id,
                       substring(sha256(convert_to('farebox.account', 'UTF8') || '\x00'::bytea || uuid_send(tenant_id)
                                        || convert_to(external_id, 'UTF8')) FROM 1 FOR 16) AS digest
                  FROM account) d) p
 WHERE p.account_id <> p.derived
 ORDER BY p.account_id LIMIT $1
