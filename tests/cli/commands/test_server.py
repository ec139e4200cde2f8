"""`logs` and `ssh` at the command line, against a real sshd on loopback."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.settings import load_settings
from provisioner.ssh.keys import operator_key
from provisioner.workspace import Workspace
from tests.cli.conftest import Invoke
from tests.fixtures import sshd

ADA = "ada@example.com"
LOOKED, WORKED, LATER = "20260101T000000-one-aa", "20260102T000000-one-bb", "20260103T000000-two-cc"


def journal(run: str, mode: str, *, changed: int, name: str = "First") -> str:
    """What a run of two tasks has written."""
    base = {"task": 1, "name": name, "at": 1.5}
    lines: list[dict[str, object]] = [
        {"event": "run", "run": run, "playbook": run.split("-")[1], "mode": mode, "at": 1.5, "tasks": 2},
        {"event": "begin", **base},
        {
            "event": "end",
            **base,
            "status": "ok",
            "changed": True,
            "exit": 0,
            "attempts": 1,
            "seconds": 0.25,
            "output": "",
        },
        {"event": "finished", "ok": True, "changed": changed, "seconds": 1.5},
        {"event": "stopped", "at": 2.5, "result": "success", "status": "0"},
    ]
    return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the server's runs: two that did something, and one that only looked, the last."""
    folder = tmp_path / "runs"
    monkeypatch.setattr("provisioner.playbook.logs.RUNS", str(folder))
    for number, (run, text) in enumerate(
        (
            (WORKED, journal(WORKED, "run", changed=1, name="Wor\x1b[31mked")),
            (LATER, journal(LATER, "run", changed=0)),
            (LOOKED, journal(LOOKED, "plan", changed=2)),
        )
    ):
        home = folder / run
        home.mkdir(parents=True)
        (home / "journal.jsonl").write_text(text)
        (home / "001.log").write_text("hello\x1b]0;title\x07\n")
        os.utime(home, (1000 + number, 1000 + number))
    return folder


@pytest.fixture(autouse=True)
def server(workspace: Workspace, tmp_path: Path) -> Iterator[sshd.Sshd]:
    """Ada's server."""
    key = load_settings(workspace.root).ssh.key
    home = tmp_path / "sshd"
    home.mkdir()
    with sshd.running(home, operator=operator_key(key)) as running:
        settings = workspace.root / "provisioner.toml"
        settings.write_text(settings.read_text().replace("[ssh]\n", f"[ssh]\nport = {running.port}\n", 1))
        store = workspace.store()
        store.add(new_record(SignUp(ADA, "sub_1", name="Ada", telegram="@ada")))
        with store.edit(ADA) as record:
            record.set("setup.droplet.ip", "127.0.0.1")
            record.set("setup.droplet.hostKey", running.host_key.public)
        yield running


@pytest.mark.usefixtures("runs")
def test_logs_open_at_the_last_run_that_did_something(invoke: Invoke) -> None:
    done = invoke("logs", ADA)
    assert done.code == 0
    assert f"run {WORKED}: one, 2 tasks" in done.out
    assert "ended well" in done.out
    assert "\x1b" not in done.out


def test_no_log_shows_a_secret_that_the_server_has_put_there(
    invoke: Invoke, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "the-key-that-lies-on-every-server"
    monkeypatch.setenv("ANTHROPIC_API_KEY", key)
    text = journal(WORKED, "run", changed=1, name=key)
    retry = json.dumps({"event": "retry", "task": 1, "name": key, "attempt": 1, "exit": 1})
    head, rest = text.replace('"playbook":"one"', f'"playbook":"{key}"').split("\n", 1)
    (runs / WORKED / "journal.jsonl").write_text(f"{head}\n{retry}\n{rest}")
    (runs / WORKED / "001.log").write_text(f"it is {key}\n")
    for words in ((), ("--json",), ("--follow",), ("--task", "1"), ("--runs", "--json")):
        done = invoke("logs", ADA, *words)
        assert done.code == 0
        assert "[hidden]" in done.out
        assert key not in done.out + done.err


@pytest.mark.usefixtures("runs")
def test_which_runs_there_were_and_which_only_looked(invoke: Invoke) -> None:
    done = invoke("logs", ADA, "--runs")
    assert [line.split(maxsplit=1) for line in done.out.splitlines()] == [
        [WORKED, "changed 1 of 2 tasks"],
        [LATER, "found nothing to do"],
        [LOOKED, "only looked (plan)"],
    ]
    document = json.loads(invoke("logs", ADA, "--runs", "--json").out)
    assert [run["looked"] for run in document["runs"]] == [False, False, True]
    assert "only looked at (plan)" in invoke("logs", ADA, "--run", LOOKED).out


@pytest.mark.usefixtures("runs")
def test_a_task_that_does_not_exist_is_wrong_usage(invoke: Invoke) -> None:
    assert invoke("logs", ADA, "--task", "1").out.strip() == "| hello ]0;title"
    for task in ("0", "3", "-1"):
        done = invoke("logs", ADA, f"--task={task}")
        assert done.code == 2
        assert f"has no task {task}: they are numbered from 1 to 2" in " ".join(done.err.split())
    silent = invoke("logs", ADA, "--task", "2")
    assert (silent.code, silent.out) == (0, "")
    assert "printed nothing" in silent.err


@pytest.mark.usefixtures("runs")
def test_a_run_that_does_not_exist_is_wrong_usage(invoke: Invoke) -> None:
    done = invoke("logs", ADA, "--run", "20990101T000000-none-00")
    assert done.code == 2
    assert f"provisioner logs {ADA} --runs" in done.err
    assert invoke("logs", ADA, "--run", "../../etc").code == 2


def test_a_server_on_which_nothing_was_run(invoke: Invoke, runs: Path) -> None:
    runs.rename(runs.with_name("gone"))
    for words in ((), ("--follow",), ("--task", "1"), ("--runs",)):
        done = invoke("logs", ADA, *words)
        assert (done.code, done.out) == (0, "")


def test_a_hostile_journal_is_an_error_about_the_server(invoke: Invoke, runs: Path) -> None:
    (runs / WORKED / "journal.jsonl").write_text('{"event":"run","run":"x","playbook":"p","tasks":"abc"}\n')
    done = invoke("logs", ADA, "--run", WORKED)
    assert done.code == 1
    assert "is no journal" in done.err
    assert ADA in done.err
    assert "bug" not in done.err


def test_ssh_gives_a_terminal_only_where_it_is_asked_for(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def note(argv: list[str]) -> int:
        asked.append(argv)
        return 7

    monkeypatch.setattr("provisioner.cli.commands.server._run", note)
    assert invoke("ssh", ADA, "-t", "--", "top", "-b").code == 7
    assert invoke("ssh", ADA, "--", "tail", "-t").code == 7
    assert invoke("ssh", ADA).code == 7
    assert ["-t" in argv[:-2] for argv in asked] == [True, False, False]
    assert asked[0][-2:] == ["top", "-b"]
    assert asked[1][-2:] == ["tail", "-t"]


def test_the_tunnel_says_how_to_sign_in(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provisioner.cli.commands.server._run", lambda _: 0)
    said = invoke("ssh", ADA, "--tunnel", "--port", "1234").err
    assert "http://127.0.0.1:1234/" in said
    assert f"provisioner ssh {ADA} -- as-openclaw grep ^OPENCLAW_GATEWAY_TOKEN= .openclaw/.env" in said
