// The client graphql-ws, with its own ways of connecting and coming back.

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { ACCOUNT, BALANCE, Seen, anAccount, ask, asksAndChanges, authorization, once, refusedAuthorization, url } from './farebox.js';
import { cuttable } from './cuttable.js';

let account;
let wire;

before(async () => {
  account = await anAccount('graphql-ws');
  wire = await cuttable(url);
});
after(() => wire.close());

function connected(more = {}) {
  return createClient({ url: wire.websocketUrl, webSocketImpl: WebSocket, connectionParams: { authorization }, ...more });
}

test('asks and changes over the socket', async () => {
  const client = connected();
  await asksAndChanges(account, 'ws', (query, variables) => once(client, query, variables));
  await client.dispose();
});

test('is told that its key is refused', async () => {
  const client = connected({ connectionParams: { authorization: refusedAuthorization }, retryAttempts: 0 });
  await assert.rejects(once(client, ACCOUNT, { id: account.id }), ({ code }) => code === 4403);
});

test('comes back by itself with a new token when the one it had is refused', async () => {
  const tokens = [refusedAuthorization, authorization];
  const client = connected({ connectionParams: () => ({ authorization: tokens.shift() }) });
  assert.ok((await once(client, ACCOUNT, { id: account.id })).account);
  assert.deepEqual(tokens, []);
  await client.dispose();
});

test('an error in the document ends the operation and not the socket', async () => {
  const client = connected({ lazy: false });
  await assert.rejects(once(client, '{ noSuchField }'), (errors) => errors[0].extensions.code === 'BAD_USER_INPUT');
  assert.ok((await once(client, ACCOUNT, { id: account.id })).account);
  await client.dispose();
});

test('sees a commit live, comes back when the socket is cut, and ends on the balance', async () => {
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
  await client.dispose();
});
