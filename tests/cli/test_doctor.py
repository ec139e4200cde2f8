"""`doctor` at the command line, where no cloud is set."""

import json
from collections.abc import Iterator

import pytest

from provisioner.sandbox.mailbox import Mailbox
from provisioner.sandbox.telegram.app import telegram_app
from provisioner.sandbox.telegram.people import Webhook
from provisioner.sandbox.telegram.world import World
from tests.cli.conftest import Invoke
from tests.serving import serving

LOGIN = "stuff:p4ssw0rd"


@pytest.fixture
def manager(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Telegram with a manager bot, and a mail server that does not know our password."""
    world = World()
    world.add_user("Operator", "operator")
    bot = world.create_bot("operator", "StuffPress", "stuffpress_bot", can_manage_bots=True)
    mailbox = Mailbox(credentials=("stuff", "another"))
    mailbox.start()
    with serving(telegram_app(world), before_stop=world.close) as root:
        monkeypatch.delenv("DIGITALOCEAN_ACCESS_TOKEN", raising=False)
        monkeypatch.setenv("TELEGRAM_API_ROOT", root)
        monkeypatch.setenv("TELEGRAM_MANAGER_TOKEN", bot.token)
        monkeypatch.setenv("SMTP_URL", f"smtp://{LOGIN}@127.0.0.1:{mailbox.port}")
        yield world
    mailbox.stop()


def test_troubles_with_services_are_told_to_people_and_to_programs(invoke: Invoke, manager: World) -> None:
    bot = manager.bot("stuffpress_bot")
    bot.webhook = Webhook("https://hooks.example.com/")

    told, document = invoke("doctor"), json.loads(invoke("doctor", "--json").out)

    assert told.code == 1
    assert "bot: @stuffpress_bot" in told.out
    assert "→ have that program call deleteWebhook" in told.out
    assert "manager bot, mail server" in told.err
    assert document["looked"] == ["settings", "records", "manager bot", "mail server"]
    assert {("bot", "@stuffpress_bot"), ("mail", "SMTP_URL")} <= {
        (trouble["kind"], trouble["whom"]) for trouble in document["troubles"]
    }
    assert not [secret for secret in (bot.token, "p4ssw0rd") if secret in told.out + told.err + str(document)]
