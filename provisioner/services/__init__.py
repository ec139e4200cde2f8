"""Thin typed clients of outside services; what is tried again is decided here, at the edge."""
