"""What goes wrong on servers later on, on one real server: it is found by one look, named, and mended."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

import httpx
import pytest

from provisioner.sandbox.control.client import Sandbox
from provisioner.services.digitalocean.client import DigitalOcean
from tests.e2e.operator import Operator
from tests.e2e.test_rough import sign_up

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(1800)]

_AGE = """\
since=$(as-openclaw systemctl --user show openclaw-gateway --property ActiveEnterTimestamp --value)
echo $(($(date +%s) - $(date --date "$since" +%s)))
"""
_YOUNG_SECONDS = 185
"""So long a gateway that does not answer may be starting yet."""
_FULL = """\
set -e
mount -t tmpfs -o size=40m none /var/cache/apt/archives
fallocate --length 39M /var/cache/apt/archives/old.deb
touch /var/log/old.log.1 /var/log/kept.log
as-openclaw bash -c 'mkdir -p ~/.npm/_cacache && touch ~/.npm/_cacache/old ~/.openclaw/kept'
sed --in-place 's|os.statvfs("/")|os.statvfs("/var/cache/apt/archives")|' /usr/local/sbin/openclaw-report
"""
"""A disk of its own, as the one of the sandbox's droplets is the host's, which the server is judged by."""
_LEFT = """\
ls /var/log/old.log.1 /var/log/kept.log ~openclaw/.npm/_cacache/old ~openclaw/.openclaw/kept \\
  /var/cache/apt/archives/old.deb 2> /dev/null || true
"""
_USED_UP = """\
sed 's/^\\(MemFree\\|MemAvailable\\): .*/\\1: 20000 kB/' /proc/meminfo > /run/meminfo
mount --bind /run/meminfo /proc/meminfo
"""


@dataclass(frozen=True)
class Patient:
    """A customer who talks to their assistant, whose server gets one fault after the other."""

    operator: Operator
    email: str
    phone: str
    bot: str

    def on_server(self, script: str) -> str:
        return self.operator.done("ssh", self.email, "--", script).out

    def look(self) -> dict[str, str]:
        """What one look finds: the problems, by what they are about. Nothing is mended."""
        (seen,) = self.operator.run("health", self.email, "--json").document["customers"]
        return {one["about"]: one["problem"] for one in seen["findings"] if one["severity"] == "problem"}

    def mend(self, meanwhile: Callable[[], object] | None = None) -> str:
        """What the event of a mending says, which has to help; `meanwhile` is done as it restarts."""
        with self.operator.start("health", self.email, "--mend") as running:
            if meanwhile is not None:
                running.wait_for("starting the gateway again")
                meanwhile()
            code = running.end()
        assert code == 0, running.said
        event = self.operator.record(self.email)["timeline"][-1]
        assert event["event"] == "server_mended", event
        return str(event["details"])

    def demand_an_answer(self) -> None:
        self.operator.demand_an_answer(self.phone, self.bot)

    @property
    def health(self) -> dict[str, Any]:
        health = self.operator.record(self.email)["health"]
        assert isinstance(health, dict)
        return health


@pytest.fixture(scope="module")
def patient(sandbox: Sandbox, image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Patient]:
    operator = Operator(tmp_path_factory.mktemp("pat") / "workspace", sandbox)
    operator.take_mark(image)
    # Each fault here is one more of its kind on the same day.
    settings = operator.workspace / "provisioner.toml"
    text = settings.read_text("utf-8").replace("mend_hours = 6 ", "mend_hours = 0.001 ")
    settings.write_text(text.replace("every_minutes = 10 ", "every_minutes = 0.1 "), "utf-8")
    email, phone, bot = sign_up(operator, "pat")
    operator.done("provision", email)
    yield Patient(operator, email, phone, bot)
    sandbox.clear_faults()


def test_a_server_that_is_well_shows_nothing_and_a_full_disk_is_freed(patient: Patient) -> None:
    assert patient.look() == {}
    patient.on_server(_FULL)
    assert list(patient.look()) == ["disk"]

    said = patient.mend()

    assert "the disk is full" in said
    assert "freed the disk" in said
    assert patient.look() == {}
    assert patient.health["problems"] == []
    assert patient.on_server(_LEFT).split() == ["/home/openclaw/.openclaw/kept", "/var/log/kept.log"]


def test_a_gateway_that_hangs_is_started_again(patient: Patient) -> None:
    while int(patient.on_server(_AGE)) < _YOUNG_SECONDS:
        time.sleep(5)
    patient.on_server("pkill -STOP -u openclaw -f openclaw.*gateway")
    assert patient.look() == {"gateway": "the gateway runs and does not answer: it hangs"}

    assert "started the gateway again, and it is well again" in patient.mend()

    patient.demand_an_answer()


def test_polling_that_has_stalled_is_seen_from_outside_and_started_again(patient: Patient) -> None:
    sandbox = patient.operator.sandbox
    sandbox.fault("telegram", "delay", path="/getUpdates", count=None, seconds=45)
    said = sandbox.say(patient.phone, patient.bot, "is anybody there?")
    found = _found(patient, "messages")
    assert found.endswith("at telegram, and the assistant does not take them")

    patient.mend(sandbox.clear_faults)

    # What had waited is answered, too.
    assert sandbox.wait_for_reply(patient.phone, patient.bot, after=said.id, timeout=180)


def test_another_reader_of_the_bots_messages_is_named(patient: Patient) -> None:
    with _reading(patient) as stop:
        assert "another program reads the messages of its bot" in _found(patient, "channel")
        said = patient.mend(stop)

    assert "terminated by other getUpdates request" in said
    patient.demand_an_answer()


def test_memory_that_is_used_up_is_given_back_by_a_start(patient: Patient) -> None:
    patient.on_server(_USED_UP)
    assert "20 MB of" in _found(patient, "memory")

    patient.mend(lambda: patient.on_server("umount /proc/meminfo"))

    assert patient.health["problems"] == []


def test_a_droplet_that_is_off_is_found_and_started_by_the_worker_alone(patient: Patient) -> None:
    droplet = patient.operator.record(patient.email)["setup"]["droplet"]["id"]
    switch_off(patient.operator, droplet)

    with patient.operator.start("worker") as worker:
        worker.wait_for("mend: wrong: server")
        worker.wait_for("mend: done")

    event = patient.operator.record(patient.email)["timeline"][-1]
    assert (event["event"], event["by"]) == ("server_mended", "the worker")
    assert "is off: started the droplet, and it is well again" in event["details"]
    patient.demand_an_answer()


def _found(patient: Patient, about: str) -> str:
    """The problem of this kind, as soon as a look shows it."""
    give_up = time.monotonic() + 240
    while about not in (seen := patient.look()):
        assert time.monotonic() < give_up, seen
        time.sleep(2)
    return seen[about]


@contextmanager
def _reading(patient: Patient) -> Iterator[Callable[[], None]]:
    """Another program with the bot's token reads its messages until it is stopped; how to stop it."""
    token = patient.operator.record(patient.email)["setup"]["messaging"]["botToken"]
    root = patient.operator.environment["TELEGRAM_API_ROOT"]
    stop = Event()

    def read() -> None:
        with httpx.Client(timeout=30) as client:
            while not stop.is_set():
                client.get(f"{root}/bot{token}/getUpdates", params={"timeout": 1})

    thread = Thread(target=read)
    thread.start()

    def end() -> None:
        stop.set()
        thread.join(60)

    try:
        yield end
    finally:
        end()


def switch_off(operator: Operator, droplet: str) -> None:
    """As somebody does in the cloud's panel."""
    environment = operator.environment
    cloud = DigitalOcean(environment["DIGITALOCEAN_ACCESS_TOKEN"], environment["DIGITALOCEAN_END_POINT"])
    cloud.act(droplet, "power_off")
    give_up = time.monotonic() + 60
    while cloud.droplet(droplet).status != "off":
        assert time.monotonic() < give_up, "it is still on"
        time.sleep(0.5)
