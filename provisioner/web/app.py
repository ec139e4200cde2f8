"""The HTTP side: Stripe's webhook, health and metrics.

Whatever is not answered with what it asks for makes one line in the log, and nothing else.
"""

import time
from collections.abc import Callable, Sequence
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from provisioner.errors import ProvisionerError
from provisioner.payments.errors import StrangeEvent
from provisioner.payments.receive import Receiver
from provisioner.printable import clean
from provisioner.services.stripe.errors import WebhookRefused
from provisioner.web.metrics import CONTENT_TYPE, Metrics

LARGEST_BODY: Final = 1_000_000
"""In bytes; Stripe's events are far smaller."""
_LONGEST_PATH: Final = 100

Say = Callable[[str], None]


def application(
    metrics: Metrics,
    say: Say,
    not_ready: Callable[[], Sequence[str]],
    receiver: Receiver | None,
    wake: Callable[[], None],
    pages: Sequence[BaseRoute] = (),
) -> Starlette:
    """`not_ready` says what is wrong with the process; `wake` is called when an event has come.

    Without a `receiver` there is no webhook.
    """

    async def healthy(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_: Request) -> Response:
        wrong = list(await run_in_threadpool(not_ready))
        status = "not ready" if wrong else "ready"
        return JSONResponse({"status": status, "problems": wrong}, 503 if wrong else 200)

    async def figures(_: Request) -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    routes: list[BaseRoute] = [
        Route("/healthz", healthy),
        Route("/readyz", ready),
        Route("/metrics", figures),
    ]
    if receiver is not None:
        webhook = _StripeWebhook(receiver, metrics, wake)
        routes.append(Route("/webhooks/stripe", webhook.answer, methods=["POST"]))
    routes += pages
    limits = Middleware(RequestBodyLimitMiddleware, max_body_size=LARGEST_BODY)
    return Starlette(routes=routes, middleware=[Middleware(_OneLine, say=say), limits])


class _StripeWebhook:
    def __init__(self, receiver: Receiver, metrics: Metrics, wake: Callable[[], None]) -> None:
        self._receiver = receiver
        self._metrics = metrics
        self._wake = wake

    async def answer(self, request: Request) -> Response:
        began = time.monotonic()
        body = await request.body()
        signature = request.headers.get("stripe-signature")
        try:
            receipt = await run_in_threadpool(self._receiver.receive, body, signature)
        except (WebhookRefused, StrangeEvent) as problem:
            return self._refusal(request, "refused", 400, problem)
        except ProvisionerError as problem:
            # Stripe sends it again.
            return self._refusal(request, "failed", 503, problem)
        self._metrics.events.labels(receipt).inc()
        self._metrics.seconds.observe(time.monotonic() - began)
        if receipt == "new":
            self._wake()
        return JSONResponse({"received": True})

    def _refusal(self, request: Request, result: str, status: int, problem: ProvisionerError) -> Response:
        self._metrics.events.labels(result).inc()
        request.scope["reason"] = problem.summary
        # Nobody but Stripe has to know why.
        return JSONResponse({"error": result}, status)


class _OneLine:
    """Writes one line for each request that is refused or fails, also where a bug is the cause."""

    def __init__(self, app: ASGIApp, say: Say) -> None:
        self._app = app
        self._say = say

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answered = 0

        async def told(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = message["status"]
                if answered >= 400 and not _is_asked_whether_ready(scope):
                    self._say(_line(scope, str(answered), scope.get("reason")))
            await send(message)

        try:
            await self._app(scope, receive, told)
        except Exception as bug:
            self._say(_line(scope, "500", f"a bug: {bug!r}"))
            if not answered:
                await JSONResponse({"error": "failed"}, 500)(scope, receive, send)


def _is_asked_whether_ready(scope: Scope) -> bool:
    """Who asks that asks again and again."""
    return bool(scope["path"] == "/readyz")


def _line(scope: Scope, status: str, reason: str | None) -> str:
    path = scope["path"][:_LONGEST_PATH]
    said = f"{scope['method'][:10]} {path}: {status}" + (f": {reason}" if reason else "")
    return clean(said)
