// How the cache policies order snapshots: by version, then by instant to the microsecond.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { possibleTypes } from 'farebox-client/schema';
import { isOlder } from '../clients/javascript/order.js';

const IN_ORDER = [
  {},
  { version: 8 },
  { version: 8, asOf: '2026-03-01T12:00:00Z' },
  { version: 8, asOf: '2026-03-01T12:00:00.000001Z' },
  { version: 8, asOf: '2026-03-01T12:00:00.01Z' },
  { version: 8, asOf: '2026-03-01T12:00:00.0100001Z' },
  { version: 8, asOf: '2026-03-01T13:00:00.5+00:30' },
  { version: 8, asOf: '2026-03-01T12:30:01Z' },
  { version: 9, asOf: '2026-01-01T00:00:00Z' },
  { version: 10, asOf: '2026-01-01T00:00:00Z' },
];

for (const [index, one] of IN_ORDER.entries()) {
  test(`${JSON.stringify(one)} is older than all that follow`, () => {
    assert.equal(isOlder(one, { ...one }), false, 'than itself');
    for (const other of IN_ORDER.slice(index + 1)) {
      assert.equal(isOlder(one, other), true, JSON.stringify(other));
      assert.equal(isOlder(other, one), false, JSON.stringify(other));
    }
  });
}

test('the possible types are the same as JSON and as a module', () => {
  const json = readFileSync(new URL('../clients/javascript/possible-types.json', import.meta.url), 'utf8');
  assert.deepEqual(JSON.parse(json), possibleTypes);
});
