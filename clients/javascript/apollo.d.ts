import type { TypePolicies } from '@apollo/client';

export { possibleTypes } from './schema.js';

/**
 * Type policies for `new InMemoryCache({ possibleTypes, typePolicies: fareboxTypePolicies() })`: a snapshot that is
 * older than what the cache has of its id changes nothing. Select `id`, `version` and `asOf` of each.
 */
export declare function fareboxTypePolicies(): TypePolicies;
