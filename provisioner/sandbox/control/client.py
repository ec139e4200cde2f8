"""A running sandbox, from Python: what the command line, the tests and the demo do with it."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

from provisioner.errors import SandboxError
from provisioner.sandbox.cloud.options import CloudOptions
from provisioner.sandbox.control.launch import down, lifeline, up
from provisioner.sandbox.control.options import Options
from provisioner.sandbox.control.socket_http import NoResponse, NotListening, ask
from provisioner.sandbox.control.state import StateFolder
from provisioner.sandbox.control.stripe_client import SandboxStripe
from provisioner.sandbox.faults.rules import Fault, FaultParams, Kind, RequestCount, Rule, Service
from provisioner.sandbox.machines.interface import MemoryUse

_ANSWER_WITHIN = 30.0


@dataclass(frozen=True)
class DropletView:
    """A droplet as it truly is, whatever the API shows of it at the moment."""

    id: int
    name: str
    status: str
    address: str | None
    tags: list[str]
    size: str
    region: str
    image: str
    created_at: str
    user_data: str
    inbound: list[str] | None


@dataclass(frozen=True)
class SandboxStatus:
    """`uptime` is in seconds; it listens on `port` of each of `addresses`."""

    pid: int
    state: str
    pretend: bool
    uptime: float
    addresses: list[str]
    port: int
    smtp_port: int
    droplets: list[DropletView]


@dataclass(frozen=True)
class Said:
    """One message of a chat; `sender` is "user" or "bot", `date` is in seconds since 1970."""

    id: int
    sender: str
    date: int
    text: str
    buttons: list[list[str]]


@dataclass(frozen=True)
class BotAccount:
    id: int
    name: str
    username: str
    token: str


@dataclass(frozen=True)
class Phone:
    """`chats` names the bots that this person has talked to."""

    id: int
    username: str
    name: str
    chats: list[str]


@dataclass(frozen=True)
class Screen:
    """What a tap brought up: "start" (a bot's Start button), "new_bot" (the dialog that makes one, with what
    it suggests; `bot` is the manager then), "page" (a web address), "chat" (nothing that asks)."""

    kind: str
    bot: str = ""
    payload: str = ""
    name: str = ""
    username: str = ""
    url: str = ""


@dataclass(frozen=True)
class ReceivedEmail:
    """One e-mail that arrived; numbers begin with 1."""

    number: int
    sender: str
    recipients: list[str]
    subject: str
    text: str
    html: str | None
    links: list[str]
    date: str


class Sandbox:
    """The sandbox whose folder this is. Every method raises SandboxError: not up, or what was wrong."""

    def __init__(self, state: Path) -> None:
        self.folder = StateFolder(state)

    def status(self) -> SandboxStatus:
        body = self._ask("GET", "/status")
        return SandboxStatus(**{**body, "droplets": [DropletView(**one) for one in body["droplets"]]})

    @property
    def env(self) -> dict[str, str]:
        """The settings that point the product at it."""
        return cast("dict[str, str]", self._ask("GET", "/env"))

    # Faults and counts

    def fault(
        self,
        service: Service,
        kind: Kind,
        *,
        method: str = "*",
        path: str = "",
        count: int | None = 1,
        after: int = 0,
        **params: Any,
    ) -> Fault:
        """Put a rule into force; `params` are those of `faults.FaultParams` (see `KINDS`)."""
        rule = Rule(
            service=service,
            kind=kind,
            method=method,
            path=path,
            count=count,
            after=after,
            params=FaultParams(**params),
        )
        return Fault(**self._ask("POST", "/faults", rule.model_dump()))

    def faults(self) -> list[Fault]:
        return [Fault(**fault) for fault in self._ask("GET", "/faults")]

    def clear_faults(self, fault_id: int | None = None) -> None:
        self._ask("DELETE", "/faults" if fault_id is None else f"/faults/{fault_id}")

    def requests(self) -> list[RequestCount]:
        """What was asked so far, by service, method, route and status."""
        return [RequestCount(**row) for row in self._ask("GET", "/counts")]

    def count(self, service: str | None = None, method: str | None = None, route: str | None = None) -> int:
        """How many requests came; a route is like `/v2/droplets/{id}`."""
        return sum(
            row.count
            for row in self.requests()
            if service in (None, row.service) and method in (None, row.method) and route in (None, row.route)
        )

    def busiest(self, service: str, seconds: float = 60) -> int:
        """The most requests that a service had in any stretch of so many seconds."""
        return int(self._ask("GET", f"/counts/{service}/busiest?seconds={seconds}")["count"])

    def reset_counts(self) -> None:
        self._ask("DELETE", "/counts")

    # The cloud

    @property
    def cloud_options(self) -> CloudOptions:
        return CloudOptions(**self._ask("GET", "/cloud"))

    def set_cloud_options(self, **options: Any) -> CloudOptions:
        """Change some of the cloud's settings (`CloudOptions`) from now on."""
        return CloudOptions(**self._ask("PATCH", "/cloud", options))

    def forget_rate(self) -> None:
        """Begin the windows of the rate limits anew."""
        self._ask("DELETE", "/cloud/limits")

    def droplets(self) -> list[DropletView]:
        return [DropletView(**one) for one in self._ask("GET", "/droplets")]

    def memory(self, droplet: int) -> MemoryUse | None:
        """What a droplet uses; None while it is off, and on a host that cannot limit it."""
        use = self._ask("GET", f"/droplets/{droplet}/memory")
        return MemoryUse(**use) if use else None

    # Telegram

    def add_phone(self, username: str, name: str | None = None) -> None:
        self._ask("POST", "/phones", {"username": username, "name": name or username})

    def phones(self) -> list[Phone]:
        return [Phone(**one) for one in self._ask("GET", "/phones")]

    def create_bot(
        self, name: str, username: str, owner: str, *, can_manage_bots: bool = False
    ) -> BotAccount:
        """What BotFather does when `owner`, a phone, asks for a bot."""
        body = {"name": name, "username": username, "owner": owner, "can_manage_bots": can_manage_bots}
        return BotAccount(**self._ask("POST", "/bots", body))

    def bots(self) -> list[BotAccount]:
        return [BotAccount(**one) for one in self._ask("GET", "/bots")]

    def press_start(self, username: str, bot: str, payload: str = "") -> Said:
        return Said(**self._ask("POST", f"/phones/{username}/start", {"bot": bot, "payload": payload}))

    def say(self, username: str, bot: str, text: str) -> Said:
        return Said(**self._ask("POST", f"/phones/{username}/messages", {"bot": bot, "text": text}))

    def chat(self, username: str, bot: str) -> list[Said]:
        return [Said(**one) for one in self._ask("GET", f"/phones/{username}/chats/{bot}")]

    def wait_for_reply(
        self, username: str, bot: str, *, after: int = 0, containing: str = "", timeout: float = 60
    ) -> Said | None:
        """The bot's first message after this id that has these words; None after `timeout` seconds."""
        query = urlencode({"after": after, "containing": containing, "timeout": timeout})
        found = self._ask("GET", f"/phones/{username}/chats/{bot}/reply?{query}", wait=timeout)
        return Said(**found) if found else None

    def open_link(self, username: str, url: str) -> Screen:
        """Tap a link anywhere on the phone."""
        return Screen(**self._ask("POST", f"/phones/{username}/links", {"url": url}))

    def tap(self, username: str, bot: str, label: str) -> Screen:
        """Tap a button of this chat: under the text field, or under a message."""
        return Screen(**self._ask("POST", f"/phones/{username}/taps", {"bot": bot, "label": label}))

    def confirm(self, username: str, *, name: str | None = None, bot: str | None = None) -> BotAccount:
        """Tap what the screen offers: Start, or Create with another name or username if given; the bot."""
        choice = {"name": name, "username": bot}
        return BotAccount(**self._ask("POST", f"/phones/{username}/confirm", choice))

    # E-mail

    def mailbox(self) -> list[ReceivedEmail]:
        return [ReceivedEmail(**one) for one in self._ask("GET", "/mailbox")]

    def wait_for_mail(self, to: str, subject: str = "", timeout: float = 30) -> ReceivedEmail | None:
        """The first e-mail to this address whose subject has these words; None after `timeout` seconds."""
        query = urlencode({"to": to, "subject": subject, "timeout": timeout})
        found = self._ask("GET", f"/mailbox/wait?{query}", wait=timeout)
        return ReceivedEmail(**found) if found else None

    def clear_mailbox(self) -> None:
        self._ask("DELETE", "/mailbox")

    # Stripe

    @property
    def stripe(self) -> SandboxStripe:
        """Its test mode, at which the settings point."""
        return SandboxStripe(self._ask)

    @property
    def live_stripe(self) -> SandboxStripe:
        """Its live mode, which has keys and customers of its own."""
        return SandboxStripe(self._ask, live=True)

    # OpenRouter

    def model_keys(self) -> list[dict[str, Any]]:
        """The keys of its account, the newest first, as its API shows them."""
        return list(self._ask("GET", "/openrouter/keys"))

    def spend(self, name: str, dollars: float) -> None:
        """Charge the newest key of this name, as answers that cost so much."""
        self._ask("POST", "/openrouter/spend", {"name": name, "dollars": dollars})

    def pass_model_days(self, days: float) -> None:
        """Let so many days pass for its account, whose budgets go by the month."""
        self._ask("POST", "/openrouter/days", {"days": days})

    def _ask(self, method: str, path: str, body: Any = None, *, wait: float = 0) -> Any:
        try:
            answer = ask(self.folder, method, path, body, timeout=_ANSWER_WITHIN + wait)
        except NotListening as error:
            hint = "start it with `provisioner sandbox up`"
            raise SandboxError("ask the sandbox", cause="it is not up", hint=hint) from error
        except NoResponse as error:
            raise SandboxError("ask the sandbox", cause=error, retry=True) from error
        if answer.status in (409, 422):
            raise SandboxError(**answer.json())
        if not answer.good:
            raise SandboxError("ask the sandbox", cause=f"it answered {answer.status}")
        return answer.json()


@contextmanager
def running_sandbox(folder: Path | None = None, *, pretend: bool = True, **cloud: Any) -> Iterator[Sandbox]:
    """A sandbox of one's own for the length of the block, in a process of its own; for tests.

    `folder` becomes its state folder (a temporary one without it, or when its path is too long for a socket);
    `cloud` are fields of `CloudOptions`. Afterwards it is stopped, and SandboxError is raised if anything of
    it is left. When this process dies before, it stops by itself.
    """
    with tempfile.TemporaryDirectory(prefix="sandbox-") as temporary, lifeline() as alive:
        state = folder if folder is not None and len(os.fsencode(folder)) < 80 else Path(temporary)
        options = Options(state=state, pretend=pretend, cloud=CloudOptions(**cloud))
        up(options, say=lambda _line: None, lifeline=alive)
        try:
            yield Sandbox(state)
        finally:
            down(options.folder)
            _demand_nothing_left(options.folder)


def _demand_nothing_left(folder: StateFolder) -> None:
    left = [path.name for path in (folder.control, folder.path / "machines") if path.exists()]
    if folder.has_machines:
        left.append("machines")
    if left:
        raise SandboxError("stop the sandbox", whom=str(folder.path), cause=f"it left {', '.join(left)}")
