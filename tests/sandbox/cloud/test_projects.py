"""Projects, and which droplet is in which."""

from typing import Any

from tests.sandbox.cloud.conftest import Api


def made(api: Api, name: str = "moltbots", **more: Any) -> dict[str, Any]:
    response = api.http.post("projects", json={"name": name, "purpose": "Service or API", **more})
    assert response.status_code == 201, response.text
    project: dict[str, Any] = response.json()["project"]
    return project


def inside(api: Api, project: str) -> list[str]:
    return [one["urn"] for one in api.http.get(f"projects/{project}/resources").json()["resources"]]


def test_a_new_droplet_is_in_the_default_project(api: Api) -> None:
    droplet = api.created()
    default = api.http.get("projects/default").json()["project"]

    assert (default["name"], default["is_default"]) == ("first-project", True)
    assert inside(api, "default") == inside(api, default["id"]) == [f"do:droplet:{droplet['id']}"]
    [resource] = api.http.get("projects/default/resources").json()["resources"]
    assert (resource["status"], resource["links"]["self"]) == (
        "ok",
        f"{api.endpoint}droplets/{droplet['id']}",
    )
    api.http.delete(f"droplets/{droplet['id']}")
    assert inside(api, "default") == []


def test_a_droplet_moves_to_another_project_once(api: Api) -> None:
    droplet, project = api.created(), made(api)
    body = {"resources": [f"do:droplet:{droplet['id']}", "do:droplet:1", "do:domain:example.com"]}

    answers = [
        api.http.post(f"projects/{project['id']}/resources", json=body).json()["resources"] for _ in range(2)
    ]

    assert [[one["status"] for one in answer] for answer in answers] == [
        ["assigned", "not_found", "not_found"],
        ["already_assigned", "not_found", "not_found"],
    ]
    assert (inside(api, project["id"]), inside(api, "default")) == ([body["resources"][0]], [])
    bad = api.http.post("projects/default/resources", json={"resources": ["droplet 7"]})
    assert (bad.status_code, bad.json()["id"]) == (422, "unprocessable_entity")


def test_a_project_is_changed_and_deleted_when_it_is_empty(api: Api) -> None:
    project = made(api, purpose="moltbots of customers", environment="Production")
    path = f"projects/{project['id']}"
    assert project["purpose"] == "Other: moltbots of customers"

    changed = api.http.patch(path, json={"description": "all of them", "is_default": True}).json()["project"]

    assert (changed["description"], changed["name"], changed["is_default"]) == (
        "all of them",
        "moltbots",
        True,
    )
    droplet = api.created()
    assert inside(api, project["id"]) == [f"do:droplet:{droplet['id']}"]
    assert api.http.put(path, json={"name": "half"}).status_code == 422
    other = made(api, "other")
    assert api.http.post("projects", json={"name": "other", "purpose": "IoT"}).status_code == 409
    assert api.http.patch(path, json={"name": "other"}).status_code == 409
    assert api.http.patch(f"projects/{other['id']}", json={"is_default": True}).status_code == 200
    refused = api.http.delete(path)
    assert (refused.status_code, refused.json()["id"]) == (412, "precondition_failed")
    api.http.delete(f"droplets/{droplet['id']}")
    assert api.http.delete(f"projects/{other['id']}").status_code == 412
    assert api.http.delete(path).status_code == 204
    assert api.http.get(path).status_code == 404
    assert {one["name"] for one in api.http.get("projects").json()["projects"]} == {"first-project", "other"}


def test_a_lagging_list_lacks_a_new_droplet_here_too(api: Api) -> None:
    api.cloud.options.list_lag = 30
    droplet = api.created()
    vpc = droplet["vpc_uuid"]

    assert inside(api, "default") == []
    assert api.http.get(f"vpcs/{vpc}/members").json()["members"] == []
    api.clock.pass_(31)
    assert inside(api, "default") == [f"do:droplet:{droplet['id']}"]
    assert len(api.http.get(f"vpcs/{vpc}/members").json()["members"]) == 1
