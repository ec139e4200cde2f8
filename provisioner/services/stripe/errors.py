"""What Stripe's API can refuse, each with what to do about it. `provisioner.errors` draws the tree."""

from provisioner.errors import InputError, StripeError


class StripeKeyRefused(StripeError):
    """The key is wrong, was revoked, or may not do this (401, 403)."""


class NothingThere(StripeError):
    """There is nothing by this id for the key (404); a key of the other mode sees nothing either."""


class StripeBusy(StripeError):
    """Too many requests, no answer, or it failed itself; the same request may succeed later."""


class WebhookRefused(InputError):
    """What came is no event that Stripe has just sent to us; nothing of it was kept."""
