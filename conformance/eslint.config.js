// The rules of @graphql-eslint for schema.graphql: all that there are for schemas, but for what is explained here.

import { fileURLToPath } from 'node:url';
import graphql from '@graphql-eslint/eslint-plugin';

const schema = fileURLToPath(new URL('../schema.graphql', import.meta.url));
const all = { ...graphql.configs['flat/schema-all'].rules, ...graphql.configs['flat/schema-recommended'].rules };

export default [
  {
    files: ['schema.graphql'],
    languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: { schema } } },
    plugins: { '@graphql-eslint': graphql },
    rules: {
      ...all,
      // Everything is described, not only types.
      '@graphql-eslint/require-description': [
        'error',
        {
          types: true,
          rootField: true,
          FieldDefinition: true,
          InputValueDefinition: true,
          EnumValueDefinition: true,
          DirectiveDefinition: true,
        },
      ],
      // The export is sorted by name, capital letters first in the names of types, which the rule sorts otherwise; its
      // own groups would put `id` first and `createdAt` last.
      '@graphql-eslint/alphabetize': [
        'error',
        {
          fields: ['ObjectTypeDefinition', 'InterfaceTypeDefinition', 'InputObjectTypeDefinition'],
          values: true,
          arguments: ['FieldDefinition', 'DirectiveDefinition'],
        },
      ],
      // Results, refusals, edges and sums are no things with an identity: what they are part of has one.
      '@graphql-eslint/strict-id-in-types': 'off',
      // There are mutations and subscriptions.
      '@graphql-eslint/no-root-type': 'off',
    },
  },
];
