"""The API over HTTP: who may call, in which version, which resource answers, and how problems look."""

import base64
import binascii
import json
import logging
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from provisioner.sandbox.stripe.account import Caller, Json
from provisioner.sandbox.stripe.call import Call, Endpoint
from provisioner.sandbox.stripe.errors import StripeApiError, invalid, unauthorized, unknown_route
from provisioner.sandbox.stripe.expansion import expanded
from provisioner.sandbox.stripe.forms import decode, read
from provisioner.sandbox.stripe.idempotency import Kept, fingerprint
from provisioner.sandbox.stripe.ids import new_id
from provisioner.sandbox.stripe.life.due import settle
from provisioner.sandbox.stripe.modes import Mode, Stripe
from provisioner.sandbox.stripe.resources import (
    catalog,
    checkout,
    clocks,
    coupons,
    customers,
    events,
    invoices,
    payments,
    subscriptions,
)
from provisioner.sandbox.stripe.versions import known_version, rendered

log = logging.getLogger(__name__)

ENDPOINTS: Final = (
    *customers.ENDPOINTS,
    *catalog.ENDPOINTS,
    *subscriptions.ENDPOINTS,
    *checkout.ENDPOINTS,
    *invoices.ENDPOINTS,
    *payments.ENDPOINTS,
    *events.ENDPOINTS,
    *clocks.ENDPOINTS,
    *coupons.ENDPOINTS,
)
_METHODS: Final = ["GET", "POST", "DELETE", "PUT", "PATCH"]
_FORM: Final = "application/x-www-form-urlencoded"


def stripe_app(stripe: Stripe) -> Starlette:
    """The API below the path where it is mounted (`/v1`)."""
    routes = [_route(stripe, endpoint) for endpoint in ENDPOINTS]
    app = Starlette(routes=[*routes, Route("/{path:path}", _fallback(stripe), methods=_METHODS)])
    app.router.redirect_slashes = False
    return app


def _route(stripe: Stripe, endpoint: Endpoint) -> Route:
    async def respond(request: Request) -> Response:
        return await _Exchange(stripe, request).answer(endpoint)

    return Route(f"/{endpoint.path}", respond, methods=[endpoint.method])


def _fallback(stripe: Stripe) -> Any:
    async def respond(request: Request) -> Response:
        return await _Exchange(stripe, request).answer(None)

    return respond


class _Exchange:
    """One request and its answer."""

    def __init__(self, stripe: Stripe, request: Request) -> None:
        self._stripe = stripe
        self._request = request
        self._id = new_id("req")
        self._headers = {"request-id": self._id, "access-control-allow-origin": "*"}

    async def answer(self, endpoint: Endpoint | None) -> Response:
        try:
            mode = self._mode()
            version = self._version(mode)
            if endpoint is None:
                raise unknown_route(self._request.method, self._request.url.path)
            given = await self._given()
            with mode.account.lock:
                settle(mode.account)
                status, body = self._once(mode, endpoint, given, version)
        except StripeApiError as error:
            status, body = error.status, _written(error.body(self._id))
        return Response(body, status, self._headers, "application/json")

    def _mode(self) -> Mode:
        offered = _key(self._request.headers.get("authorization", ""))
        mode = self._stripe.mode_of(offered)
        if mode is None:
            raise unauthorized(offered)
        return mode

    def _version(self, mode: Mode) -> str:
        version = self._request.headers.get("stripe-version") or mode.account.options.api_version
        if not known_version(version):
            raise invalid(f"Invalid Stripe API version: {version}")
        self._headers["stripe-version"] = version
        return version

    async def _given(self) -> Json:
        body = await self._request.body()
        kind = self._request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if body and kind not in ("", _FORM):
            raise invalid(f"Invalid request (check that your POST content type is {_FORM}).")
        try:
            text = body.decode()
        except UnicodeDecodeError:
            raise invalid("The body is not UTF-8.") from None
        return decode("&".join(part for part in (self._request.url.query, text) if part))

    def _once(self, mode: Mode, endpoint: Endpoint, given: Json, version: str) -> tuple[int, bytes]:
        """The answer; under an idempotency key the first one again."""
        key = self._request.headers.get("idempotency-key", "") if endpoint.method == "POST" else ""
        if not key:
            return self._done(mode, endpoint, given, version)[:2]
        self._headers["idempotency-key"] = key
        now = mode.account.now
        request = fingerprint(endpoint.method, self._request.url.path, given)
        kept = mode.replays.find(key, request, now)
        if kept is not None:
            self._headers.update({"idempotent-replayed": "true", "original-request": kept.request_id})
            return kept.status, kept.body
        status, body, keep = self._done(mode, endpoint, given, version, key)
        if keep:
            mode.replays.keep(key, Kept(request, self._id, status, body, now))
        return status, body

    def _done(
        self, mode: Mode, endpoint: Endpoint, given: Json, version: str, key: str | None = None
    ) -> tuple[int, bytes, bool]:
        """Status and body of the work itself, and whether it had begun."""
        try:
            call: Call[Any] = Call(
                mode.account, mode.deliveries, self._request.path_params, read(endpoint.form, given)
            )
            with mode.account.called_by(Caller(self._id, key)):
                made = endpoint.handle(call)
            body = rendered(expanded(mode.account, made, call.form.expand), version)
        except StripeApiError as error:
            return error.status, _written(error.body(self._id)), error.kept
        return 200, _written(body), True


def _key(authorization: str) -> str:
    """The key in a Bearer header, or the user of a Basic one."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def _written(body: Any) -> bytes:
    return json.dumps(body, indent=2).encode() + b"\n"
