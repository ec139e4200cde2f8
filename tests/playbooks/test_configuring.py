"""openclaw-rpc and openclaw-configure: what they ask of the gateway, with one that stands in."""

import json
import os
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from provisioner.playbook.load import shipped_playbooks

FILES = shipped_playbooks() / "openclaw" / "files"
TOKEN = "token-of-the-gateway"


class Gateway(ThreadingHTTPServer):
    """Answers RPCs about a configuration in a file; `refusals` are answers to the next patches."""

    def __init__(self, config: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.config = config
        self.asked: list[tuple[str, Any]] = []
        self.tokens: set[str] = set()
        self.refusals: list[dict[str, Any]] = []
        self.status = 200

    def answer(self, method: str, params: Any) -> dict[str, Any]:
        if method == "config.get":
            return {"ok": True, "payload": {"hash": "h1"}}
        if self.refusals:
            return {"ok": False, "error": self.refusals.pop(0)}
        if method == "config.patch":
            merged = {**json.loads(self.config.read_text()), **json.loads(params["raw"])}
            self.config.write_text(json.dumps(merged))
        return {"ok": True, "payload": {"method": method}}


class _Handler(BaseHTTPRequestHandler):
    server: Gateway

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.tokens.add(self.headers["Authorization"])
        self.server.asked.append((asked["method"], asked["params"]))
        said = json.dumps(self.server.answer(asked["method"], asked["params"])).encode()
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(said if self.server.status == 200 else b"Not Found")

    def log_message(self, *_: Any) -> None:
        pass


class Bench:
    """A home with the programs in it, moved to where a test may use them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / ".openclaw").mkdir()
        (folder / ".openclaw" / ".env").write_text(f"OTHER=1\nOPENCLAW_GATEWAY_TOKEN={TOKEN}\n")
        self.config = folder / ".openclaw" / "openclaw.json"
        self.gateway = Gateway(self.config)
        for name in ("openclaw-rpc", "openclaw-configure"):
            text = (FILES / name).read_text().replace("127.0.0.1:18789", f"127.0.0.1:{self.port}")
            # Tests run as root, and as the assistant's user elsewhere.
            self.program(name, text.replace("((EUID)) ||", "true ||"))
        self.program("systemctl", "#!/bin/sh\nexit 0\n")
        self.program(
            "openclaw", f'#!/bin/sh\necho "$1 $2 $3" >> {folder}/called; cat "$4" >> {folder}/called\n'
        )

    @property
    def port(self) -> int:
        return int(self.gateway.server_address[1])

    def program(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)
        (self.folder / name).chmod(0o755)

    def run(self, *words: str, text: str = "") -> "subprocess.CompletedProcess[str]":
        environment = {"HOME": str(self.folder), "PATH": f"{self.folder}:{os.environ['PATH']}"}
        return subprocess.run(
            words, env=environment, input=text, capture_output=True, text=True, timeout=60, check=False
        )

    def configure(self, **ours: Any) -> "subprocess.CompletedProcess[str]":
        """With what we decide in one file."""
        (self.folder / "ours.json").write_text(json.dumps(ours))
        return self.run("openclaw-configure", str(self.folder / "ours.json"))

    def is_so(self, **ours: Any) -> bool:
        (self.folder / "ours.json").write_text(json.dumps(ours))
        return self.run("openclaw-configure", "--check", str(self.folder / "ours.json")).returncode == 0

    @property
    def called(self) -> str:
        """The calls of the slow command."""
        found = self.folder / "called"
        return found.read_text() if found.exists() else ""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    thread = Thread(target=made.gateway.serve_forever)
    thread.start()
    yield made
    made.gateway.shutdown()
    thread.join()
    made.gateway.server_close()


def test_a_method_is_asked_with_the_token_and_its_parameters(bench: Bench) -> None:
    ended = bench.run("openclaw-rpc", "channels.status", text='{"probe": true}')

    assert (ended.returncode, json.loads(ended.stdout)) == (0, {"method": "channels.status"})
    assert bench.gateway.asked == [("channels.status", {"probe": True})]
    assert bench.gateway.tokens == {f"Bearer {TOKEN}"}


def test_without_parameters_there_are_none(bench: Bench) -> None:
    assert bench.run("openclaw-rpc", "health").returncode == 0
    assert bench.gateway.asked == [("health", {})]


def test_what_is_refused_is_said_in_the_gateways_words(bench: Bench) -> None:
    bench.gateway.refusals = [{"code": "INVALID_REQUEST", "message": "bad params"}]

    ended = bench.run("openclaw-rpc", "health")

    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", "bad params\n")


def test_who_is_not_there_or_not_yet_is_told_from_who_refuses(bench: Bench) -> None:
    bench.gateway.refusals = [{"code": "UNAVAILABLE", "message": "starting"}]
    assert bench.run("openclaw-rpc", "health").returncode == 3
    bench.gateway.status = 404
    assert bench.run("openclaw-rpc", "health").returncode == 3
    bench.run("sed", "-i", "s/127.0.0.1:[0-9]*/127.0.0.1:9/", str(bench.folder / "openclaw-rpc"))
    assert bench.run("openclaw-rpc", "health").returncode == 3
    (bench.folder / ".openclaw" / ".env").unlink()
    assert bench.run("openclaw-rpc", "health").returncode == 3
    assert bench.run("openclaw-rpc").returncode == 2


def test_before_the_first_start_the_configuration_is_written(bench: Bench) -> None:
    assert bench.configure(channels={"telegram": {"botToken": None, "enabled": True}}).returncode == 0

    assert json.loads(bench.config.read_text()) == {"channels": {"telegram": {"enabled": True}}}
    assert bench.config.stat().st_mode & 0o777 == 0o600
    assert (bench.gateway.asked, bench.called) == ([], "")


def test_of_several_files_a_later_one_goes_over_an_earlier(bench: Bench) -> None:
    (bench.folder / "first.json").write_text('{"a": {"b": 1, "c": 1, "gone": 1}, "list": [1, 2]}')
    (bench.folder / "then.json").write_text('{"a": {"c": 2, "gone": null}, "list": [3]}')
    files = [str(bench.folder / name) for name in ("first.json", "then.json")]

    assert bench.run("openclaw-configure", *files).returncode == 0

    assert json.loads(bench.config.read_text()) == {"a": {"b": 1, "c": 2}, "list": [3]}
    assert bench.run("openclaw-configure", "--check", *files).returncode == 0
    assert bench.run("openclaw-configure", str(bench.folder / "missing.json")).returncode == 2


def test_what_is_so_already_is_asked_of_nobody(bench: Bench) -> None:
    bench.config.write_text('{"a": {"b": 1, "theirs": 2}, "c": [1]}')

    assert bench.is_so(a={"b": 1, "gone": None}, c=[1])
    assert bench.configure(a={"b": 1}).returncode == 0
    assert not bench.is_so(a={"b": 2})
    assert not bench.is_so(a={"theirs": None})
    assert not bench.is_so(c=[])
    assert (bench.gateway.asked, bench.called) == ([], "")


def test_a_gateway_that_runs_is_asked_to_change_it(bench: Bench) -> None:
    bench.config.write_text('{"theirs": 1}')

    assert bench.configure(channels={"telegram": {"allowFrom": ["1"]}}, b=2).returncode == 0

    assert json.loads(bench.config.read_text())["theirs"] == 1
    method, params = bench.gateway.asked[-1]
    assert method == "config.patch"
    assert json.loads(params["raw"]) == {"channels": {"telegram": {"allowFrom": ["1"]}}, "b": 2}
    assert params["baseHash"] == "h1"
    assert params["replacePaths"] == ["channels.telegram.allowFrom"]
    assert bench.called == ""


def test_who_was_faster_is_not_overwritten(bench: Bench) -> None:
    bench.config.write_text("{}")
    bench.gateway.refusals = [{"code": "INVALID_REQUEST", "message": "config changed since last load"}]

    assert bench.configure(a=1).returncode == 0

    methods = [method for method, _ in bench.gateway.asked]
    assert methods == ["config.get", "config.patch", "config.get", "config.patch"]
    assert bench.called == ""


@pytest.mark.parametrize("why", ["stopped", "without the plugin", "refuses"])
def test_where_it_cannot_be_asked_the_command_does_it(bench: Bench, why: str) -> None:
    bench.config.write_text("{}")
    if why == "stopped":
        bench.program("systemctl", "#!/bin/sh\nexit 3\n")
    elif why == "without the plugin":
        bench.gateway.status = 404
    else:
        bench.gateway.refusals = [{"code": "INVALID_REQUEST", "message": "no"}] * 3

    assert bench.configure(a=1).returncode == 0

    assert bench.called == 'config patch --file\n{\n  "a": 1\n}'
