"""The part of the control interface that is about Stripe: what people do there, its events and its time."""

import asyncio
from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from provisioner.sandbox.control.assembly import Assembly
from provisioner.sandbox.stripe.account import Json
from provisioner.sandbox.stripe.dashboard import Dashboard, Goodbye, Purchase
from provisioner.sandbox.stripe.life.subscriptions import period_end
from provisioner.sandbox.stripe.modes import Mode
from provisioner.sandbox.stripe.options import StripeOptions

_MOST_DAYS = 3660


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Failure(_Body):
    later: bool = False


class Pause(_Body):
    collection: Literal["keep_as_draft", "mark_uncollectible", "void"] | None = None


class Refund(_Body):
    amount: int | None = Field(default=None, ge=1)


class Dispute(_Body):
    reason: str = "fraudulent"
    close: Literal["won", "lost"] | None = None


class NewEmail(_Body):
    email: str


class NewPrice(_Body):
    price: str
    proration: Literal["create_prorations", "always_invoice", "none"] = "create_prorations"


class NewCoupon(_Body):
    coupon: str | None = None


class Webhook(_Body):
    url: str | None
    events: list[str] | None = None


class Days(_Body):
    days: float = Field(default=0, le=_MOST_DAYS)


def stripe_routes(assembly: Assembly) -> list[Route]:
    """Below `/stripe/test` and `/stripe/live`."""
    return [*_subscription_routes(assembly), *_money_routes(assembly), *_event_routes(assembly)]


class _Desk:
    """Makes routes whose handlers are given the mode that the path names, the address in it, and the body."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly

    def mode(self, request: Request) -> Mode:
        return self._assembly.stripe.mode(live=request.path_params["mode"] == "live")

    def post(self, path: str, body: type[BaseModel], act: Callable[[Dashboard, str, Any], Json]) -> Route:
        """`act` is given the dashboard, the customer's address, and the body; it gives the object to show."""

        async def respond(request: Request) -> Response:
            mode = self.mode(request)
            given = body.model_validate_json(await request.body() or b"{}")
            thing = act(Dashboard(mode), str(request.path_params.get("email", "")), given)
            return JSONResponse(_shown(mode, thing), 201)

        return Route(f"/stripe/{{mode}}/{path}", respond, methods=["POST"])


def _subscription_routes(assembly: Assembly) -> list[Route]:
    desk = _Desk(assembly)
    return [
        desk.post("checkout", Purchase, lambda board, _email, body: board.checkout(body)),
        desk.post(
            "customers/{email}/fail", Failure, lambda board, email, body: board.fail(email, later=body.later)
        ),
        desk.post("customers/{email}/pay", _Body, lambda board, email, _body: board.pay(email)),
        desk.post("customers/{email}/cancel", Goodbye, lambda board, email, body: board.cancel(email, body)),
        desk.post("customers/{email}/keep", _Body, lambda board, email, _body: board.keep(email)),
        desk.post(
            "customers/{email}/pause",
            Pause,
            lambda board, email, body: board.pause(email, collection=body.collection),
        ),
        desk.post(
            "customers/{email}/coupon",
            NewCoupon,
            lambda board, email, body: board.set_coupon(email, body.coupon),
        ),
        desk.post("customers/{email}/resume", _Body, lambda board, email, _body: board.resume(email)),
        desk.post(
            "customers/{email}/price",
            NewPrice,
            lambda board, email, body: board.reprice(email, body.price, proration=body.proration),
        ),
    ]


def _money_routes(assembly: Assembly) -> list[Route]:
    desk = _Desk(assembly)

    def dispute(board: Dashboard, email: str, body: Dispute) -> Json:
        if body.close is None:
            return board.dispute(email, body.reason)
        return board.close_dispute(email, won=body.close == "won")

    return [
        desk.post(
            "customers/{email}/refund", Refund, lambda board, email, body: board.refund(email, body.amount)
        ),
        desk.post("customers/{email}/dispute", Dispute, dispute),
        desk.post(
            "customers/{email}/email",
            NewEmail,
            lambda board, email, body: board.update_email(email, body.email),
        ),
    ]


def _event_routes(assembly: Assembly) -> list[Route]:
    desk = _Desk(assembly)

    async def index(request: Request) -> Response:
        mode = desk.mode(request)
        with mode.account.lock:
            return JSONResponse([_event(mode, event) for event in mode.account.events()])

    async def resend(request: Request) -> Response:
        mode = desk.mode(request)
        return JSONResponse(_event(mode, Dashboard(mode).resend(request.path_params["event"])), 201)

    async def webhook(request: Request) -> Response:
        mode = desk.mode(request)
        body = Webhook.model_validate_json(await request.body())
        made = Dashboard(mode).set_webhook(body.url, body.events)
        return JSONResponse({"id": made["id"], "url": made["url"]} if made else None)

    async def roll(request: Request) -> Response:
        return JSONResponse({"secret": Dashboard(desk.mode(request)).roll_secret()}, 201)

    async def clock(request: Request) -> Response:
        mode = desk.mode(request)
        body = Days.model_validate_json(await request.body() or b"{}")
        # A year of many customers takes its time; the services go on meanwhile.
        now = await asyncio.to_thread(Dashboard(mode).move_clock, body.days)
        return JSONResponse({"now": now, "ahead": mode.account.clock.ahead})

    async def options(request: Request) -> Response:
        mode = desk.mode(request)
        changes = await request.json() if request.method == "PATCH" else {}
        with mode.account.lock:
            mode.account.options = StripeOptions.model_validate(
                {**mode.account.options.model_dump(), **changes}
            )
        mode.deliveries.nudge()
        return JSONResponse(mode.account.options.model_dump())

    async def keys(request: Request) -> Response:
        credentials = desk.mode(request).credentials
        return JSONResponse({"key": credentials.key, "webhook": credentials.webhook})

    async def waiting(request: Request) -> Response:
        return JSONResponse({"count": desk.mode(request).deliveries.waiting()})

    at = "/stripe/{mode}"
    return [
        Route(f"{at}/events", index, methods=["GET"]),
        Route(f"{at}/events/{{event}}/resend", resend, methods=["POST"]),
        Route(f"{at}/webhook", webhook, methods=["PUT"]),
        Route(f"{at}/webhook/roll", roll, methods=["POST"]),
        Route(f"{at}/clock", clock, methods=["POST"]),
        Route(f"{at}/options", options, methods=["GET", "PATCH"]),
        Route(f"{at}/keys", keys, methods=["GET"]),
        Route(f"{at}/waiting", waiting, methods=["GET"]),
    ]


def _shown(mode: Mode, thing: Json) -> Json:
    """What the command line tells of an object."""
    known = {"id": thing["id"], "object": thing["object"], "status": thing.get("status")}
    if thing["object"] != "subscription":
        amount, currency = thing.get("amount"), thing.get("currency")
        return {**known, "email": thing.get("email"), "amount": amount, "currency": currency}
    customer = mode.account.find("customer", thing["customer"])
    return {
        **known,
        "customer": customer["id"],
        "email": customer["email"],
        "price": thing["items"]["data"][0]["price"]["id"],
        "period_end": period_end(thing),
        "cancel_at": thing["cancel_at"],
    }


def _event(mode: Mode, event: Json) -> Json:
    thing = event["data"]["object"]
    return {
        "id": event["id"],
        "type": event["type"],
        "created": event["created"],
        "object": thing.get("id"),
        "answers": [one.status for one in mode.deliveries.of(event["id"])],
        "pending": event["pending_webhooks"],
    }
