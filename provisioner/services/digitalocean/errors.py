"""What the DigitalOcean API can refuse, each with a name and with what to do about it.

`provisioner.errors` draws the tree.
"""

import re
from dataclasses import dataclass

from provisioner.errors import CloudError


@dataclass(frozen=True)
class RateLimit:
    """How many requests the token has: an hour, left now, and when the oldest ends to count (epoch)."""

    limit: int
    remaining: int
    reset: float


@dataclass(frozen=True)
class CallReport:
    """What is known of a request that did not succeed.

    `sent` False means that it surely had no effect; True that it may have had one. `retry_after` is in
    seconds; `code` is what the API calls an error's id; `helps` says whether the same request may succeed;
    `from_api` False means that the answer is not in the form in which the API refuses.
    """

    status: int | None = None
    code: str = ""
    message: str = ""
    request_id: str = ""
    retry_after: float | None = None
    ratelimit: RateLimit | None = None
    sent: bool = True
    helps: bool = False
    from_api: bool = True


class CloudCallError(CloudError):
    """A call to the API did not succeed."""

    default_hint: str | None = None

    def __init__(self, doing: str, report: CallReport) -> None:
        super().__init__(doing, cause=_cause(report), hint=self.default_hint, retry=report.helps)
        self.report = report


class TokenRefused(CloudCallError):
    """The token is wrong, has expired or was revoked."""

    everybodys = True
    default_hint = "make a new token in the DigitalOcean control panel and set DIGITALOCEAN_ACCESS_TOKEN"


class ScopeMissing(CloudCallError):
    """The token, or its account, may not do this."""

    everybodys = True
    default_hint = (
        "see in the control panel that the account is in order (payment, verification), and that the token "
        "has all scopes that docs/going-live.md names"
    )


class AccountLocked(CloudCallError):
    """DigitalOcean has locked the account."""

    everybodys = True
    default_hint = "the control panel says why the account is locked; run the same command when it is open"


class DropletLimitReached(CloudCallError):
    """The account has as many droplets as it may have."""

    everybodys = True
    default_hint = (
        "ask for a higher droplet limit in the control panel, or delete droplets; then run it again"
    )


class NotOffered(CloudCallError):
    """The size, the region or the image cannot be had, or not together."""

    everybodys = True
    default_hint = "choose another region, size or image under [droplet] in provisioner.toml"


class NotFound(CloudCallError):
    """There is nothing by this id in the account that the token belongs to."""


class TooManyRequests(CloudCallError):
    """The token has used up its requests for now; nothing was done."""

    everybodys = True
    default_hint = "run the same command again later"


class NoAnswer(CloudCallError):
    """The API gave no answer, or a broken one, or failed itself."""

    everybodys = True
    default_hint = "run the same command again; https://status.digitalocean.com shows known trouble"


class NotTheApi(NoAnswer):
    """A gateway or a proxy refused: that says nothing about the token, the account or an id."""

    default_hint = (
        "look at the network and at DIGITALOCEAN_END_POINT: a proxy, a firewall or DigitalOcean's own "
        "gateway does not let this address through; then run the same command again"
    )


def named(doing: str, report: CallReport) -> CloudCallError:
    """The error for what happened to a call."""
    return _kind(report)(doing, report)


def in_strange_form(doing: str) -> CloudCallError:
    """The answer lacks what every answer to this call has; whether it had an effect is not known."""
    return NoAnswer(doing, CallReport(status=200, message="the answer is not in the API's form"))


_LIMIT = re.compile(r"droplet limit", re.IGNORECASE)
_LOCKED = re.compile(r"\b(locked|suspended)\b", re.IGNORECASE)
_OFFER = re.compile(
    r"\b(size|region|image)\b.*\b(invalid|not available|unavailable)\b"
    r"|\b(invalid|unavailable)\b.*\b(size|region|image)\b",
    re.IGNORECASE,
)


def _kind(report: CallReport) -> type[CloudCallError]:
    if report.status is None or report.status < 400 or report.status >= 500:
        return NoAnswer
    if not report.from_api:
        return NotTheApi
    if report.status in (401, 403) and _LOCKED.search(report.message):
        return AccountLocked
    if report.status == 422:
        return _unprocessable(report.message)
    return _BY_STATUS.get(report.status, CloudCallError)


def _unprocessable(message: str) -> type[CloudCallError]:
    if _LIMIT.search(message):
        return DropletLimitReached
    return NotOffered if _OFFER.search(message) else CloudCallError


_BY_STATUS: dict[int, type[CloudCallError]] = {
    401: TokenRefused,
    403: ScopeMissing,
    404: NotFound,
    429: TooManyRequests,
}


def _cause(report: CallReport) -> str:
    status = f"status {report.status}" if report.status and not 200 <= report.status < 300 else ""
    wait = f"wait {report.retry_after:.0f} s" if report.retry_after else ""
    request = f"request {report.request_id}" if report.request_id else ""
    aside = ", ".join(part for part in (status, wait, request) if part)
    return f"{report.message or 'no reason given'}{f' ({aside})' if aside else ''}"


class DropletUnclear(CloudError):
    """What is in the account does not tell which droplet is this customer's; the operator decides.

    `droplets` are the ids of what was found. Nothing was created or deleted.
    """

    def __init__(self, whom: str, cause: str, hint: str, droplets: tuple[str, ...]) -> None:
        super().__init__("tell which droplet to use", whom=whom, cause=cause, hint=hint)
        self.droplets = droplets


class DropletFailed(CloudError):
    """The droplet was accepted but did not come up: it vanished, failed, is off, or takes too long."""

    def __init__(self, whom: str, cause: str, hint: str, *, retry: bool = False) -> None:
        super().__init__("bring the droplet up", whom=whom, cause=cause, hint=hint, retry=retry)


class DropletOff(DropletFailed):
    """The droplet is there, and switched off."""


class ActionFailed(CloudError):
    """An action on a droplet was refused, or has failed: the droplet is as it was."""

    def __init__(self, whom: str, doing: str, cause: str) -> None:
        super().__init__(doing, whom=whom, cause=cause)


class DropletGone(CloudError):
    """The droplet in the record is not in the account: it was deleted, or the token is of another account."""

    def __init__(self, whom: str, cause: str, hint: str) -> None:
        super().__init__("reach the droplet", whom=whom, cause=cause, hint=hint)
