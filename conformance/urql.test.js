// The client urql, with its own Accept header, its normalised cache and its subscriptions over graphql-ws.

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { Client, fetchExchange, subscriptionExchange } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { fareboxCacheConfig } from 'farebox-client/urql';
import { ACCOUNT, BALANCE, COMMIT, RESERVE, Seen, anAccount, ask, authorization, refusedAuthorization, until, url } from './farebox.js';
import { cuttable } from './cuttable.js';
import { raceOf } from './race.js';

let account;
let wire;

before(async () => {
  account = await anAccount('urql');
  wire = await cuttable(url);
});
after(() => wire.close());

function connected({ key = authorization, cache = fareboxCacheConfig(), ...more } = {}) {
  const socket = createClient({ url: wire.websocketUrl, webSocketImpl: WebSocket, connectionParams: { authorization: key } });
  const client = new Client({
    url,
    exchanges: [
      cacheExchange(cache),
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = '', variables }) => ({
          subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
        }),
      }),
    ],
    fetchOptions: { headers: { authorization: key } },
    ...more,
  });
  return { client, socket };
}

test('asks and changes', async () => {
  const asked = [];
  const { client } = connected({
    fetch: async (address, options) => {
      const response = await fetch(address, options);
      asked.push({ accept: new Headers(options.headers).get('accept'), type: response.headers.get('content-type') });
      return response;
    },
  });
  const { data, error } = await client.query(ACCOUNT, { id: account.id });
  assert.equal(error, undefined);
  assert.equal(Number(data.account.balance.available), account.available);
  assert.match(asked[0].accept, /text\/event-stream/, 'the header that it always sends');
  assert.match(asked[0].type, /json/, 'and a query is not streamed for it');

  const reserved = await client.mutation(RESERVE, { key: 'urql', id: account.id });
  assert.equal(reserved.data.reserve.__typename, 'ReserveSuccess');
  const committed = await client.mutation(COMMIT, { key: 'urql', hold: reserved.data.reserve.hold.id });
  assert.equal(Number(committed.data.commit.balance.available), account.available - 3);
});

test('is told that its key is refused', async () => {
  const { client } = connected({ key: refusedAuthorization });
  const { data, error } = await client.query(ACCOUNT, { id: account.id });
  assert.equal(data, undefined);
  assert.equal(error.response.status, 401);
});

test('sees a commit live, comes back when the socket is cut, and ends on the balance', async () => {
  const { client, socket } = connected();
  const { balance } = await ask(ACCOUNT, { id: account.id });
  const seen = new Seen();
  const failed = new Promise((_, reject) => {
    client.subscription(BALANCE, { id: account.id }).subscribe(({ data, error }) => {
      if (error) reject(error);
      else seen.add(data.balance);
    });
  });
  await Promise.race([seen.followsTheCutting(wire, account, balance), failed]);
  await socket.dispose();
});

test('an answer that is older than an event before it does not win', async () => {
  const guarded = await raced(fareboxCacheConfig());
  assert.deepEqual(numbers(guarded.onScreen), numbers(guarded.newest));

  const bare = await raced({});
  assert.deepEqual(numbers(bare.onScreen), numbers(bare.old), 'without the policies the older one wins: the race is real');
});

test('what an older answer tells beside the newer event is taken, and nothing else of it', async () => {
  const { onScreen, newest } = await raced(fareboxCacheConfig(), { told: 'id version asOf available' });
  assert.deepEqual(numbers(onScreen), numbers(newest));
});

async function raced(cache, events) {
  const race = await raceOf('urql', events);
  const { client, socket } = connected({ cache, fetch: race.fetch });
  let onScreen;
  client.query(race.query, race.variables).subscribe(({ data }) => {
    if (data?.account) onScreen = data.account.balance;
  });
  await race.answered;
  const seen = new Seen();
  client.subscription(race.subscription, race.variables).subscribe(({ data }) => seen.add(data.balance));
  await seen.reaches(race.newest.version);
  race.deliver();
  await until(() => onScreen, 'the answer');
  await race.settled();
  await socket.dispose();
  return { onScreen, newest: race.newest, old: race.old };
}

const numbers = ({ version, available, held }) => ({ version, available, held });
