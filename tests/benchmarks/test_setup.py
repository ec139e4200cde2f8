"""From the command to the bot's answer, beside the sum of what cannot be avoided, on real servers.

What cannot be avoided is measured on the same servers: a droplet that boots, `npm install` of the package and
one first start of the gateway. The customer does their part at once.
"""

import re
import shlex
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest

from provisioner.sandbox.control.client import DropletView, Sandbox, running_sandbox
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.services.digitalocean.models import DropletSpec
from tests.benchmarks.process import Process
from tests.e2e.operator import Operator

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(3600)]

ROUNDS = 5
PLAIN_AT_MOST, IMAGE_AT_MOST = 1.3, 1.4
"""Times the sum of what cannot be avoided."""
POOL_SECONDS = 10.0
"""With a server of the pool nothing of that is left to wait for."""
LINK_SECONDS = 1.0
"""Until the e-mail with the customer's link has left."""
_VERSION = "2026.9.6"
_NPM = (
    "cd /tmp && npm install --global --prefix /tmp/npm-once --cache /tmp/npm-cache"
    f" --no-fund --no-audit --no-update-notifier --loglevel error openclaw@{_VERSION}"
)
# What the gateway has made of its own goes; what was configured stays: then it starts as for the first time.
_FORGET = (
    "rm -rf ~/.cache/node-compile-cache; cd ~/.openclaw;"
    " find . -mindepth 1 -maxdepth 1 ! -name .env ! -name openclaw.json ! -name secrets ! -name workspace"
    " -exec rm -rf {} +"
)
_PROCESSOR = "cat /proc/[0-9]*/stat 2>/dev/null"


@dataclass
class Parts:
    """Seconds of what cannot be avoided, by round."""

    boot: list[float] = field(default_factory=list)
    npm: list[float] = field(default_factory=list)
    start: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        named = {"boot": self.boot, "npm install": self.npm, "one start of the gateway": self.start}
        return ", ".join(f"{name} {statistics.median(times):.1f} s" for name, times in named.items())


@dataclass(frozen=True)
class Course:
    """One setup: seconds until the bot answered; what the server's processors and memory took until then."""

    seconds: float
    processor: float
    memory: int
    said: str


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox(pretend=False) as sandbox:
        yield sandbox


def test_a_setup_takes_little_more_than_what_cannot_be_avoided(sandbox: Sandbox, tmp_path: Path) -> None:
    operator = Operator(tmp_path / "workspace", sandbox)
    parts = Parts()
    plain, with_image, with_pool = [], [], []
    for number in range(ROUNDS):
        parts.boot.append(boot(sandbox, operator))
        plain.append(set_up(operator, f"plain{number}"))
        measure_parts(operator, f"plain{number}@example.com", parts)
        remove_droplets(sandbox, operator)
    operator.done("image", "build")
    for number in range(ROUNDS):
        with_image.append(set_up(operator, f"image{number}"))
        remove_droplets(sandbox, operator)
    want_a_pool(operator)
    for number in range(ROUNDS):
        operator.done("pool", "fill")
        with_pool.append(set_up(operator, f"pool{number}"))
        remove_droplets(sandbox, operator)

    print(f"\n{parts}")
    ratio = show("plain", plain, parts.boot, parts.npm, parts.start)
    ratio_with_image = show("with an image", with_image, parts.boot, parts.start)
    show("with a server of the pool", with_pool, parts.start)
    assert ratio <= PLAIN_AT_MOST
    assert ratio_with_image <= IMAGE_AT_MOST
    assert statistics.median(course.seconds for course in with_pool) <= POOL_SECONDS


def test_the_link_leaves_within_a_second(tmp_path: Path) -> None:
    """Before anything is made: the customer shall tap while the server boots."""
    with running_sandbox(pretend=True) as sandbox:
        operator = Operator(tmp_path / "workspace", sandbox)
        seconds = [until_the_link_is_there(operator, number) for number in range(ROUNDS)]
    print(f"\nthe link left after {statistics.median(seconds):.2f} s ({seconds})")
    assert statistics.median(seconds) <= LINK_SECONDS


def until_the_link_is_there(operator: Operator, number: int) -> float:
    email, username = f"link{number}@example.com", f"link{number}"
    operator.sandbox.add_phone(username, username)
    operator.done("add", email, f"sub_{number}", "--telegram", f"@{username}")
    began = time.monotonic()
    with operator.start("provision", email):
        while operator.sandbox.wait_for_mail(email, "two taps", timeout=0) is None:
            assert time.monotonic() - began < 60, "it never comes"
            time.sleep(0.01)
        return time.monotonic() - began


def want_a_pool(operator: Operator) -> None:
    settings = operator.workspace / "provisioner.toml"
    text = settings.read_text("utf-8")
    assert "[pool]\nsize = 0" in text
    settings.write_text(text.replace("[pool]\nsize = 0", "[pool]\nsize = 1"), "utf-8")


def show(name: str, courses: Sequence[Course], *parts: Sequence[float]) -> float:
    """Print what it took from the command to the bot's answer; how many times what cannot be avoided."""
    least = sum(map(statistics.median, parts))
    whole = statistics.median(course.seconds for course in courses)
    print(
        f"{name}: {whole:.1f} s, {whole / least:.2f} x {least:.1f} s"
        f" ({', '.join(f'{course.seconds:.1f}' for course in courses)});"
        f" {statistics.median(one.processor for one in courses):.0f} s of the server's processors,"
        f" {max(one.memory for one in courses) / 1e6:.0f} MB of its memory at most, nothing killed\n"
        f"  {courses[-1].said.splitlines()[-1]}"
    )
    return whole / least


def boot(sandbox: Sandbox, operator: Operator) -> float:
    """Seconds from asking for a droplet until its SSH answers."""
    cloud = cloud_of(operator)
    wish = DropletSpec("boot", "sfo3", "s-1vcpu-2gb", "debian-12-x64", (), (), "")
    began = time.monotonic()
    droplet = cloud.create_droplet(wish)
    while not (address := _view(sandbox, droplet.id).address) or not _answers(address):
        assert time.monotonic() - began < 120, "the droplet never answers"
        time.sleep(0.05)
    seconds = time.monotonic() - began
    cloud.delete_droplet(str(droplet.id))
    return seconds


def set_up(operator: Operator, name: str) -> Course:
    """One customer, who has made their bot and pressed Start, and says hello as soon as it greets them."""
    email, bot, sandbox = f"{name}@example.com", f"{name}_moltbot", operator.sandbox
    operator.sign_up(email, name.title(), name, bot)
    sandbox.press_start(name, bot)
    user = next(phone.id for phone in sandbox.phones() if phone.username == name)
    operator.done("update", email, "setup.messaging.userId", str(user))
    answered: list[float] = []

    def talk() -> None:
        # One wait of the sandbox's is short.
        while sandbox.wait_for_reply(name, bot, timeout=60) is None:
            assert time.monotonic() - began < 900, "it never greets"
        said = sandbox.say(name, bot, "hello")
        if sandbox.wait_for_reply(name, bot, after=said.id, containing="You wrote", timeout=120):
            answered.append(time.monotonic())

    began = time.monotonic()
    customer = threading.Thread(target=talk)
    customer.start()
    with Memory(sandbox) as memory, Process(operator, "provision", email) as command:
        customer.join(700)
        assert answered, command.said
        processor = processor_seconds(operator, email)
        command.end()
    assert memory.killed == 0, f"the kernel of {name}'s server killed {memory.killed} processes"
    return Course(answered[0] - began, processor, memory.peak, command.said)


def measure_parts(operator: Operator, email: str, parts: Parts) -> None:
    """`npm install` and a first start, on this customer's server and with nothing else going on there."""

    def there(command: str) -> None:
        operator.done("ssh", email, "--", command)

    there("as-openclaw systemctl --user stop openclaw-gateway")
    parts.npm.append(_seconds(lambda: there(f"as-openclaw bash -c {shlex.quote(_NPM)}")))
    there("rm -rf /tmp/npm-once /tmp/npm-cache")
    there(f"as-openclaw bash -c {shlex.quote(_FORGET)}")
    parts.start.append(_seconds(lambda: there("openclaw-gateway restart; openclaw-gateway wait")))


def processor_seconds(operator: Operator, email: str) -> float:
    """What all processes of the server took, those that have ended too."""
    ticks = 0
    for line in operator.done("ssh", email, "--", _PROCESSOR).out.splitlines():
        # Behind the name, which may have blanks: its own time and that of its children that have ended.
        fields = line.rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))
    return ticks / 100


class Memory(threading.Thread):
    """The most memory that a server of the sandbox held, looked at five times a second, and what was killed.

    What it held is without caches, which fill whatever is left; both stay 0 where nothing limits a server.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self.killed = 0
        self._sandbox = sandbox
        self._over = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()
        self.look()

    def run(self) -> None:
        while not self._over.wait(0.2):
            self.look()

    def look(self) -> None:
        for use in filter(None, (self._sandbox.memory(one.id) for one in self._sandbox.droplets())):
            self.peak = max(self.peak, use.held)
            self.killed = max(self.killed, use.killed)


def cloud_of(operator: Operator) -> DigitalOcean:
    environment = operator.environment
    return DigitalOcean(environment["DIGITALOCEAN_ACCESS_TOKEN"], environment["DIGITALOCEAN_END_POINT"])


def remove_droplets(sandbox: Sandbox, operator: Operator) -> None:
    """Two gateways on one computer would slow each other down."""
    for droplet in sandbox.droplets():
        cloud_of(operator).delete_droplet(str(droplet.id))
    while sandbox.droplets():
        time.sleep(0.1)


def _view(sandbox: Sandbox, droplet: object) -> DropletView:
    return next(one for one in sandbox.droplets() if str(one.id) == str(droplet))


def _answers(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), timeout=1) as connection:
            connection.settimeout(1)
            return bool(re.match(rb"SSH-", connection.recv(16)))
    except OSError:
        return False


def _seconds(action: Callable[[], None]) -> float:
    began = time.monotonic()
    action()
    return time.monotonic() - began
