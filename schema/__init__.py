"""The API's nouns: types, inputs, enums, scalars, problems, connections, and how a record is shown.

The published promise: `schema.graphql` is what this room says.
"""
