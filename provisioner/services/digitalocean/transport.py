"""HTTP to the DigitalOcean API: python-digitalocean with its request hook replaced.

The library's own hook has no timeout, sends POST outside its session, follows redirects, follows the next
page to any host with the token, and takes an error on a later page for an empty one. Replacing that one hook
mends them all, because everything in the library goes through it. It is private: the exact version is pinned.
"""

import json
import logging
import ssl
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import digitalocean
import requests
import tenacity
from requests.auth import AuthBase
from urllib3.exceptions import ConnectTimeoutError

from provisioner.clock import Clock
from provisioner.failpoints import failpoint
from provisioner.services.digitalocean.errors import CallReport, RateLimit
from provisioner.services.digitalocean.rate_budget import RateBudget

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
"""How long the API may be silent in the middle of a request."""

# At DEBUG the library writes every parameter, user data with a private key in it too.
for _name in ("digitalocean", "urllib3"):
    logging.getLogger(_name).setLevel(logging.WARNING)

_REPEATABLE = frozenset({"GET", "DELETE"})
# Answers after which surely nothing was done. Others, 408 and 409 too, may come from half way.
_REFUSALS = frozenset({400, 401, 403, 404, 405, 413, 415, 422, 429})


class RequestFailed(Exception):
    """One request did not succeed; the client gives it a name."""

    def __init__(self, report: CallReport) -> None:
        super().__init__(report.message)
        self.report = report


class BearerToken(AuthBase):
    """Puts the token into the header; without an `auth` of its own, requests would look into ~/.netrc."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class RetryingTransport:
    """The request hook; put before the library's class, so that it is found first.

    Requests that can be repeated without harm are, while that may help, for at most `patience` seconds:
    GET and DELETE after anything that may pass, POST only when it surely had no effect, and the creation of
    a droplet never: whoever asks for one has to look first.
    """

    token: str
    end_point: str
    _session: requests.Session

    def __init__(
        self, token: str, end_point: str, clock: Clock, patience: float, budget: RateBudget | None
    ) -> None:
        self.clock = clock
        self.patience = patience
        self.budget = budget
        super().__init__(token=token, end_point=end_point)  # type: ignore[call-arg]

    def _BaseAPI__perform_request(  # noqa: N802 - the library's name for its hook, mangled
        self, url: str, method: str = "GET", params: Mapping[str, Any] | None = None
    ) -> requests.Response:
        address = urljoin(self.end_point, url)
        if not address.startswith(self.end_point):
            raise RequestFailed(CallReport(message="the API pointed to another host", sent=False))
        deadline = self.clock.monotonic() + self.patience
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: _may_repeat(method, url, error)),
            wait=_pause,
            stop=lambda state: self.clock.monotonic() + state.upcoming_sleep > deadline,
            sleep=self.clock.sleep,
            reraise=True,
        )
        response: requests.Response = retrying(self._send, method, address, params or {})
        return response

    def _send(self, method: str, address: str, params: Mapping[str, Any]) -> requests.Response:
        self._await_turn()
        place = f"{method} {urlsplit(address).path}"
        failpoint(f"before {place}")
        response = self._ask(method, address, params)
        failpoint(f"after {place}")
        self._learn(response)
        _check(response, self.clock.time())
        return response

    def _await_turn(self) -> None:
        """RequestFailed, as if the API had said it, if the token's requests are used up for too long."""
        wait = self.budget.take(self.patience, self.clock) if self.budget else 0
        if wait:
            message = "the requests that this token has are used up"
            raise RequestFailed(CallReport(429, "", message, retry_after=wait, sent=False, helps=True))

    def _learn(self, response: requests.Response) -> None:
        """What the answer says of the requests to come."""
        if self.budget is None:
            return
        now = self.clock.time()
        limit = _ratelimit(response.headers)
        wait = _retry_after(response, limit, now) if response.status_code == 429 else None
        if wait is not None:
            self.budget.close_for(wait, self.clock)
        elif limit is not None:
            self.budget.heard(limit, limit.reset - _time_there(response, now), self.clock)

    def _ask(self, method: str, address: str, params: Mapping[str, Any]) -> requests.Response:
        body = json.dumps(params) if method in ("POST", "PUT", "PATCH") else None
        if _creates_droplet(method, address):
            # A kept connection may be dead by now, and would leave it open whether the request arrived.
            self._session.close()
        try:
            return self._session.request(
                method,
                address,
                params=params if method == "GET" else None,
                data=body,
                headers={"Content-Type": "application/json"},
                auth=BearerToken(self.token),
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            # Its text may hold headers, and with them the token.
            raise RequestFailed(_no_answer(error)) from None


class Api(RetryingTransport, digitalocean.Manager):  # type: ignore[misc]
    """python-digitalocean's client on our hook. One thread at a time."""


def _creates_droplet(method: str, address: str) -> bool:
    return method == "POST" and address.rstrip("/").endswith("droplets")


def _may_repeat(method: str, url: str, error: BaseException) -> bool:
    if not isinstance(error, RequestFailed) or not error.report.helps:
        return False
    if method in _REPEATABLE:
        return True
    return not error.report.sent and not _creates_droplet(method, url)


_backoff = tenacity.wait_random_exponential(multiplier=0.5, max=8)


def _pause(state: tenacity.RetryCallState) -> float:
    """As long as the API said, and otherwise a little longer each time."""
    failed = state.outcome.exception() if state.outcome else None
    if isinstance(failed, RequestFailed) and failed.report.retry_after is not None:
        return failed.report.retry_after
    return _backoff(state)


def _check(response: requests.Response, now: float) -> None:
    """Nothing but a whole answer of success gets past; raises RequestFailed."""
    body = _json_object(response)
    if response.status_code == 204 or (200 <= response.status_code < 300 and _in_form(body)):
        return
    raise RequestFailed(_report(response, body or {}, now))


def _json_object(response: requests.Response) -> dict[str, Any] | None:
    try:
        body = response.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _in_form(body: dict[str, Any] | None) -> bool:
    """Whether the library can read it: it stumbles over `links` and `pages` that are null."""
    if body is None:
        return False
    links = body.get("links", {})
    pages = links.get("pages", {}) if isinstance(links, dict) else None
    return isinstance(pages, dict) and isinstance(pages.get("next", ""), str)


def _report(response: requests.Response, body: Mapping[str, Any], now: float) -> CallReport:
    status = response.status_code
    said = body.get("message")
    message = said if isinstance(said, str) else None
    ratelimit = _ratelimit(response.headers)
    return CallReport(
        status=status,
        code=str(body.get("id", "")).lower(),
        message=_without_message(response) if message is None else message,
        request_id=str(body.get("request_id") or response.headers.get("x-request-id") or ""),
        retry_after=_retry_after(response, ratelimit, now),
        ratelimit=ratelimit,
        # What somebody else refuses may have arrived before it came to that.
        sent=status not in _REFUSALS or message is None,
        helps=status == 429 or status >= 500 or status < 300 or "try again" in str(message).lower(),
        from_api=message is not None,
    )


def _without_message(response: requests.Response) -> str:
    if 200 <= response.status_code < 300:
        return "the answer is not in the API's form"
    if 300 <= response.status_code < 400:
        return "the API wants to redirect, which it never does"
    return "an answer that does not come from the API itself" if response.content else "an empty answer"


def _ratelimit(headers: Mapping[str, str]) -> RateLimit | None:
    try:
        return RateLimit(
            limit=int(headers["ratelimit-limit"]),
            remaining=int(headers["ratelimit-remaining"]),
            reset=float(headers["ratelimit-reset"]),
        )
    except (KeyError, ValueError):
        return None


def _retry_after(response: requests.Response, ratelimit: RateLimit | None, now: float) -> float | None:
    """Seconds; only a burst is answered with `retry-after`, so else the time when a request is free again."""
    try:
        return max(0.0, float(response.headers["retry-after"]))
    except (KeyError, ValueError):
        pass
    if response.status_code != 429 or ratelimit is None:
        return None
    return max(1.0, ratelimit.reset - _time_there(response, now))


def _time_there(response: requests.Response, now: float) -> float:
    """The API's clock, against which its reset time counts; ours if it does not tell."""
    try:
        return parsedate_to_datetime(response.headers["date"]).timestamp()
    except (KeyError, ValueError):
        return now


def _no_answer(error: requests.RequestException) -> CallReport:
    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return CallReport(message="the certificate of the API is not trusted", sent=False)
    if isinstance(error, ValueError):
        return CallReport(message="the address or the token cannot be put into a request", sent=False)
    if any(isinstance(cause, ConnectTimeoutError) for cause in causes):
        return CallReport(message="no connection to the API", sent=False, helps=True)
    if isinstance(error, requests.Timeout):
        return CallReport(message=f"no answer within {READ_SECONDS:.0f} s", helps=True)
    return CallReport(message="the connection broke before the answer was whole", helps=True)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """What an error of requests wraps. Its context is left out: that may be an earlier request's error."""
    yield error
    for inner in (*error.args, getattr(error, "reason", None)):
        if isinstance(inner, BaseException):
            yield from _causes(inner)
