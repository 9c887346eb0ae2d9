"""Owns the wire: GraphQL over HTTP and websockets, documents and their bounds, errors as clients see them, GraphiQL."""
