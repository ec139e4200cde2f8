"""Droplets: create, read, list, delete. Creation is only accepted here; `work` does it afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import Response

from provisioner.sandbox.cloud import backups, firewalls, images, jobs, keys, vpcs
from provisioner.sandbox.cloud.backups import Policy
from provisioner.sandbox.cloud.call import Call, Endpoint, answer, nothing
from provisioner.sandbox.cloud.catalog import (
    REGIONS,
    Image,
    Region,
    Size,
    region_named,
    regions_of,
    render_image,
    render_region,
    render_size,
    size_named,
)
from provisioner.sandbox.cloud.errors import bad_request, forbidden, not_found, unprocessable
from provisioner.sandbox.cloud.names import DropletName, TagName
from provisioner.sandbox.cloud.pagination import paginate
from provisioner.sandbox.cloud.state import Action, BackupPolicy, Cloud, Droplet, Fate, Vpc
from provisioner.sandbox.cloud.usage import urn_of

MAX_NAMES = 10
MAX_USER_DATA = 64 * 1024
_FATES: tuple[Fate, ...] = ("vanish", "errored", "stuck")


class NewDroplets(BaseModel):
    """The body of a creation; keys that it does not name are ignored, as by the real API."""

    name: DropletName | None = None
    names: list[DropletName] | None = Field(default=None, max_length=MAX_NAMES)
    size: str
    image: int | str
    region: str | None = None
    ssh_keys: list[int | str] | None = None
    tags: list[TagName] | None = None
    user_data: str | None = None
    backups: bool | None = False
    backup_policy: Policy | None = None
    vpc_uuid: str | None = None
    ipv6: bool | None = False
    monitoring: bool | None = False


@dataclass(frozen=True)
class _Order:
    """A creation whose every part has been found."""

    names: list[str]
    size: Size
    region: Region
    image: Image
    authorized_keys: tuple[str, ...]
    tags: list[str]
    features: list[str]
    user_data: str
    vpc: Vpc
    backup_policy: BackupPolicy | None


def create(call: Call) -> Response:
    cloud = call.cloud
    if cloud.options.account_status == "locked":
        raise forbidden("Your account is locked.")
    order = _order(cloud, call.form(NewDroplets))
    if len(cloud.droplets) + len(order.names) > cloud.options.droplet_limit:
        raise unprocessable("creating this/these droplet(s) will exceed your droplet limit")
    made = [_accept(call, order, name) for name in order.names]
    links = [_action_link(call, action) for _, action in made]
    body: dict[str, Any] = {"links": {"actions": [] if "empty_actions" in call.faults else links}}
    rendered = [render(call, droplet) for droplet, _ in made]
    body |= {"droplets": rendered} if "names" in call.body else {"droplet": rendered[0]}
    return answer(body, 202)


def index(call: Call) -> Response:
    """By tag, or by name in any case, or all. Both at once are refused: the status is our choice."""
    tag, name = call.query.get("tag_name"), call.query.get("name")
    if tag is not None and name is not None:
        raise bad_request("name and tag_name cannot be used together")
    shown = [] if call.query.get("type") == "gpus" else call.cloud.listed()
    if tag is not None:
        shown = [droplet for droplet in shown if tag in call.cloud.tags_of(droplet)]
    if name is not None:
        shown = [droplet for droplet in shown if droplet.name.lower() == name.lower()]
    return paginate(call, "droplets", shown, lambda droplet: render(call, droplet))


def show(call: Call) -> Response:
    return answer({"droplet": render(call, call.droplet())})


def delete(call: Call) -> Response:
    _delete(call.cloud, call.droplet())
    return nothing()


def delete_tagged(call: Call) -> Response:
    """All that have the tag; without a tag nothing, and a tag that does not exist is not found."""
    tag = call.query.get("tag_name")
    if tag is None:
        raise bad_request("tag_name is missing")
    if tag not in call.cloud.tags:
        raise not_found()
    for droplet in [one for one in call.cloud.droplets.values() if tag in one.tags]:
        _delete(call.cloud, droplet)
    return nothing()


def render(call: Call, droplet: Droplet) -> dict[str, Any]:
    cloud = call.cloud
    sold_out = cloud.options.sold_out
    cloud.notice_halt(droplet)
    return {
        "id": droplet.id,
        "name": droplet.name,
        "memory": droplet.size.memory,
        "vcpus": droplet.size.vcpus,
        "disk": droplet.disk,
        "disk_info": [{"type": "local", "size": {"amount": droplet.disk, "unit": "gib"}}],
        "locked": droplet.pending is not None,
        "status": droplet.status,
        "kernel": None,
        "created_at": droplet.created_at,
        "features": droplet.features,
        "backup_ids": droplet.backup_ids,
        "next_backup_window": backups.window_of(droplet),
        "snapshot_ids": droplet.snapshot_ids,
        "image": render_image(droplet.image),
        "volume_ids": [],
        "size": render_size(droplet.size, sold_out),
        "size_slug": droplet.size.slug,
        "networks": _networks(droplet, public=cloud.options.public_networking),
        "region": render_region(droplet.region, sold_out),
        "tags": cloud.tags_of(droplet),
        "vpc_uuid": droplet.vpc_uuid,
    }


def _order(cloud: Cloud, form: NewDroplets) -> _Order:
    names = form.names if form.name is None else [form.name]
    if not names:
        raise unprocessable("Name can't be blank")
    size = size_named(form.size)
    if size is None:
        raise unprocessable("You specified an invalid size for Droplet creation.")
    region = _region(cloud, form.region, size)
    image = images.usable(cloud, form.image, size.disk, "creation")
    user_data = form.user_data or ""
    if len(user_data.encode()) > MAX_USER_DATA:
        raise unprocessable("User data is too long (maximum is 64 KiB)")
    features = ["private_networking", *(name for name in ("ipv6", "monitoring") if getattr(form, name))]
    authorized = _authorized_keys(cloud, form.ssh_keys or [])
    policy = (form.backup_policy or Policy()).as_state() if form.backups else None
    vpc = vpcs.joined(cloud, region, form.vpc_uuid)
    return _Order(names, size, region, image, authorized, form.tags or [], features, user_data, vpc, policy)


def _region(cloud: Cloud, wanted: str | None, size: Size) -> Region:
    """The region asked for, or the first that a prefix, or nothing, leaves open."""
    open_to_size = regions_of(size, cloud.options.sold_out)
    matching = [region for region in REGIONS if region.slug.startswith(wanted or "")]
    if not matching:
        raise unprocessable("You specified an invalid region for Droplet creation.")
    exact = region_named(wanted) if wanted else None
    for region in [exact] if exact else matching:
        if region.slug in open_to_size:
            return region
    raise unprocessable("Size is not available in this region.")


def _authorized_keys(cloud: Cloud, identifiers: list[int | str]) -> tuple[str, ...]:
    found = {identifier: keys.find(cloud, identifier) for identifier in identifiers}
    bad = [str(identifier) for identifier, key in found.items() if key is None]
    if bad:
        raise unprocessable(f"{', '.join(bad)} are invalid key identifiers for Droplet creation.")
    return tuple(key.public_key for key in found.values() if key is not None)


def _accept(call: Call, order: _Order, name: str) -> tuple[Droplet, Action]:
    cloud = call.cloud
    droplet_id = cloud.next_id()
    droplet = Droplet(
        id=droplet_id,
        name=name,
        size=order.size,
        region=order.region,
        image=order.image,
        created_at=cloud.timestamp(),
        user_data=order.user_data,
        authorized_keys=order.authorized_keys,
        tags=[cloud.ensure_tag(tag) for tag in order.tags],
        features=list(order.features),
        private_address=order.vpc.next_address(),
        vpc_uuid=order.vpc.id,
        listed_at=cloud.now() + _lag(call.faults, "list_lag", cloud.options.list_lag),
        tagged_at=cloud.now() + _lag(call.faults, "tag_lag", cloud.options.tag_lag),
        fate=_fate(call, order),
        disk=order.size.disk,
    )
    cloud.add_droplet(droplet)
    if order.backup_policy is not None:
        backups.switch_on(cloud, droplet, order.backup_policy)
    action = cloud.begin(droplet, "create")
    cloud.executors.submit(droplet.id, lambda: jobs.create(cloud, droplet, action))
    return droplet, action


def _lag(faults: Mapping[str, Mapping[str, Any]], kind: str, default: float) -> float:
    return float(faults[kind].get("seconds", default)) if kind in faults else default


def _fate(call: Call, order: _Order) -> Fate | None:
    """An accepted droplet whose user data is not ASCII vanishes later: reported of the real API."""
    if not order.user_data.isascii():
        return "vanish"
    return next((fate for fate in _FATES if fate in call.faults), None)


def _delete(cloud: Cloud, droplet: Droplet) -> None:
    """A droplet may be deleted while something is pending: its machine goes when that has ended."""
    for backup_id in list(droplet.backup_ids):
        images.remove(cloud, cloud.snapshots[backup_id])
    del cloud.droplets[droplet.id]
    cloud.usage.end(urn_of(droplet.id))
    for firewall in cloud.firewalls.values():
        firewall.droplet_ids = [one for one in firewall.droplet_ids if one != droplet.id]
    action = cloud.begin(droplet, "destroy")
    cloud.finish(droplet, action)
    firewalls.apply(cloud)
    cloud.executors.end(droplet.id, lambda: jobs.destroy(cloud, droplet))


def _action_link(call: Call, action: Action) -> dict[str, Any]:
    return {"id": action.id, "rel": action.type, "href": call.link(f"actions/{action.id}")}


def _networks(droplet: Droplet, *, public: bool) -> dict[str, Any]:
    """Nothing while it is new; then the private address first, as the real answers have it."""
    if droplet.status == "new" or droplet.address is None:
        return {"v4": [], "v6": []}
    private = {
        "ip_address": droplet.private_address,
        "netmask": "255.255.0.0",
        "gateway": "nil",
        "type": "private",
    }
    if not public:
        return {"v4": [private], "v6": []}
    reachable = {
        "ip_address": droplet.address,
        "netmask": "255.255.240.0",
        "gateway": droplet.address.rpartition(".")[0] + ".1",
        "type": "public",
    }
    return {"v4": [private, reachable], "v6": []}


ENDPOINTS = (
    Endpoint("POST", "/droplets", create),
    Endpoint("GET", "/droplets", index),
    Endpoint("DELETE", "/droplets", delete_tagged),
    Endpoint("GET", "/droplets/{droplet:int}", show),
    Endpoint("DELETE", "/droplets/{droplet:int}", delete),
)
