"""`doctor` at the command line, where no cloud is set."""

import json
from collections.abc import Iterator

import pytest

from provisioner.doctor.examination import Doctor
from provisioner.doctor.findings import Cost, Diagnosis, Trouble
from provisioner.sandbox.mail.mailbox import Mailbox
from provisioner.sandbox.telegram.accounts import Webhook
from provisioner.sandbox.telegram.app import telegram_app
from provisioner.sandbox.telegram.world import World
from provisioner.workspace import Workspace
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


def test_of_one_kind_ten_are_printed_and_programs_get_all(
    invoke: Invoke, workspace: Workspace, manager: World
) -> None:
    for number in range(25):
        record = workspace.customers_dir / "active" / f"c{number:02}@example.com.json"
        record.write_text("{")
        record.chmod(0o600)

    told, document = invoke("doctor"), json.loads(invoke("doctor", "--json").out)

    assert told.out.count("✗ record: ") == 10
    assert "and 15 more of kind record; provisioner doctor --json has them all" in told.out
    assert len({one["whom"] for one in document["troubles"] if one["kind"] == "record"}) == 25


def test_advice_alone_is_exit_code_0(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    advice = Trouble("model", "KEY", "is shared", "limit it", "advice")
    monkeypatch.setattr(Doctor, "examine", lambda _: Diagnosis((advice,), (), ("records",)))

    told, ended = invoke("doctor"), invoke("doctor", "--json")

    assert (told.code, ended.code) == (0, 0)
    assert "! model: KEY" in told.out
    assert "nothing wrong" in told.err
    document = json.loads(ended.out)
    assert (document["healthy"], document["troubles"]) == (True, [])
    assert document["advice"] == [
        {"kind": "model", "whom": "KEY", "problem": "is shared", "hint": "limit it", "severity": "advice"}
    ]


def test_no_secret_that_a_finding_repeats_is_shown(
    invoke: Invoke, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace.root / ".env").write_text("ANTHROPIC_API_KEY=a-key-of-no-known-form\n")
    finding = Trouble("server", "a@example.com", "said a-key-of-no-known-form", "use a-key-of-no-known-form")
    monkeypatch.setattr(Doctor, "examine", lambda _: Diagnosis((finding,), (), ()))

    for shown in (invoke("doctor"), invoke("doctor", "--json")):
        assert "said [hidden]" in shown.out
        assert "a-key-of-no-known-form" not in shown.out + shown.err


def test_many_droplets_are_listed_with_those_of_nobody_first(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs = [Cost(str(number), f"c{number}@example.com", "s-1vcpu-2gb", 12.0) for number in range(30)]
    costs += [Cost("77", None, "s-1vcpu-2gb", None), Cost("88", None, "s-1vcpu-2gb", 12.0, "w3f9a1c2")]
    monkeypatch.setattr(Doctor, "examine", lambda _: Diagnosis((), tuple(costs), ("droplets",)))

    lines = invoke("doctor").out.splitlines()

    assert "nobody" in lines[1]
    assert "workspace w3f9a1c2" in lines[2]
    assert lines[-2:] == [
        "and 12 more; provisioner doctor --json has them all",
        "$360.00 a month for 31 droplets",
    ]
