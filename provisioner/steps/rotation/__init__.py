"""The steps that put another secret in the place of one; each is done for whom nobody has asked for it."""
