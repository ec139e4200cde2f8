"""A small Stripe: its API, its signed webhooks, and subscriptions that live by a clock which can be moved."""
