"""The sandbox's process: up, down, twice, after a crash, and what it gives to those who use it."""

import os
import signal
import smtplib
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx
import pytest

from provisioner.errors import SandboxError
from provisioner.sandbox.cloud.options import CloudOptions
from provisioner.sandbox.control import launch
from provisioner.sandbox.control.client import Sandbox, running_sandbox
from provisioner.sandbox.control.options import Options
from provisioner.sandbox.control.server import bind
from provisioner.sandbox.control.state import StateFolder, folder_named
from provisioner.settings import ALLOW_PLAINTEXT
from tests.sandbox.elsewhere import started_elsewhere


def say(_line: str) -> None:
    pass


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(state=tmp_path / "box", pretend=True, cache=tmp_path / "cache")


def gone(pid: int) -> bool:
    """Also true for one that only waits to be reaped: its descriptors and locks are gone by then."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


def until(true: object) -> None:
    deadline = time.monotonic() + 20
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_comes_up_and_goes_down_and_leaves_nothing(options: Options) -> None:
    assert launch.up(options, say) is True
    status = Sandbox(options.state).status()
    assert (status.pretend, status.droplets, status.addresses) == (True, [], ["127.0.0.1"])
    assert launch.down(options.folder) is True
    until(lambda: gone(status.pid))
    assert not options.folder.control.exists()
    for port in (status.port, status.smtp_port):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))


def test_a_second_up_finds_the_first(options: Options) -> None:
    launch.up(options, say)
    try:
        first = Sandbox(options.state).status().pid
        assert launch.up(options, say) is False
        assert Sandbox(options.state).status().pid == first
    finally:
        launch.down(options.folder)


def test_of_many_at_once_one_comes_up(options: Options) -> None:
    code = (
        "import sys; from provisioner.sandbox.control.launch import up;"
        "from provisioner.sandbox.control.options import Options;"
        "print(up(Options.model_validate_json(sys.argv[1]), lambda line: None))"
    )
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", code, options.model_dump_json()],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    answers = []
    try:
        for starter in starters:
            out, complaint = starter.communicate(timeout=60)
            assert starter.returncode == 0, complaint
            answers.append(out.strip())
        assert sorted(answers) == ["False", "False", "False", "True"]
        assert Sandbox(options.state).status().droplets == []
    finally:
        launch.down(options.folder)


def test_down_when_nothing_is_up_is_fine(options: Options) -> None:
    assert launch.down(options.folder) is False
    assert not options.state.exists()
    launch.up(options, say)
    launch.down(options.folder)
    assert launch.down(options.folder) is False


def test_after_a_kill_it_is_cleaned_up_and_comes_up_again_at_the_same_place(options: Options) -> None:
    launch.up(options, say)
    sandbox = Sandbox(options.state)
    before, status = sandbox.env, sandbox.status()
    os.kill(status.pid, signal.SIGKILL)
    until(lambda: not launch.is_up(options.folder))
    with pytest.raises(SandboxError, match="not up"):
        sandbox.status()
    assert launch.up(options, say) is True
    try:
        assert sandbox.status().pid != status.pid
        assert sandbox.env == before, "tokens and ports are those of before"
    finally:
        launch.down(options.folder)


def test_up_right_after_a_kill_waits_for_the_end_of_the_dying_one(options: Options) -> None:
    launch.up(options, say)
    pid = Sandbox(options.state).status().pid
    os.kill(pid, signal.SIGKILL)
    assert launch.up(options, say) is True
    assert Sandbox(options.state).status().pid != pid
    launch.down(options.folder)


def test_a_folder_whose_holder_does_not_answer_is_reported(options: Options) -> None:
    options.folder.prepare()
    held = options.folder.hold()
    assert held is not None
    with held, pytest.raises(SandboxError, match="does not answer"):
        launch.up(options, say, within=0.1)


def test_down_sweeps_a_half_deleted_folder_that_has_machines(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = options.folder
    folder.prepare()
    (folder.path / "has-machines").touch()
    swept: list[str] = []
    monkeypatch.setattr(
        "provisioner.sandbox.machines.nspawn.sweep", lambda _path, sandbox: swept.append(sandbox)
    )
    assert launch.down(folder) is False
    assert swept == [folder.sandbox_id]
    assert not folder.has_machines


def test_down_cleans_up_after_a_kill(options: Options) -> None:
    launch.up(options, say)
    pid = Sandbox(options.state).status().pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: not launch.is_up(options.folder))
    assert options.folder.control.exists()
    assert launch.down(options.folder) is False
    assert not options.folder.control.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(options: Options, number: int) -> None:
    launch.up(options, say)
    pid = Sandbox(options.state).status().pid
    os.kill(pid, number)
    until(lambda: gone(pid))
    assert not options.folder.control.exists()
    assert "stopped" in options.folder.log.read_text()


def test_it_ends_with_the_process_that_it_was_for(options: Options) -> None:
    with started_elsewhere(options.state) as starter:
        pid = Sandbox(options.state).status().pid
        starter.kill()
    until(lambda: gone(pid))
    assert not options.folder.control.exists()
    assert "stopped" in options.folder.log.read_text()


def test_it_ends_although_somebody_waits_for_an_answer(options: Options) -> None:
    launch.up(options, say)
    sandbox = Sandbox(options.state)
    sandbox.fault("cloud", "delay", seconds=600)
    address = urlsplit(sandbox.env["DIGITALOCEAN_END_POINT"])
    with socket.create_connection((address.hostname, address.port)) as waiting:
        waiting.sendall(b"GET /v2/account HTTP/1.1\r\nhost: x\r\n\r\n")
        until(lambda: sandbox.faults()[0].struck == 1)
        assert launch.down(options.folder, within=20) is True


def test_one_that_hangs_is_killed(options: Options) -> None:
    launch.up(options, say)
    pid = Sandbox(options.state).status().pid
    os.kill(pid, signal.SIGSTOP)
    assert launch.down(options.folder, within=0.3) is True
    until(lambda: gone(pid))


def test_a_pending_boot_does_not_hold_up_the_end(options: Options) -> None:
    with running_sandbox(options.state, boot_seconds=600) as sandbox:
        env = sandbox.env
        response = httpx.post(
            f"{env['DIGITALOCEAN_END_POINT']}droplets",
            headers={"Authorization": f"Bearer {env['DIGITALOCEAN_ACCESS_TOKEN']}"},
            json={"name": "slow", "size": "s-1vcpu-1gb", "image": "debian-12-x64"},
            verify=False,
        )
        assert response.status_code == 202
    assert not options.folder.control.exists()


def _own_values(sandbox: Sandbox) -> set[str]:
    """Its tokens and addresses; that plain HTTP is allowed is the same in each."""
    return {value for name, value in sandbox.env.items() if name != ALLOW_PLAINTEXT}


def test_secrets_are_for_the_owner_only(options: Options) -> None:
    launch.up(options, say)
    try:
        secrets = _own_values(Sandbox(options.state))
        assert stat.S_IMODE(options.state.stat().st_mode) == 0o700
        for path in options.state.iterdir():
            if path.name != "lock":
                assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        command = Path(f"/proc/{Sandbox(options.state).status().pid}/cmdline").read_text()
        assert not any(secret in command for secret in secrets)
    finally:
        launch.down(options.folder)
    log = options.folder.log.read_text()
    assert not any(secret in log for secret in secrets)


def test_a_port_that_was_taken_meanwhile_is_replaced(options: Options) -> None:
    with running_sandbox(options.state) as sandbox:
        port = sandbox.status().port
    with socket.create_server(("127.0.0.1", port)), running_sandbox(options.state) as sandbox:
        assert sandbox.status().port != port


def test_all_addresses_get_one_port() -> None:
    sockets = bind(("127.0.0.1", "127.0.0.2"), 0)
    names = [listener.getsockname() for listener in sockets]
    for listener in sockets:
        listener.close()
    assert [name[0] for name in names] == ["127.0.0.1", "127.0.0.2"]
    assert len({name[1] for name in names}) == 1


def test_a_start_that_fails_says_why(options: Options) -> None:
    options.folder.prepare()
    (options.state / "tokens.json").write_text("{}")
    with pytest.raises(SandboxError) as failed:
        launch.up(options, say)
    assert "TypeError" in str(failed.value)
    assert str(options.folder.log) in str(failed.value.hint)


def test_a_path_that_is_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="too long"):
        launch.up(Options(state=tmp_path / ("x" * 120), pretend=True), say)


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden"])
def test_names_are_plain(name: str) -> None:
    with pytest.raises(SandboxError):
        folder_named(name)


def test_settings_lead_to_every_service(options: Options) -> None:
    with running_sandbox(options.state) as sandbox:
        env = sandbox.env
        key = {"x-api-key": env["ANTHROPIC_API_KEY"], "anthropic-version": "2023-06-01"}
        sandbox.add_phone("jane", "Jane")
        bot = sandbox.create_bot("Helper", "jane_helper_bot", "jane")
        with httpx.Client(verify=False, trust_env=False) as http:
            models = http.get(f"{env['ANTHROPIC_BASE_URL']}/v1/models", headers=key)
            me = http.get(f"{env['TELEGRAM_API_ROOT']}/bot{bot.token}/getMe")
            sandbox.press_start("jane", "jane_helper_bot")
            sent = http.post(
                f"{env['TELEGRAM_API_ROOT']}/bot{bot.token}/sendMessage",
                json={"chat_id": sandbox.phones()[0].id, "text": "hello Jane"},
            )
        assert (models.status_code, sent.status_code) == (200, 200)
        assert me.json()["result"]["username"] == "jane_helper_bot"
        said = sandbox.say("jane", "jane_helper_bot", "hi")
        reply = sandbox.wait_for_reply("jane", "jane_helper_bot", containing="hello")
        assert reply is not None
        assert reply.text == "hello Jane"
        assert sandbox.wait_for_reply("jane", "jane_helper_bot", after=said.id, timeout=0.05) is None
        assert [message.sender for message in sandbox.chat("jane", "jane_helper_bot")] == [
            "user",
            "bot",
            "user",
        ]


def test_mail_arrives_in_the_mailbox(options: Options) -> None:
    with running_sandbox(options.state) as sandbox:
        address = urlsplit(sandbox.env["SMTP_URL"])
        assert address.hostname is not None
        assert address.port is not None
        with smtplib.SMTP(address.hostname, address.port) as smtp:
            smtp.login(unquote(address.username or ""), unquote(address.password or ""))
            smtp.sendmail(
                "owner@example.com", ["jane@example.com"], "Subject: Welcome\r\n\r\nYour bot is live.\r\n"
            )
        mail = sandbox.wait_for_mail("jane@example.com", "Welcome")
        assert mail is not None
        assert mail == sandbox.mailbox()[0]
        assert mail.text.strip() == "Your bot is live."
        sandbox.clear_mailbox()
        assert sandbox.wait_for_mail("jane@example.com", timeout=0.05) is None


def test_cloud_options_change_while_it_runs(options: Options) -> None:
    with running_sandbox(options.state, boot_seconds=3) as sandbox:
        assert sandbox.cloud_options == CloudOptions(boot_seconds=3)
        assert sandbox.set_cloud_options(sold_out=["sfo2"], boot_seconds=0).sold_out == ("sfo2",)
        with pytest.raises(SandboxError, match="boot_seconds"):
            sandbox.set_cloud_options(boot_seconds=-1)
        assert sandbox.cloud_options.boot_seconds == 0


def test_two_sandboxes_do_not_meet(tmp_path: Path) -> None:
    with running_sandbox(tmp_path / "a") as one, running_sandbox(tmp_path / "b") as other:
        assert not _own_values(one) & _own_values(other)


def test_only_one_process_holds_a_folder(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "box")
    folder.prepare()
    held = folder.hold()
    assert held is not None
    assert folder.hold() is None
    held.close()
    again = folder.hold()
    assert again is not None
    again.close()
