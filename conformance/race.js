// An answer over HTTP that was made before a change and arrives after the event that tells of it.

import { setTimeout as sleep } from 'node:timers/promises';
import { BALANCE_FIELDS, aFare, anAccount, within, PATIENCE_MS } from './farebox.js';

const SHOWN_MS = 300;

/**
 * A fetch that holds its first answer back, and an account that changes meanwhile. `answered` resolves when the server
 * has answered and the account has changed since; `deliver` lets the answer through. `told`: what events tell of.
 */
export async function raceOf(name, { told = BALANCE_FIELDS } = {}) {
  const account = await anAccount(`${name}-race`);
  let deliver;
  let answered;
  const gate = new Promise((resolve) => (deliver = resolve));
  const race = {
    account,
    variables: { id: account.id },
    query: `query Race($id: ID!) { account(id: $id) { id balance { ${BALANCE_FIELDS} } } }`,
    subscription: `subscription Race($id: ID!) { balance(accountId: $id) { ${told} } }`,
    /** What the held answer says, and what is so by now. */
    old: undefined,
    newest: undefined,
    deliver,
    requests: 0,
    /** Resolves when nothing is under way any more and what came has been shown. */
    async settled() {
      do await sleep(SHOWN_MS);
      while (race.underWay > 0);
    },
    underWay: 0,
    fetch: async (address, options) => {
      race.requests += 1;
      if (race.requests > 1) {
        race.underWay += 1;
        return fetch(address, options).finally(() => (race.underWay -= 1));
      }
      const response = await fetch(address, options);
      const text = await response.text();
      race.old = JSON.parse(text).data.account.balance;
      race.newest = await aFare(account, 'meanwhile');
      answered();
      await gate;
      return new Response(text, { status: response.status, headers: response.headers });
    },
  };
  race.answered = within(PATIENCE_MS, 'the first answer', new Promise((resolve) => (answered = resolve)));
  return race;
}
