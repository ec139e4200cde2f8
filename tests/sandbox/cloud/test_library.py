"""The API as python-digitalocean sees it."""

import digitalocean
import pytest

from tests.sandbox.cloud.conftest import TOKEN, Api, eventually
from tests.sandbox.cloud.test_keys import KEY


@pytest.fixture
def manager(api: Api, monkeypatch: pytest.MonkeyPatch) -> digitalocean.Manager:
    # What the library makes inside itself finds the address there only.
    monkeypatch.setenv("DIGITALOCEAN_END_POINT", api.endpoint)
    return digitalocean.Manager(token=TOKEN)


def test_a_droplet_from_creation_to_deletion(api: Api, manager: digitalocean.Manager) -> None:
    key = digitalocean.SSHKey(token=TOKEN, name="operator", public_key=KEY)
    key.create()
    droplet = digitalocean.Droplet(
        token=TOKEN,
        name="lib-1",
        region="sfo3",
        image="debian-12-x64",
        size_slug="s-1vcpu-2gb",
        ssh_keys=[key.id],
        tags=["lib"],
        user_data="#cloud-config\n",
    )
    droplet.create()
    eventually(lambda: droplet.get_action(droplet.action_ids[0]).status == "completed")
    droplet.load()
    assert droplet.status == "active"
    assert droplet.ip_address == api.machines.specs[droplet.id].address
    assert droplet.private_ip_address.startswith("10.")
    assert [one.id for one in manager.get_all_droplets(tag_name="lib")] == [droplet.id]
    droplet.power_off()
    eventually(lambda: manager.get_droplet(droplet.id).status == "off")
    assert droplet.destroy() is True
    with pytest.raises(digitalocean.NotFoundError):
        manager.get_droplet(droplet.id)


def test_long_lists_come_whole(api: Api, manager: digitalocean.Manager) -> None:
    for number in range(230):
        api.cloud.options.droplet_limit = 500
        assert api.create(f"d{number}").status_code == 202
    assert {droplet.name for droplet in manager.get_all_droplets()} == {f"d{n}" for n in range(230)}


@pytest.mark.filterwarnings("ignore:keys will default to True:DeprecationWarning")
def test_the_other_resources(api: Api, manager: digitalocean.Manager) -> None:
    assert manager.get_account().droplet_limit == 100
    assert "sfo3" in {region.slug for region in manager.get_all_regions()}
    assert "s-1vcpu-2gb" in {size.slug for size in manager.get_all_sizes()}
    assert "debian-12-x64" in {image.slug for image in manager.get_global_images()}
    tag = digitalocean.Tag(token=TOKEN, name="lib")
    tag.create()
    droplet = api.created()
    tag.add_droplets([str(droplet["id"])])
    assert api.droplet(droplet["id"])["tags"] == ["lib"]
    firewall = digitalocean.Firewall(
        token=TOKEN,
        name="ssh-only",
        tags=["lib"],
        inbound_rules=[
            digitalocean.InboundRule(
                protocol="tcp", ports="22", sources=digitalocean.Sources(addresses=["0.0.0.0/0"])
            )
        ],
        outbound_rules=[],
        droplet_ids=[],
    )
    firewall.create()
    eventually(lambda: api.machines.inbound[droplet["id"]] == ("tcp/22",))
    assert [one.name for one in manager.get_all_firewalls()] == ["ssh-only"]


def test_a_second_registration_of_a_key_is_an_error(api: Api, manager: digitalocean.Manager) -> None:
    def register() -> None:
        digitalocean.SSHKey(token=manager.token, name="operator", public_key=KEY).create()

    register()
    with pytest.raises(digitalocean.DataReadError, match="already in use"):
        register()


def test_copies_projects_networks_and_the_balance(api: Api, manager: digitalocean.Manager) -> None:
    made = api.created("lib-2")
    droplet = manager.get_droplet(made["id"])
    droplet.take_snapshot("kept")
    eventually(lambda: api.droplet(made["id"])["locked"] is False)
    droplet.enable_backups()
    eventually(lambda: "backups" in manager.get_droplet(made["id"]).features)
    droplet.rebuild("debian-12-x64")
    eventually(lambda: api.droplet(made["id"])["locked"] is False)
    [snapshot] = manager.get_droplet_snapshots()
    assert (snapshot.name, snapshot.resource_id) == ("kept", str(droplet.id))
    assert manager.get_volume_snapshots() == []
    default = manager.get_default_project()
    assert default.get_all_resources() == [f"do:droplet:{droplet.id}"]
    [vpc] = manager.get_all_vpcs()
    assert vpc.id == made["vpc_uuid"]
    api.clock.pass_(3600)
    assert float(manager.get_balance().month_to_date_usage) > 0
    assert snapshot.destroy() is True
