"""Private networks (VPCs): a droplet is in one of its region, whose first droplet makes the default one.

Addresses inside are shown, but no machine has them: the sandbox's machines reach each other by their public
ones.
"""

import uuid
from collections.abc import Iterable
from ipaddress import IPv4Network, ip_network
from typing import Any, Final

from pydantic import BaseModel, Field
from starlette.responses import Response

from provisioner.sandbox.cloud.call import Call, Endpoint, answer, nothing
from provisioner.sandbox.cloud.catalog import Region, region_named
from provisioner.sandbox.cloud.errors import conflict, forbidden, not_found, unprocessable
from provisioner.sandbox.cloud.names import VpcName
from provisioner.sandbox.cloud.pagination import paginate
from provisioner.sandbox.cloud.state import Cloud, Droplet, Vpc
from provisioner.sandbox.cloud.usage import urn_of

_POOL: Final = IPv4Network("10.0.0.0/8")
_FIRST: Final = IPv4Network("10.124.0.0/20")
_PRIVATE: Final = (_POOL, IPv4Network("172.16.0.0/12"), IPv4Network("192.168.0.0/16"))
_LARGEST, _USUAL, _SMALLEST = 16, 20, 24


class NewVpc(BaseModel):
    name: VpcName
    region: str
    description: str = Field(default="", max_length=255)
    ip_range: str | None = None


class VpcChange(BaseModel):
    """The body of a PATCH: what it does not name stays."""

    name: VpcName | None = None
    description: str | None = Field(default=None, max_length=255)
    default: bool | None = None


class WholeVpc(VpcChange):
    """The body of a PUT: the name may not be missing."""

    name: VpcName
    description: str = Field(default="", max_length=255)


def index(call: Call) -> Response:
    return paginate(call, "vpcs", list(call.cloud.vpcs.values()), _render)


def create(call: Call) -> Response:
    form, cloud = call.form(NewVpc), call.cloud
    region = region_named(form.region)
    if region is None:
        raise unprocessable("region is invalid")
    _demand_free(cloud, form.name)
    network = _free_range(cloud) if form.ip_range is None else _wanted_range(cloud, form.ip_range)
    return answer({"vpc": _render(_add(cloud, region, form.name, network, form.description))}, 201)


def show(call: Call) -> Response:
    return answer({"vpc": _render(_asked(call))})


def replace(call: Call) -> Response:
    return _change(call, call.form(WholeVpc))


def update(call: Call) -> Response:
    return _change(call, call.form(VpcChange))


def delete(call: Call) -> Response:
    vpc = _asked(call)
    if vpc.default:
        raise forbidden("Can not delete default VPC")
    if _inside(vpc, call.cloud.droplets.values()):
        raise forbidden("Can not delete VPC with members")
    del call.cloud.vpcs[vpc.id]
    return nothing()


def members(call: Call) -> Response:
    vpc, kind = _asked(call), call.query.get("resource_type")
    shown = _inside(vpc, call.cloud.listed()) if kind in (None, "droplet") else []
    return paginate(call, "members", shown, _render_member)


def joined(cloud: Cloud, region: Region, wanted: str | None) -> Vpc:
    """The one that a new droplet of this region is put into: the one asked for, or the region's default."""
    if wanted is None:
        return _default(cloud, region)
    vpc = cloud.vpcs.get(wanted)
    if vpc is None or vpc.region.slug != region.slug:
        raise unprocessable("You specified an invalid VPC for Droplet creation.")
    return vpc


def _default(cloud: Cloud, region: Region) -> Vpc:
    there = next((one for one in cloud.vpcs.values() if one.default and one.region == region), None)
    return there or _add(cloud, region, f"default-{region.slug}", _free_range(cloud), "")


def _add(cloud: Cloud, region: Region, name: str, network: IPv4Network, description: str) -> Vpc:
    """The first of a region becomes its default."""
    first = not any(vpc.region == region for vpc in cloud.vpcs.values())
    vpc = Vpc(str(uuid.uuid4()), name, region, network, description, first, cloud.timestamp())
    cloud.vpcs[vpc.id] = vpc
    return vpc


def _change(call: Call, form: VpcChange) -> Response:
    vpc, cloud = _asked(call), call.cloud
    if form.name is not None and form.name != vpc.name:
        _demand_free(cloud, form.name)
        vpc.name = form.name
    if form.description is not None:
        vpc.description = form.description
    if form.default:
        for other in cloud.vpcs.values():
            if other.region == vpc.region:
                other.default = other is vpc
    return answer({"vpc": _render(vpc)})


def _demand_free(cloud: Cloud, name: str) -> None:
    if any(vpc.name == name for vpc in cloud.vpcs.values()):
        raise conflict("a VPC with this name already exists")


def _wanted_range(cloud: Cloud, text: str) -> IPv4Network:
    try:
        network = ip_network(text)
    except ValueError:
        raise unprocessable("ip_range is not a valid CIDR notation") from None
    if not isinstance(network, IPv4Network) or not any(network.subnet_of(one) for one in _PRIVATE):
        raise unprocessable("ip_range must be a private range of RFC 1918")
    if not _LARGEST <= network.prefixlen <= _SMALLEST:
        raise unprocessable(f"ip_range must be between /{_LARGEST} and /{_SMALLEST}")
    if not _is_free(cloud, network):
        raise unprocessable("This range/size overlaps with another VPC network in your account.")
    return network


def _free_range(cloud: Cloud) -> IPv4Network:
    size = _FIRST.num_addresses
    starts = range(int(_FIRST.network_address), int(_POOL.broadcast_address), size)
    ranges = (IPv4Network((start, _USUAL)) for start in starts)
    found = next((network for network in ranges if _is_free(cloud, network)), None)
    if found is None:
        raise unprocessable("There is no free range for another VPC network in your account.")
    return found


def _is_free(cloud: Cloud, network: IPv4Network) -> bool:
    return not any(network.overlaps(vpc.ip_range) for vpc in cloud.vpcs.values())


def _inside(vpc: Vpc, droplets: Iterable[Droplet]) -> list[Droplet]:
    return [droplet for droplet in droplets if droplet.vpc_uuid == vpc.id]


def _asked(call: Call) -> Vpc:
    vpc = call.cloud.vpcs.get(call.path["vpc"])
    if vpc is None:
        raise not_found()
    return vpc


def _render(vpc: Vpc) -> dict[str, Any]:
    return {
        "id": vpc.id,
        "urn": f"do:vpc:{vpc.id}",
        "name": vpc.name,
        "description": vpc.description,
        "region": vpc.region.slug,
        "ip_range": str(vpc.ip_range),
        "default": vpc.default,
        "created_at": vpc.created_at,
    }


def _render_member(droplet: Droplet) -> dict[str, Any]:
    return {"urn": urn_of(droplet.id), "name": droplet.name, "created_at": droplet.created_at}


ENDPOINTS = (
    Endpoint("GET", "/vpcs", index),
    Endpoint("POST", "/vpcs", create),
    Endpoint("GET", "/vpcs/{vpc}", show),
    Endpoint("PUT", "/vpcs/{vpc}", replace),
    Endpoint("PATCH", "/vpcs/{vpc}", update),
    Endpoint("DELETE", "/vpcs/{vpc}", delete),
    Endpoint("GET", "/vpcs/{vpc}/members", members),
)
