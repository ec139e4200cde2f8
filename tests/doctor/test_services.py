"""What `doctor` sees of bots and of the mail server; Telegram and the mailbox are the sandbox's."""

import asyncio
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from provisioner.customers.new import SignUp, new_record
from provisioner.doctor import channels, mail_server
from provisioner.doctor.examination import Doctor
from provisioner.doctor.findings import Diagnosis, Trouble
from provisioner.messaging.telegram import check as telegram_check
from provisioner.messaging.telegram.check import AT_ONCE
from provisioner.sandbox.mail.mailbox import Mailbox
from provisioner.sandbox.telegram.accounts import Bot, Webhook
from provisioner.sandbox.telegram.app import telegram_app
from provisioner.sandbox.telegram.world import World
from provisioner.settings import Settings
from provisioner.workspace import Workspace, init_workspace
from tests.services.test_mail import self_signed
from tests.serving import serving

ADA, GRACE = "ada@example.com", "grace@example.com"
SERVICES = {"manager bot", "customers' bots", "mail server"}


@dataclass
class Stage:
    """A workspace with a manager bot, one customer whose bot it made, and one whose token was given."""

    workspace: Workspace
    world: World
    mailbox: Mailbox
    values: dict[str, Any]
    bots: dict[str, Bot] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def customer(self, email: str, *, managed: bool) -> None:
        store = self.workspace.store()
        name = email.partition("@")[0]
        store.add(new_record(SignUp(email, "sub", telegram=f"@{name}")))
        bot = self.world.create_bot("operator", "A Moltbot", f"{name}_molt_bot")
        self.bots[email] = bot
        self.change(email, token=bot.token, botId=str(bot.id), botUsername=bot.username, managed=managed)

    def change(self, email: str, *, token: str | None = None, **fields: object) -> None:
        with self.workspace.store().edit(email) as record:
            for name, value in fields.items():
                record.set(f"setup.messaging.{name}", value)
            if token is not None:
                record.set("setup.messaging.botToken", token)

    def smtp(self, login: str = "stuff:secret") -> None:
        self.values["smtp_url"] = f"smtp://{login}@127.0.0.1:{self.mailbox.port}"

    def examine(self) -> Diagnosis:
        key = self.workspace.ssh_dir / "id_ed25519"
        settings = Settings.model_validate(
            {"ssh": {"key": key}, "operator": {"contact": "help@example.com"}, **self.values}
        )
        return Doctor(self.workspace, settings, None, lambda _: None, self.said.append).examine()

    def troubles(self) -> list[Trouble]:
        """Those with services, but for the cloud and the model, which there are none of here."""
        kinds = ("settings", "token", "bot", "mail")
        elsewhere = ("DIGITALOCEAN_ACCESS_TOKEN", "ANTHROPIC_API_KEY")
        return [one for one in self.examine().troubles if one.kind in kinds and one.whom not in elsewhere]


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    mailbox = Mailbox(credentials=("stuff", "secret"))
    mailbox.start()
    yield mailbox
    mailbox.stop()


@pytest.fixture
def stage(tmp_path: Path, mailbox: Mailbox) -> Iterator[Stage]:
    workspace, _ = init_workspace(tmp_path / "workspace")
    world = World()
    world.add_user("Operator", "operator")
    manager = world.create_bot("operator", "StuffPress", "stuffpress_bot", can_manage_bots=True)
    with serving(telegram_app(world), before_stop=world.close) as root:
        values = {"telegram_api_root": root, "telegram_manager_token": manager.token}
        stage = Stage(workspace, world, mailbox, values)
        stage.smtp()
        stage.customer(ADA, managed=True)
        stage.customer(GRACE, managed=False)
        yield stage


def test_all_is_well_and_nobody_notices_the_look(stage: Stage) -> None:
    stage.world.chat("operator", "stuffpress_bot").started = True
    stage.world.post(stage.world.chat("operator", "stuffpress_bot"), from_bot=False, text="hello")

    diagnosis = stage.examine()

    assert stage.troubles() == []
    assert set(diagnosis.looked) >= SERVICES
    asked = {(call.bot, call.method) for call in stage.world.calls}
    assert asked == {
        ("stuffpress_bot", "getMe"),
        ("stuffpress_bot", "getWebhookInfo"),
        ("ada_molt_bot", "getMe"),
        ("grace_molt_bot", "getMe"),
    }
    assert len(stage.world.bot("stuffpress_bot").updates.pending) == 1
    assert stage.mailbox.messages == []


def test_what_is_not_set_is_not_looked_at(stage: Stage) -> None:
    for email in (ADA, GRACE):
        stage.change(email, botToken=None, botId=None)
    stage.values = {"telegram_api_root": stage.values["telegram_api_root"]}

    assert stage.troubles() == []
    assert not SERVICES & set(stage.examine().looked)
    assert list(stage.world.calls) == []


def test_a_manager_bot_that_a_customers_link_needs_is_missed(stage: Stage) -> None:
    with stage.workspace.store().edit(ADA) as record:
        record.set("status", "in_progress")
        record.set("setup.messaging.link", {"code": "c0de", "manager": "stuffpress_bot"})
        record.set("setup.messaging.botToken", None)
        record.set("setup.messaging.botId", None)
    del stage.values["telegram_manager_token"]

    (trouble,) = [one for one in stage.troubles() if one.kind == "settings"]
    assert (trouble.whom, ADA in trouble.problem) == ("TELEGRAM_MANAGER_TOKEN", True)


Harm = Callable[[Stage], object]
HARMS: dict[str, tuple[Harm, str, str, str, str]] = {
    "manager revoked": (
        lambda s: s.world.revoke("stuffpress_bot"),
        "token",
        "TELEGRAM_MANAGER_TOKEN",
        "wrong, or was revoked",
        "into TELEGRAM_MANAGER_TOKEN",
    ),
    "manager may not": (
        lambda s: setattr(s.world.bot("stuffpress_bot"), "can_manage_bots", False),
        "bot",
        "@stuffpress_bot",
        "may not manage",
        "Bot Management Mode",
    ),
    "manager has a webhook": (
        lambda s: setattr(
            s.world.bot("stuffpress_bot"), "webhook", Webhook("https://hooks.example.com/s3cr3t")
        ),
        "bot",
        "@stuffpress_bot",
        "a webhook at hooks.example.com,",
        "deleteWebhook",
    ),
    "manager is a customer's": (
        lambda s: s.change(GRACE, token=s.values["telegram_manager_token"], botId=None),
        "bot",
        GRACE,
        "the one of TELEGRAM_MANAGER_TOKEN",
        f"provisioner update {GRACE} setup.messaging.botToken -, then provisioner provision {GRACE}",
    ),
    "given token revoked": (
        lambda s: s.world.revoke(s.bots[GRACE]),
        "bot",
        GRACE,
        "wrong, or was revoked",
        f"@BotFather (/token), then provisioner update {GRACE} setup.messaging.botToken -, then",
    ),
    "given token revoked after the setup": (
        lambda s: _revoke_when_connected(s, GRACE),
        "bot",
        GRACE,
        "wrong, or was revoked",
        f"provisioner update {GRACE} setup.messaging.connected false, then provisioner provision {GRACE}",
    ),
    "made token revoked": (
        lambda s: _revoke_when_connected(s, ADA),
        "bot",
        ADA,
        "wrong, or was revoked",
        f"provisioner update {ADA} setup.messaging.connected false, then provisioner provision {ADA}, which",
    ),
    "token of another bot": (
        lambda s: s.change(GRACE, token=s.bots[ADA].token),
        "bot",
        GRACE,
        "that of @ada_molt_bot",
        "setup.messaging.botToken -",
    ),
    "wrong password": (
        lambda s: s.smtp("stuff:wr0ng"),
        "mail",
        "SMTP_URL",
        "does not accept the user and password",
        "correct SMTP_URL",
    ),
    "no mail server": (
        lambda s: s.mailbox.stop(),
        "mail",
        "SMTP_URL",
        "did not answer as a mail server does",
        "smtp://user:password@host",
    ),
    "no address of a mail server": (
        lambda s: s.values.update(smtp_url="mail.example.com"),
        "settings",
        "SMTP_URL",
        "no address of a mail server",
        "smtp://user:password@host",
    ),
    "Telegram is away": (
        lambda s: s.values.update(telegram_api_root="http://127.0.0.1:9"),
        "bot",
        "Telegram",
        "http://127.0.0.1:9 did not answer",
        "again in a minute",
    ),
}


def _revoke_when_connected(stage: Stage, email: str) -> None:
    stage.change(email, connected=True)
    stage.world.revoke(stage.bots[email])


@pytest.mark.parametrize("name", sorted(HARMS))
def test_each_harm_is_found_alone_with_what_to_do(stage: Stage, name: str) -> None:
    harm, kind, whom, problem, hint = HARMS[name]
    secrets = [str(stage.values["telegram_manager_token"]), *(bot.token for bot in stage.bots.values())]
    harm(stage)

    (trouble,) = stage.troubles()

    assert (trouble.kind, trouble.whom) == (kind, whom)
    assert problem in trouble.problem
    assert hint in trouble.hint
    assert not any(secret in str(trouble) for secret in (*secrets, "s3cr3t", "wr0ng"))


def test_a_bad_certificate_is_told_from_no_answer(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.mailbox.stop()
    context: ssl.SSLContext = self_signed(tmp_path)
    stage.mailbox.tls = context
    stage.mailbox.start()
    stage.smtp()

    (trouble,) = stage.troubles()
    assert (trouble.kind, "certificate is not good" in trouble.problem) == ("mail", True)
    assert "certificate" in trouble.hint

    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    assert stage.troubles() == []


def test_who_has_gone_is_not_asked(stage: Stage) -> None:
    with stage.workspace.store().edit(ADA) as record:
        record.set("status", "cancelled")
    stage.workspace.store().archive(GRACE)
    for email in (ADA, GRACE):
        stage.world.revoke(stage.bots[email])

    assert stage.troubles() == []
    assert "customers' bots" not in stage.examine().looked


def test_many_bots_are_asked_at_once_and_those_without_an_answer_are_one_trouble(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "ANSWER_SECONDS", 30.0)
    add_bots(stage, AT_ONCE - 2)
    del stage.values["telegram_manager_token"]
    together = _Together(AT_ONCE)

    with serving(together.app()) as root:
        stage.values["telegram_api_root"] = root
        (trouble,) = stage.troubles()

    assert together.most == AT_ONCE
    assert f"asked {AT_ONCE} of {AT_ONCE} bots" in stage.said
    assert (trouble.kind, trouble.whom) == ("bot", "Telegram")
    assert f"about {AT_ONCE} of {AT_ONCE} customers' bots" in trouble.problem


def add_bots(stage: Stage, number: int) -> None:
    for one in range(number):
        email = f"customer{one}@example.com"
        stage.workspace.store().add(new_record(SignUp(email, "sub")))
        stage.change(email, token=f"{one + 1}:token")


def test_where_nobody_answers_not_every_bot_is_asked(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "ANSWER_SECONDS", 0.2)
    add_bots(stage, 6 * AT_ONCE - 2)
    del stage.values["telegram_manager_token"]
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as silent:
        stage.values["telegram_api_root"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        (trouble,) = stage.troubles()

    found = re.search(r"about (\d+) of 96 customers' bots; (\d+) were not asked", trouble.problem)
    assert found is not None, trouble.problem
    assert int(found[1]) + int(found[2]) == 6 * AT_ONCE
    assert int(found[1]) <= 3 * AT_ONCE


def test_when_the_time_is_over_it_is_said_how_many_were_not_asked(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telegram_check, "WHOLE_SECONDS", 0.0)
    del stage.values["telegram_manager_token"]

    (trouble,) = stage.troubles()

    assert trouble.problem == "in 0 s it answered for 0 of 2 customers' bots"


def test_services_that_never_answer_are_given_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (channels, mail_server):
        monkeypatch.setattr(module, "ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        stage.values["telegram_api_root"] = f"http://127.0.0.1:{port}"
        stage.values["smtp_url"] = f"smtp://127.0.0.1:{port}"

        kinds = [(trouble.kind, trouble.whom) for trouble in stage.troubles()]

    assert kinds == [("bot", "Telegram"), ("mail", "SMTP_URL")]


class _Together:
    """A Bot API that answers, with an error, when `number` requests wait for it, and none before."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._waiting = 0
        self.most = 0
        self._all = asyncio.Event()

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "POST"])])

    async def _answer(self, request: Request) -> JSONResponse:
        self._waiting += 1
        self.most = max(self.most, self._waiting)
        if self._waiting == self._number:
            self._all.set()
        await self._all.wait()
        self._waiting -= 1
        return JSONResponse({"ok": False, "error_code": 502, "description": "Bad Gateway"}, status_code=502)
