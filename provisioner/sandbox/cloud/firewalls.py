"""Cloud firewalls. A droplet with none lets everything in; with several it lets in what any of them does.

Outbound rules are kept and shown, but not enforced. An inbound rule opens its port only if one of its sources
contains the sandbox's host, which stands for the internet.
"""

import ipaddress
import re
import uuid
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.responses import Response

from provisioner.sandbox.cloud.call import Call, Endpoint, answer, nothing
from provisioner.sandbox.cloud.errors import conflict, not_found, unprocessable
from provisioner.sandbox.cloud.names import FirewallName, TagName
from provisioner.sandbox.cloud.pagination import SinglePage, paginate
from provisioner.sandbox.cloud.state import Cloud, Droplet, Firewall

_PORTS = re.compile(r"\d{1,5}(-\d{1,5})?")
ALL_PORTS = "1-65535"


class Peers(BaseModel):
    """The other side of a rule: who may send, or be sent to."""

    model_config = ConfigDict(extra="allow")

    addresses: list[str] = []
    droplet_ids: list[int] = []
    tags: list[TagName] = []

    @field_validator("addresses")
    @classmethod
    def _networks(cls, addresses: list[str]) -> list[str]:
        for address in addresses:
            ipaddress.ip_network(address, strict=False)
        return addresses


class FirewallRule(BaseModel):
    protocol: Literal["tcp", "udp", "icmp"]
    ports: str = "0"
    sources: Peers | None = None
    destinations: Peers | None = None

    @field_validator("ports")
    @classmethod
    def _range(cls, ports: str) -> str:
        """The documented word for every port is "0"; older clients write "all", or nothing for ICMP."""
        if ports in ("", "all", "0"):
            return "0"
        if not _PORTS.fullmatch(ports) or any(int(port) > 65535 for port in ports.split("-")):
            raise ValueError(f"invalid ports: {ports}")
        return ports


class Rules(BaseModel):
    inbound_rules: list[FirewallRule] = []
    outbound_rules: list[FirewallRule] = []

    def as_dicts(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        inbound, outbound = (
            [rule.model_dump(exclude_none=True, exclude_unset=True) for rule in rules]
            for rules in (self.inbound_rules, self.outbound_rules)
        )
        return inbound, outbound


class Definition(Rules):
    name: FirewallName
    droplet_ids: list[int] | None = Field(default=None)
    tags: list[TagName] | None = Field(default=None)


class Droplets(BaseModel):
    droplet_ids: list[int]


class Tags(BaseModel):
    tags: list[TagName]


def index(call: Call) -> Response:
    firewalls = list(call.cloud.firewalls.values())
    return paginate(call, "firewalls", firewalls, lambda one: render(call.cloud, one), SinglePage.EMPTY_LINKS)


def create(call: Call) -> Response:
    form = _checked(call, existing=None)
    inbound, outbound = form.as_dicts()
    firewall = Firewall(
        str(uuid.uuid4()),
        form.name,
        call.cloud.timestamp(),
        inbound,
        outbound,
        list(form.droplet_ids or []),
        list(form.tags or []),
    )
    call.cloud.firewalls[firewall.id] = firewall
    apply(call.cloud)
    return answer({"firewall": render(call.cloud, firewall)}, 202)


def show(call: Call) -> Response:
    return answer({"firewall": render(call.cloud, _asked(call))})


def replace(call: Call) -> Response:
    firewall = _asked(call)
    form = _checked(call, existing=firewall)
    firewall.name = form.name
    firewall.inbound_rules, firewall.outbound_rules = form.as_dicts()
    firewall.droplet_ids = list(form.droplet_ids or [])
    firewall.tags = list(form.tags or [])
    apply(call.cloud)
    return answer({"firewall": render(call.cloud, firewall)})


def delete(call: Call) -> Response:
    del call.cloud.firewalls[_asked(call).id]
    apply(call.cloud)
    return nothing()


def add_droplets(call: Call) -> Response:
    firewall = _asked(call)
    wanted = call.form(Droplets).droplet_ids
    _demand_droplets(call.cloud, wanted)
    firewall.droplet_ids += [one for one in wanted if one not in firewall.droplet_ids]
    return _applied(call)


def remove_droplets(call: Call) -> Response:
    firewall = _asked(call)
    unwanted = call.form(Droplets).droplet_ids
    firewall.droplet_ids = [one for one in firewall.droplet_ids if one not in unwanted]
    return _applied(call)


def add_tags(call: Call) -> Response:
    firewall = _asked(call)
    wanted = call.form(Tags).tags
    _demand_tags(call.cloud, wanted)
    firewall.tags += [tag for tag in wanted if tag not in firewall.tags]
    return _applied(call)


def remove_tags(call: Call) -> Response:
    firewall = _asked(call)
    unwanted = call.form(Tags).tags
    firewall.tags = [tag for tag in firewall.tags if tag not in unwanted]
    return _applied(call)


def add_rules(call: Call) -> Response:
    firewall = _asked(call)
    inbound, outbound = call.form(Rules).as_dicts()
    firewall.inbound_rules += inbound
    firewall.outbound_rules += outbound
    return _applied(call)


def remove_rules(call: Call) -> Response:
    firewall = _asked(call)
    inbound, outbound = call.form(Rules).as_dicts()
    firewall.inbound_rules = [rule for rule in firewall.inbound_rules if rule not in inbound]
    firewall.outbound_rules = [rule for rule in firewall.outbound_rules if rule not in outbound]
    return _applied(call)


def apply(cloud: Cloud) -> None:
    """Tell every machine whose rules are not those in force; the telling happens on its own executor."""
    for droplet in cloud.droplets.values():
        if droplet.has_machine and inbound_of(cloud, droplet) != droplet.inbound:
            cloud.executors.submit(droplet.id, lambda droplet=droplet: enforce(cloud, droplet))  # type: ignore[misc]


def enforce(cloud: Cloud, droplet: Droplet) -> None:
    """Make a machine let in what its firewalls say now; runs on the machine's executor, without the lock."""
    with cloud.lock:
        wanted = inbound_of(cloud, droplet)
        if not droplet.has_machine or wanted == droplet.inbound:
            return
    cloud.machines.set_inbound(droplet.id, wanted)
    with cloud.lock:
        droplet.inbound = wanted


def inbound_of(cloud: Cloud, droplet: Droplet) -> tuple[str, ...] | None:
    """What a droplet lets in, in the words of `Machines.set_inbound`."""
    covering = [firewall for firewall in cloud.firewalls.values() if _covers(firewall, droplet)]
    if not covering:
        return None
    rules = [rule for firewall in covering for rule in firewall.inbound_rules]
    return tuple(sorted({_opening(rule) for rule in rules if _from_outside(cloud, rule)}))


def render(cloud: Cloud, firewall: Firewall) -> dict[str, Any]:
    changing = [
        {"droplet_id": droplet.id, "removing": False, "status": "waiting"}
        for droplet in cloud.droplets.values()
        if droplet.has_machine
        and _covers(firewall, droplet)
        and inbound_of(cloud, droplet) != droplet.inbound
    ]
    return {
        "id": firewall.id,
        "name": firewall.name,
        "status": "waiting" if changing else "succeeded",
        "inbound_rules": firewall.inbound_rules,
        "outbound_rules": firewall.outbound_rules,
        "created_at": firewall.created_at,
        "droplet_ids": firewall.droplet_ids,
        "tags": firewall.tags,
        "pending_changes": changing,
    }


def _applied(call: Call) -> Response:
    apply(call.cloud)
    return nothing()


def _asked(call: Call) -> Firewall:
    firewall = call.cloud.firewalls.get(str(call.path["firewall"]))
    if firewall is None:
        raise not_found()
    return firewall


def _checked(call: Call, existing: Firewall | None) -> Definition:
    form = call.form(Definition)
    if not form.inbound_rules and not form.outbound_rules:
        raise unprocessable("a firewall must have at least one rule")
    if any(other.name == form.name and other is not existing for other in call.cloud.firewalls.values()):
        raise conflict("duplicate name")
    _demand_tags(call.cloud, form.tags or [])
    _demand_droplets(call.cloud, form.droplet_ids or [])
    return form


def _demand_tags(cloud: Cloud, tags: list[str]) -> None:
    for tag in tags:
        if tag not in cloud.tags:
            raise unprocessable(f"tag {tag} does not exist")


def _demand_droplets(cloud: Cloud, droplet_ids: list[int]) -> None:
    for droplet_id in droplet_ids:
        if droplet_id not in cloud.droplets:
            raise unprocessable(f"droplet {droplet_id} does not exist")


def _covers(firewall: Firewall, droplet: Droplet) -> bool:
    """Tags count from the first moment here, also while a lag hides them: the lag is one of reading."""
    return droplet.id in firewall.droplet_ids or any(tag in firewall.tags for tag in droplet.tags)


def _from_outside(cloud: Cloud, rule: dict[str, Any]) -> bool:
    outside = ipaddress.ip_address(cloud.outside)
    sources = rule.get("sources", {}).get("addresses", [])
    return any(outside in ipaddress.ip_network(source, strict=False) for source in sources)


def _opening(rule: dict[str, Any]) -> str:
    if rule["protocol"] == "icmp":
        return "icmp"
    ports = rule.get("ports", "0")
    return f"{rule['protocol']}/{ALL_PORTS if ports == '0' else ports}"


ENDPOINTS = (
    Endpoint("GET", "/firewalls", index),
    Endpoint("POST", "/firewalls", create),
    Endpoint("GET", "/firewalls/{firewall}", show),
    Endpoint("PUT", "/firewalls/{firewall}", replace),
    Endpoint("DELETE", "/firewalls/{firewall}", delete),
    Endpoint("POST", "/firewalls/{firewall}/droplets", add_droplets),
    Endpoint("DELETE", "/firewalls/{firewall}/droplets", remove_droplets),
    Endpoint("POST", "/firewalls/{firewall}/tags", add_tags),
    Endpoint("DELETE", "/firewalls/{firewall}/tags", remove_tags),
    Endpoint("POST", "/firewalls/{firewall}/rules", add_rules),
    Endpoint("DELETE", "/firewalls/{firewall}/rules", remove_rules),
)
