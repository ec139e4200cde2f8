"""The API's resources: what each request may carry, and how it is answered."""
