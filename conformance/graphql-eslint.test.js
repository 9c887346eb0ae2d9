// schema.graphql by the rules of @graphql-eslint, one by one.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { ESLint } from 'eslint';

const linter = new ESLint({
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  overrideConfigFile: fileURLToPath(new URL('eslint.config.js', import.meta.url)),
});
const { rules } = await linter.calculateConfigForFile('schema.graphql');
const [{ messages }] = await linter.lintFiles(['schema.graphql']);

test('the schema could be read', () => assert.deepEqual(messages.filter(({ fatal }) => fatal), []));

for (const [rule, [severity]] of Object.entries(rules)) {
  if (severity === 0) continue;
  test(rule.replace('@graphql-eslint/', ''), () => {
    const found = messages.filter(({ ruleId }) => ruleId === rule);
    assert.deepEqual(found.map(({ line, message }) => `schema.graphql:${line} ${message}`), []);
  });
}
