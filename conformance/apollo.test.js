// Apollo Client, with its normalised cache and its subscriptions over graphql-ws.

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client/core/index.js';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries/index.js';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions/index.js';
import { OperationTypeNode } from 'graphql';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { fareboxTypePolicies, possibleTypes } from 'farebox-client/apollo';
import { ACCOUNT, BALANCE, COMMIT, RESERVE, Seen, anAccount, ask, authorization, refusedAuthorization, until, url } from './farebox.js';
import { cuttable } from './cuttable.js';
import { raceOf } from './race.js';

let account;
let wire;

before(async () => {
  account = await anAccount('apollo');
  wire = await cuttable(url);
});
after(() => wire.close());

function connected({ key = authorization, typePolicies = fareboxTypePolicies(), fetch: fetchIt = fetch, links = [] } = {}) {
  const socket = createClient({ url: wire.websocketUrl, webSocketImpl: WebSocket, connectionParams: { authorization: key } });
  const client = new ApolloClient({
    link: ApolloLink.from([
      ...links,
      ApolloLink.split(
        ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
        new GraphQLWsLink(socket),
        new HttpLink({ uri: url, fetch: fetchIt, headers: { authorization: key } }),
      ),
    ]),
    cache: new InMemoryCache({ possibleTypes, typePolicies }),
  });
  const end = async () => {
    client.stop();
    await socket.dispose();
  };
  return { client, end };
}

test('asks and changes', async () => {
  const { client, end } = connected();
  const { data } = await client.query({ query: gql(ACCOUNT), variables: { id: account.id } });
  assert.equal(Number(data.account.balance.available), account.available);

  const reserved = await client.mutate({ mutation: gql(RESERVE), variables: { key: 'apollo', id: account.id } });
  assert.equal(reserved.data.reserve.__typename, 'ReserveSuccess');
  const variables = { key: 'apollo', hold: reserved.data.reserve.hold.id };
  const committed = await client.mutate({ mutation: gql(COMMIT), variables });
  assert.equal(Number(committed.data.commit.balance.available), account.available - 3);

  const kept = client.readQuery({ query: gql(ACCOUNT), variables: { id: account.id } });
  assert.deepEqual(kept.account.balance, committed.data.commit.balance, 'the cache has what the mutation told');
  await end();
});

test('asks for a trusted document by its hash alone, and sends others beside theirs, by websocket too', async () => {
  const sent = [];
  const counted = (uri, options) => {
    sent.push(JSON.parse(options.body));
    return fetch(uri, options);
  };
  const links = [new PersistedQueryLink({ sha256: (text) => createHash('sha256').update(text).digest('hex') })];
  const { client, end } = connected({ fetch: counted, links });
  const variables = { id: account.id };

  const trusted = await client.query({ query: gql('query Who { viewer { kind } }') });
  assert.equal(trusted.data.viewer.kind, 'SECRET');
  assert.deepEqual(sent.map((body) => 'query' in body), [false]);

  const other = await client.query({ query: gql(ACCOUNT), variables });
  assert.equal(other.data.account.id, account.id);
  assert.deepEqual(sent.map((body) => 'query' in body), [false, false, true]);
  assert.ok(sent.every((body) => body.extensions.persistedQuery.sha256Hash));

  const { data, error } = await new Promise((next, fail) => {
    client.subscribe({ query: gql(BALANCE), variables }).subscribe({ next, error: fail });
  });
  assert.equal(error, undefined);
  assert.deepEqual(data.balance, other.data.account.balance);
  await end();
});

test('is told that its key is refused', async () => {
  const { client, end } = connected({ key: refusedAuthorization });
  await assert.rejects(
    client.query({ query: gql(ACCOUNT), variables: { id: account.id } }),
    (error) => (error.statusCode ?? error.cause?.statusCode) === 401 || /UNAUTHENTICATED/.test(JSON.stringify(error)),
  );
  await end();
});

test('a refusal is found by its interface, though introspection may be off', async () => {
  const { client, end } = connected();
  const variables = { key: 'apollo too much', id: account.id };
  const mutation = gql(RESERVE.replace('"5"', '"100000"'));
  const { data } = await client.mutate({ mutation, variables });
  assert.equal(data.reserve.code, 'INSUFFICIENT_TOKENS');
  await end();
});

test('sees a commit live, comes back when the socket is cut, and ends on the balance', async () => {
  const { client, end } = connected();
  const { balance } = await ask(ACCOUNT, { id: account.id });
  const seen = new Seen();
  const failed = new Promise((_, reject) => {
    client.subscribe({ query: gql(BALANCE), variables: { id: account.id } }).subscribe({
      next: ({ data, error }) => (error ? reject(error) : seen.add(data.balance)),
      error: reject,
    });
  });
  await Promise.race([seen.followsTheCutting(wire, account, balance), failed]);
  await end();
});

test('an answer that is older than an event before it does not win', async () => {
  const guarded = await raced(fareboxTypePolicies());
  assert.deepEqual(numbers(guarded.onScreen), numbers(guarded.newest));

  const bare = await raced({});
  assert.deepEqual(numbers(bare.onScreen), numbers(bare.old), 'without the policies the older one wins: the race is real');
});

test('what an older answer tells beside the newer event is taken, and nothing else of it', async () => {
  const { onScreen, newest } = await raced(fareboxTypePolicies(), { told: 'id version asOf available' });
  assert.deepEqual(numbers(onScreen), numbers(newest));
});

async function raced(typePolicies, events) {
  const race = await raceOf('apollo', events);
  const { client, end } = connected({ typePolicies, fetch: race.fetch });
  let onScreen;
  client.watchQuery({ query: gql(race.query), variables: race.variables }).subscribe(({ data }) => {
    if (data?.account) onScreen = data.account.balance;
  });
  await race.answered;
  const seen = new Seen();
  client.subscribe({ query: gql(race.subscription), variables: race.variables }).subscribe(({ data }) => seen.add(data.balance));
  await seen.reaches(race.newest.version);
  race.deliver();
  await until(() => onScreen, 'the answer');
  await race.settled();
  await end();
  return { onScreen, newest: race.newest, old: race.old };
}

const numbers = ({ version, available, held }) => ({ version, available, held });
