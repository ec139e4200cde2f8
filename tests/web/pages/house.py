"""A workspace with customers in every state, and its pages, asked over HTTP as a browser asks."""

import html
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from provisioner.customers.new import SignUp, new_record
from provisioner.customers.record import Customer
from provisioner.settings import Settings, WebSettings
from provisioner.timestamps import in_hours
from provisioner.web.access.roles import Role
from provisioner.web.app import application
from provisioner.web.metrics import Metrics
from provisioner.web.pages.catalog import ALL
from provisioner.web.pages.site import Site, routes
from provisioner.worker.process import Parts
from provisioner.workspace import Workspace, init_workspace
from tests.billing.stories import EXAMPLE
from tests.serving import serving

BOT_TOKEN = "7654321987:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"
LINK_CODE = "c0de-of-the-link-that-nobody-else-may-see"
STRIPE_KEY = "sk_live_abcdefghijklmnopqrstuv"
SECRETS = (BOT_TOKEN, LINK_CODE, STRIPE_KEY)
COMPLETE: Mapping[str, object] = {
    "status": "active",
    "setup.status": "complete",
    "setup.droplet.id": "7",
    "setup.droplet.ip": "192.0.2.7",
    "setup.moltbot.installed": True,
    "setup.moltbot.version": "2026.9.6",
    "setup.messaging.connected": True,
    "setup.handoff.completed": True,
    "subscription.status": "active",
}
BEGUN: Mapping[str, object] = {"status": "in_progress", "setup.status": "in_progress"}


class Browser:
    """Keeps cookies, follows what it is told, and says where its forms are, as browsers do."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, follow_redirects=True, timeout=30)

    def get(self, path: str) -> httpx.Response:
        return self.http.get(path)

    def post(self, path: str, headers: Mapping[str, str] | None = None, **form: str) -> httpx.Response:
        said = {"origin": self.url, "sec-fetch-site": "same-origin"} if headers is None else headers
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return self.http.post(path, data=form, headers={**kind, **said})


@dataclass
class House:
    """One workspace and what serves it."""

    workspace: Workspace
    site: Site
    url: str
    said: list[str] = field(default_factory=list)
    browsers: list[Browser] = field(default_factory=list)

    def add(
        self, email: str, fields: Mapping[str, object] | None = None, name: str | None = None
    ) -> Customer:
        """A customer with these fields."""
        store = self.workspace.store()
        store.add(new_record(SignUp(email, f"sub_{email.split('@')[0]}", name)))
        with store.edit(email) as record:
            for path, value in (fields or {}).items():
                record.set(path, value)
        return record.customer

    def customer(self, email: str) -> Customer:
        return self.workspace.store().read(email).customer

    def log(self, customer: Customer, **event: object) -> Path:
        """The log of a run of theirs that has ended with this."""
        line = {"who": customer.email, "customer": customer.id, "timestamp": in_hours(-1), **event}
        name = f"2026-01-29T0554{len(list(self.workspace.runs_dir.iterdir())):02}.000000Z-aa"
        path = self.workspace.runs_dir / f"{name}.jsonl"
        path.write_text(json.dumps(line) + "\n")
        return path

    def browser(self, name: str = "ada", role: Role | None = "owner") -> Browser:
        """Somebody's, who has signed in with a link."""
        _, token = self.site.operators.invite(name, role)
        browser = self.stranger()
        answer = browser.post("/sign-in/link", token=token)
        assert answer.status_code == 200, answer.text
        return browser

    def stranger(self) -> Browser:
        self.browsers.append(Browser(self.url))
        return self.browsers[-1]


@contextmanager
def house(folder: Path, **settings: Any) -> Iterator[House]:
    """Served on a free port while the block lasts; the worker does not work."""
    workspace = init_workspace(folder / "workspace", "help@example.com")[0]
    known = Settings.model_validate({"stripe_key": STRIPE_KEY, **settings})
    said: list[str] = []
    parts = Parts(workspace, known, said.append)
    site = Site(workspace, known, parts, said.append)
    app = application(Metrics(), said.append, list, None, lambda: None, routes(site, ALL))
    with serving(app) as url:
        there = House(workspace, site, url, said)
        try:
            yield there
        finally:
            for browser in there.browsers:
                browser.http.close()


def populate(there: House) -> None:
    """Somebody in every state."""
    ada = there.add("ada@example.com", {**COMPLETE, "setup.messaging.botToken": BOT_TOKEN}, "Ada Lovelace")
    with there.workspace.store().edit(ada.id) as record:
        record.set("setup.messaging.link.code", LINK_CODE)
        record.add_note(f"Her token is {BOT_TOKEN}, says she")
    there.add("ben@example.com", {**COMPLETE, "subscription.status": "past_due"}, "Ben Okri")
    unwell = {"problems": ["gateway", "disk"], "since": in_hours(-3)}
    there.add("cleo@example.com", {**COMPLETE, "health": unwell}, "Cleo Marsh")
    dora = there.add("dora@example.com", BEGUN)
    retry = {
        "workflow": "provision",
        "failures": 3,
        "notBefore": in_hours(0.5),
        "error": "could not create the droplet for dora@example.com: the account is locked",
    }
    with there.workspace.store().edit(dora.id) as record:
        record.set("retry", retry)
    there.log(dora, step="droplet", kind="failed", text=retry["error"])
    waiting = {"for": "to press Start in @emil_bot", "of": "@emil", "since": in_hours(-60)}
    there.add("emil@example.com", {**BEGUN, "setup.waiting": waiting}, "Emil Nolde")
    lately = {**waiting, "for": "to open their link", "of": "finn@example.com", "since": in_hours(-1)}
    there.add("finn@example.com", {**BEGUN, "setup.waiting": lately}, "Finn Orla")
    there.add("gina@example.com", {}, "Gina Hale")
    pause = {"requestedAt": in_hours(-50), "pausedAt": in_hours(-49), "by": "ada"}
    there.add("hugo@example.com", {**COMPLETE, "setup.pause": pause}, "Hugo Wolf")
    leaving = {
        "requestedAt": in_hours(-30),
        "by": "ada",
        "stopAt": in_hours(200),
        "graceDays": 14,
        "statusBefore": "active",
    }
    there.add("iris@example.com", {**COMPLETE, "leaving": leaving}, "Iris Berg")


def paying(there: House) -> None:
    """The nine customers of the worked example, as their histories say."""
    for one in EXAMPLE:
        there.add(one.email)
        with there.workspace.store().edit(one.email) as record:
            changes = [
                change.model_dump(mode="json", by_alias=True, exclude_none=True)
                for change in one.subscription.changes
            ]
            record.update({"subscription.changes": changes, "subscription.livemode": True})


def text_of(page: str) -> str:
    """What is read on a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


PROXIED = WebSettings(address="https://desk.example.com")
