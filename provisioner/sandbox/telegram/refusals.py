"""How the Bot API says no."""

from typing import Any

START_FIRST = "Forbidden: bot can't initiate conversation with a user"
DEACTIVATED = "Forbidden: user is deactivated"
BLOCKED = "Forbidden: bot was blocked by the user"
OTHER_POLLER = (
    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
)
WEBHOOK_SET = "Conflict: terminated by setWebhook request"
WEBHOOK_ACTIVE = (
    "Conflict: can't use getUpdates method while webhook is active; "
    "use deleteWebhook to delete the webhook first"
)


class Refusal(Exception):
    """The answer `{"ok": false, …}`; `code` is the HTTP status as well."""

    def __init__(self, code: int, description: str, *, retry_after: int | None = None) -> None:
        super().__init__(f"{code} {description}")
        self.code = code
        self.description = description
        self.retry_after = retry_after

    @property
    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        body: dict[str, Any] = {"ok": False, "error_code": self.code, "description": self.description}
        if self.retry_after is not None:
            body["parameters"] = {"retry_after": self.retry_after}
        return body


def bad_request(why: str) -> Refusal:
    return Refusal(400, f"Bad Request: {why}")


def too_many_requests(seconds: int) -> Refusal:
    """The answer of flood control, for whoever injects faults."""
    return Refusal(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
