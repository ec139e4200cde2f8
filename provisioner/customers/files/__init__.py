"""The store of records in files: one file a customer, in two folders."""
