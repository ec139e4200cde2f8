"""The sandbox's commands, on one that pretends its machines."""

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provisioner.errors import SandboxError
from provisioner.sandbox.control import launch
from provisioner.sandbox.control.client import Sandbox, running_sandbox
from provisioner.sandbox.control.state import StateFolder
from tests.cli.conftest import Invoke, Result


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("cli") / "box") as sandbox:
        yield sandbox


class Command:
    """`provisioner sandbox --state …` for the running one."""

    def __init__(self, invoke: Invoke, state: Path) -> None:
        self._invoke = invoke
        self._state = state

    def __call__(self, *words: str) -> Result:
        return self._invoke("sandbox", "--state", str(self._state), *words)

    def ok(self, *words: str) -> str:
        result = self(*words)
        assert result.code == 0, result.err
        return result.out

    def json(self, *words: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.ok(*words, "--json"))
        assert document["version"] == 1
        return document


@pytest.fixture
def sandbox(invoke: Invoke, running: Sandbox) -> Command:
    return Command(invoke, running.folder.path)


def test_env_can_be_evaluated_by_a_shell(sandbox: Command, running: Sandbox) -> None:
    words = [shlex.split(line) for line in sandbox.ok("env").splitlines()]
    assert all(word[0] == "export" for word in words)
    settings = dict(word[1].split("=", 1) for word in words)
    assert settings == running.env == sandbox.json("env")["env"]


def test_status_shows_droplets_but_no_user_data(sandbox: Command, running: Sandbox) -> None:
    assert "no droplets" in sandbox.ok("status")
    document = sandbox.json("status")
    assert document["pretend"] is True
    assert document["pid"] == running.status().pid
    assert "user_data" not in json.dumps(document)


def test_faults_are_added_listed_and_cleared(sandbox: Command) -> None:
    sandbox.ok("faults", "add", "cloud", "status", "status=429", "retry_after=3", "--path", "/droplets")
    (fault,) = sandbox.json("faults", "list")["faults"]
    assert (fault["kind"], fault["path"], fault["count"]) == ("status", "/droplets", 1)
    assert fault["params"]["retry_after"] == 3
    sandbox.ok("faults", "add", "model", "reset", "--count", "0")
    assert "always" in sandbox.ok("faults", "list")
    sandbox.ok("faults", "clear", str(fault["id"]))
    sandbox.ok("faults", "clear")
    assert sandbox.ok("faults", "list") == "no faults\n"


@pytest.mark.parametrize(
    "words",
    [
        ("add", "cloud", "unknown"),
        ("add", "cloud", "status", "what"),
        ("add", "cloud", "status", "status=7"),
        ("add", "server", "html"),
    ],
)
def test_a_fault_that_makes_no_sense_is_wrong_usage(sandbox: Command, words: tuple[str, ...]) -> None:
    result = sandbox("faults", *words)
    assert result.code == 2
    assert result.err.startswith("error: could not add the fault")


def test_a_customer_talks_to_a_bot(sandbox: Command) -> None:
    sandbox.ok("phone", "add", "@anna", "--name", "Anna")
    token = sandbox.ok("botfather", "Anna's Moltbot", "anna_moltbot").strip()
    assert token.partition(":")[0].isdecimal()
    before = sandbox("phone", "say", "anna", "anna_moltbot", "hello")
    assert (before.code, "press Start first" in before.err) == (1, True)
    sandbox.ok("phone", "start", "anna", "@anna_moltbot")
    sandbox.ok("phone", "say", "anna", "anna_moltbot", "are", "you", "there?")
    assert sandbox.ok("phone", "read", "anna").splitlines()[-1].endswith("@anna: are you there?")
    messages = sandbox.json("phone", "read", "anna", "anna_moltbot")["messages"]
    assert [message["text"] for message in messages] == ["/start", "are you there?"]
    silence = sandbox("phone", "read", "anna", "--wait", "0.05")
    assert (silence.code, "has written nothing" in silence.err) == (1, True)
    anna = next(phone for phone in sandbox.json("phone", "list")["phones"] if phone["username"] == "anna")
    assert anna["chats"] == ["anna_moltbot"]


def test_a_chat_must_be_named_when_there_are_several_or_none(sandbox: Command) -> None:
    sandbox.ok("phone", "add", "bert")
    result = sandbox("phone", "read", "bert")
    assert (result.code, "name the bot" in result.err) == (2, True)


def test_mail_is_listed_and_shown(sandbox: Command) -> None:
    assert sandbox.ok("mailbox") == "no mail\n"
    assert sandbox.json("mailbox")["mails"] == []
    assert sandbox("mailbox", "show", "1").code == 2


def test_the_cloud_is_turned(sandbox: Command) -> None:
    assert "list_lag=2.0\n" in sandbox.ok("cloud", "list_lag=2", "sold_out=sfo2,s-1vcpu-1gb")
    assert sandbox.json("cloud")["cloud"]["sold_out"] == ["sfo2", "s-1vcpu-1gb"]
    refused = sandbox("cloud", "list_lag=-2")
    assert (refused.code, "list_lag" in refused.err) == (1, True)
    sandbox.ok("cloud", "list_lag=0", "sold_out=")


def test_a_phone_opens_links_and_confirms_what_they_ask(sandbox: Command, running: Sandbox) -> None:
    manager = running.env["TELEGRAM_MANAGER_TOKEN"].partition(":")[0]
    (username,) = [bot.username for bot in running.bots() if str(bot.id) == manager]
    sandbox.ok("phone", "add", "lin")

    assert "Start" in sandbox.ok("phone", "open", "lin", f"https://t.me/{username}?start=abc")
    assert sandbox.ok("phone", "confirm", "@lin") == f"@{username}\n"
    assert running.chat("lin", username)[-1].text == "/start abc"
    assert sandbox("phone", "confirm", "lin").code == 1, "nothing is on the screen any more"

    link = f"https://t.me/newbot/{username}/lin_x_bot?name=Lin%27s%20Moltbot"
    assert "Lin's Moltbot" in sandbox.ok("phone", "open", "lin", link)
    assert sandbox.ok("phone", "confirm", "lin", "--bot", "@lin_y_bot") == "@lin_y_bot\n"
    assert "lin_y_bot" in [bot.username for bot in running.bots()]
    assert "https://example.com" in sandbox.ok("phone", "open", "lin", "https://example.com")
    assert sandbox("phone", "tap", "lin", username, "No such button").code == 1


def test_requests_are_counted(sandbox: Command) -> None:
    sandbox.ok("counts", "--reset")
    assert sandbox.json("counts")["requests"] == []


def test_up_and_down(invoke: Invoke, tmp_path: Path) -> None:
    command = Command(invoke, tmp_path / "box")
    try:
        first = command("up", "--pretend", "--boot-seconds", "2")
        assert (first.code, first.out, "the sandbox is up" in first.err) == (0, "", True)
        assert Sandbox(tmp_path / "box").cloud_options.boot_seconds == 2
        again = command("up", "--pretend")
        assert (again.code, again.err) == (0, "the sandbox is up already\n")
        assert command("down").err == "the sandbox is down\n"
        assert command("down").code == 0
        gone = command("status")
        assert (gone.code, "sandbox up" in gone.err) == (1, True)
    finally:
        launch.down(StateFolder(tmp_path / "box"))


@pytest.mark.parametrize("options", [(), ("--foreground",)], ids=["in the background", "in the foreground"])
def test_without_the_parts_of_the_sandbox_it_says_how_to_get_them(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    monkeypatch.setitem(sys.modules, "aiosmtpd", None)
    result = Command(invoke, tmp_path / "box")("up", "--pretend", *options)
    assert result.code == 1
    assert "pip install 'provisioner[sandbox]'" in result.err


def test_down_says_what_it_waits_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for seconds in ("_MOMENT", "_KILL_AFTER"):
        monkeypatch.setattr(launch, seconds, 0)
    folder = StateFolder(tmp_path / "box")
    folder.prepare()
    said: list[str] = []
    held = folder.hold()
    assert held is not None
    with held, pytest.raises(SandboxError, match="does not end"):
        launch.down(folder, said.append, within=0)

    assert [line.split()[0] for line in said] == ["waiting", "killing"]
    assert str(folder.log) in said[0]
