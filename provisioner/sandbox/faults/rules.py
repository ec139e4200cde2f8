"""Things that go wrong on demand: rules, which request each of them meets, and how often what was asked.

A rule meets the requests of one service whose method and path fit; the path is a regular expression that is
searched in the path with its query, as sent. It lets the first `after` of them pass and then strikes `count`
times (None: until it is cleared).
"""

import re
import threading
import time
from collections import Counter, deque
from typing import Any, Final, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from provisioner.errors import SandboxError

FAULTS_KEY = "sandbox.faults"
"""Where the fault middleware leaves, in the ASGI scope, what the cloud has to act out itself."""

Service = Literal["cloud", "telegram", "model", "openrouter", "node", "mail", "server", "stripe", "webhook"]

WireKind = Literal[
    "status", "html", "no_error_id", "reset", "drop_after_effect", "delay", "slow_headers", "truncate"
]
CloudKind = Literal["vanish", "errored", "stuck", "list_lag", "tag_lag", "empty_actions"]
ServerKind = Literal[
    "rough",
    "package_lock",
    "foreign_packages",
    "late_dns",
    "boot_complaint",
    "talking_bashrc",
    "banner",
    "busy_login",
    "expired_password",
]
Kind = Literal[WireKind, CloudKind, ServerKind]

WIRE_KINDS: Final[frozenset[str]] = frozenset(get_args(WireKind))
"""Faults of the answer, whatever the service."""
SERVER_KINDS: Final[frozenset[str]] = frozenset(get_args(ServerKind))
"""Faults of a droplet's system; no other service has them, and a droplet has no others."""
WITHOUT_EFFECT: Final = frozenset({"status", "html", "no_error_id", "reset"})
"""Of these, the ones where the request never reaches the service."""

_MOMENTS_KEPT: Final = 100_000

KINDS: Final[dict[str, str]] = {
    "status": "an error in the service's own form (status, code, message, retry_after, headers)",
    "html": "an error page of a gateway (status, 504 by default)",
    "no_error_id": "an error body without its code (status)",
    "reset": "the connection is reset before the request has any effect",
    "drop_after_effect": "the effect happens, then the connection is reset (seconds: hang that long first)",
    "delay": "wait before the effect, or before the answer with after_effect (seconds)",
    "slow_headers": "the effect happens, the answer's headers come byte by byte (seconds: in all)",
    "truncate": "the effect happens, the answer's body is cut in the middle",
    "vanish": "cloud: the droplet is accepted with 202, then it is gone",
    "errored": "cloud: the droplet is accepted, its action errs, it stays new",
    "stuck": "cloud: the droplet is accepted and never becomes active",
    "list_lag": "cloud: lists do not show the new droplet for a while (seconds)",
    "tag_lag": "cloud: the new droplet has no tags for a while (seconds)",
    "empty_actions": "cloud: the creation's answer has no action in its links",
    "rough": "server: all of the following at once, but for the expired password",
    "package_lock": "server: a daily update holds the locks of apt and dpkg (seconds, 60)",
    "foreign_packages": "server: a package list of others that cannot be fetched",
    "late_dns": "server: no name can be resolved at first (seconds, 30)",
    "boot_complaint": "server: a script of the first boot takes its time and fails (seconds, 25)",
    "talking_bashrc": "server: root's ~/.bashrc prints, for commands over SSH too",
    "banner": "server: sshd has a banner and a message of the day",
    "busy_login": "server: at first each login only prints that it has to wait (seconds, 20)",
    "expired_password": "server: root's password has expired, and no command is run before a new one is set",
}
"""Every kind, with the parameters that it reads. What is wrong with a server is so from its first boot: its
method is BOOT and its path the droplet's name. A mail has the method DATA and its recipients as path; it
knows status (an SMTP code, 451 by default), reset, drop_after_effect and delay. A webhook is what Stripe
sends: its method is POST and its path the event's type; one that is reset or has a status does not arrive."""


class FaultParams(BaseModel):
    """What a rule's fault is made of; each kind reads its own."""

    model_config = ConfigDict(extra="forbid")

    status: int | None = Field(default=None, ge=400, le=599)
    code: str | None = None
    message: str | None = None
    retry_after: int | None = Field(default=None, ge=0)
    headers: dict[str, str] = {}
    seconds: float = Field(default=0, ge=0)
    after_effect: bool = False


class Rule(BaseModel):
    """One fault and the requests that it meets."""

    model_config = ConfigDict(extra="forbid")

    service: Service
    kind: Kind
    method: str = "*"
    path: str = ""
    count: int | None = Field(default=1, ge=1)
    after: int = Field(default=0, ge=0)
    params: FaultParams = FaultParams()

    @field_validator("path")
    @classmethod
    def _expression(cls, path: str) -> str:
        try:
            re.compile(path)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return path

    @model_validator(mode="after")
    def _kind_of_service(self) -> Self:
        if (self.service == "server") != (self.kind in SERVER_KINDS):
            raise ValueError(f"{self.service} has no fault of the kind {self.kind}")
        return self

    def meets(self, service: str, method: str, target: str) -> bool:
        return (
            self.service == service
            and self.method.upper() in ("*", method.upper())
            and re.search(self.path, target) is not None
        )


class Fault(Rule):
    """A rule in force, with what has become of it."""

    id: int
    seen: int = 0
    struck: int = 0

    @property
    def due(self) -> bool:
        return self.seen > self.after and (self.count is None or self.struck < self.count)


class RequestCount(BaseModel):
    """How often a route was asked and answered so; status 0 is a connection that was cut."""

    service: str
    method: str
    route: str
    status: int
    count: int


class FaultBook:
    """The rules in force and the requests that came; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: dict[int, Fault] = {}
        self._next_id = 1
        self._counts: Counter[tuple[str, str, str, int]] = Counter()
        self._moments: dict[str, deque[float]] = {}

    def add(self, rule: Rule) -> Fault:
        with self._lock:
            fault = Fault(id=self._next_id, **rule.model_dump())
            self._faults[fault.id] = fault
            self._next_id += 1
            return fault

    def all(self) -> list[Fault]:
        with self._lock:
            return [fault.model_copy() for fault in self._faults.values()]

    def clear(self, fault_id: int | None = None) -> None:
        """Lift one rule, or all. Raises SandboxError for an id that is not there."""
        with self._lock:
            if fault_id is None:
                self._faults.clear()
            elif self._faults.pop(fault_id, None) is None:
                raise SandboxError("clear a fault", whom=str(fault_id), cause="there is no such number")

    def strike(self, service: str, method: str, target: str) -> list[Fault]:
        """The faults that this request suffers: at most one of the wire, and any that the cloud acts out."""
        with self._lock:
            met = [fault for fault in self._faults.values() if fault.meets(service, method, target)]
            for fault in met:
                fault.seen += 1
            wire = next((fault for fault in met if fault.kind in WIRE_KINDS and fault.due), None)
            struck = [wire] if wire else []
            if wire is None or wire.kind not in WITHOUT_EFFECT:
                struck += [fault for fault in met if fault.kind not in WIRE_KINDS and fault.due]
            for fault in struck:
                fault.struck += 1
            return [fault.model_copy() for fault in struck]

    def note_arrival(self, service: str) -> None:
        with self._lock:
            self._moments.setdefault(service, deque(maxlen=_MOMENTS_KEPT)).append(time.monotonic())

    def note_answer(self, service: str, method: str, route: str, status: int) -> None:
        with self._lock:
            self._counts[service, method, route, status] += 1

    def requests(self) -> list[RequestCount]:
        with self._lock:
            rows = sorted(self._counts.items())
        return [
            RequestCount(service=service, method=method, route=route, status=status, count=count)
            for (service, method, route, status), count in rows
        ]

    def busiest(self, service: str, seconds: float = 60) -> int:
        """The most requests that came in any stretch of so many seconds."""
        with self._lock:
            moments = list(self._moments.get(service, ()))
        most = first = 0
        for last, moment in enumerate(moments):
            while moments[first] <= moment - seconds:
                first += 1
            most = max(most, last - first + 1)
        return most

    def reset_counts(self) -> None:
        with self._lock:
            self._counts.clear()
            self._moments.clear()


_SUBSTITUTIONS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"/bot[^/]+", "/bot{token}"),
        (r"/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]+(?=/|$)", "/{uuid}"),
        (r"/[0-9a-f]{2}(:[0-9a-f]{2}){15}(?=/|$)", "/{fingerprint}"),
        (r"(?<=/)(?:cus|sub|in|inpay|pi|ch|re|du|cs|price|prod|pm|evt|we|txn)_\w+", "{id}"),
        (r"(?<=/tags)/[^/]+", "/{tag}"),
        (r"(?<=/images)/[^/]+", "/{image}"),
        (r"(?<=/keys)/[0-9a-f]{64}", "/{hash}"),
        (r"/\d+(?=/|$)", "/{id}"),
    )
)


def route_of(path: str) -> str:
    """A path without what differs from call to call: `/v2/droplets/{id}`, `/telegram/bot{token}/getMe`."""
    for pattern, replacement in _SUBSTITUTIONS:
        path = pattern.sub(replacement, path)
    return path.rstrip("/")


def error_body(service: str, status: int, params: FaultParams, *, with_code: bool = True) -> dict[str, Any]:
    """An error as the service words it."""
    message = params.message or "Injected by the sandbox."
    if service == "telegram":
        body: dict[str, Any] = {"ok": False, "error_code": status, "description": message}
        if params.retry_after is not None:
            body["parameters"] = {"retry_after": params.retry_after}
        return body
    if service == "stripe":
        return _stripe_error(status, params.code if with_code else None, message)
    if service == "openrouter":
        return {"error": {"message": message, **({"code": status} if with_code else {})}}
    code = params.code or _CODES.get(status, "server_error")
    if service == "model":
        return {"type": "error", "error": {"type": code, "message": message}}
    named = {"id": code} if with_code else {}
    return {**named, "message": message}


def _stripe_error(status: int, code: str | None, message: str) -> dict[str, Any]:
    kind = {402: "card_error"}.get(status, "invalid_request_error" if status < 500 else "api_error")
    named = code or ("rate_limit" if status == 429 else None)
    return {"error": {"type": kind, "message": message, **({"code": named} if named else {})}}


def error_headers(service: str, status: int) -> dict[str, str]:
    """What the service's errors carry besides."""
    if service != "stripe":
        return {}
    limited = {"stripe-rate-limited-reason": "global-rate"} if status == 429 else {}
    return {"request-id": "req_InjectedBySandbox", **limited}


_CODES = {
    400: "bad_request",
    401: "Unauthorized",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    422: "unprocessable_entity",
    429: "too_many_requests",
}
