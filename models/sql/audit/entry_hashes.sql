-- Every entry's hash covers its facts and the hash of the entry before it, byte for byte as rules/ledger/journal.py lays them out.
SELECT format('account %s entry %s', account_id, version) AS "where",
       format('hash: its facts make %s, found %s', encode(expected, 'hex'), encode(hash, 'hex')) AS message
  FROM (SELECT account_id, version, hash,
               sha256('\x01'::bytea
                      || coalesce(lag(hash) OVER (PARTITION BY account_id ORDER BY version), '')
                      || uuid_send(tenant_id) || uuid_send(account_id)
                      || int8send(version)
                      || int8send((extract(epoch FROM at) * 1000000)::bigint)
                      || int8send(total_change) || int8send(held_change) || int8send(owed_change)
                      || int8send(clawed_change) || int8send(spent)
                      || int8send(available_after) || int8send(credit_limit)
                      || int8send(coalesce(hold_id, 0)) || int8send(coalesce(grant_id, 0))
                      -- Texts come after their length in bytes, -1 where there is none.
                      || int4send(octet_length(convert_to(kind, 'UTF8'))) || convert_to(kind, 'UTF8')
                      || coalesce(uuid_send(member_id), '\x00000000000000000000000000000000')
                      || coalesce(int4send(octet_length(convert_to(project, 'UTF8'))) || convert_to(project, 'UTF8'), '\xffffffff')
                      || coalesce(int4send(octet_length(convert_to(model, 'UTF8'))) || convert_to(model, 'UTF8'), '\xffffffff')
                      || coalesce(int4send(octet_length(convert_to(category, 'UTF8'))) || convert_to(category, 'UTF8'), '\xffffffff')
                      || text_digest) AS expected
          FROM entry) e
 WHERE hash <> expected
 ORDER BY account_id, version LIMIT $1
