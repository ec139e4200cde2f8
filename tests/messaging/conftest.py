"""A workspace with a manager bot, phones and a mailbox; the server is one that only remembers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.customers.record import Customer
from provisioner.messaging.telegram import manager
from provisioner.runs.progress import Progress
from provisioner.runs.runner import Runner, RunResult
from provisioner.sandbox.mail.mailbox import Mailbox, links_in
from provisioner.sandbox.telegram.accounts import Bot
from provisioner.sandbox.telegram.app import telegram_app
from provisioner.sandbox.telegram.phones import NewBotDialog, Phones, StartScreen
from provisioner.sandbox.telegram.world import World
from provisioner.services.factory import Services
from provisioner.settings import Settings
from provisioner.steps.handoff import Handoff
from provisioner.steps.messaging import Messaging
from provisioner.workspace import Workspace, init_workspace
from tests.serving import serving
from tests.steps.support import FastClock, MemoryServer, workflow

MANAGER = "stuffpress_bot"
ADA = "ada@example.com"


@dataclass
class Stage:
    """Everything around the two steps that speak with customers."""

    workspace: Workspace
    settings: Settings
    world: World
    phones: Phones
    mailbox: Mailbox
    servers: dict[str, MemoryServer] = field(default_factory=dict)
    heard: list[Progress] = field(default_factory=list)
    clock: FastClock = field(default_factory=FastClock)

    @property
    def manager_folder(self) -> Path:
        return self.workspace.state_dir / manager.STATE_FOLDER

    def sign_up(self, email: str = ADA, name: str = "Ada Lovelace", telegram: str | None = "@ada") -> None:
        self.workspace.store().add(new_record(SignUp(email, "sub_1", name=name, telegram=telegram)))
        begun = {"setup.status": "in_progress", "status": "in_progress", "setup.droplet.id": "7"}
        self.change(email, **begun)

    def change(self, email: str, **fields: Any) -> None:
        with self.workspace.store().edit(email) as record:
            for path, value in fields.items():
                record.set(path, value)

    def run(self, email: str = ADA, **options: Any) -> RunResult:
        runner = Runner(
            self.workspace,
            self.settings,
            self.heard.append,
            workflow=workflow(Messaging(), Handoff()),
            services=Services(self.settings),
            clock=self.clock,
        )
        return runner.run(email, **options)

    def customer(self, email: str = ADA) -> Customer:
        return self.workspace.store().read(email).customer

    def events(self, email: str = ADA) -> list[str]:
        return [event.event for event in self.customer(email).timeline]

    def said(self) -> str:
        return "\n".join(progress.text for progress in self.heard)

    def subjects(self, email: str = ADA) -> list[str]:
        return [mail.subject for mail in self.mailbox.messages if email in mail.recipients]

    def link(self, kind: str, email: str = ADA) -> str:
        """The newest link of this kind in the customer's e-mails: "newbot" or "start"."""
        mails = [mail for mail in self.mailbox.messages if email in mail.recipients]
        return [link for mail in mails for link in links_in(mail) if kind in link][-1]

    def open(self, user: str, kind: str, email: str = ADA) -> StartScreen | NewBotDialog:
        opened = self.phones.open_link(user, self.link(kind, email))
        assert not isinstance(opened, str)
        return opened

    def create(self, user: str, email: str = ADA, **changes: str) -> Bot:
        """Open the link that makes a bot, and tap Create."""
        dialog = self.open(user, "newbot", email)
        assert isinstance(dialog, NewBotDialog)
        return self.phones.confirm(dialog, **changes)

    def start(self, user: str, email: str = ADA) -> None:
        """Open the link to the manager bot, and press Start."""
        screen = self.open(user, "start=", email)
        assert isinstance(screen, StartScreen)
        self.phones.press_start(user, screen.bot, screen.payload)

    def answers(self, user: str, bot: str = MANAGER) -> list[str]:
        return [message.text for message in self.phones.chat(user, bot) if message.from_bot]


@pytest.fixture(scope="session")
def mail_server() -> Iterator[Mailbox]:
    mailbox = Mailbox(credentials=("stuffpress", "p@ss:word/1"))
    mailbox.start()
    yield mailbox
    mailbox.stop()


@pytest.fixture
def mailbox(mail_server: Mailbox) -> Mailbox:
    mail_server.clear()
    return mail_server


@pytest.fixture
def stage(tmp_path: Path, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(manager, "REST_SECONDS", 0.0)
    workspace, _ = init_workspace(tmp_path / "workspace")
    world = World()
    owner = world.add_user("StuffPress", "stuffpress")
    token = world.create_bot(owner, "StuffPress", MANAGER, can_manage_bots=True).token
    for name in ("ada", "grace", "mallory"):
        world.add_user(name.capitalize(), name)
    with serving(telegram_app(world), before_stop=world.close) as root:
        settings = Settings.model_validate(
            {
                "operator": {"contact": "help@example.com"},
                "telegram_api_root": root,
                "telegram_manager_token": token,
                "smtp_url": f"smtp://stuffpress:p%40ss%3Aword%2F1@127.0.0.1:{mailbox.port}",
            }
        )
        stage = Stage(workspace, settings, world, Phones(world), mailbox)
        _serve_from_memory(stage, monkeypatch)
        yield stage


def _serve_from_memory(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def server_of(customer: Callable[[], Customer], *_: object) -> MemoryServer:
        server = stage.servers.setdefault(customer().email, MemoryServer())
        monkeypatch.setattr(server, "close", lambda: None, raising=False)
        return server

    monkeypatch.setattr("provisioner.runs.customer_server.CustomerServer", server_of)
