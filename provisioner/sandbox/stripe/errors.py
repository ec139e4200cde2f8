"""The errors that the API answers with, as one exception."""

from collections.abc import Mapping
from typing import Any


class StripeApiError(Exception):
    """An answer other than success, in the published shape.

    `kept` is whether an idempotency key replays it: what was refused before any work began is not kept.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        kept: bool = True,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kept = kept
        self._error = {"type": kind, "message": message, "code": code, "param": param, **more}

    def body(self, request_id: str) -> dict[str, Any]:
        error = {name: value for name, value in self._error.items() if value is not None}
        if "code" in error:
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{str(error['code']).replace('_', '-')}"
        error["request_log_url"] = f"https://dashboard.stripe.com/test/logs/{request_id}"
        return {"error": error}


def missing(what: str, wanted: str, param: str | None = "id", status: int = 404) -> StripeApiError:
    """There is no such object; 400 when it was named by a parameter, 404 when by the path."""
    return StripeApiError(status, f"No such {what}: '{wanted}'", code="resource_missing", param=param)


def invalid(message: str, param: str | None = None, code: str | None = None) -> StripeApiError:
    """A request that was refused before any work."""
    return StripeApiError(400, message, param=param, code=code, kept=False)


def impossible(message: str, code: str | None = None, param: str | None = None) -> StripeApiError:
    """A request that the object's state does not allow."""
    return StripeApiError(400, message, code=code, param=param)


def unauthorized(offered: str) -> StripeApiError:
    """A key that is not there, or not right; the wrong one is quoted as Stripe quotes it."""
    if not offered:
        return StripeApiError(401, "You did not provide an API key.", kept=False)
    return StripeApiError(401, f"Invalid API Key provided: {_masked(offered)}", kept=False)


def unknown_route(method: str, path: str) -> StripeApiError:
    return StripeApiError(
        404, f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs.", kept=False
    )


def card_declined(charge: str | None = None, details: Mapping[str, Any] | None = None) -> StripeApiError:
    """A payment that was asked for and that the card refused."""
    return StripeApiError(
        402,
        "Your card was declined.",
        kind="card_error",
        code="card_declined",
        decline_code="generic_decline",
        charge=charge,
        **(details or {}),
    )


def _masked(key: str) -> str:
    return f"{key[:8]}{'*' * max(0, len(key) - 12)}{key[-4:]}" if len(key) > 12 else "*" * len(key)
