"""A workspace put back from a backup: the records and the operator's key, and nothing of `.provisioner`."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.runs.planning import plan
from provisioner.runs.runner import Runner
from provisioner.services.factory import Services
from provisioner.settings import Settings
from provisioner.step import Done, Failed
from provisioner.steps.droplet.step import CreateDroplet
from provisioner.workspace import Workspace, init_workspace
from tests.clouds import FastCloud, settings_for
from tests.steps.support import workflow

EMAIL = "ada@example.com"


@pytest.fixture
def lost(tmp_path: Path) -> Workspace:
    """The one that the backup was made of."""
    workspace, _ = init_workspace(tmp_path / "lost")
    shutil.move(workspace.ssh_dir / "id_ed25519", tmp_path / "key")
    workspace.store().add(new_record(SignUp(EMAIL, "sub_1")))
    return workspace


def settings_in(workspace: Workspace, cloud: FastCloud) -> Settings:
    return settings_for(cloud, ssh={"key": workspace.root.parent / "key"})


def run(workspace: Workspace, cloud: FastCloud) -> object:
    settings = settings_in(workspace, cloud)
    services = cloud.services(settings)
    runner = Runner(
        workspace,
        settings,
        lambda _: None,
        workflow=workflow(CreateDroplet()),
        services=services,
        clock=cloud.clock,
    )
    return runner.run(EMAIL).outcome


def records_first(lost: Workspace, folder: Path) -> Workspace:
    folder.mkdir()
    shutil.copy(lost.settings_file, folder)
    shutil.copytree(lost.customers_dir, folder / "customers")
    return Workspace.find(explicit=folder)


def init_first(lost: Workspace, folder: Path) -> Workspace:
    workspace, _ = init_workspace(folder)
    shutil.copytree(lost.customers_dir, folder / "customers", dirs_exist_ok=True)
    return workspace


def without_hidden_files(lost: Workspace, folder: Path) -> Workspace:
    """As `cp customers/*` copies: the workspace has another mark then."""
    workspace = records_first(lost, folder)
    (workspace.customers_dir / ".workspace-id").unlink()
    return workspace


Restore = Callable[[Workspace, Path], Workspace]
WAYS = (records_first, init_first, without_hidden_files)


@pytest.mark.parametrize("restore", WAYS, ids=lambda way: way.__name__)
def test_a_customer_with_a_droplet_has_it_still(
    cloud: FastCloud, lost: Workspace, tmp_path: Path, restore: Restore
) -> None:
    assert run(lost, cloud) == Done()
    before = lost.store().read(EMAIL).customer

    workspace = restore(lost, tmp_path / "restored")

    assert run(workspace, cloud) == Done()
    assert workspace.store().read(EMAIL).customer == before
    services = Services(settings_in(workspace, cloud), workspace.rates_dir)
    settings = settings_in(workspace, cloud)
    made = plan(
        workspace, settings, EMAIL, lambda _: None, workflow=workflow(CreateDroplet()), services=services
    )
    assert made.steps[0].done
    assert len(cloud.droplets) == 1


@pytest.mark.parametrize("restore", WAYS, ids=lambda way: way.__name__)
def test_a_request_whose_end_was_not_known_is_looked_for_and_not_repeated(
    cloud: FastCloud, lost: Workspace, tmp_path: Path, restore: Restore
) -> None:
    cloud.fault("drop_after_effect", "POST", "droplets$")
    cloud.fault("status", "GET", r"droplets\?", after=2, count=None, params={"status": 404})
    assert isinstance(run(lost, cloud), Failed)
    cloud.book.clear()
    assert lost.store().read(EMAIL).customer.setup.droplet.id is None

    workspace = restore(lost, tmp_path / "restored")

    assert run(workspace, cloud) == Done()
    [droplet] = cloud.droplets
    assert workspace.store().read(EMAIL).customer.setup.droplet.id == str(droplet.id)
    with workspace.store().claim(EMAIL, doing="a test"):
        assert workspace.locks_dir.is_dir()
