from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from provisioner.errors import RemoteError
from provisioner.secrets import mark_of
from provisioner.services.factory import Services
from provisioner.settings import OperatorSettings, Settings
from provisioner.step import Done, Planned
from provisioner.steps.moltbot import Moltbot
from tests.steps.support import MemoryServer, MemoryWork, new_record

KEY = "sk-ant-the-operators-own-key"
TOKEN = "123456789:AAAbbbCCCdddEEEfffGGGhhhIIIjjjKKKLLL"


class Crash(BaseException):
    """The process is gone."""


def _record(**messaging: Any) -> Any:
    droplet = {"id": "7", "hostKey": "ssh-ed25519 FIRST"}
    setup = {"status": "in_progress", "droplet": droplet, "messaging": messaging}
    return new_record(name="Ada 'O\"Neil' $(reboot)", setup=setup)


def _work(server: MemoryServer, store: Any = None) -> MemoryWork:
    settings = Settings(anthropic_key=SecretStr(KEY))
    return MemoryWork(settings, Services(settings), store or _record(), server=server)


def _server() -> MemoryServer:
    return MemoryServer(registered={"moltbot": {"version": "2026.9.6"}})


def test_the_record_gets_the_version_that_the_gateway_reports() -> None:
    work = _work(_server())

    assert Moltbot().run(work) == Done()

    moltbot = work.customer.setup.moltbot
    assert (moltbot.installed, moltbot.version) == (True, "2026.9.6")
    assert moltbot.installed_at
    assert moltbot.droplet_id == "7"
    assert work.events == ["host_key_renewed", "moltbot_installed"]
    assert Moltbot().done(work.customer)


def test_a_gateway_that_does_not_say_its_version_is_no_success() -> None:
    work = _work(MemoryServer())

    with pytest.raises(RemoteError, match="version"):
        Moltbot().run(work)

    assert not Moltbot().done(work.customer)


def test_secrets_go_as_secrets_and_never_as_variables() -> None:
    server = _server()

    Moltbot().run(_work(server, _record(botToken=TOKEN)))

    # The gateway would begin to talk as the bot before anybody has said to whom it may.
    assert server.secrets == [{}, {}, {"ANTHROPIC_API_KEY": KEY}]
    assert KEY not in str(server.applied)
    assert dict(server.applied)["moltbot"]["key_mark"] == mark_of(KEY)
    assert TOKEN not in str(server.applied)


def test_a_customer_who_is_known_by_then_is_connected_by_the_first_start() -> None:
    server = _server()
    known = {"botToken": TOKEN, "botId": "8100000001", "botUsername": "b_bot", "userId": "111"}

    Moltbot().run(_work(server, _record(**known)))

    names = [name for name, _ in server.applied]
    assert names == ["server", "openclaw", "telegram", "moltbot"]
    given = dict(server.applied)["telegram"]
    assert (given["bot_id"], given["user_id"], given["started"]) == ("8100000001", "111", False)
    assert server.secrets[2] == {"TELEGRAM_BOT_TOKEN": TOKEN}


@pytest.mark.parametrize("missing", ["botToken", "botId", "userId"])
def test_as_long_as_anything_is_missing_the_gateway_starts_without_a_channel(missing: str) -> None:
    server = _server()
    known = {"botToken": TOKEN, "botId": "8100000001", "botUsername": "b_bot", "userId": "111"}

    Moltbot().run(_work(server, _record(**{**known, missing: None})))

    assert [name for name, _ in server.applied] == ["server", "openclaw", "moltbot"]


def test_the_first_secret_goes_after_the_host_key_is_renewed() -> None:
    order: list[str] = []
    server = _server()
    server.at = order.append

    Moltbot().run(_work(server))

    assert order == [
        "apply server",
        "apply openclaw",
        "prepare_host_key",
        "activate_host_key",
        "apply moltbot",
    ]


def test_the_host_key_is_renewed_once() -> None:
    server = _server()
    work = _work(server)

    Moltbot().run(work)
    Moltbot().run(work)

    assert server.keys == ["ssh-ed25519 FIRST", "ssh-ed25519 NUMBER1"]
    droplet = work.customer.setup.droplet
    assert (droplet.host_key, droplet.next_host_key) == ("ssh-ed25519 NUMBER1", None)


def _crash_at(n: int) -> Callable[[str], None]:
    calls = 0

    def count(what: str) -> None:
        nonlocal calls
        calls += 1
        if calls == n:
            raise Crash(what)

    return count


@pytest.mark.parametrize("moment", range(1, 12))
def test_killed_at_any_moment_the_server_shows_a_key_that_the_record_has(moment: int) -> None:
    server = _server()
    work = _work(server)
    crash = _crash_at(moment)
    server.at, work.before, work.after = crash, crash, crash
    crashed = False
    try:
        Moltbot().run(work)
    except Crash:
        crashed = True

    droplet = work.customer.setup.droplet
    assert server.keys[-1] in (droplet.host_key, droplet.next_host_key)

    server.at = lambda _: None
    assert Moltbot().run(_work(server, work.saved)) == Done()
    assert server.keys[-1] == work.customer.setup.droplet.host_key
    assert crashed or moment > 10


def test_it_asks_for_the_model_key_before_anything_is_spent() -> None:
    assert "ANTHROPIC_API_KEY" in Moltbot().needs(Settings(), _record().customer)[-1]
    contact = OperatorSettings(contact="help@example.com")
    assert Moltbot().needs(Settings(anthropic_key=SecretStr(KEY), operator=contact), _record().customer) == []


@pytest.mark.parametrize("version", ["", "\x1b[2J", "2026.9.6 " + "x" * 100, "x", "9" * 41])
def test_a_version_that_is_none_is_no_success(version: str) -> None:
    work = _work(MemoryServer(registered={"moltbot": {"version": version}}))

    with pytest.raises(RemoteError, match="version"):
        Moltbot().run(work)


def test_what_the_operator_decides_about_servers_reaches_the_playbooks() -> None:
    settings = Settings.model_validate(
        {"droplet": {"reboot_at": "03:15"}, "moltbot": {"node_sha256": "a" * 64}, "anthropic_key": KEY}
    )
    server = _server()

    Moltbot().run(MemoryWork(settings, Services(settings), _record(), server=server))

    given = dict(server.applied)
    assert given["server"] == {"ssh_port": 22, "reboot_at": "03:15"}
    assert given["openclaw"]["node_sha256"] == "a" * 64


class ReportingServer(MemoryServer):
    """A server that answers this when it is asked how it is."""

    said = ""

    def run(self, command: str, *, timeout: float = 30) -> str:
        assert command == "openclaw-report"
        if not self.said:
            raise RemoteError("run openclaw-report", cause="exit code 127: not found")
        return self.said


def _planned(said: str, recorded: str | None) -> list[Planned]:
    settings = Settings(anthropic_key=SecretStr(KEY))
    setup = {"droplet": {"id": "7", "ip": "192.0.2.7"}, "moltbot": {"installed": True, "version": recorded}}
    server = ReportingServer()
    server.said = said
    work = MemoryWork(settings, Services(settings), new_record(setup=setup), server=server)
    return [one for one in Moltbot().plan(work) if one.behind]


@pytest.mark.parametrize(
    ("said", "recorded", "found"),
    [
        ('{"installed": "2026.9.5"}', "2026.9.6", "2026.9.5"),
        ('{"installed": "2026.9.7"}', "2026.9.6", "2026.9.7"),
        ("", "2026.9.5", "2026.9.5"),
        ('{"installed": "\\u001b[2J"}', "2026.9.5", "2026.9.5"),
        ("[" * 100_000, "2026.9.5", "2026.9.5"),
    ],
)
def test_the_plan_says_that_another_version_is_there_than_the_settings_want(
    said: str, recorded: str, found: str
) -> None:
    (behind,) = _planned(said, recorded)

    assert behind.needed
    assert f"Moltbot {found} is there and the settings want 2026.9.6" in behind.text


@pytest.mark.parametrize(
    ("said", "recorded"), [('{"installed": "2026.9.6"}', "2026.9.5"), ("", "2026.9.6"), ("", None)]
)
def test_the_version_of_the_settings_is_nothing_to_say(said: str, recorded: str | None) -> None:
    assert _planned(said, recorded) == []
