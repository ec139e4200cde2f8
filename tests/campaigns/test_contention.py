"""Many processes at once: on one customer, on fifty, and with notes being written meanwhile."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.sandbox.control.client import Sandbox, running_sandbox
from provisioner.workspace import Workspace
from tests.e2e.operator import Ended, Operator

EMAIL = "ada@example.com"


@pytest.fixture(scope="module")
def cloud() -> Iterator[Sandbox]:
    with running_sandbox(minute_limit=10**6, hourly_limit=10**6) as sandbox:
        yield sandbox


@pytest.fixture
def operator(cloud: Sandbox, tmp_path: Path) -> Iterator[Operator]:
    operator = Operator(tmp_path / "workspace", cloud)
    settings = Workspace(operator.workspace).settings_file
    settings.write_text(
        '[operator]\ncontact = "help@example.com"\n'
        "[droplet]\nsettle_seconds = 0.5\npoll_seconds = 0.2\nrequests_per_minute = 100000\n"
    )
    yield operator
    cloud.set_cloud_options(boot_seconds=0)


def droplets_of(cloud: Sandbox, customer_id: str) -> list[str]:
    name = f"moltbot-{customer_id.replace('_', '-')}"
    return [str(droplet.id) for droplet in cloud.droplets() if droplet.name == name]


def test_eight_on_one_customer(operator: Operator, cloud: Sandbox) -> None:
    """One proceeds, seven are told who it is; it is killed, and the next one has the customer at once."""
    operator.done("add", EMAIL, "sub_1")
    cloud.set_cloud_options(boot_seconds=60)
    with operator.start("provision", EMAIL, "--until", "droplet") as holder:
        holder.wait_for("waiting for droplet")
        with ThreadPoolExecutor(8) as pool:
            notes = [pool.submit(operator.run, "note", EMAIL, f"note {number}") for number in range(4)]
            updates = [
                pool.submit(operator.run, "update", EMAIL, field, "changed meanwhile")
                for field in ("name", "metadata.referrer", "metadata.landingPage")
            ]
            others = list(
                pool.map(lambda _: operator.run("provision", EMAIL, "--until", "droplet"), range(7))
            )
            assert [change.result().code for change in (*notes, *updates)] == [0] * 7
        assert [other.code for other in others] == [4] * 7
        assert all(f"process {holder.pid} " in other.err for other in others)
        holder.kill()

    cloud.set_cloud_options(boot_seconds=0)
    assert operator.run("resume", "--until", "droplet").code == 0
    record = operator.record(EMAIL)
    assert droplets_of(cloud, record["id"]) == [record["setup"]["droplet"]["id"]]
    assert sorted(note["note"] for note in record["notes"]) == [f"note {number}" for number in range(4)]
    changed = (record["name"], record["metadata"]["referrer"], record["metadata"]["landingPage"])
    assert changed == ("changed meanwhile",) * 3
    assert sum(event["event"] == "field_updated" for event in record["timeline"]) == 3


def test_fifty_processes_on_fifty_customers(operator: Operator, cloud: Sandbox) -> None:
    emails = [f"c{number}@example.com" for number in range(50)]
    store = Workspace(operator.workspace).store()
    for email in emails:
        store.add(new_record(SignUp(email, "sub")))

    def provision(email: str) -> Ended:
        return operator.run("provision", email, "--until", "droplet")

    with ThreadPoolExecutor(50) as pool:
        ends = list(pool.map(provision, emails))

    assert [end.code for end in ends] == [0] * 50
    for email in emails:
        customer = store.read(email).customer
        assert droplets_of(cloud, customer.id) == [customer.setup.droplet.id]


def test_a_fleet_that_is_killed_again_and_again_forgets_nobody(operator: Operator, cloud: Sandbox) -> None:
    emails = [f"f{number}@example.com" for number in range(12)]
    store = Workspace(operator.workspace).store()
    for email in emails:
        store.add(new_record(SignUp(email, "sub")))
    # Each is killed a little later than the one before: while looking, asking, and waiting. A few at a time,
    # so that there is somebody left for the last one, however late the kill before it comes.
    for turn, words in enumerate(("asking DigitalOcean", "waiting for droplet", "done after", "done after")):
        cloud.set_cloud_options(boot_seconds=0.5 * turn)
        with ExitStack() as stack:
            few = operator.start("provision", "--all", "--until", "droplet", "--jobs", "3")
            fleet = stack.enter_context(few)
            fleet.wait_for(words)
            fleet.kill()

    cloud.set_cloud_options(boot_seconds=0)
    last = operator.run("provision", "--all", "--until", "droplet")
    assert last.code == 0, last.err
    for email in emails:
        customer = store.read(email).customer
        assert droplets_of(cloud, customer.id) == [customer.setup.droplet.id]
        events = [event.event for event in customer.timeline]
        assert events == ["subscription_created", "droplet_created", "droplet_active"]
