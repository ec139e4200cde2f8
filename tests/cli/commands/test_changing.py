import json

from tests.backups.assistants import EMAIL
from tests.cli.conftest import Invoke
from tests.steps.leavers import Leaver, make_droplet


def test_the_price_is_said_before_and_the_size_after(ada: Leaver, invoke: Invoke) -> None:
    resized = invoke("resize", EMAIL, "s-2vcpu-4gb")

    assert resized.code == 0, resized.err
    assert f"{EMAIL}: s-1vcpu-2gb ($12 a month) to s-2vcpu-4gb ($24 a month)" in resized.err
    assert f"{EMAIL}: the server is s-2vcpu-4gb now" in resized.err
    again = invoke("resize", EMAIL, "s-2vcpu-4gb")
    assert (again.code, f"{EMAIL}: the server is s-2vcpu-4gb already" in again.err) == (0, True)
    [entry] = json.loads(invoke("resize", EMAIL, "s-2vcpu-4gb", "--json").out)["customers"]
    assert (entry["size"], entry["outcome"]) == ("s-2vcpu-4gb", "done")


def test_a_size_that_there_is_not_is_wrong_input(ada: Leaver, invoke: Invoke) -> None:
    refused = invoke("resize", EMAIL, "huge")

    assert refused.code == 2
    assert "DigitalOcean has no size huge" in refused.err


def test_a_size_in_the_record_alone_changes_no_server_and_says_so(ada: Leaver, invoke: Invoke) -> None:
    updated = invoke("update", EMAIL, "setup.droplet.size", "s-2vcpu-4gb")

    assert updated.code == 0
    assert f"to change it: provisioner resize {EMAIL} s-2vcpu-4gb" in " ".join(updated.err.split())
    assert ada.cloud.droplets[0].size.slug == "s-1vcpu-2gb"
    updated = invoke("update", EMAIL, "setup.droplet.region", "fra1")
    assert f"to change it: provisioner move {EMAIL} --region fra1" in " ".join(updated.err.split())


def test_one_that_is_not_at_its_end_is_listed_and_is_nothing_broken(ada: Leaver, invoke: Invoke) -> None:
    resize = {"requestedAt": "2026-11-28T00:00:00Z", "from": "s-1vcpu-2gb", "to": "s-2vcpu-4gb"}
    ada.site.set(setup__resize=resize, setup__messaging__userId="1", setup__moltbot__version="2026.9.6")
    [droplet] = ada.cloud.droplets
    ada.cloud.client().act(str(droplet.id), "power_off")
    while ada.cloud.droplets[0].status != "off":
        ada.cloud.clock.sleep(1)

    assert "their server to become s-2vcpu-4gb" in invoke("list").out
    health = invoke("health", EMAIL)
    assert health.code == 0, health.out + health.err
    assert "it is being resized" in health.out + health.err
    found = json.loads(invoke("doctor", "--json").out)
    of_ada = [one for one in found["advice"] if "off" in one["problem"] and one["whom"] == EMAIL]
    assert [(one["severity"], one["hint"]) for one in of_ada] == [
        ("advice", f"provisioner resize {EMAIL} s-2vcpu-4gb")
    ]


def test_where_to_is_said_and_can_be(ada: Leaver, invoke: Invoke) -> None:
    assert "where to is not clear" in invoke("move", EMAIL).err
    assert invoke("move", EMAIL, "--region", "fra1", "--undo").code == 2
    refused = invoke("move", EMAIL, "--region", "fra1")
    assert (refused.code, "their setup is not complete" in refused.err) == (2, True)


def test_a_second_server_is_no_stranger_and_no_double(ada: Leaver, invoke: Invoke) -> None:
    """What `doctor` says of the old one in its grace, and of what both cost."""
    first = ada.customer.setup.droplet
    second = make_droplet(ada.site, ada.cloud)
    old = {**first.model_dump(by_alias=True, exclude_none=True), "ip": "127.77.0.2"}
    move = {
        "requestedAt": "2026-11-28T00:00:00Z",
        "region": "sfo3",
        "graceDays": 14,
        "provenAt": "2026-11-28T00:00:00Z",
        "destroyAt": "2096-12-12T00:00:00Z",
        "from": old,
    }
    ada.site.set(setup__droplet__id=second, setup__move=move)

    found = json.loads(invoke("doctor", "--json").out)

    said = [one for one in found["advice"] if one["whom"] == EMAIL and "was moved" in one["problem"]]
    assert [one["problem"] for one in said] == [
        f"was moved: droplet {first.id} costs $12.00 a month besides their own until 2096-12-12"
    ]
    droplets = {first.id, second}
    assert [one for one in found["troubles"] if one["whom"] in droplets or "several" in one["problem"]] == []
    assert {one["droplet"] for one in found["costs"] if one["email"] == EMAIL} == droplets
