"""A customer's server for backups: a real sshd, our scripts in a real shell, and a pretended `openclaw`."""

import os
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from provisioner.clock import SYSTEM_CLOCK, Clock
from provisioner.customers.new import SignUp, new_record
from provisioner.customers.record import Customer
from provisioner.runs.progress import Progress
from provisioner.runs.runner import Runner, RunResult
from provisioner.runs.workflow import BACKUP, Workflow
from provisioner.services.factory import Services
from provisioner.settings import Settings
from provisioner.workspace import Workspace, init_workspace
from tests.fixtures import sshd
from tests.fixtures.sshd import Sshd

EMAIL = "ada@example.com"
SAID = "my favourite colour is ultramarine"

OPENCLAW = r"""#!/bin/bash
set -euo pipefail
echo "openclaw $*" >> "$HOME/called"
[[ ! -e $HOME/failing ]] || { cat "$HOME/failing" >&2; exit 1; }
case "$1 $2" in
"backup create")
	root=2026-11-28T00-48-05.301+00-00-openclaw-backup
	work=$(mktemp --directory)
	mkdir --parents "$work/$root/payload/posix$HOME"
	cp --archive "$HOME/.openclaw" "$work/$root/payload/posix$HOME/"
	printf '{"runtimeVersion": "2026.9.6", "assets": [{"kind": "state", "archivePath": "%s"}]}' \
		"$root/payload/posix$HOME/.openclaw" > "$work/$root/manifest.json"
	tar --create --gzip --file "$4/$root.tar.gz" --directory "$work" "$root"
	rm --recursive "$work"
	echo '{"verified": true}'
	;;
"backup restore")
	mkdir --parents "$5"
	tar --extract --gzip --file "$3" --directory "$5"
	echo '{"ok": true}'
	;;
esac
"""
_AS_OPENCLAW = """#!/bin/bash
exec "$@"
"""
_SYSTEMCTL = """#!/bin/bash
echo "systemctl $*" >> "$HOME/called"
[[ ! -e $HOME/failing ]] || { cat "$HOME/failing" >&2; exit 1; }
case " $* " in
*" stop "* | *" disable "*) echo stopped > "$HOME/gateway" ;;
*" start "* | *" enable "*) echo started > "$HOME/gateway" ;;
esac
"""
_GATEWAY = """#!/bin/bash
echo "openclaw-gateway $*" >> "$HOME/called"
case $1 in
wait) [[ $(cat "$HOME/gateway") == started ]] && echo 2026.9.6 ;;
esac
"""


@dataclass
class Assistant:
    """What is on the server: the assistant's user's home."""

    home: Path

    def __post_init__(self) -> None:
        programs = self.home / "bin"
        programs.mkdir(parents=True)
        for name, text in (
            ("openclaw", OPENCLAW),
            ("as-openclaw", _AS_OPENCLAW),
            ("systemctl", _SYSTEMCTL),
            ("openclaw-gateway", _GATEWAY),
        ):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        self.state.mkdir()
        (self.state / "openclaw.json").write_text("{}")
        self.memory.write_text(SAID)
        (self.home / "gateway").write_text("started\n")
        self.unit.parent.mkdir(parents=True)
        self.unit.touch()

    @property
    def login(self) -> str:
        """What its login does before any command."""
        return f"export HOME={self.home} PATH={self.home}/bin:$PATH"

    @property
    def state(self) -> Path:
        return self.home / ".openclaw"

    @property
    def unit(self) -> Path:
        """Its service, which a server without an assistant does not have."""
        return self.home / ".config/systemd/user/openclaw-gateway.service"

    @property
    def memory(self) -> Path:
        return self.state / "MEMORY.md"

    @property
    def gateway(self) -> str:
        """started or stopped."""
        return (self.home / "gateway").read_text().strip()

    @property
    def called(self) -> list[str]:
        path = self.home / "called"
        return path.read_text().splitlines() if path.exists() else []

    def fails(self, words: str | None) -> None:
        """From here on its programs end with these words; None: they do their work again."""
        path = self.home / "failing"
        path.write_text(words) if words is not None else path.unlink()

    @property
    def rests(self) -> list[str]:
        """What a backup has left there."""
        place = self.home / ".provisioner-backup"
        return sorted(path.name for path in place.iterdir()) if place.exists() else []


@dataclass
class Site:
    """A workspace with one customer, whose server this is."""

    workspace: Workspace
    settings: Settings
    assistant: Assistant
    server: Sshd
    services: Services
    clock: Clock = SYSTEM_CLOCK
    heard: list[Progress] = field(default_factory=list)

    def run(self, workflow: Workflow = BACKUP) -> RunResult:
        """As a new process."""
        runner = Runner(
            self.workspace,
            self.settings,
            self.heard.append,
            workflow=workflow,
            services=self.services,
            clock=self.clock,
        )
        return runner.run(EMAIL)

    @property
    def customer(self) -> Customer:
        return self.workspace.store().read(EMAIL).customer

    @property
    def events(self) -> list[str]:
        return [event.event for event in self.customer.timeline]

    def set(self, **fields: Any) -> None:
        with self.workspace.store().edit(EMAIL) as record:
            record.update({path.replace("__", "."): value for path, value in fields.items()})

    @property
    def folder(self) -> Path:
        return self.workspace.state_dir / "backups" / self.customer.id

    @property
    def files(self) -> list[str]:
        """Everything that is in the customer's folder of backups."""
        return sorted(path.name for path in self.folder.iterdir()) if self.folder.exists() else []

    def cut_connections(self) -> None:
        """As a network that is gone."""
        for process in self.server.connections():
            subprocess.run(["pkill", "--signal", "KILL", "--parent", str(process)], check=False)
            os.kill(process, 9)

    def demand_whole(self) -> None:
        """Each file is a backup with what was said in it, and the record tells of no other."""
        for name in self.files:
            with tarfile.open(self.folder / name) as archive:
                [memory] = [one for one in archive if one.name.endswith("/MEMORY.md")]
                text = archive.extractfile(memory)
                assert text is not None
                assert text.read().decode() == SAID
            assert (self.folder / name).stat().st_mode & 0o777 == 0o600
        assert {one.file for one in self.customer.backups} <= set(self.files)


@contextmanager
def site(folder: Path, services: Services | None = None, **settings: Any) -> Iterator[Site]:
    """Ada is active, on droplet 1."""
    workspace, _ = init_workspace(folder / "workspace")
    assistant = Assistant(folder / "server")
    with sshd.running(folder, first=assistant.login) as server:
        key = folder / "key"
        key.write_text(server.operator.private)
        chosen = Settings.model_validate(
            {
                "ssh": {"key": key, "port": server.port},
                "droplet": {"ssh_seconds": 3},
                "operator": {"contact": "help@example.com"},
                **settings,
            }
        )
        record = new_record(SignUp(EMAIL, "sub_1", name="Ada", telegram="@ada"))
        record.update(
            {
                "status": "active",
                "setup.status": "complete",
                "setup.droplet.id": "1",
                "setup.droplet.ip": "127.0.0.1",
                "setup.droplet.hostKey": server.host_key.public,
                "setup.moltbot.installed": True,
            }
        )
        workspace.store().add(record)
        yield Site(workspace, chosen, assistant, server, services or Services(chosen))
