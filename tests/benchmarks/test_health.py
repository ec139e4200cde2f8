"""500 servers looked at by one process, over real SSH connections on loopback, each at an address of its own.

One sshd answers at all addresses, and its work is done on the same computer: it takes most of the time.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from provisioner.customers.new import SignUp, new_record
from provisioner.sandbox.control.client import Sandbox, running_sandbox
from provisioner.workspace import Workspace
from tests.benchmarks.process import Process
from tests.e2e.operator import Operator
from tests.fixtures import sshd
from tests.serving import serving
from tests.steps.test_mend import WELL

SERVERS = 500
MOST_SECONDS = 120
MOST_MEGABYTES = 300
_LOGIN = """\
SSH_ORIGINAL_COMMAND=${{SSH_ORIGINAL_COMMAND//\\/usr\\/local\\/sbin\\//}}
PATH={folder}:$PATH
"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def server(tmp_path: Path) -> Iterator[sshd.Sshd]:
    """Its report program says that all is well, on every address of this machine."""
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "openclaw-report"
    program.write_text(f"#!/bin/sh\necho '{json.dumps(WELL)}'\n")
    program.chmod(0o755)
    with sshd.running(tmp_path, first=_LOGIN.format(folder=programs), address="0.0.0.0") as running:
        yield running


@pytest.fixture
def telegram() -> Iterator[str]:
    """Says that no message waits, whatever it is asked."""
    answer = {"ok": True, "result": {"url": "", "has_custom_certificate": False, "pending_update_count": 0}}
    app = Starlette(routes=[Route("/{path:path}", lambda _: JSONResponse(answer), methods=["GET", "POST"])])
    with serving(app) as address:
        yield address


@pytest.mark.timeout(600)
def test_five_hundred_servers_are_looked_at_in_two_minutes(
    sandbox: Sandbox, server: sshd.Sshd, telegram: str, tmp_path: Path
) -> None:
    operator = Operator(tmp_path / "workspace", sandbox, TELEGRAM_API_ROOT=telegram)
    key = tmp_path / "key"
    key.write_text(server.operator.private)
    settings = operator.workspace / "provisioner.toml"
    there = f'[ssh]\nkey = "{key}"\nport = {server.port}\n'
    settings.write_text(settings.read_text("utf-8").replace("[ssh]\n", there), "utf-8")
    store = Workspace(operator.workspace).store()
    for number in range(SERVERS):
        record = new_record(SignUp(f"c{number}@example.com", f"sub_{number}", telegram=f"@customer{number}"))
        record.update(
            {
                "status": "active",
                "setup.droplet.id": str(number + 1),
                "setup.droplet.ip": f"127.77.{number // 250}.{number % 250 + 1}",
                "setup.droplet.hostKey": server.host_key.public,
                "setup.moltbot.installed": True,
                "setup.moltbot.version": "2026.9.6",
                "setup.messaging.connected": True,
                "setup.messaging.botToken": f"{number + 1}:AAF-a-token-that-nobody-may-read-0123456",
            }
        )
        store.add(record)

    with Process(operator, "health", "--all") as process:
        usage = process.end()
        said = process.said

    print(
        f"\n{SERVERS} servers in {usage.seconds:.1f} s ({usage.seconds / SERVERS * 1000:.0f} ms each), "
        f"{usage.processor:.1f} s of a processor, {usage.memory / 1e6:.0f} MB"
    )
    assert f"{SERVERS} servers in" in said
    assert "nothing wrong" in said
    assert usage.seconds < MOST_SECONDS
    assert usage.memory < MOST_MEGABYTES * 10**6
