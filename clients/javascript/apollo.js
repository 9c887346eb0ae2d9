import { isOlder } from './order.js';
import { possibleTypes, snapshotTypes } from './schema.js';

export { possibleTypes };

/**
 * Type policies for `new InMemoryCache({ possibleTypes, typePolicies: fareboxTypePolicies() })`.
 *
 * A snapshot that is older than what the cache has of its id changes none of the fields that the cache has: whichever of
 * an answer and an event comes first, the cache is as if they had come in order. Select `id`, `version` and `asOf`
 * wherever you select a Balance or LimitStatus.
 */
export function fareboxTypePolicies() {
  return Object.fromEntries(snapshotTypes.map((type) => [type, { keyFields }]));
}

// Asked for the key of each object that is about to be written: the one place where what comes and what the cache has are
// both at hand before anything is changed. A merge function of a field sees that field alone.
function keyFields({ id, version, asOf }, { typename, selectionSet, storeObject, readField }) {
  // Embedded where it stands: without an id nothing says what it is a snapshot of.
  if (id === undefined) return false;
  const key = `${typename}:${id}`;
  const kept = { __ref: key };
  const than = { version: readField('version', kept), asOf: readField('asOf', kept) };
  // Without a selection nothing is written: somebody asks only for the key.
  if (selectionSet !== undefined && isOlder({ version, asOf }, than)) {
    for (const field of Object.keys(storeObject)) {
      if (readField(field, kept) !== undefined) delete storeObject[field];
    }
  }
  return key;
}
