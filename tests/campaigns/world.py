"""The outside world of a campaign: the sandbox's services in this process, where they can be asked."""

import contextlib
import itertools
import logging
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from provisioner.customers.new import SignUp, new_record
from provisioner.playbook.load import load
from provisioner.sandbox.cloud.options import CloudOptions
from provisioner.sandbox.cloud.state import Cloud, Droplet
from provisioner.sandbox.control.assembly import LOOPBACK, MANAGER, Assembly
from provisioner.sandbox.control.options import Options
from provisioner.sandbox.faults.injection import BreakableProtocol
from provisioner.sandbox.faults.rules import FaultParams, Rule
from provisioner.sandbox.machines.interface import MachineSpec
from provisioner.sandbox.machines.pretend import PretendMachines
from provisioner.sandbox.mail.mailbox import Mail, links_in
from provisioner.sandbox.telegram.phones import NewBotDialog
from provisioner.workspace import Workspace, init_workspace
from tests.campaigns.forkserver import NAME
from tests.campaigns.shared_machine import SharedMachine, SharedMachines, shared_machine
from tests.clouds import await_actions
from tests.serving import serving

SETTINGS = """
[operator]
contact = "help@example.com"

[droplet]
settle_seconds = 0.4
poll_seconds = 0.05
ssh_seconds = 30
requests_per_minute = 100000
"""
PLAYBOOKS = ("server", "openclaw", "moltbot", "telegram")
# Each is applied by one run at a time, whole, and once more only if the first one's end was not heard.
_TASKS = """
  - name: Begin
    run: |
      mkdir -p /root/effects && exec 9>/root/effects/.lock && flock -n 9
      echo begun >> /root/effects/{name}
  - name: Install
    unless: grep -q installed /root/effects/{name}
    run: echo installed >> /root/effects/{name}
  - name: The assistant answers
    unless: command -v openclaw-answers
    run: |
      echo '#!/bin/sh' > /usr/local/bin/openclaw-answers
      echo 'echo "{{\\"answers\\": true, \\"text\\": \\"OK\\"}}"' >> /usr/local/bin/openclaw-answers
      chmod 755 /usr/local/bin/openclaw-answers
      echo '#!/bin/sh' > /usr/local/bin/openclaw-audit
      echo 'echo "{{\\"critical\\": [], \\"warnings\\": 0}}"' >> /usr/local/bin/openclaw-audit
      chmod 755 /usr/local/bin/openclaw-audit
      echo '#!/bin/sh' > /usr/local/bin/openclaw-gateway
      chmod 755 /usr/local/bin/openclaw-gateway
  - name: Version
    register: version
    changes: false
    run: echo 2026.9.6
"""


@dataclass
class Person:
    """A customer with a mailbox and a phone, who does what an e-mail asks for."""

    world: "World"
    email: str
    user: str
    bot: str = ""

    def act(self, link: str = "") -> bool:
        """The next thing: make the bot, then press Start there; whether there was one to do.

        `link` came another way than by e-mail.
        """
        if self.bot:
            return bool(self._link(self.bot)) and self.press_start()
        link = link or self._link("/newbot/")
        if link:
            dialog = self.world.phones.open_link(self.user, link)
            assert isinstance(dialog, NewBotDialog)
            self.bot = self.world.phones.confirm(dialog).username
        return bool(link)

    def press_start(self) -> bool:
        """At their own bot; False if they have done it before."""
        if self.world.phones.chat(self.user, self.bot):
            return False
        self.world.phones.press_start(self.user, self.bot)
        return True

    @property
    def subjects(self) -> list[str]:
        """Of all e-mails to them."""
        return [mail.subject for mail in self._mails()]

    @property
    def heard(self) -> list[str]:
        """What their own bot has written to them."""
        return self._written_by(self.bot) if self.bot else []

    @property
    def told(self) -> list[str]:
        """What the manager bot has written to them."""
        return self._written_by(MANAGER)

    def _written_by(self, bot: str) -> list[str]:
        return [message.text or "" for message in self.world.phones.chat(self.user, bot) if message.from_bot]

    def _mails(self) -> list[Mail]:
        return [mail for mail in self.world.mailbox.messages if self.email in mail.recipients]

    def _link(self, words: str) -> str:
        links = [link for mail in self._mails() for link in links_in(mail) if words in link]
        return links[-1] if links else ""


class World(Assembly):
    """The sandbox's services around one machine, or around none."""

    def __init__(self, options: Options, machine: SharedMachine | None) -> None:
        self.machine = machine
        self.made = 0
        self._threads: list[threading.Thread] = []
        super().__init__(options, lambda _line: None)
        self._numbers = itertools.count(1)

    def _add_machines(self, say: Any) -> str:
        machines = SharedMachines(self.machine) if self.machine else PretendMachines()
        create = machines.create

        def count(spec: MachineSpec) -> None:
            self.made += 1
            create(spec)

        machines.create = count  # type: ignore[method-assign]
        self._stack.callback(machines.close)
        self._add_cloud(Cloud(machines, self.tokens.digitalocean, options=self.options.cloud))
        return LOOPBACK

    @property
    def droplets(self) -> list[Droplet]:
        return list(self.cloud.droplets.values())

    def fault(self, service: str, kind: str, method: str = "*", path: str = "", **rule: Any) -> None:
        """Break the next requests that fit."""
        params = FaultParams(**rule.pop("params", {}))
        self.book.add(Rule(service=service, kind=kind, method=method, path=path, params=params, **rule))  # type: ignore[arg-type]

    def meanwhile(self, script: str) -> None:
        """Run a script on the server, past SSH, while the run goes on."""
        assert self.machine is not None, "there is no server"
        thread = threading.Thread(target=self.machine.shell, args=[script])
        self._threads.append(thread)
        thread.start()

    def settle(self) -> None:
        """Until everything that goes on meanwhile is over."""
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def await_actions(self) -> None:
        await_actions(self.cloud)

    def environment(self) -> dict[str, str]:
        """With names for hosts, so that looking them up can fail."""
        return {name: value.replace(LOOPBACK, NAME) for name, value in super().environment().items()}

    def add_person(self, workspace: Workspace, *, managed: bool) -> Person:
        """Somebody who has signed up.

        With `managed` they make their bot over the link in the e-mail; else everything is known of them, and
        they have pressed Start.
        """
        number = next(self._numbers)
        person = Person(self, f"c{number}@example.com", f"person{number}")
        self.telegram.add_user(person.user, person.user)
        sign_up = SignUp(person.email, f"sub_{number}", name=f"Person {number}", telegram=f"@{person.user}")
        record = new_record(sign_up)
        if not managed:
            person.bot = f"bot{number}_bot"
            account = self.telegram.create_bot(person.user, person.bot, person.bot)
            self.phones.press_start(person.user, person.bot)
            record.set("setup.messaging.botToken", account.token)
            record.set("setup.messaging.userId", str(self.telegram.user(person.user).id))
        workspace.store().add(record)
        return person


@contextlib.contextmanager
def world(folder: Path, *, machine: bool) -> Iterator[World]:
    """All of it, for as long as the block lasts."""
    for name in ("uvicorn", "mail.log"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with contextlib.ExitStack() as stack:
        real = None
        if machine:
            real = stack.enter_context(shared_machine(folder / "machine", f"campaign-{uuid.uuid4()}"))
        options = CloudOptions(
            minute_limit=10**9, hourly_limit=10**9, key_list_limit=10**9, droplet_limit=10**6
        )
        state = folder / "state"
        state.mkdir(parents=True)
        made = World(Options(state=state, pretend=True, cloud=options), real)
        stack.callback(made.close)
        root = stack.enter_context(
            serving(made.app(lambda _line: None), before_stop=made.telegram.close, protocol=BreakableProtocol)
        )
        made.http_port = int(root.rpartition(":")[2])
        made.start_mailbox(0)
        yield made


def workspace_in(folder: Path) -> Workspace:
    """A workspace with small playbooks of the shipped ones' names and words."""
    workspace, _ = init_workspace(folder)
    want_pool(workspace, 0)
    put_small_playbooks(workspace)
    return workspace


def want_pool(workspace: Workspace, size: int) -> None:
    """How many servers of the pool the settings ask for; 0 for none."""
    workspace.settings_file.write_text(SETTINGS + f"\n[pool]\nsize = {size}\n")


def put_small_playbooks(workspace: Workspace) -> None:
    """Stand-ins for the shipped playbooks, which go first in this workspace."""
    for name in PLAYBOOKS:
        shipped = load(name, [])
        head = {
            "description": "A stand-in that leaves traces",
            "variables": dict(shipped.variables),
            "secrets": list(shipped.secrets),
        }
        home = workspace.playbooks_dir / name
        home.mkdir()
        tasks = "tasks:" + _TASKS.format(name=name)
        (home / "playbook.yaml").write_text(yaml.safe_dump(head, sort_keys=False) + tasks)
