"""The errors that the API answers with, as one exception."""

from typing import Any

from pydantic import ValidationError

MANAGE = "Manage it using https://openrouter.ai/settings/keys"


class OpenRouterApiError(Exception):
    """An answer other than success: `{"error": {"code", "message"}}`, the code being the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"error": {"message": message, "code": status}}


def bad_request(message: str) -> OpenRouterApiError:
    return OpenRouterApiError(400, message)


def invalid(error: ValidationError) -> OpenRouterApiError:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return bad_request(f"{where}: {first['msg']}")


def no_credentials() -> OpenRouterApiError:
    return OpenRouterApiError(401, "No auth credentials found")


def unknown_key() -> OpenRouterApiError:
    """The words of the real API for a key that was deleted, or never was."""
    return OpenRouterApiError(401, "User not found.")


def key_disabled() -> OpenRouterApiError:
    return OpenRouterApiError(401, "API key is disabled or has expired")


def not_a_management_key() -> OpenRouterApiError:
    return OpenRouterApiError(401, "Invalid management key")


def no_credit() -> OpenRouterApiError:
    return OpenRouterApiError(402, "Insufficient credits. Add more using https://openrouter.ai/credits")


def key_spent(period: str) -> OpenRouterApiError:
    return OpenRouterApiError(403, f"Key limit exceeded ({period} limit). {MANAGE}")


def not_found(what: str) -> OpenRouterApiError:
    return OpenRouterApiError(404, f"{what} not found")
