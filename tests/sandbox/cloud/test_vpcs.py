"""Private networks: one for each region, and those that somebody makes."""

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from tests.sandbox.cloud.conftest import Api


def private(droplet: dict[str, Any]) -> str:
    return next(str(net["ip_address"]) for net in droplet["networks"]["v4"] if net["type"] == "private")


def vpc_of(api: Api, droplet: dict[str, Any]) -> dict[str, Any]:
    vpc: dict[str, Any] = api.http.get(f"vpcs/{droplet['vpc_uuid']}").json()["vpc"]
    return vpc


def test_the_droplets_of_a_region_share_its_default_network(api: Api) -> None:
    assert api.http.get("vpcs").json()["vpcs"] == []
    one, two, far = api.created("one"), api.created("two"), api.created("far", region="fra1")

    vpc = vpc_of(api, one)

    assert (vpc["name"], vpc["region"], vpc["default"]) == ("default-sfo3", "sfo3", True)
    assert one["vpc_uuid"] == two["vpc_uuid"] != far["vpc_uuid"]
    assert ip_address(private(one)) in ip_network(vpc["ip_range"])
    assert private(one) != private(two)
    assert not ip_network(vpc["ip_range"]).overlaps(ip_network(vpc_of(api, far)["ip_range"]))
    members = api.http.get(f"vpcs/{vpc['id']}/members").json()["members"]
    assert [(one["urn"], one["name"]) for one in members] == [
        (f"do:droplet:{droplet['id']}", droplet["name"]) for droplet in (one, two)
    ]
    others = api.http.get(f"vpcs/{vpc['id']}/members", params={"resource_type": "database"})
    assert others.json()["members"] == []


def test_a_network_of_ones_own_takes_the_droplets_that_ask_for_it(api: Api) -> None:
    api.created("makes-the-default")
    body = {"name": "own", "region": "sfo3", "ip_range": "192.168.7.0/24", "description": "mine"}
    vpc = api.http.post("vpcs", json=body).json()["vpc"]
    assert (vpc["default"], vpc["ip_range"], vpc["urn"]) == (False, "192.168.7.0/24", f"do:vpc:{vpc['id']}")

    droplet = api.created("inside", vpc_uuid=vpc["id"])

    assert (droplet["vpc_uuid"], private(droplet)) == (vpc["id"], "192.168.7.2")
    assert api.create(region="fra1", vpc_uuid=vpc["id"]).status_code == 422
    refused = api.http.delete(f"vpcs/{vpc['id']}")
    assert (refused.status_code, refused.json()["message"]) == (403, "Can not delete VPC with members")
    api.http.delete(f"droplets/{droplet['id']}")
    assert api.http.delete(f"vpcs/{vpc['id']}").status_code == 204
    assert api.http.get(f"vpcs/{vpc['id']}").status_code == 404


def test_another_network_becomes_the_default(api: Api) -> None:
    first = vpc_of(api, api.created("a"))
    made = api.http.post("vpcs", json={"name": "own", "region": "sfo3"}).json()["vpc"]

    path = f"vpcs/{made['id']}"
    assert api.http.patch(path, json={"default": True}).json()["vpc"]["default"] is True
    renamed = api.http.put(path, json={"name": "ours"}).json()["vpc"]

    assert (renamed["name"], renamed["description"], renamed["default"]) == ("ours", "", True)
    assert api.created("b")["vpc_uuid"] == made["id"]
    assert api.http.delete(path).json()["message"] == "Can not delete default VPC"
    assert api.http.get(f"vpcs/{first['id']}").json()["vpc"]["default"] is False
    assert api.http.patch(path, json={"name": first["name"]}).status_code == 409


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "no spaces"},
        {"region": "moon1"},
        {"ip_range": "10.124.0.0/20"},
        {"ip_range": "10.0.0.0/8"},
        {"ip_range": "10.0.0.0/28"},
        {"ip_range": "8.8.8.0/24"},
        {"ip_range": "fd00::/24"},
        {"ip_range": "10.1.2.3/24"},
    ],
)
def test_what_cannot_be_a_network_is_refused(api: Api, wrong: dict[str, str]) -> None:
    api.created("has-the-first-range")
    refused = api.http.post("vpcs", json={"name": "own", "region": "sfo3", **wrong})

    assert (refused.status_code, refused.json()["id"]) == (422, "unprocessable_entity")
