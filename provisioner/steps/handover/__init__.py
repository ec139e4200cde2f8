"""The steps after which a server is its customer's own; each is done for who is not being handed over."""
