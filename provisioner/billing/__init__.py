"""Figures of the business, from the records alone: pure functions."""
