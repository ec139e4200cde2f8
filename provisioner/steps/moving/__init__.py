"""The steps of a move; each is done for who is not being moved."""
