// The client graphql-sse, in its mode of one connection for each operation.

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { createClient } from 'graphql-sse';
import { ACCOUNT, BALANCE, COMMIT, RESERVE, Seen, anAccount, ask, authorization, refusedAuthorization, url } from './farebox.js';
import { cuttable } from './cuttable.js';

let account;
let wire;

before(async () => {
  account = await anAccount('graphql-sse');
  wire = await cuttable(url);
});
after(() => wire.close());

function connected(more = {}) {
  return createClient({ url: wire.url, headers: { authorization }, ...more });
}

async function once(client, query, variables) {
  for await (const { data, errors } of client.iterate({ query, variables })) {
    assert.equal(errors, undefined);
    return data;
  }
}

test('asks and changes', async () => {
  const client = connected();
  const { account: found } = await once(client, ACCOUNT, { id: account.id });
  assert.equal(Number(found.balance.available), account.available);

  const { reserve } = await once(client, RESERVE, { key: 'sse', id: account.id });
  assert.equal(reserve.__typename, 'ReserveSuccess');
  const { commit } = await once(client, COMMIT, { key: 'sse', hold: reserve.hold.id });
  assert.equal(Number(commit.balance.available), account.available - 3);
});

test('is told that its key is refused', async () => {
  const client = connected({ headers: { authorization: refusedAuthorization }, retryAttempts: 0 });
  await assert.rejects(once(client, ACCOUNT, { id: account.id }), ({ response }) => response.status === 401);
});

test('sees a commit live, comes back when the connection is cut, and ends on the balance', async () => {
  const { balance } = await ask(ACCOUNT, { id: account.id });
  const client = connected();
  const seen = new Seen();
  const failed = new Promise((_, reject) => {
    client.subscribe(
      { query: BALANCE, variables: { id: account.id } },
      { next: ({ data }) => seen.add(data.balance), error: reject, complete: () => reject(new Error('it completed')) },
    );
  });
  await Promise.race([seen.followsTheCutting(wire, account, balance), failed]);
  client.dispose();
});
