"""Whether what came over the network is an event that Stripe has signed for us, and only just now.

Stripe's library takes one secret, and accepts times in the future; both are looked after here. What it
raises may hold the whole body, so that none of it travels on.
"""

import re
import time
from collections.abc import Sequence

from provisioner.services.stripe.errors import WebhookRefused

TOLERANCE_SECONDS = 300
"""How far the moment of a signature may be from now, in either direction."""
_MOMENT = re.compile(r"(?:^|,)t=(\d{1,12})(?:,|$)")
_DOING = "take the event"


def prepare() -> None:
    """Load the library now: it takes longer than Stripe should wait for its first answer."""
    import stripe  # noqa: F401


def verify(body: bytes, header: str | None, secrets: Sequence[str], now: float | None = None) -> str:
    """The text of `body`; WebhookRefused unless one of the `secrets` has signed it within the tolerance."""
    text = _text(body)
    if not header:
        raise WebhookRefused(_DOING, cause="it is not signed")
    found = _MOMENT.search(header)
    if found is None:
        raise WebhookRefused(_DOING, cause="its signature says no time")
    away = int(found[1]) - (time.time() if now is None else now)
    if abs(away) > TOLERANCE_SECONDS:
        when = "later" if away > 0 else "earlier"
        hint = "see that this machine's clock is right; a repeated request is refused as well"
        cause = f"it was signed {abs(away):.0f} seconds {when} than now"
        raise WebhookRefused(_DOING, cause=cause, hint=hint)
    if not any(_is_signed(text, header, secret) for secret in secrets):
        hint = "see that STRIPE_WEBHOOK_SECRET is that of this endpoint"
        raise WebhookRefused(_DOING, cause="none of our secrets has signed it", hint=hint)
    return text


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise WebhookRefused(_DOING, cause="it is not UTF-8") from None


def _is_signed(text: str, header: str, secret: str) -> bool:
    from stripe import SignatureVerificationError, WebhookSignature

    try:
        # The time was looked at before, and by another clock than the library's.
        return bool(WebhookSignature.verify_header(text, header, secret, None))
    except (SignatureVerificationError, TypeError, ValueError):
        return False
