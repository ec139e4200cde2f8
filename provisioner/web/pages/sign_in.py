"""Signing in with a password or a link, signing out, and one's own password."""

from starlette.responses import Response

from provisioner.web.access.operators import Operator
from provisioner.web.access.passwords import SHORTEST, fits, hash_of, improved
from provisioner.web.pages.site import Page, Site, redirect
from provisioner.web.pages.visit import Visit

_WRONG = "The name or the password is wrong."
_SAID = {"password": "Your password is set; everywhere else you are signed out."}


def show_form(site: Site, visit: Visit) -> Response:
    if visit.who is not None:
        return redirect("/")
    return _form(site, visit, "", 200)


def sign_in(site: Site, visit: Visit) -> Response:
    """A name that is not there is answered as a wrong password is, and as slowly."""
    name = visit.form.get("name", "").strip()
    keys = (site.by_address, visit.peer), (site.by_name, name.casefold()[:100])
    wait = max(throttle.wait_seconds(key) for throttle, key in keys)
    if wait:
        site.say(f"sign-in from {visit.peer}: refused for {wait:.0f} s, too many were wrong")
        minutes = int(wait // 60) + 1
        return _form(site, visit, f"Too many wrong passwords: try again in {minutes} min.", 429)
    operator = site.operators.named(name)
    password = visit.form.get("password", "")
    if not fits(password, operator.password if operator else None) or operator is None:
        for throttle, key in keys:
            throttle.fail(key)
        site.say(f"sign-in from {visit.peer}: wrong name or password")
        return _form(site, visit, _WRONG, 401)
    site.by_name.forget(name.casefold()[:100])
    better = improved(password, operator.password or "")
    if better is not None:
        site.operators.improve_hash(operator, better)
    return _let_in(site, visit, operator, "a password")


def show_link(site: Site, visit: Visit) -> Response:
    """Only a page with a button: mail programs open links by themselves, and must not use them up."""
    token = visit.params["token"]
    operator = site.operators.of_link(token)
    if operator is None:
        return _form(site, visit, "This link was used already, or is too old.", 410)
    return site.show(visit, "link.html", title="Sign in", token=token, operator=operator)


def use_link(site: Site, visit: Visit) -> Response:
    if site.by_address.wait_seconds(visit.peer):
        return _form(site, visit, "Too many wrong links: try again later.", 429)
    operator = site.operators.take_link(visit.form.get("token", ""))
    if operator is None:
        site.by_address.fail(visit.peer)
        site.say(f"sign-in from {visit.peer}: no such link")
        return _form(site, visit, "This link was used already, or is too old.", 410)
    return _let_in(site, visit, operator, "a link")


def sign_out(site: Site, visit: Visit) -> Response:
    if visit.session is not None:
        site.sessions.end(visit.session)
    return site.without_session(redirect("/sign-in"))


def show_account(site: Site, visit: Visit) -> Response:
    return _account(site, visit, "", 200)


def set_password(site: Site, visit: Visit) -> Response:
    """Whoever has one has to know it; who has forgotten it gets a new one at the machine."""
    operator, throttled = visit.operator, visit.operator.name.casefold()
    if site.by_name.wait_seconds(throttled):
        return _account(site, visit, "Too many wrong passwords: try again later.", 429)
    if operator.password is not None and not fits(visit.form.get("current", ""), operator.password):
        site.by_name.fail(throttled)
        return _account(site, visit, "The current password is wrong.", 401)
    new = visit.form.get("new", "")
    if new != visit.form.get("again", ""):
        return _account(site, visit, "The two new passwords differ.", 400)
    if len(new) < SHORTEST:
        return _account(site, visit, f"A password has at least {SHORTEST} characters.", 400)
    after = site.operators.set_password(operator.name, hash_of(new))
    site.sessions.end_all([operator.id])
    site.say(f"{operator.name} has a new password")
    session = site.sessions.begin(after.id, instead_of=visit.session)
    return site.with_session(redirect("/account?said=password"), session)


def _let_in(site: Site, visit: Visit, operator: Operator, how: str) -> Response:
    site.say(f"{operator.name} has signed in with {how} from {visit.peer}")
    session = site.sessions.begin(operator.id, instead_of=visit.session)
    return site.with_session(redirect(_inside(visit.form.get("then", ""))), session)


def _inside(path: str) -> str:
    """A page of ours; never one that only looks like it, as //elsewhere does."""
    good = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if good else "/"


def _form(site: Site, visit: Visit, problem: str, status: int) -> Response:
    then = visit.form.get("then") or visit.query.get("then", "")
    typed = visit.form.get("name", "")[:60]
    return site.show(
        visit, "sign_in.html", status=status, title="Sign in", problem=problem, then=then, typed=typed
    )


def _account(site: Site, visit: Visit, problem: str, status: int) -> Response:
    said = _SAID.get(visit.query.get("said", ""), "")
    return site.show(
        visit, "account.html", status=status, title="You", problem=problem, said=said, shortest=SHORTEST
    )


PAGES = (
    Page("/sign-in", show_form, None),
    Page("/sign-in", sign_in, None, "POST"),
    Page("/sign-in/{token}", show_link, None),
    Page("/sign-in/link", use_link, None, "POST"),
    Page("/sign-out", sign_out, None, "POST"),
    Page("/account", show_account, "look"),
    Page("/account", set_password, "look", "POST"),
)
