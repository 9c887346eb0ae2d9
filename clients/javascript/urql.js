import { isOlder } from './order.js';
import { embeddedTypes, possibleTypes, snapshotTypes } from './schema.js';

export { possibleTypes };

/**
 * `keys` and `possibleTypes` for `cacheExchange(fareboxCacheConfig())` of @urql/exchange-graphcache. Make them anew with
 * every cache: they remember how new each snapshot in it is.
 *
 * A snapshot that is older than what the cache has of its id changes none of the fields that the cache has: whichever of
 * an answer and an event comes first, the cache is as if they had come in order. Select `id`, `version` and `asOf`,
 * under their own names, wherever you select a Balance or LimitStatus.
 */
export function fareboxCacheConfig() {
  const newest = new Map();

  // Asked for the key of each object that is about to be written: what is taken out of it here is not written.
  const keyOf = (snapshot) => {
    const { id, version, asOf } = snapshot;
    if (id === undefined) return null;
    const kept = newest.get(id) ?? { fields: new Set() };
    if (isOlder(snapshot, kept)) {
      for (const field of Object.keys(snapshot)) {
        if (kept.fields.has(field) && !ALWAYS.has(field)) delete snapshot[field];
      }
    } else if (version !== undefined) {
      newest.set(id, { version, asOf, fields: kept.fields });
    }
    for (const field of Object.keys(snapshot)) kept.fields.add(field);
    return id;
  };

  const keys = {};
  for (const type of snapshotTypes) keys[type] = keyOf;
  // What has no id of its own is part of what it was asked from.
  for (const type of embeddedTypes) keys[type] = () => null;
  return { keys, possibleTypes };
}

/** What the cache needs to know whose fields it writes. */
const ALWAYS = new Set(['__typename', 'id']);
