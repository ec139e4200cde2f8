"""Tags. The first spelling of a tag is the one that counts: addresses must use it, new uses get it."""

import dataclasses
from typing import Any

from pydantic import BaseModel
from starlette.responses import Response

from provisioner.sandbox.cloud import firewalls
from provisioner.sandbox.cloud.call import Call, Endpoint, answer, nothing
from provisioner.sandbox.cloud.catalog import Image
from provisioner.sandbox.cloud.errors import not_found, unprocessable
from provisioner.sandbox.cloud.names import TagName
from provisioner.sandbox.cloud.pagination import SinglePage, paginate
from provisioner.sandbox.cloud.state import Cloud, Droplet


class NewTag(BaseModel):
    name: TagName


class Resource(BaseModel):
    resource_id: str | int
    resource_type: str


class Resources(BaseModel):
    resources: list[Resource]


def index(call: Call) -> Response:
    names = sorted(call.cloud.tags)
    return paginate(call, "tags", names, lambda name: render(call, name), SinglePage.NO_LINKS)


def create(call: Call) -> Response:
    """A tag that exists is answered like a new one; what the real API does is not specified."""
    name = call.cloud.ensure_tag(call.form(NewTag).name)
    return answer({"tag": render(call, name)}, 201)


def show(call: Call) -> Response:
    return answer({"tag": render(call, _asked(call))})


def delete(call: Call) -> Response:
    name = _asked(call)
    del call.cloud.tags[name]
    for droplet in call.cloud.droplets.values():
        _drop(droplet.tags, name)
    for firewall in call.cloud.firewalls.values():
        _drop(firewall.tags, name)
    for image in list(call.cloud.snapshots.values()):
        _retag(call.cloud, image, [tag for tag in image.tags if tag != name])
    firewalls.apply(call.cloud)
    return nothing()


def attach(call: Call) -> Response:
    name = _asked(call)
    droplets, snapshots = _resources(call)
    for droplet in droplets:
        if name not in droplet.tags:
            droplet.tags.append(name)
    for image in snapshots:
        _retag(call.cloud, image, [*dict.fromkeys([*image.tags, name])])
    firewalls.apply(call.cloud)
    return nothing()


def detach(call: Call) -> Response:
    name = _asked(call)
    droplets, snapshots = _resources(call)
    for droplet in droplets:
        _drop(droplet.tags, name)
    for image in snapshots:
        _retag(call.cloud, image, [tag for tag in image.tags if tag != name])
    firewalls.apply(call.cloud)
    return nothing()


def render(call: Call, name: str) -> dict[str, Any]:
    tagged = [droplet for droplet in call.cloud.listed() if name in call.cloud.tags_of(droplet)]
    droplets: dict[str, Any] = {"count": len(tagged)}
    if tagged:
        droplets["last_tagged_uri"] = call.link(f"droplets/{tagged[-1].id}")
    return {"name": name, "resources": {**droplets, "droplets": droplets}}


def _asked(call: Call) -> str:
    name = str(call.path["tag"])
    if name not in call.cloud.tags:
        raise not_found()
    return name


def _resources(call: Call) -> tuple[list[Droplet], list[Image]]:
    """The droplets and the snapshots (type "image") that the request names; all, or it is refused."""
    droplets: list[Droplet] = []
    snapshots: list[Image] = []
    for resource in call.form(Resources).resources:
        text, kind = str(resource.resource_id), resource.resource_type
        number = int(text) if text.isascii() and text.isdecimal() else 0
        if kind == "droplet" and number in call.cloud.droplets:
            droplets.append(call.cloud.droplets[number])
        elif kind == "image" and number in call.cloud.snapshots:
            snapshots.append(call.cloud.snapshots[number])
        else:
            raise unprocessable(f"{kind} {text} cannot be tagged: there is none here")
    return droplets, snapshots


def _retag(cloud: Cloud, image: Image, tags: list[str]) -> None:
    cloud.snapshots[image.id] = dataclasses.replace(image, tags=tuple(tags))


def _drop(tags: list[str], name: str) -> None:
    if name in tags:
        tags.remove(name)


ENDPOINTS = (
    Endpoint("GET", "/tags", index),
    Endpoint("POST", "/tags", create),
    Endpoint("GET", "/tags/{tag}", show),
    Endpoint("DELETE", "/tags/{tag}", delete),
    Endpoint("POST", "/tags/{tag}/resources", attach),
    Endpoint("DELETE", "/tags/{tag}/resources", detach),
)
