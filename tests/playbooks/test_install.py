"""The shipped playbooks on a real server, with the real product, a model that answers and a phone."""

import json
import re
import shlex
import socket
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from provisioner.errors import RemoteError, TaskFailed
from provisioner.playbook.execute import Execution
from provisioner.playbook.jinja import datum
from provisioner.playbook.journal import Event, Report, TaskBegan
from provisioner.sandbox.machines.cache import DEFAULT_CACHE
from provisioner.sandbox.machines.node_mirror import node_app
from provisioner.sandbox.model.app import Model, model_app
from provisioner.sandbox.telegram.accounts import Bot, User
from provisioner.sandbox.telegram.app import telegram_app
from provisioner.sandbox.telegram.phones import Phones
from provisioner.sandbox.telegram.world import World
from provisioner.secrets import mark_of
from tests.fixtures.machine import Machine, booted, until
from tests.playbooks.values import ALL, HOSTILE, rendered
from tests.serving import serving

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(1500)]

KEY = "sk-ant-api03-planted-and-looked-for-everywhere"
NEXT_KEY = "sk-ant-api03-the-one-that-comes-after-it"
PLANTED = "/run/planted"
KILLED_AT = {"openclaw": ("Node", "OpenClaw"), "moltbot": ("The gateway has started",)}
GATEWAY_PORT = 18789


@dataclass
class Outside:
    """What the server's gateway talks to."""

    root: str
    world: World
    phones: Phones
    ada: User
    bot: Bot
    model: Model


@dataclass
class Stage:
    machine: Machine
    outside: Outside
    reports: dict[str, Report] = field(default_factory=dict)
    killed: list[str] = field(default_factory=list)

    def apply(self, name: str, kill_at: str = "", token: str = "", key: str = KEY, **others: Any) -> Report:
        """Apply a shipped playbook; with `kill_at` its unit is killed when that task has begun.

        `others` are variables that are to be different.
        """
        script = rendered(name, **{**self._values(name, token, key), **others})
        secrets = {"ANTHROPIC_API_KEY": key, "TELEGRAM_BOT_TOKEN": token or self.outside.bot.token}

        def listen(event: Event) -> None:
            if isinstance(event, TaskBegan) and event.name == kill_at:
                threading.Timer(1.5, self._kill).start()
                self.killed.append(kill_at)

        with self.machine.connect() as connection:
            wanted = {secret: secrets[secret] for secret in script.secrets}
            return Execution(connection, script, secrets=wanted, listen=listen).apply()

    def apply_all(self) -> Mapping[str, Report]:
        return {name: self.apply(name) for name in ALL}

    def _kill(self) -> None:
        self.machine.shell("systemctl kill --signal KILL provisioner-run")

    def _values(self, name: str, token: str, key: str) -> dict[str, Any]:
        root, bot = self.outside.root, self.outside.bot
        return {
            "server": {},
            "openclaw": {"node_mirror": f"{root}/node"},
            "moltbot": {
                "base_url": f"{root}/anthropic",
                "key_mark": mark_of(key),
                "customer_name": HOSTILE,
            },
            "telegram": {
                "bot_id": str(bot.id),
                "token_mark": mark_of(token or bot.token),
                "user_id": str(self.outside.ada.id),
                "api_root": f"{root}/telegram",
            },
        }[name]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with booted(tmp_path_factory.mktemp("machine"), f"playbooks-{uuid.uuid4()}") as running:
        yield running


@pytest.fixture(scope="module")
def outside(machine: Machine) -> Iterator[Outside]:
    """Telegram, a model and the Node archive, where droplets reach the host."""
    world = World()
    ada = world.add_user("Ada", "Ada_L", user_id=111)
    bot = world.create_bot(ada, "Ada's Moltbot", "ada_molt_bot")
    model = Model(keys=frozenset({KEY}))
    app = Starlette(
        routes=[
            Mount("/telegram", telegram_app(world)),
            Mount("/anthropic", model_app(model)),
            Mount("/node", node_app(DEFAULT_CACHE, print)),
        ]
    )
    with serving(app, before_stop=world.close, host=machine.machines.gateway) as root:
        yield Outside(root, world, Phones(world), ada, bot, model)


@pytest.fixture(scope="module")
def stage(machine: Machine, outside: Outside) -> Stage:
    """A server on which everything was installed, by runs that were killed in the middle of slow tasks."""
    stage = Stage(machine, outside)
    _watch_argument_lists(machine, (KEY, outside.bot.token))
    stage.reports["server"] = stage.apply("server")
    for playbook, tasks in KILLED_AT.items():
        for task in tasks:
            with pytest.raises(RemoteError):
                stage.apply(playbook, kill_at=task)
        stage.reports[playbook] = stage.apply(playbook)
    stage.reports["telegram"] = stage.apply("telegram")
    return stage


def _watch_argument_lists(machine: Machine, planted: Iterable[str]) -> None:
    """Note every process that has a secret among its arguments, from now on."""
    machine.shell(f"umask 077; printf '%s\\n' {shlex.join(planted)} > {PLANTED}")
    look = f"grep --files-with-matches --fixed-strings --file {PLANTED} /proc/[0-9]*/cmdline"
    watch = f"while sleep 0.1; do {look}; done > /run/seen 2> /run/vanished"
    machine.shell(f"systemd-run --quiet --unit watch-arguments bash -c {shlex.quote(watch)}")


def test_killed_in_the_worst_moments_it_still_ends_healthy(stage: Stage) -> None:
    assert stage.killed == [task for tasks in KILLED_AT.values() for task in tasks]
    assert re.fullmatch(r"2026\.9\.6", stage.reports["moltbot"].registered["version"])


def test_a_second_time_nothing_changes(stage: Stage) -> None:
    for name, report in stage.apply_all().items():
        changed = [task.name for task in report.tasks if task.changed]
        assert (name, changed) == (name, [])


def test_hello_is_answered_and_strangers_are_not(stage: Stage) -> None:
    phones, bot, world = stage.outside.phones, stage.outside.bot, stage.outside.world
    mallory = world.add_user("Mallory", "mallory")
    phones.press_start(mallory, bot)
    phones.press_start(stage.outside.ada, bot)

    said = phones.say(stage.outside.ada, bot, "hello")
    answer = phones.wait_for_reply_in_thread(
        stage.outside.ada, bot, after=said, containing="hello", timeout=120
    )

    assert answer is not None
    # Her Start was left to the provisioner's greeting, which is not sent here.
    assert [one.text for one in phones.chat(stage.outside.ada, bot) if one.from_bot] == [answer.text]
    again = phones.say(stage.outside.ada, bot, "/start")
    assert phones.wait_for_reply_in_thread(
        stage.outside.ada, bot, after=again, containing="/start", timeout=120
    ), "only the first one"
    assert [message.text for message in phones.chat(mallory, bot)] == ["/start"]


def test_only_ssh_answers_from_outside(stage: Stage) -> None:
    address = stage.machine.host.address
    listening = stage.machine.shell("ss --no-header --listening --tcp --numeric")
    assert f"127.0.0.1:{GATEWAY_PORT}" in listening
    # Somebody listens everywhere, and is still not reached.
    stage.machine.shell(
        "systemd-run --quiet --unit listen-everywhere python3 -m http.server 8080 --bind 0.0.0.0"
    )
    until(lambda: ":8080" in stage.machine.shell("ss --no-header --listening --tcp --numeric"))

    assert [port for port in (22, 80, 443, 8080, GATEWAY_PORT) if _open(address, port)] == [22]
    assert "policy drop" in stage.machine.shell("nft list chain inet provisioner input")


def _open(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True


def test_passwords_are_not_asked_for(stage: Stage) -> None:
    config = stage.machine.shell("sshd -T").splitlines()

    assert {"passwordauthentication no", "kbdinteractiveauthentication no"} <= set(config)
    assert {"allowusers root", "authorizedkeysfile /root/.ssh/authorized_keys"} <= set(config)
    assert {"x11forwarding no", "allowagentforwarding no", "authenticationmethods publickey"} <= set(config)


def test_a_key_that_the_assistant_puts_into_its_home_opens_nothing(stage: Stage) -> None:
    shell = stage.machine.shell
    shell(
        'as-openclaw bash -c \'umask 077; mkdir -p ~/.ssh; ssh-keygen -qt ed25519 -N "" -f ~/.ssh/id_ed25519;'
        " cp ~/.ssh/id_ed25519.pub ~/.ssh/authorized_keys'"
    )
    options = "-F none -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
    for user in ("openclaw", "root"):
        said = shell(
            f"as-openclaw ssh {options} -i /home/openclaw/.ssh/id_ed25519 {user}@127.0.0.1 echo in 2>&1 || :"
        )
        assert "Permission denied (publickey)" in said, user


PUSH = """
import fcntl, os, termios
opened = [0, 1, 2]
try:
    opened.append(os.open("/dev/tty", os.O_RDWR))
except OSError:
    pass
for number in filter(os.isatty, opened):
    try:
        for letter in b"typed by somebody\\n":
            fcntl.ioctl(number, termios.TIOCSTI, bytes([letter]))
    except OSError:
        pass
"""


def test_what_the_assistant_puts_in_place_of_its_command_cannot_type_into_roots_shell(stage: Stage) -> None:
    shell = stage.machine.shell
    shell(f"printf '%s' {shlex.quote(PUSH)} > /var/tmp/push.py; chmod 644 /var/tmp/push.py")

    def typed_after(command: str) -> str:
        inner = f'{command}; IFS= read -r -t 2 typed || :; echo "<$typed>"'
        spawn = f"import pty; pty.spawn(['bash', '-c', {inner!r}])"
        return shell(f"python3 -c {shlex.quote(spawn)} < /dev/null")

    if "<typed by somebody>" not in typed_after("runuser --user openclaw -- python3 /var/tmp/push.py"):
        pytest.skip("this kernel lets nobody push characters")
    mine = "/home/openclaw/.npm-global/bin/openclaw"
    shell(
        f"as-openclaw mv {mine} {mine}.real;"
        f" printf '#!/bin/sh\\nexec python3 /var/tmp/push.py\\n' > /var/tmp/fake; chmod 755 /var/tmp/fake;"
        f" as-openclaw cp /var/tmp/fake {mine}"
    )
    try:
        assert "<>" in typed_after("openclaw status")
        assert "<>" in typed_after("echo x | openclaw status")
        assert "<>" in typed_after("openclaw status > /var/tmp/said 2>&1")
    finally:
        shell(f"as-openclaw mv {mine}.real {mine}")


def test_its_report_has_the_gateway_and_the_channel(stage: Stage) -> None:
    report = json.loads(stage.machine.shell("openclaw-report"))

    assert report["service"]["active"] is True
    assert report["gateway"] == {"live": True, "ready": True, "failing": [], "version": "2026.9.6"}
    assert report["installed"] == "2026.9.6"
    assert report["channels"] == {"telegram": {"connected": True, "state": "ready", "error": None}}


def test_the_updates_are_on_their_way_every_day(stage: Stage) -> None:
    shell = stage.machine.shell

    assert shell("systemctl is-active apt-daily.timer apt-daily-upgrade.timer") == "active\nactive"
    dump = shell("apt-config dump")
    assert 'APT::Periodic::Unattended-Upgrade "1";' in dump
    assert 'Unattended-Upgrade::Automatic-Reboot-Time "11:00";' in dump


def asked(stage: Stage) -> dict[str, Any]:
    """What the assistant says to one message."""
    said: dict[str, Any] = json.loads(stage.machine.shell("openclaw-answers", timeout=240))
    return said


def runs_since(stage: Stage) -> str:
    """Another one after every start of the gateway."""
    return stage.machine.shell(
        "as-openclaw systemctl --user show --property MainPID,ActiveEnterTimestamp openclaw-gateway"
    )


ENV = "/home/openclaw/.openclaw/.env"


def test_the_key_of_an_older_setup_goes_and_one_that_is_refused_is_said(stage: Stage) -> None:
    shell = stage.machine.shell
    assert asked(stage) == {"answers": True, "text": "READY"}
    # The gateway that runs was started with it there.
    shell(
        f"cp --preserve {ENV} /run/env; sed --quiet '1s/^/ANTHROPIC_API_KEY=/p' {PLANTED} >> {ENV};"
        f" touch --reference /run/env {ENV}"
    )
    before = runs_since(stage)
    stage.apply("moltbot")
    assert runs_since(stage) == before, "it is the same key"
    assert shell(f"grep --count ANTHROPIC {ENV} || :") == "0"

    try:
        shell("as-openclaw openclaw-secret put ANTHROPIC_API_KEY <<< sk-ant-api03-wrong")
        shell("openclaw-gateway restart && openclaw-gateway wait", timeout=500)
        refused = asked(stage)
    finally:
        stage.apply("moltbot")

    assert refused == {"answers": False, "reason": "invalid x-api-key (HTTP 401)"}
    assert asked(stage)["answers"] is True


def test_the_assistants_user_cannot_become_root(stage: Stage) -> None:
    assert stage.machine.shell("id --name --groups openclaw") == "openclaw"
    assert "not allowed" in stage.machine.shell("sudo --list --other-user openclaw 2>&1 || :")
    assert stage.machine.shell("stat --format %a /home/openclaw /home/openclaw/.openclaw") == "700\n700"


def test_secrets_are_in_their_files_and_nowhere_else(stage: Stage) -> None:
    shell = stage.machine.shell

    found = shell(
        f"grep --recursive --files-with-matches --fixed-strings --file {PLANTED} --exclude planted"
        " --exclude-dir proc --exclude-dir sys / 2> /run/unreadable || :",
        timeout=240,
    )

    ours = sorted(found.splitlines())
    assert [path.rpartition("-")[0] or path for path in ours] == [
        "/home/openclaw/.openclaw/secrets/model",
        "/home/openclaw/.openclaw/secrets/telegram",
    ]
    assert shell(f"stat --format '%U %a' {' '.join(ours)}") == "openclaw 600\nopenclaw 600"
    assert shell(f"journalctl --no-pager | grep --count --fixed-strings --file {PLANTED} || :") == "0"
    assert shell("systemctl is-active watch-arguments; cat /run/seen") == "active"


def test_the_workspace_has_the_customers_name_and_no_interview(stage: Stage) -> None:
    shell = stage.machine.shell
    workspace = "/home/openclaw/.openclaw/workspace"

    assert f"- **Name:** {datum(HOSTILE)}" in shell(f"cat {workspace}/USER.md")
    assert not {"BOOTSTRAP.md"} & set(shell(f"ls {workspace}").split())
    assert "no" in shell("test -e /tmp/owned || echo no")


def test_what_the_assistant_has_changed_stays(stage: Stage) -> None:
    soul = "/home/openclaw/.openclaw/workspace/SOUL.md"
    stage.machine.shell(f"as-openclaw sh -c 'echo I like cats. >> {soul}'")

    assert stage.apply("moltbot").changed == 0

    assert "I like cats." in stage.machine.shell(f"tail -n 1 {soul}")


def test_a_token_that_telegram_refuses_is_named(stage: Stage) -> None:
    number = stage.outside.bot.token.split(":")[0]
    try:
        with pytest.raises(TaskFailed, match="401"):
            stage.apply("telegram", token=f"{number}:{'A' * 35}")
    finally:
        stage.apply("telegram")


def test_who_was_let_in_is_outside_when_it_is_not_known_any_more_who_the_customer_is(stage: Stage) -> None:
    phones, ada, bot = stage.outside.phones, stage.outside.ada, stage.outside.bot
    try:
        stage.apply("telegram", user_id="")
        assert stage.apply("telegram", user_id="").changed == 0
        said = phones.say(ada, bot, "hello again")
        answer = phones.wait_for_reply_in_thread(ada, bot, after=said, containing="airing code", timeout=120)
    finally:
        stage.apply("telegram")

    assert answer is not None, [message.text for message in phones.chat(ada, bot)]


def test_the_gateway_comes_back_after_a_reboot(stage: Stage) -> None:
    stage.machine.machines.reboot(stage.machine.id)

    assert stage.machine.shell("openclaw-gateway wait", timeout=200) == "2026.9.6"
    until(lambda: "yes" in stage.machine.shell("openclaw-gateway ready && echo yes || :"), 120)
    assert stage.machine.shell("as-openclaw systemctl --user is-active openclaw-gateway") == "active"
    for name, report in stage.apply_all().items():
        assert (name, report.changed) == (name, 0)


FORGET = (
    "as-openclaw systemctl --user disable --now openclaw-gateway;"
    " rm -rf /home/openclaw/.openclaw /home/openclaw/.config/systemd/user /etc/provisioner/*.json;"
    " as-openclaw systemctl --user daemon-reload"
)
LEFT = (
    "cd /home/openclaw/.openclaw; jq --sort-keys 'del(.meta)' openclaw.json;"
    " find secrets workspace -path '*/.git/*' -prune -o -printf '%p %u %m\\n' | sort;"
    " cat workspace/USER.md workspace/MEMORY.md workspace/IDENTITY.md; cut -d = -f 1 .env"
)
NOBODY = dict.fromkeys(("customer_name", "joined", "plan", "operator_name", "operator_contact"), "")


def test_a_gateway_of_nobody_becomes_a_customers_without_a_restart(stage: Stage) -> None:
    shell, phones, ada, bot = stage.machine.shell, stage.outside.phones, stage.outside.ada, stage.outside.bot
    plain = shell(LEFT)
    shell(FORGET, timeout=90)
    stage.apply("moltbot", nobody=True, base_url="", **NOBODY)
    assert stage.apply("moltbot", nobody=True, base_url="", **NOBODY).changed == 0
    assert "Ada" not in shell(f"cat /home/openclaw/.openclaw/openclaw.json {ENV}")
    assert (
        shell("find /home/openclaw/.openclaw/workspace /home/openclaw/.openclaw/secrets -type f || :") == ""
    )
    before = runs_since(stage)

    stage.apply("telegram", started=False)
    stage.apply("moltbot")
    assert stage.apply("telegram").changed == 0

    assert asked(stage)["answers"] is True
    assert shell(LEFT) == plain
    said = phones.say(ada, bot, "hello, whoever you were")
    assert phones.wait_for_reply_in_thread(ada, bot, after=said, containing="hello, whoever", timeout=120)
    with pytest.raises(TaskFailed, match="somebody's"):
        stage.apply("moltbot", nobody=True, base_url="", **NOBODY)

    stage.outside.model.keys = frozenset({NEXT_KEY})
    stage.apply("moltbot", key=NEXT_KEY)
    assert asked(stage)["answers"] is True
    assert shell("ls /home/openclaw/.openclaw/secrets | grep --count model") == "1"
    assert runs_since(stage) == before
