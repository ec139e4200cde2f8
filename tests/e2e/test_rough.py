"""Servers as others have met theirs: rough from the first boot on, out of order later, and gone."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from provisioner.sandbox.control.client import Sandbox
from provisioner.sandbox.machines import host
from provisioner.workspace import Workspace
from tests.campaigns.world import put_small_playbooks
from tests.e2e.operator import Ended, Operator

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(2400)]


@dataclass(frozen=True)
class Customer:
    """Somebody who has pressed Start at their own bot already, and how the first run for them ended."""

    operator: Operator
    email: str
    phone: str
    bot: str
    first: Ended

    def demand_an_answer(self) -> None:
        self.operator.demand_an_answer(self.phone, self.bot)


def sign_up(operator: Operator, name: str) -> tuple[str, str, str]:
    """Their address, phone and bot; their id is known, so that a run need not wait for them."""
    email, bot = f"{name}@example.com", f"{name}_moltbot"
    operator.sign_up(email, name.title(), name, bot)
    operator.sandbox.press_start(name, bot)
    user = next(phone.id for phone in operator.sandbox.phones() if phone.username == name)
    operator.done("update", email, "setup.messaging.userId", str(user))
    return email, name, bot


@pytest.fixture(scope="module")
def rosa(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Customer]:
    """Her first server has every fault that still lets the operator in."""
    operator = Operator(tmp_path_factory.mktemp("rosa") / "workspace", sandbox)
    email, phone, bot = sign_up(operator, "rosa")
    sandbox.fault("server", "rough", path="^moltbot-")
    first = operator.run("provision", email, timeout=1800)
    assert [fault.struck for fault in sandbox.faults()] == [1]
    sandbox.clear_faults()
    yield Customer(operator, email, phone, bot, first)
    sandbox.clear_faults()


def test_a_customer_is_set_up_in_the_first_run_on_the_roughest_server(rosa: Customer) -> None:
    assert rosa.first.code == 0, rosa.first.err
    rosa.demand_an_answer()
    # It was a rough one, and still is where that does not get better by itself.
    assert rosa.operator.run("ssh", rosa.email, "--", "cloud-init", "status").code == 1
    assert "Welcome to your droplet" in rosa.operator.done("ssh", rosa.email, "--", "true").out


def test_a_gateway_that_hangs_is_seen_by_doctor_and_what_it_advises_helps(rosa: Customer) -> None:
    rosa.operator.done("ssh", rosa.email, "--", "pkill -STOP -u openclaw -f openclaw.*gateway")

    seen = rosa.operator.run("doctor", "--json").document
    # One that was started less than three minutes ago may be late only: then it is an advice.
    found = [*seen["troubles"], *seen["advice"]]

    hangs = [one for one in found if "gateway" in one["problem"] and "does not answer" in one["problem"]]
    assert [one["whom"] for one in hangs] == [rosa.email], found
    rosa.operator.done("ssh", rosa.email, "--", "openclaw-gateway restart")
    rosa.demand_an_answer()


def test_a_lost_droplet_is_rebuilt_and_a_refused_model_key_is_not_taken_for_done(rosa: Customer) -> None:
    operator, sandbox = rosa.operator, rosa.operator.sandbox
    lost = operator.record(rosa.email)["setup"]["droplet"]["id"]
    delete_droplet(operator, lost)
    # The provider knows the key, and refuses it where it costs something.
    wrong = ("authentication_error", "invalid x-api-key")
    sandbox.fault(
        "model", "status", path="/v1/messages", count=None, status=401, code=wrong[0], message=wrong[1]
    )

    refused = operator.run("rebuild", rosa.email, timeout=1800)

    assert refused.code == 1, refused.err
    assert "ANTHROPIC_API_KEY" in refused.err
    setup = operator.record(rosa.email)["setup"]
    assert setup["status"] != "complete"
    assert setup["handoff"]["completed"] is False
    sandbox.clear_faults()
    rebuilt = operator.run("rebuild", rosa.email, timeout=1800)
    assert rebuilt.code == 0, rebuilt.err
    record = operator.record(rosa.email)
    assert (record["status"], record["setup"]["status"]) == ("active", "complete")
    assert operator.droplets_of(record) == [record["setup"]["droplet"]["id"]]
    assert record["setup"]["droplet"]["id"] != lost
    rosa.demand_an_answer()


def test_a_server_that_runs_nothing_says_why_and_goes_on_when_it_is_mended(
    operator: Operator, sandbox: Sandbox
) -> None:
    put_small_playbooks(Workspace(operator.workspace))
    email, _, _ = sign_up(operator, "emil")
    sandbox.fault("server", "expired_password", path="^moltbot-")

    refused = operator.run("provision", email, timeout=900)

    assert refused.code == 1, refused.err
    assert "password has expired" in refused.err
    assert "chage -d" in refused.err
    droplet = operator.record(email)["setup"]["droplet"]["id"]
    assert operator.record(email)["setup"]["moltbot"]["installed"] is False
    host.run("chroot", disk_of(sandbox, droplet), "chage", "-d", "20000", "root")
    mended = operator.run("provision", email)
    # These playbooks bring no assistant that could answer: all before that is done.
    assert "password" not in mended.err
    record = operator.record(email)
    assert record["setup"]["messaging"]["connected"] is True
    assert record["setup"]["droplet"]["id"] == droplet


def disk_of(sandbox: Sandbox, droplet: str) -> Path:
    """The droplet's disk, as its console shows it to whoever repairs it there."""
    return sandbox.folder.path / "machines" / droplet / "root"


def delete_droplet(operator: Operator, droplet: str) -> None:
    """As somebody does in the cloud's panel."""
    from provisioner.services.digitalocean.client import DigitalOcean

    environment = operator.environment
    cloud = DigitalOcean(environment["DIGITALOCEAN_ACCESS_TOKEN"], environment["DIGITALOCEAN_END_POINT"])
    cloud.delete_droplet(droplet)
