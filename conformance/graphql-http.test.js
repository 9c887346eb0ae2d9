// GraphQL over HTTP, as its working group's audits want it: https://github.com/graphql/graphql-http

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { serverAudits } from 'graphql-http';
import { url } from './farebox.js';

const audits = serverAudits({ url });

test('no audit is missing', () => assert.equal(audits.length, 61));

for (const audit of audits) {
  // A warning is a SHOULD that is not kept; it counts as a failure here.
  test(`${audit.id} ${audit.name}`, async () => {
    const { status, reason } = await audit.fn();
    assert.equal(status, 'ok', reason);
  });
}
