"""Cloud firewalls, and what machines are told to let in because of them."""

from typing import Any

import pytest

from tests.sandbox.cloud.conftest import Api, eventually

SSH = {"protocol": "tcp", "ports": "22", "sources": {"addresses": ["0.0.0.0/0", "::/0"]}}
OUT = {"protocol": "tcp", "ports": "0", "destinations": {"addresses": ["0.0.0.0/0"]}}


def make(api: Api, name: str = "ssh-only", **more: Any) -> Any:
    body = {"name": name, "inbound_rules": [SSH], "outbound_rules": [OUT], **more}
    return api.http.post("firewalls", json=body)


def lets_in(api: Api, droplet_id: int, rules: tuple[str, ...] | None) -> bool:
    return api.machines.inbound[droplet_id] == rules


def test_a_firewall_by_tag_holds_for_droplets_before_and_after_it(api: Api) -> None:
    before = api.created("before", tags=["customer"])
    untagged = api.created("untagged")
    response = make(api, tags=["customer"])
    firewall = response.json()["firewall"]
    assert response.status_code == 202
    assert (firewall["name"], firewall["tags"], firewall["inbound_rules"]) == (
        "ssh-only",
        ["customer"],
        [SSH],
    )
    after = api.created("after", tags=["customer"])
    for droplet in (before, after):
        eventually(lambda droplet=droplet: lets_in(api, droplet["id"], ("tcp/22",)))  # type: ignore[misc]
    assert lets_in(api, untagged["id"], None)
    eventually(
        lambda: api.http.get(f"firewalls/{firewall['id']}").json()["firewall"]["status"] == "succeeded"
    )


def test_a_droplet_is_closed_before_it_is_active(api: Api) -> None:
    api.http.post("tags", json={"name": "customer"})
    make(api, tags=["customer"])
    droplet = api.created(tags=["customer"])
    assert lets_in(api, droplet["id"], ("tcp/22",))


def test_its_tags_must_exist(api: Api) -> None:
    assert make(api, tags=["never"]).status_code == 422


def test_names_are_unique_and_rules_are_needed(api: Api) -> None:
    make(api)
    duplicate = make(api)
    assert (duplicate.status_code, duplicate.json()["message"]) == (409, "duplicate name")
    assert make(api, "empty", inbound_rules=[], outbound_rules=[]).status_code == 422
    assert make(api, "-wrong").status_code == 422


@pytest.mark.parametrize("ports", ["x", "70000", "1-70000", "1,2"])
def test_ports_are_checked(api: Api, ports: str) -> None:
    assert make(api, inbound_rules=[{**SSH, "ports": ports}]).status_code == 422


def test_droplets_tags_and_rules_come_and_go(api: Api) -> None:
    droplet = api.created(tags=["t"])
    path = f"firewalls/{make(api).json()['firewall']['id']}"

    def send(method: str, part: str, body: dict[str, Any]) -> None:
        assert api.http.request(method, f"{path}/{part}", json=body).status_code == 204

    def now(*rules: str) -> None:
        eventually(lambda: lets_in(api, droplet["id"], rules or None))

    send("POST", "droplets", {"droplet_ids": [droplet["id"]]})
    now("tcp/22")
    send("POST", "rules", {"inbound_rules": [{"protocol": "icmp", "sources": SSH["sources"]}]})
    now("icmp", "tcp/22")
    send("DELETE", "rules", {"inbound_rules": [SSH]})
    now("icmp")
    send("DELETE", "droplets", {"droplet_ids": [droplet["id"]]})
    now()
    send("POST", "tags", {"tags": ["t"]})
    now("icmp")
    send("DELETE", "tags", {"tags": ["t"]})
    now()


def test_several_firewalls_add_up_and_deleting_opens_again(api: Api) -> None:
    droplet = api.created(tags=["t"])
    first = make(api, tags=["t"]).json()["firewall"]
    web = {**SSH, "ports": "8000-9000"}
    second = make(api, "web", tags=["t"], inbound_rules=[web, {**web, "protocol": "udp", "ports": "0"}])
    eventually(lambda: lets_in(api, droplet["id"], ("tcp/22", "tcp/8000-9000", "udp/1-65535")))
    for firewall in (first, second.json()["firewall"]):
        assert api.http.delete(f"firewalls/{firewall['id']}").status_code == 204
    eventually(lambda: lets_in(api, droplet["id"], None))


def test_a_rule_for_others_closes_the_port_to_us(api: Api) -> None:
    droplet = api.created(tags=["t"])
    make(api, tags=["t"], inbound_rules=[{**SSH, "sources": {"addresses": ["203.0.113.0/24"]}}])
    eventually(lambda: lets_in(api, droplet["id"], ()))


def test_a_firewall_is_replaced_whole(api: Api) -> None:
    api.http.post("tags", json={"name": "t"})
    firewall = make(api, tags=["t"]).json()["firewall"]
    response = api.http.put(f"firewalls/{firewall['id']}", json={"name": "other", "inbound_rules": [SSH]})
    changed = response.json()["firewall"]
    assert response.status_code == 200
    assert (changed["id"], changed["name"], changed["tags"]) == (firewall["id"], "other", [])
    assert api.http.get("firewalls").json()["firewalls"] == [changed]
