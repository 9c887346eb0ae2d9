"""Owns what the business does, with I/O: one command, one transaction, and outcomes that are values.

A service decides nothing that `rules` can decide, and knows neither GraphQL nor HTTP.
"""
