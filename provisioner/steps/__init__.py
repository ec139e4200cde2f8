"""The steps of a customer's way, one file a step, one shape."""
