"""A handover for real, killed on its way, seen from outside: nothing of the operator's opens the server."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from provisioner.sandbox.control.client import Sandbox
from provisioner.services.model_keys.errors import ModelKeyRefused
from provisioner.services.model_keys.openrouter import OpenRouter
from provisioner.services.telegram.client import BotTokenRefused, TelegramBot
from provisioner.ssh.connection import Connection, Host, LoginRefused, connect
from provisioner.ssh.keys import generate_keypair
from tests.e2e.operator import Operator

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(1200)]

EMAIL, PHONE = "nora@example.com", "nora"
KILLED_AT = (
    "after a key may log in",
    "after replace the token of the customer's bot",
    "after the gateway has started with another token",
    "after the customer's model key is put on the server",
    "after what is ours is removed from a server",
    "after a key may not log in any more",
)
GATEWAY_TOKEN = "sed --quiet 's/^OPENCLAW_GATEWAY_TOKEN=//p' /home/openclaw/.openclaw/.env"
# The seed stands for the metadata service, which the cloud alone can empty.
NAMED = "find / -xdev -iname '*provisioner*' -not -path '/proc/*' -not -path '/var/lib/cloud/seed/*'"
HOLDING = (
    "grep --recursive --devices=skip --text --fixed-strings --files-with-matches --file=- --exclude-dir=seed"
)
PLACES = "/etc /home /opt /root /srv /tmp /usr/local /var"


@pytest.fixture
def operator(sandbox: Sandbox, image: str, tmp_path: Path) -> Operator:
    """With a key of their own for each customer, which can be seen to be dead."""
    operator = Operator(tmp_path / "workspace", sandbox)
    operator.take_mark(image)
    settings = operator.workspace / "provisioner.toml"
    text = settings.read_text("utf-8")
    text = text.replace('model = "anthropic/', 'model = "openrouter/anthropic/')
    settings.write_text(text.replace('provider = "shared"', 'provider = "openrouter"'), "utf-8")
    return operator


def test_nothing_of_the_operators_opens_it_and_everything_of_the_customers_works(
    operator: Operator, sandbox: Sandbox, tmp_path: Path
) -> None:
    bot = _set_up(operator, sandbox)
    before = operator.record(EMAIL)
    old = {
        "gateway": _on_server(operator, GATEWAY_TOKEN),
        "model": _on_server(operator, "cat /home/openclaw/.openclaw/secrets/model-*"),
        "bot": before["setup"]["messaging"]["botToken"],
    }
    theirs = generate_keypair("nora")
    (tmp_path / "key").write_text(theirs.private)
    model_key = _keys(operator).create("nora's own", Decimal(5)).secret.get_secret_value()
    (tmp_path / "model").write_text(f"{model_key}\n")

    words = ["--ssh-key", str(tmp_path / "key"), "--api-key-file", str(tmp_path / "model"), "--yes", EMAIL]
    for place in KILLED_AT:
        operator.dies(place, "handover", EMAIL, *words)
        words = []
    ended = operator.done("handover", EMAIL, "--json")

    [entry] = ended.document["customers"]
    assert entry["status"] == "handed_over"
    assert len(entry["report"]) == 7
    record = operator.record(EMAIL)
    _demand_no_secret(record, [*old.values(), model_key, theirs.private])
    ours = (operator.workspace / ".provisioner" / "ssh" / "id_ed25519").read_text()
    with pytest.raises(LoginRefused):
        connect(_host(record, ours), deadline=20)
    with connect(_host(record, theirs.private), deadline=20) as server:
        _demand_replaced(operator, server, old, model_key)
        _demand_nothing_left(operator, server, [*old.values(), ours.splitlines()[2]])
    said = sandbox.say(PHONE, bot, "still there?")
    assert sandbox.wait_for_reply(PHONE, bot, after=said.id, containing="still there?", timeout=180)
    _demand_left_alone(operator, record)


def _set_up(operator: Operator, sandbox: Sandbox) -> str:
    """Somebody who has made their bot over the manager bot, and talks to it; the bot's username."""
    sandbox.add_phone(PHONE, "Nora")
    operator.done("add", EMAIL, "sub_nora", "--name", "Nora Stone", "--telegram", f"@{PHONE}")
    with operator.start("provision", EMAIL, "--wait", "10m") as running:
        _tap(sandbox, "two taps are yours", "/newbot/")
        bot = sandbox.confirm(PHONE).username
        _tap(sandbox, "ready", bot)
        sandbox.confirm(PHONE)
        assert running.end() == 0, running.said
    return bot


def _tap(sandbox: Sandbox, subject: str, link: str) -> None:
    mail = sandbox.wait_for_mail(EMAIL, subject, timeout=300)
    assert mail is not None, [one.subject for one in sandbox.mailbox()]
    sandbox.open_link(PHONE, next(one for one in mail.links if link in one))


def _on_server(operator: Operator, command: str) -> str:
    return operator.done("ssh", EMAIL, "--", command).out.strip()


def _keys(operator: Operator) -> OpenRouter:
    env = operator.environment
    return OpenRouter(env["OPENROUTER_MANAGEMENT_KEY"], env["OPENROUTER_BASE_URL"])


def _host(record: dict[str, Any], private: str) -> Host:
    droplet = record["setup"]["droplet"]
    return Host(droplet["ip"], (droplet["hostKey"],), private)


def _demand_no_secret(record: dict[str, Any], secrets: list[str]) -> None:
    text = json.dumps(record)
    assert [one for one in secrets if one in text] == []
    assert record["setup"]["messaging"]["botToken"] is None
    assert (record["handover"]["apiKey"], record["setup"]["rotation"]) == (None, None)


def _demand_replaced(operator: Operator, server: Connection, old: dict[str, str], model_key: str) -> None:
    """Of each secret the old one is refused, and the new one taken, by whom it is for."""
    new = _out(server, GATEWAY_TOKEN)
    assert (_gateway_answers(server, old["gateway"]), _gateway_answers(server, new)) == ("401", "200")
    root = operator.environment["TELEGRAM_API_ROOT"]
    with pytest.raises(BotTokenRefused):
        TelegramBot(old["bot"], root).identity()
    token = _out(server, "cat /home/openclaw/.openclaw/secrets/telegram-*")
    TelegramBot(token, root).identity()
    with pytest.raises(ModelKeyRefused):
        _keys(operator).check(old["model"])
    assert _out(server, "cat /home/openclaw/.openclaw/secrets/model-*") == model_key


def _gateway_answers(server: Connection, token: str) -> str:
    curl = "curl --silent --output /dev/null --write-out '%{http_code}' --header @-"
    headers = f"Authorization: Bearer {token}\nContent-Type: application/json\n"
    words = f"""{curl} --data '{{"method": "health"}}' http://127.0.0.1:18789/api/v1/admin/rpc"""
    return server.run(words, input=headers.encode()).out


def _demand_nothing_left(operator: Operator, server: Connection, secrets: list[str]) -> None:
    """Neither a file of ours by its name, nor a secret or the key of ours in any file."""
    assert _out(server, f"{NAMED} || true") == ""
    env = operator.environment
    blob = (operator.workspace / ".provisioner" / "ssh" / "id_ed25519.pub").read_text().split()[1]
    known = [*secrets, blob, env["ANTHROPIC_API_KEY"], env["TELEGRAM_MANAGER_TOKEN"]]
    found = server.run(f"{HOLDING} -- {PLACES}", input="\n".join(known).encode(), timeout=120)
    assert found.out == ""
    assert _out(server, "nft list tables") == "table inet server"


def _demand_left_alone(operator: Operator, record: dict[str, Any]) -> None:
    """Nothing of the product goes there any more, and the doctor only says what it costs."""
    for words in (("apply", EMAIL, "--again"), ("backup", EMAIL), ("ssh", EMAIL, "--", "true")):
        assert operator.run(*words).code == 2, words
    diagnosis = json.loads(operator.run("doctor", "--json").out)
    assert [one for one in diagnosis["troubles"] if one["whom"] == EMAIL] == []
    assert operator.droplets_of(record) == [record["setup"]["droplet"]["id"]]
    assert list((operator.workspace / ".provisioner").glob(f"backups/{record['id']}/*")) == []


def _out(server: Connection, command: str) -> str:
    ended = server.run(command, timeout=60)
    assert ended.exit == 0, ended.err
    return ended.out.strip()
