"""The pages as routes: who may see what is decided here, for all of them, before anything else is done.

What a page does is done in a thread, a few at a time, so that Stripe's events never wait for pages.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, quote

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from provisioner.actor import acting_for
from provisioner.clock import SYSTEM_CLOCK
from provisioner.customers.known_secrets import known_redactor
from provisioner.customers.store import CustomerStore
from provisioner.customers.view import AnyCustomer
from provisioner.errors import BusyError, InputError, ProvisionerError, UnknownCustomer
from provisioner.secrets import Redactor, secrets_in
from provisioner.services.coalescing import SharedLook
from provisioner.settings import Settings
from provisioner.web.access.operators import Operator, Operators
from provisioner.web.access.place import access_folder
from provisioner.web.access.roles import Right
from provisioner.web.access.sessions import WHOLE, Sessions
from provisioner.web.access.throttle import Throttle
from provisioner.web.pages.origins import is_from_here, is_our_host, peer_of
from provisioner.web.pages.rendering import render
from provisioner.web.pages.revenue import revenue
from provisioner.web.pages.situation import situation
from provisioner.web.pages.visit import Visit
from provisioner.worker.process import Parts
from provisioner.workspace import Workspace

_AT_ONCE: Final = 3
_LARGEST_FORM: Final = 20_000
_PER_ADDRESS: Final = 20
_PER_NAME: Final = 8
_STATIC: Final = Path(__file__).parent / "static"

_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": with that, browsers keep to themselves where a form was.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_ONE_YEAR: Final = "max-age=31536000"

Say = Callable[[str], None]


class Site:
    """What all pages have: the workspace, who may come in, and the process's other parts."""

    def __init__(self, workspace: Workspace, settings: Settings, parts: Parts, say: Say) -> None:
        self.workspace = workspace
        self.settings = settings
        self.parts = parts
        self.say = say
        folder = access_folder(workspace)
        self.operators = Operators(folder)
        self.sessions = Sessions(folder)
        self.by_address = Throttle(_PER_ADDRESS)
        self.by_name = Throttle(_PER_NAME)
        self._secrets = settings.secret_values()
        # Everybody is read for all who wait together, and each sees what was read since they asked.
        self.situation = SharedLook(partial(situation, workspace), SYSTEM_CLOCK, 0.0, gather=0.0)
        self.revenue = SharedLook(
            partial(revenue, workspace.store(), settings), SYSTEM_CLOCK, 0.0, gather=0.0
        )
        self.archive = SharedLook(partial(situation, workspace, archived=True), SYSTEM_CLOCK, 0.0, gather=0.0)

    @property
    def store(self) -> CustomerStore:
        return self.workspace.store()

    @property
    def address(self) -> str | None:
        """The public one, where a proxy stands in front."""
        return self.settings.web.address or None

    @property
    def is_secure(self) -> bool:
        return (self.address or "").startswith("https://")

    @property
    def cookie(self) -> str:
        """The name of the session's cookie: behind TLS one that no other host can set."""
        return "__Host-provisioner" if self.is_secure else "provisioner"

    def redactor(self, shown: Iterable[AnyCustomer] = ()) -> Redactor:
        """Knows what settings and environment keep secret; who shows a record teaches it that one's.

        Of those who are `shown` in a list it learns what their failures may have in them.
        """
        redact = known_redactor(self.workspace.root, records=False)
        redact.learn(*self._secrets)
        for customer in shown:
            if customer.retry is not None:
                with suppress(ProvisionerError):
                    redact.learn(*secrets_in(self.store.read(customer.id).data))
        return redact

    def show(
        self, visit: Visit, template: str, redact: Redactor | None = None, status: int = 200, **values: Any
    ) -> Response:
        """The page of a template."""
        about = {"visit": visit, "name": self.settings.operator.name, "said": "", **values}
        return HTMLResponse(render(template, redact or self.redactor(), about), status)

    def with_session(self, response: Response, session: str) -> Response:
        """The same, and the browser is signed in from here on."""
        response.set_cookie(
            self.cookie,
            session,
            max_age=int(WHOLE.total_seconds()),
            secure=self.is_secure,
            httponly=True,
            samesite="lax",
        )
        return response

    def without_session(self, response: Response) -> Response:
        response.delete_cookie(self.cookie, secure=self.is_secure, httponly=True, samesite="lax")
        return response

    def signed_in(self, session_id: str | None) -> Operator | None:
        """Who has this session, as the files say at this moment."""
        session = self.sessions.find(session_id) if session_id else None
        if session is None or session_id is None:
            return None
        self.sessions.note(session_id, session)
        return self.operators.by_id(session.operator)


@dataclass(frozen=True)
class Page:
    """What is at a path, for whom: `right` is None where nobody has to be signed in."""

    path: str
    answer: Callable[[Site, Visit], Response]
    right: Right | None
    method: Literal["GET", "POST"] = "GET"


def redirect(path: str) -> Response:
    """To another page, which is asked for anew."""
    return RedirectResponse(path, 303)


def routes(site: Site, pages: Sequence[Page]) -> list[BaseRoute]:
    """All of them, and what they look like."""
    desk = _Desk(site)
    return [
        *(Route(page.path, desk.endpoint(page), methods=[page.method]) for page in pages),
        Mount("/static", StaticFiles(directory=_STATIC)),
    ]


class _Desk:
    """Lets in, turns away, and answers."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._limiter: CapacityLimiter | None = None

    def endpoint(self, page: Page) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            if self._limiter is None:
                # It belongs to the loop that it is made in.
                self._limiter = CapacityLimiter(_AT_ONCE)
            form = await _form_of(request)
            response = await to_thread.run_sync(self._answer, page, request, form, limiter=self._limiter)
            response.headers.update(_HEADERS)
            if self._site.is_secure:
                response.headers["Strict-Transport-Security"] = _ONE_YEAR
            return response

        return answer

    def _answer(self, page: Page, request: Request, form: Mapping[str, str] | None) -> Response:
        site, visit = self._site, _visit(request, form or {}, self._site.cookie)
        try:
            refused = _refusal(site, request, form)
            if refused is not None:
                request.scope["reason"] = refused
                return _told(site, visit, 403, refused)
            visit = _signed(visit, site.signed_in(visit.session))
            if page.right is not None and visit.who is None:
                return _to_sign_in(visit, page)
            if page.right is not None and not visit.operator.may(page.right):
                request.scope["reason"] = f"{visit.operator.name} may not: {visit.operator.role}"
                return _told(site, visit, 403, f"Your role, {visit.operator.role}, does not include this.")
            if visit.who is None:
                return page.answer(site, visit)
            with acting_for(visit.who.name):
                return page.answer(site, visit)
        except ProvisionerError as problem:
            request.scope["reason"] = problem.summary
            return _told(site, visit, _status_of(problem), problem.summary, problem.hint)


def _refusal(site: Site, request: Request, form: Mapping[str, str] | None) -> str | None:
    """Why a request is not looked at at all; None if it is."""
    if not is_our_host(request.headers.get("host", ""), site.address):
        return "This address is not one of ours: set [web] address in provisioner.toml."
    if form is None:
        return "That is no form of these pages."
    if not is_from_here(request.method, request.headers, site.address):
        return "The request came from another site's page: nothing was done."
    return None


def _visit(request: Request, form: Mapping[str, str], cookie: str) -> Visit:
    peer = request.client.host if request.client else ""
    return Visit(
        path=request.url.path,
        params=dict(request.path_params),
        query=dict(request.query_params),
        form=form,
        session=request.cookies.get(cookie),
        peer=peer_of(peer, request.headers.get("x-forwarded-for")),
    )


def _signed(visit: Visit, who: Operator | None) -> Visit:
    return Visit(visit.path, visit.params, visit.query, visit.form, who, visit.session, visit.peer)


def _to_sign_in(visit: Visit, page: Page) -> Response:
    """And back to what they wanted to look at; never back to an action."""
    then = visit.with_query() if page.method == "GET" else "/"
    return redirect("/sign-in" if then == "/" else f"/sign-in?then={quote(then, safe='')}")


def _told(site: Site, visit: Visit, status: int, what: str, hint: str | None = None) -> Response:
    return site.show(visit, "told.html", status=status, title="That did not work", what=what, hint=hint)


def _status_of(problem: ProvisionerError) -> int:
    if isinstance(problem, UnknownCustomer):
        return 404
    if isinstance(problem, InputError):
        return 400
    return 409 if isinstance(problem, BusyError) else 503


async def _form_of(request: Request) -> dict[str, str] | None:
    """The fields of a form; None for anything else that was sent."""
    if request.method != "POST":
        return {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    body = await request.body()
    if kind != "application/x-www-form-urlencoded" or len(body) > _LARGEST_FORM:
        return None
    try:
        return dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=50))
    except ValueError:
        return None
