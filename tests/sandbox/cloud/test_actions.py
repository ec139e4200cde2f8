"""Actions on droplets: one at a time, with an effect on the machine."""

import pytest

from tests.sandbox.cloud.conftest import Api, eventually


def refusal(api: Api, droplet_id: int, kind: str) -> str:
    response = api.http.post(f"droplets/{droplet_id}/actions", json={"type": kind})
    assert response.status_code == 422
    message: str = response.json()["message"]
    return message


def test_power_actions_act_on_the_machine_and_the_status(api: Api) -> None:
    droplet = api.created()
    address = droplet["networks"]["v4"][1]["ip_address"]
    for kind, status, running in (
        ("power_off", "off", False),
        ("power_on", "active", True),
        ("shutdown", "off", False),
        ("power_on", "active", True),
        ("reboot", "active", True),
        ("power_cycle", "active", True),
    ):
        action = api.act(droplet["id"], kind)
        assert (action["status"], action["type"], action["region_slug"]) == ("completed", kind, "sfo3")
        after = api.droplet(droplet["id"])
        assert (after["status"], api.machines.running[droplet["id"]]) == (status, running), kind
        assert after["networks"]["v4"][1]["ip_address"] == address


def test_only_one_event_may_be_pending(api: Api) -> None:
    droplet = api.created()
    api.cloud.options.action_seconds = 3600
    response = api.http.post(f"droplets/{droplet['id']}/actions", json={"type": "reboot"})
    assert response.json()["action"]["status"] == "in-progress"
    assert refusal(api, droplet["id"], "reboot") == "Droplet already has a pending event."
    assert api.droplet(droplet["id"])["locked"] is True


def test_a_new_droplet_has_its_creation_pending(api: Api) -> None:
    api.cloud.options.boot_seconds = 3600
    droplet_id = api.create().json()["droplet"]["id"]
    assert refusal(api, droplet_id, "power_off") == "Droplet already has a pending event."


@pytest.mark.parametrize("kind", ["power_on", "resize", "rebuild"])
def test_an_action_that_does_not_fit_is_refused(api: Api, kind: str) -> None:
    droplet = api.created()
    assert refusal(api, droplet["id"], kind)
    assert len(api.http.get(f"droplets/{droplet['id']}/actions").json()["actions"]) == 1


def test_a_snapshot_becomes_an_image_that_droplets_start_from(api: Api) -> None:
    droplet = api.created("source")
    api.act(droplet["id"], "snapshot", name="ready")
    (image,) = api.http.get("images?private=true").json()["images"]
    assert (image["name"], image["public"], image["slug"]) == ("ready", False, None)
    (snapshot,) = api.http.get(f"droplets/{droplet['id']}/snapshots").json()["snapshots"]
    assert snapshot["id"] == image["id"]
    assert api.droplet(droplet["id"])["snapshot_ids"] == [image["id"]]
    copy = api.created("copy", image=image["id"])
    assert api.machines.specs[copy["id"]].image == str(image["id"])
    too_small = api.create("small", image=image["id"], size="s-1vcpu-1gb")
    assert too_small.status_code == 422
    renamed = api.http.put(f"images/{image['id']}", json={"name": "golden"})
    assert renamed.json()["image"]["name"] == "golden"
    assert api.http.delete(f"images/{image['id']}").status_code == 204
    assert api.http.delete("images/debian-12-x64").status_code == 403
    assert api.droplet(droplet["id"])["snapshot_ids"] == []


def test_rename_and_resize(api: Api) -> None:
    droplet = api.created("before")
    api.act(droplet["id"], "rename", name="after")
    api.act(droplet["id"], "power_off")
    api.act(droplet["id"], "resize", size="s-2vcpu-4gb")
    changed = api.droplet(droplet["id"])
    assert (changed["name"], changed["size_slug"], changed["status"]) == ("after", "s-2vcpu-4gb", "off")
    assert api.machines.specs[droplet["id"]].memory == changed["memory"] == 4096


def test_a_rebuilt_droplet_has_another_disk_and_the_same_address(api: Api) -> None:
    droplet = api.created()
    api.act(droplet["id"], "snapshot", name="ready")
    [image] = api.http.get("images?private=true").json()["images"]
    api.act(droplet["id"], "power_off")

    assert api.act(droplet["id"], "rebuild", image=image["id"])["status"] == "completed"

    rebuilt = api.droplet(droplet["id"])
    assert (rebuilt["image"]["id"], rebuilt["status"]) == (image["id"], "active")
    assert rebuilt["networks"] == droplet["networks"]
    assert (api.machines.specs[droplet["id"]].image, api.machines.running[droplet["id"]]) == (
        str(image["id"]),
        True,
    )
    assert api.act(droplet["id"], "rebuild", image="debian-12-x64")["status"] == "completed"
    assert api.droplet(droplet["id"])["image"]["slug"] == "debian-12-x64"
    unknown = {"type": "rebuild", "image": "haiku-1"}
    assert api.http.post(f"droplets/{droplet['id']}/actions", json=unknown).status_code == 422


def test_an_effect_that_fails_is_an_errored_action(api: Api) -> None:
    droplet = api.created()
    api.machines.destroy(droplet["id"])
    assert api.act(droplet["id"], "reboot")["status"] == "errored"
    assert api.droplet(droplet["id"])["locked"] is False


def test_an_action_of_another_droplet_is_not_found(api: Api) -> None:
    first, second = api.created("a"), api.created("b")
    action = api.act(first["id"], "reboot")
    assert api.http.get(f"droplets/{second['id']}/actions/{action['id']}").status_code == 404
    assert api.http.get(f"actions/{action['id']}").json()["action"] == action
    assert api.http.get("actions/1").status_code == 404


def test_an_action_for_all_that_have_a_tag(api: Api) -> None:
    tagged = [api.created(name, tags=["t"])["id"] for name in ("a", "b")]
    api.created("c")
    response = api.http.post("droplets/actions?tag_name=t", json={"type": "power_off"})
    assert [action["resource_id"] for action in response.json()["actions"]] == tagged
    eventually(lambda: all(api.droplet(droplet_id)["status"] == "off" for droplet_id in tagged))
