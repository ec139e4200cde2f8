"""A customer whose server is to be theirs: a real sshd, a pretended disk below it, a bot and a mailbox."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from provisioner.customers.handing_over import HandoverWish
from provisioner.customers.parts.departure import Handover
from provisioner.customers.record import Customer
from provisioner.errors import RemoteError
from provisioner.failpoints import failpoint
from provisioner.runs.customer_server import CustomerServer
from provisioner.runs.handing_over import ask_to_hand_over
from provisioner.runs.runner import RunResult
from provisioner.runs.workflow import HANDOVER, Workflow
from provisioner.sandbox.telegram.accounts import Bot
from provisioner.sandbox.telegram.app import telegram_app
from provisioner.sandbox.telegram.world import World
from provisioner.services.factory import Services
from provisioner.ssh.connection import Host, LoginRefused, connect
from provisioner.ssh.keys import KeyPair, generate_keypair
from provisioner.steps.handover import leaving_nothing
from tests.backups.assistants import EMAIL
from tests.clouds import FastCloud
from tests.serving import serving
from tests.steps.gateways import Gateway, gateway_on
from tests.steps.leavers import Leaver, leaver

OLD_TOKEN = "0ld" * 21
THEIR_MODEL_KEY = "sk-ant-api03-the-customers-own-key"
OUR_MODEL_KEY = "sk-ant-api03-our-own-shared-key"

_PROGRAMS = {
    # What a backup of our own runs is no part of the assistant.
    "systemctl": """#!/bin/bash
case " $* " in
*provisioner-*) exit 1 ;;
*" disable "*) echo stopped > ~/gateway ;;
esac
""",
    "openclaw-configure": """#!/bin/bash
cd ~/.openclaw && jq --slurp '.[0] * .[1]' openclaw.json "$1" > new.json && mv new.json openclaw.json
""",
    "openclaw-answers": """#!/bin/bash
echo '{"answers": true, "text": "READY"}'
""",
    "journalctl": """#!/bin/bash
cat ~/logins 2> /dev/null
""",
    "nft": """#!/bin/bash
echo "nft $*" >> ~/called
""",
}
_OURS = (
    "usr/local/sbin/as-openclaw",
    "usr/local/sbin/openclaw-gateway",
    "usr/local/bin/openclaw-rpc",
    "usr/local/lib/openclaw/first-start/index.js",
    "etc/provisioner/moltbot.json",
    "etc/ssh/provisioner.loaded",
    "var/lib/provisioner/runs/1/journal.jsonl",
    "var/lib/cloud/instances/7/user-data.txt",
    "root/.bash_history",
    "home/openclaw/.openclaw/openclaw.json.bak",
    "home/openclaw/.bash_history",
)
_KEPT_UNDER_ANOTHER_NAME = {
    "etc/ssh/sshd_config.d/00-provisioner.conf": "etc/ssh/sshd_config.d/00-keys-only.conf",
    "etc/apt/apt.conf.d/52provisioner-reboot": "etc/apt/apt.conf.d/52reboot",
    "etc/systemd/user/openclaw-gateway.service.d/provisioner.conf": (
        "etc/systemd/user/openclaw-gateway.service.d/gateway.conf"
    ),
}
_ONCE = ("customer_key_proven", "bot_token_replaced", "gateway_token_replaced", "handover_complete")
_RULES = "# Written by the provisioner: rules\ntable inet provisioner {\n}\n"


@dataclass
class Owner:
    """Ada, who is to own her server, with a key pair of her own in a file."""

    leaver: Leaver
    gateway: Gateway
    world: World
    bot: Bot
    disk: Path
    keys: KeyPair
    key_file: Path

    def ask(self, **wish: Any) -> Customer:
        """For her public key, with her private one to be tried, unless said otherwise."""
        wished = HandoverWish(**{"by": "bob", "ssh_key": self.public, "key_file": str(self.key_file), **wish})
        return ask_to_hand_over(self.leaver.site.workspace.store(), EMAIL, wished, self.leaver.cloud.clock)

    def go_on(self, **wish: Any) -> Customer:
        return self.ask(ssh_key=None, key_file=None, **wish)

    def run(self, workflow: Workflow = HANDOVER) -> RunResult:
        return self.leaver.run(workflow)

    @property
    def public(self) -> str:
        return " ".join(self.keys.public.split()[:2])

    @property
    def customer(self) -> Customer:
        return self.leaver.customer

    @property
    def handover(self) -> Handover:
        assert self.customer.handover is not None
        return self.customer.handover

    @property
    def secrets(self) -> Path:
        return self.disk / "home/openclaw/.openclaw/secrets"

    @property
    def model_keys(self) -> dict[str, str]:
        return {one.name: one.read_text() for one in self.secrets.glob("model-*")}

    def gets_in(self, private: str) -> bool:
        server = self.leaver.site.server
        host = Host("127.0.0.1", (server.host_key.public,), private, server.port)
        try:
            connect(host, deadline=10).close()
        except LoginRefused:
            return False
        return True

    def demand_theirs(self, old_bot_token: str) -> None:
        """Nothing of ours opens the server, and nothing of hers is left here."""
        customer = self.customer
        assert customer.status == "handed_over"
        assert self.handover.ended_at is not None
        assert not self.gets_in(self.leaver.site.server.operator.private)
        assert self.gets_in(self.keys.private)
        assert self.gateway.running == self.gateway.written != OLD_TOKEN
        assert self.bot_token != old_bot_token
        text = str(self.leaver.site.workspace.store().read(EMAIL).data)
        for secret in (self.bot_token, old_bot_token, THEIR_MODEL_KEY, self.gateway.running, OLD_TOKEN):
            assert secret not in text
        assert self.leaver.site.files == []
        self.demand_clean()
        self.leaver.demand_untouched()
        for once in (
            "customer_key_proven",
            "bot_token_replaced",
            "gateway_token_replaced",
            "handover_complete",
        ):
            assert self.leaver.site.events.count(once) == 1, self.leaver.site.events

    def demand_clean(self) -> None:
        assert [name for name in _OURS if (self.disk / name).exists()] == []
        for before, after in _KEPT_UNDER_ANOTHER_NAME.items():
            assert not (self.disk / before).exists()
            assert (self.disk / after).read_text() == "kept"
        assert "provisioner" not in (self.disk / "etc/nftables.conf").read_text()
        assert (self.disk / "home/openclaw/.openclaw/MEMORY.md").exists()

    @property
    def bot_token(self) -> str:
        return self.world.bot(self.bot.id).token


@contextmanager
def owner(folder: Path, cloud: FastCloud) -> Iterator[Owner]:
    """An active customer with a server, on which all is that a setup puts there."""
    world = World()
    stuffpress = world.add_user("StuffPress", "stuffpress")
    manager = world.create_bot(stuffpress, "StuffPress", "stuffpress_bot", can_manage_bots=True)
    ada = world.add_user("Ada", "ada")
    bot = world.create_bot(ada, "Ada's Moltbot", "ada_moltbot", manager=manager)
    with (
        serving(telegram_app(world), before_stop=world.close) as root,
        leaver(folder, cloud) as found,
        pytest.MonkeyPatch.context() as patch,
    ):
        _know(found, root, manager.token, bot)
        disk = _disk(folder, found)
        patch.setattr(leaving_nothing, "FILES_BEGIN", str(disk))
        patch.setattr(CustomerServer, "apply", _pretend_to_apply)
        # Its address in the cloud is none of this machine's.
        patch.setattr("provisioner.steps.droplet.presence.explain_silence", lambda *_: None)
        gateway = gateway_on(found.site.assistant, OLD_TOKEN)
        keys = generate_keypair("ada")
        key_file = folder / "adas_key"
        key_file.write_text(keys.private)
        yield Owner(found, gateway, world, bot, disk, keys, key_file)


def _know(found: Leaver, root: str, manager_token: str, bot: Bot) -> None:
    """Have settings and record tell of the bot, and a backup of hers be here."""
    site = found.site
    site.settings = site.settings.model_validate(
        {
            **site.settings.model_dump(),
            "telegram_api_root": root,
            "telegram_manager_token": manager_token,
            "anthropic_key": OUR_MODEL_KEY,
        }
    )
    before = site.services
    site.services = Services(
        site.settings,
        new_cloud=lambda: before.cloud,
        new_mailer=lambda: found.mailbox,  # type: ignore[arg-type,return-value]
    )
    site.set(
        setup__messaging__botToken=bot.token,
        setup__messaging__botId=str(bot.id),
        setup__messaging__botUsername=bot.username,
        setup__messaging__userId="7",
        setup__messaging__managed=True,
        setup__messaging__connected=True,
        setup__messaging__connectedOver="telegram",
        setup__handoff__completed=True,
        setup__moltbot__version="2026.9.6",
    )


def _disk(folder: Path, found: Leaver) -> Path:
    """The disk below the server, with the assistant's home on it, and who may log in where root has it."""
    disk, home = folder / "disk", found.site.assistant.home
    (disk / "home").mkdir(parents=True)
    shutil.move(home, disk / "home" / "openclaw")
    home.symlink_to(disk / "home" / "openclaw")
    (home / ".ssh").symlink_to(folder)
    for name, text in _PROGRAMS.items():
        (home / "bin" / name).write_text(text)
        (home / "bin" / name).chmod(0o755)
    for name in (*_OURS, *_KEPT_UNDER_ANOTHER_NAME):
        (disk / name).parent.mkdir(parents=True, exist_ok=True)
        (disk / name).write_text("kept")
    (disk / "etc" / "nftables.conf").write_text(_RULES)
    secrets = home / ".openclaw" / "secrets"
    secrets.mkdir()
    (secrets / "model-ours").write_text(OUR_MODEL_KEY)
    return disk


def _pretend_to_apply(
    _: CustomerServer,
    playbook: str,
    variables: Mapping[str, object],
    secrets: Mapping[str, str] | None = None,
) -> Mapping[str, str]:
    failpoint(f"before {playbook} is applied")
    if playbook != "telegram":
        raise RemoteError("apply a playbook", cause=f"{playbook} is none of a handover's")
    failpoint(f"after {playbook} is applied")
    return {}
