"""The errors that the API answers with, as one exception."""

from collections.abc import Mapping


class CloudApiError(Exception):
    """An answer other than success; rendered as `{"id", "message", "request_id"}` by the app."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


def bad_request(message: str) -> CloudApiError:
    return CloudApiError(400, "bad_request", message)


def unauthorized() -> CloudApiError:
    """The capital U is what the real API sends, unlike the lower case of its specification."""
    return CloudApiError(401, "Unauthorized", "Unable to authenticate you")


def forbidden(message: str = "You are not authorized to perform this operation") -> CloudApiError:
    return CloudApiError(403, "forbidden", message)


def not_found() -> CloudApiError:
    return CloudApiError(404, "not_found", "The resource you requested could not be found.")


def conflict(message: str) -> CloudApiError:
    return CloudApiError(409, "conflict", message)


def precondition_failed(message: str) -> CloudApiError:
    return CloudApiError(412, "precondition_failed", message)


def unsupported_media_type() -> CloudApiError:
    return CloudApiError(415, "unsupported_media_type", "Content-Type must be application/json")


def unprocessable(message: str) -> CloudApiError:
    return CloudApiError(422, "unprocessable_entity", message)


def too_many_requests(headers: Mapping[str, str]) -> CloudApiError:
    return CloudApiError(429, "too_many_requests", "API rate limit exceeded.", headers)
