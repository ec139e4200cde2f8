"""Customers' records: their schema, their files, and the states they pass through."""
