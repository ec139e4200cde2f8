"""Snapshots as a resource of their own, with tags; and droplets whose system has switched itself off."""

from tests.sandbox.cloud.conftest import Api


def taken(api: Api, name: str = "ready") -> dict[str, object]:
    """A snapshot of a new droplet, as `/snapshots` has it."""
    droplet = api.created("source")
    api.act(droplet["id"], "snapshot", name=name)
    found: dict[str, object] = api.http.get("snapshots?resource_type=droplet").json()["snapshots"][-1]
    assert found["resource_id"] == str(droplet["id"])
    return found


def test_a_snapshot_is_a_resource_whose_ids_are_texts(api: Api) -> None:
    snapshot = taken(api)

    assert isinstance(snapshot["id"], str)
    assert (snapshot["name"], snapshot["resource_type"], snapshot["min_disk_size"]) == (
        "ready",
        "droplet",
        50,
    )
    assert snapshot["regions"] == ["sfo3"]
    assert snapshot["size_gigabytes"] == 2.5
    assert api.http.get(f"snapshots/{snapshot['id']}").json()["snapshot"] == snapshot
    assert api.http.get("snapshots?resource_type=volume").json()["snapshots"] == []
    assert api.http.get("snapshots/1").status_code == 404


def test_a_deleted_snapshot_is_no_image_any_more(api: Api) -> None:
    snapshot = taken(api)
    number = int(str(snapshot["id"]))
    clone = api.created("clone", image=number)

    assert api.http.delete(f"snapshots/{snapshot['id']}").status_code == 204
    assert api.http.delete(f"snapshots/{snapshot['id']}").status_code == 404
    assert api.create("late", image=number).status_code == 422
    assert api.droplet(clone["id"])["status"] == "active"


def test_a_snapshot_takes_tags_as_an_image(api: Api) -> None:
    snapshot = taken(api)
    api.http.post("tags", json={"name": "ours"})
    body = {"resources": [{"resource_id": snapshot["id"], "resource_type": "image"}]}

    assert api.http.post("tags/ours/resources", json=body).status_code == 204
    assert api.http.post("tags/ours/resources", json=body).status_code == 204
    assert api.http.get(f"snapshots/{snapshot['id']}").json()["snapshot"]["tags"] == ["ours"]
    assert api.http.request("DELETE", "tags/ours/resources", json=body).status_code == 204
    assert api.http.get(f"snapshots/{snapshot['id']}").json()["snapshot"]["tags"] == []

    body["resources"][0]["resource_type"] = "droplet"
    assert api.http.post("tags/ours/resources", json=body).status_code == 422


def test_a_tag_that_is_deleted_is_on_no_snapshot(api: Api) -> None:
    snapshot = taken(api)
    api.http.post("tags", json={"name": "ours"})
    body = {"resources": [{"resource_id": snapshot["id"], "resource_type": "image"}]}
    api.http.post("tags/ours/resources", json=body)

    api.http.delete("tags/ours")

    assert api.http.get(f"snapshots/{snapshot['id']}").json()["snapshot"]["tags"] == []


def test_a_new_snapshot_is_listed_late(api: Api) -> None:
    api.cloud.options.list_lag = 0
    droplet = api.created("source")
    api.cloud.options.list_lag = 30
    api.act(droplet["id"], "snapshot", name="late")
    [snapshot_id] = api.droplet(droplet["id"])["snapshot_ids"]

    assert api.http.get("snapshots").json()["snapshots"] == []
    assert api.http.get("images?private=true").json()["images"] == []
    assert api.http.get(f"snapshots/{snapshot_id}").status_code == 200
    api.clock.pass_(31)
    assert [one["name"] for one in api.http.get("snapshots").json()["snapshots"]] == ["late"]


def test_a_system_that_switches_itself_off_leaves_its_droplet_off(api: Api) -> None:
    droplet = api.created()

    api.machines.self_halted.add(droplet["id"])

    assert api.droplet(droplet["id"])["status"] == "off"
    api.act(droplet["id"], "power_on")
    assert api.droplet(droplet["id"])["status"] == "active"
