// The client graphql-sse, in its mode of one connection for each operation.

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { createClient } from 'graphql-sse';
import { ACCOUNT, BALANCE, Seen, anAccount, ask, asksAndChanges, authorization, once, refusedAuthorization, url } from './farebox.js';
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

test('asks and changes', async () => {
  const client = connected();
  await asksAndChanges(account, 'sse', (query, variables) => once(client, query, variables));
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
