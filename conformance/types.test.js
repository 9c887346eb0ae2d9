// What the JavaScript policies promise to TypeScript.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const OPTIONS = {
  strict: true,
  noEmit: true,
  // The package is linked from beside this folder; its peers are found from here.
  preserveSymlinks: true,
  skipLibCheck: true,
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: [],
};

/** What the compiler says of a program of this text. */
function complaints(text) {
  const file = fileURLToPath(new URL('program.ts', import.meta.url));
  const host = ts.createCompilerHost(OPTIONS);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (name) => name === file || fileExists(name);
  host.getSourceFile = (name, ...rest) =>
    name === file ? ts.createSourceFile(name, text, rest[0]) : getSourceFile(name, ...rest);
  return ts
    .getPreEmitDiagnostics(ts.createProgram([file], OPTIONS, host))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}

const APOLLO = `
import { InMemoryCache } from '@apollo/client';
import { fareboxTypePolicies, possibleTypes } from 'farebox-client/apollo';
export const cache = new InMemoryCache({ possibleTypes, typePolicies: fareboxTypePolicies() });
`;

const URQL = `
import { cacheExchange } from '@urql/exchange-graphcache';
import { fareboxCacheConfig, possibleTypes } from 'farebox-client/urql';
export const exchange = cacheExchange(fareboxCacheConfig());
export const refusals: string[] = possibleTypes['Problem']!;
`;

test('the policies for Apollo fit its cache', () => assert.deepEqual(complaints(APOLLO), []));
test('the policies for urql fit its cache', () => assert.deepEqual(complaints(URQL), []));
test('a wrong use is found', () => {
  assert.notDeepEqual(complaints(`${URQL} export const wrong: number = fareboxCacheConfig();`), []);
});
