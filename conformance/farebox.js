// What the suites share: the server under test, accounts of their own on it, and the documents that they send.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

export const url = required('CONFORMANCE_URL');
export const key = required('CONFORMANCE_KEY');
export const authorization = `Bearer ${key}`;
/** Well formed, and nobody's. */
export const refusedAuthorization = `${authorization.slice(0, -6)}000000`;

/** For a change to be seen; the promise is a tenth of it, a busy machine no fault. */
export const PATIENCE_MS = 20_000;

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run these suites by \`make conformance\``);
  return value;
}

export const BALANCE_FIELDS = 'id version asOf available held';

export const ACCOUNT = `query Account($id: ID!) { account(id: $id) { id balance { ${BALANCE_FIELDS} } } }`;

export const BALANCE = `subscription Balance($id: ID!) { balance(accountId: $id) { ${BALANCE_FIELDS} } }`;

export const RESERVE = `mutation Reserve($key: String!, $id: ID!) {
  reserve(input: { idempotencyKey: $key, accountId: $id, work: { amount: "5" } }) {
    __typename
    ... on ReserveSuccess { hold { id amount } balance { ${BALANCE_FIELDS} } }
    ... on Problem { code message }
  }
}`;

export const COMMIT = `mutation Commit($key: String!, $hold: ID!) {
  commit(input: { idempotencyKey: $key, holdId: $hold, actual: { amount: "3" } }) {
    __typename
    ... on CommitSuccess { amount balance { ${BALANCE_FIELDS} } }
    ... on Problem { code message }
  }
}`;

const OPEN = `mutation($external: String!) {
  createAccount(input: { externalId: $external, name: $external }) { ... on AccountSuccess { account { id } } }
}`;

const GRANT = `mutation($id: ID!) {
  grantTokens(input: { idempotencyKey: "first", accountId: $id, amount: "100" }) {
    ... on GrantSuccess { balance { version available } }
  }
}`;

/** One document by plain fetch, as the suite's own hand beside the client that it tries. */
export async function ask(query, variables = {}) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(JSON.stringify(errors));
  return Object.values(data)[0];
}

/** An account with 100 tokens more than it began with, which nobody else uses. */
export async function anAccount(name) {
  const { account } = await ask(OPEN, { external: `${name}-${Date.now()}` });
  const { balance } = await ask(GRANT, { id: account.id });
  return { id: account.id, version: balance.version, available: Number(balance.available) };
}

/** Reserves 5 and commits 3, beside the client: two versions more and 3 tokens less. Returns the balance then. */
export async function aFare(account, name) {
  const reserved = await ask(RESERVE, { key: name, id: account.id });
  const committed = await ask(COMMIT, { key: name, hold: reserved.hold.id });
  return committed.balance;
}

/** Asks for the account's tokens, reserves and commits, by whatever `run` makes of (document, variables): its data. */
export async function asksAndChanges(account, name, run) {
  const { account: found } = await run(ACCOUNT, { id: account.id });
  assert.equal(Number(found.balance.available), account.available);

  const { reserve } = await run(RESERVE, { key: name, id: account.id });
  assert.equal(reserve.__typename, 'ReserveSuccess');
  const { commit } = await run(COMMIT, { key: name, hold: reserve.hold.id });
  assert.equal(commit.__typename, 'CommitSuccess');
  assert.equal(Number(commit.balance.available), account.available - 3);
}

/** The one answer of a client that iterates over them. */
export async function once(client, query, variables) {
  for await (const { data, errors } of client.iterate({ query, variables })) {
    assert.equal(errors, undefined);
    return data;
  }
}

/** What a client saw of a balance: it must only rise, and get to where it is expected. */
export class Seen {
  balances = [];
  #waiting = [];

  add(balance) {
    const last = this.balances.at(-1);
    if (last && balance.version < last.version) throw new Error(`${balance.version} came after ${last.version}`);
    this.balances.push(balance);
    this.#waiting = this.#waiting.filter((waits) => !waits(balance));
  }

  /** Sees a fare live, the one that was missed while the wire was cut, and the one after. `first`: the balance now. */
  async followsTheCutting(wire, account, first) {
    assert.deepEqual(plain(await this.reaches(0)), first, 'a snapshot comes first');
    const after = await aFare(account, 'live');
    assert.equal((await this.reaches(after.version)).available, after.available);

    const connections = wire.accepted;
    wire.cut();
    const missed = await aFare(account, 'while it was cut');
    assert.deepEqual(plain(await this.reaches(missed.version)), missed);
    assert.ok(wire.accepted > connections, 'it connected again');
    const last = await aFare(account, 'after it was cut');
    assert.deepEqual(plain(await this.reaches(last.version)), last);
  }

  /** Resolves with the first balance, also of those already seen, of this version or a later one. */
  reaches(version) {
    const found = this.balances.find((balance) => balance.version >= version);
    if (found) return Promise.resolve(found);
    return within(
      PATIENCE_MS,
      `version ${version}`,
      new Promise((resolve) => {
        this.#waiting.push((balance) => {
          if (balance.version < version) return false;
          resolve(balance);
          return true;
        });
      }),
    );
  }
}

/** Without the type's name, which some clients ask for by themselves. */
function plain({ __typename, ...fields }) {
  return fields;
}

/** Resolves once the condition holds. */
export async function until(condition, what) {
  const end = Date.now() + PATIENCE_MS;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`${what} did not come within ${PATIENCE_MS} ms`);
    await sleep(10);
  }
}

/** The promise, or an error that says what did not come in time. */
export function within(milliseconds, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not come within ${milliseconds} ms`)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
