"""Creating, reading, listing and deleting droplets."""

from typing import Any

import httpx
import pytest

from provisioner.errors import SandboxError
from provisioner.sandbox.machines.interface import MachineSpec
from tests.sandbox.cloud.conftest import Api, eventually
from tests.sandbox.cloud.test_keys import KEY, OTHER_KEY

REQUIRED = {
    "id",
    "name",
    "memory",
    "vcpus",
    "disk",
    "locked",
    "status",
    "created_at",
    "features",
    "backup_ids",
    "next_backup_window",
    "snapshot_ids",
    "image",
    "volume_ids",
    "size",
    "size_slug",
    "networks",
    "region",
    "tags",
}


def error(response: httpx.Response) -> tuple[int, str, str]:
    body = response.json()
    assert body["request_id"] == response.headers["x-request-id"]
    return response.status_code, body["id"], body["message"]


def test_a_creation_is_accepted_before_anything_is_there(api: Api) -> None:
    api.cloud.options.boot_seconds = 3600
    response = api.create(tags=["customer"])
    body = response.json()
    droplet = body["droplet"]
    assert response.status_code == 202
    assert droplet.keys() >= REQUIRED
    assert (droplet["status"], droplet["locked"], droplet["networks"]) == ("new", True, {"v4": [], "v6": []})
    assert droplet["tags"] == ["customer"]
    (link,) = body["links"]["actions"]
    assert link["rel"] == "create"
    assert link["href"] == f"{api.endpoint}actions/{link['id']}"
    action = api.http.get(link["href"]).json()["action"]
    assert (action["status"], action["type"], action["completed_at"]) == ("in-progress", "create", None)


def test_an_active_droplet_has_its_private_address_first_and_its_machine_the_public_one(api: Api) -> None:
    droplet = api.created()
    private, public = droplet["networks"]["v4"]
    assert (private["type"], private["gateway"], public["type"]) == ("private", "nil", "public")
    assert api.machines.specs[droplet["id"]].address == public["ip_address"]
    assert droplet["locked"] is False
    action = api.http.get("actions").json()["actions"][0]
    assert (action["status"], action["resource_id"]) == ("completed", droplet["id"])


def test_the_machine_gets_user_data_and_keys(api: Api) -> None:
    key = api.http.post("account/keys", json={"name": "k", "public_key": KEY}).json()["ssh_key"]
    other = api.http.post("account/keys", json={"name": "o", "public_key": OTHER_KEY}).json()["ssh_key"]
    droplet = api.created("named", user_data="#cloud-config\n", ssh_keys=[key["id"], other["fingerprint"]])
    spec = api.machines.specs[droplet["id"]]
    assert (spec.name, spec.user_data, spec.image) == ("named", "#cloud-config\n", "debian-12-x64")
    assert spec.authorized_keys == (KEY, OTHER_KEY)


def test_several_names_make_several_droplets(api: Api) -> None:
    body = api.http.post(
        "droplets",
        json={"names": ["a1", "a2"], "size": "s-1vcpu-1gb", "image": "debian-12-x64", "region": "sfo3"},
    ).json()
    assert [droplet["name"] for droplet in body["droplets"]] == ["a1", "a2"]
    assert len(body["links"]["actions"]) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": "s-none"}, "You specified an invalid size for Droplet creation."),
        ({"image": "none-1-x64"}, "You specified an invalid image for Droplet creation."),
        ({"region": "mars1"}, "You specified an invalid region for Droplet creation."),
        ({"region": "sfo2", "size": "s-1vcpu-512mb-10gb"}, "Size is not available in this region."),
        ({"name": "under_score"}, "Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)"),
        ({"name": "a" * 256}, "Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)"),
        ({"name": None}, "Name can't be blank"),
        ({"ssh_keys": ["99", 7]}, "99, 7 are invalid key identifiers for Droplet creation."),
        ({"user_data": "x" * (64 * 1024 + 1)}, "User data is too long (maximum is 64 KiB)"),
    ],
)
def test_a_wrong_creation_is_refused_and_makes_nothing(
    api: Api, change: dict[str, Any], message: str
) -> None:
    assert error(api.create(**change)) == (422, "unprocessable_entity", message)
    assert api.http.get("droplets").json()["meta"]["total"] == 0


def test_tags_have_their_own_characters(api: Api) -> None:
    status, code, _ = error(api.create(tags=["no spaces"]))
    assert (status, code) == (422, "unprocessable_entity")


def test_a_region_may_be_a_prefix_or_left_out(api: Api) -> None:
    assert api.created("prefixed", region="sfo")["region"]["slug"] == "sfo2"
    api.cloud.options.sold_out = ("sfo2",)
    assert api.created("other", region="sfo")["region"]["slug"] == "sfo3"
    assert api.created("anywhere", region=None)["region"]["slug"] == "nyc1"


def test_the_droplet_limit_counts(api: Api) -> None:
    api.cloud.options.droplet_limit = 1
    api.created()
    message = "creating this/these droplet(s) will exceed your droplet limit"
    assert error(api.create("two")) == (422, "unprocessable_entity", message)


def test_a_locked_account_creates_nothing(api: Api) -> None:
    api.cloud.options.account_status = "locked"
    assert error(api.create())[:2] == (403, "forbidden")


def test_names_are_found_in_any_case_and_are_not_unique(api: Api) -> None:
    for _ in range(2):
        api.created("Twin.example")
    api.created("other")
    found = api.http.get("droplets", params={"name": "tWIN.EXAMPLE"}).json()
    assert [droplet["name"] for droplet in found["droplets"]] == ["Twin.example"] * 2
    assert found["meta"]["total"] == 2


def test_tags_are_found_in_their_first_spelling_only(api: Api) -> None:
    api.created("a", tags=["Prod"])
    api.created("b", tags=["pROD"])

    def tagged(tag: str) -> list[str]:
        return [d["name"] for d in api.http.get("droplets", params={"tag_name": tag}).json()["droplets"]]

    assert tagged("Prod") == ["a", "b"]
    assert tagged("pROD") == []


def test_name_and_tag_together_are_refused(api: Api) -> None:
    assert error(api.http.get("droplets?name=a&tag_name=b"))[:2] == (400, "bad_request")


def test_gpu_droplets_are_a_list_of_their_own(api: Api) -> None:
    api.created()
    assert api.http.get("droplets?type=gpus").json()["meta"]["total"] == 0


def test_a_deleted_droplet_is_gone_with_its_machine(api: Api) -> None:
    droplet = api.created()
    response = api.http.delete(f"droplets/{droplet['id']}/")
    assert (response.status_code, response.content) == (204, b"")
    assert error(api.http.get(f"droplets/{droplet['id']}"))[:2] == (404, "not_found")
    assert error(api.http.delete(f"droplets/{droplet['id']}"))[:2] == (404, "not_found")
    eventually(lambda: not api.machines.specs)


def test_a_droplet_can_be_deleted_while_it_is_made(api: Api) -> None:
    api.cloud.options.boot_seconds = 0.2
    droplet_id = api.create().json()["droplet"]["id"]
    eventually(lambda: droplet_id in api.machines.specs)
    assert api.http.delete(f"droplets/{droplet_id}").status_code == 204
    eventually(lambda: droplet_id not in api.machines.specs)
    address = api.machines.reserve_address()
    assert address.endswith(".0.2"), "its address was given back"


def test_deleting_by_tag_takes_all_of_it_and_nothing_else(api: Api) -> None:
    for name in ("a", "b"):
        api.created(name, tags=["old"])
    kept = api.created("kept")
    assert api.http.delete("droplets?tag_name=old").status_code == 204
    assert [d["id"] for d in api.http.get("droplets").json()["droplets"]] == [kept["id"]]
    assert error(api.http.delete("droplets?tag_name=never"))[:2] == (404, "not_found")
    assert error(api.http.delete("droplets"))[:2] == (400, "bad_request")


def test_lists_may_lag_behind_the_creation(api: Api) -> None:
    api.cloud.options.list_lag = 5
    droplet = api.created("late", tags=["t"])
    for query in ("", "?name=late", "?tag_name=t"):
        assert api.http.get(f"droplets{query}").json()["meta"]["total"] == 0
    api.clock.pass_(5)
    for query in ("", "?name=late", "?tag_name=t"):
        assert api.http.get(f"droplets{query}").json()["droplets"][0]["id"] == droplet["id"]


def test_tags_may_lag_behind_the_creation(api: Api) -> None:
    api.cloud.options.tag_lag = 5
    response = api.create("late", tags=["t"]).json()
    assert response["droplet"]["tags"] == []
    assert api.http.get("droplets?tag_name=t").json()["droplets"] == []
    assert api.http.get("droplets?name=late").json()["meta"]["total"] == 1
    api.clock.pass_(5)
    assert api.http.get("droplets?tag_name=t").json()["droplets"][0]["tags"] == ["t"]


def test_user_data_that_is_not_ascii_is_accepted_and_the_droplet_vanishes(api: Api) -> None:
    response = api.create(user_data="#cloud-config\n# \N{GRINNING FACE}\n")
    assert response.status_code == 202
    droplet_id = response.json()["droplet"]["id"]
    eventually(lambda: api.http.get(f"droplets/{droplet_id}").status_code == 404)
    assert not api.machines.specs


def test_a_machine_that_cannot_be_made_is_a_droplet_that_vanishes(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(spec: MachineSpec) -> None:
        api.machines.release_address(spec.address)
        raise SandboxError("make a machine", cause="no room")

    monkeypatch.setattr(api.machines, "create", fail)
    body = api.create().json()
    droplet_id, action_id = body["droplet"]["id"], body["links"]["actions"][0]["id"]
    eventually(lambda: api.http.get(f"droplets/{droplet_id}").status_code == 404)
    assert api.http.get(f"actions/{action_id}").json()["action"]["status"] == "errored"


def test_an_image_that_the_machines_cannot_boot_is_refused_at_once(api: Api) -> None:
    api.cloud.bootable = frozenset({"debian-12-x64"})
    message = "The sandbox can boot only debian-12-x64."
    assert error(api.create(image="ubuntu-24-04-x64")) == (422, "unprocessable_entity", message)


@pytest.mark.parametrize("path", ["droplets", "droplets/"])
def test_a_trailing_slash_changes_nothing_and_never_redirects(api: Api, path: str) -> None:
    body = {"name": "a", "size": "s-1vcpu-1gb", "image": 193000112, "region": "sfo3"}
    assert api.http.post(path, json=body).status_code == 202
    assert api.http.get(path).status_code == 200
