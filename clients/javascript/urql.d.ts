import type { CacheExchangeOpts } from '@urql/exchange-graphcache';

export { possibleTypes } from './schema.js';

/**
 * `keys` and `possibleTypes` for `cacheExchange(fareboxCacheConfig())`, made anew with every cache: a snapshot that is
 * older than what the cache has of its id changes nothing. Select `id`, `version` and `asOf` of each.
 */
export declare function fareboxCacheConfig(): Pick<Required<CacheExchangeOpts>, 'keys' | 'possibleTypes'>;
