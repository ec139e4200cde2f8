"""Why a server does not answer, as far as the cloud knows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provisioner.customers.new import SignUp
from provisioner.customers.new import new_record as signed_up
from provisioner.errors import ProvisionerError
from provisioner.runs.work import CustomerWork
from provisioner.services.digitalocean.errors import DropletFailed, DropletGone
from provisioner.steps.droplet.presence import demand_there
from provisioner.steps.droplet.step import CreateDroplet
from provisioner.workspace import init_workspace
from tests.clouds import FastCloud, settings_for
from tests.steps.droplets import new_work
from tests.steps.support import MemoryWork

EMAIL = "customer@example.com"


@pytest.fixture
def work(cloud: FastCloud, operator_key: Path) -> MemoryWork:
    work = new_work(cloud, operator_key)
    CreateDroplet().run(work)
    return work


def refusal(cloud: FastCloud, work: MemoryWork, kind: type[ProvisionerError]) -> ProvisionerError:
    with pytest.raises(kind) as error:
        demand_there(cloud.client(), work.customer)
    return error.value


def test_a_droplet_that_is_there_explains_nothing(cloud: FastCloud, work: MemoryWork) -> None:
    before = cloud.requests()

    demand_there(cloud.client(), work.customer)

    assert cloud.requests() - before == 1


def test_one_that_is_gone_is_said_to_be_with_the_command_that_replaces_it(
    cloud: FastCloud, work: MemoryWork
) -> None:
    cloud.client().delete_droplet(str(work.customer.setup.droplet.id))

    error = refusal(cloud, work, DropletGone)

    assert f"droplet {work.customer.setup.droplet.id} is gone" in error.summary
    assert error.hint == f"a new server in its place: provisioner rebuild {EMAIL}"


def test_an_address_that_changed_is_said_to_have(cloud: FastCloud, work: MemoryWork) -> None:
    recorded, cloud.droplets[0].address = cloud.droplets[0].address, "127.77.9.9"

    error = refusal(cloud, work, DropletFailed)

    assert "is 127.77.9.9 now" in error.summary
    assert f"the record has {recorded}" in error.summary
    assert f"provisioner update {EMAIL} setup.droplet.ip 127.77.9.9" in (error.hint or "")


def test_one_that_has_lost_its_address_or_is_off_is_said_to(cloud: FastCloud, work: MemoryWork) -> None:
    cloud.cloud.options.public_networking = False
    assert "has no public IPv4 address any more" in refusal(cloud, work, DropletFailed).summary
    cloud.cloud.options.public_networking = True
    cloud.droplets[0].status = "off"
    assert "is off" in refusal(cloud, work, DropletFailed).summary


@pytest.mark.parametrize("silent", [False, True])
def test_work_asks_when_the_server_does_not_answer(
    cloud: FastCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: bool
) -> None:
    """A cloud that cannot be asked explains nothing, and stops nobody."""
    workspace, _ = init_workspace(tmp_path / "workspace")
    record = signed_up(SignUp(EMAIL, "sub_1"))
    record.set("setup.droplet.id", "4711")
    workspace.store().add(record)
    asked: list[Callable[[], None]] = []

    def remember(*given: Any) -> object:
        asked.append(given[-1])
        return object()

    monkeypatch.setattr("provisioner.runs.customer_server.CustomerServer", remember)
    settings = settings_for(cloud)
    work = CustomerWork(workspace, settings, cloud.services(settings), record)
    assert work.server is not None
    if silent:
        cloud.fault("html", count=None, params={"status": 504})
        asked[0]()
    else:
        with pytest.raises(DropletGone):
            asked[0]()
