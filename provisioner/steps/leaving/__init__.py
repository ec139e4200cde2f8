"""The steps of a customer who leaves; each is done for who is not leaving, or whose leave is to be undone."""
