"""How a delivery is signed: `t=…,v1=…`, with one `v1` for each secret that is in force."""

import hashlib
import hmac
from collections.abc import Iterable


def signature_header(body: bytes, secrets: Iterable[str], moment: int) -> str:
    """The header `Stripe-Signature` of this body at this moment."""
    signed = f"{moment}.".encode() + body
    found = (hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets)
    return ",".join([f"t={moment}", *(f"v1={one}" for one in found)])
