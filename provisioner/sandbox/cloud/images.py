"""Images: the distributions that the cloud offers, and the snapshots that were taken of droplets."""

import dataclasses
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import Response

from provisioner.sandbox.cloud.call import Call, Endpoint, answer, nothing
from provisioner.sandbox.cloud.catalog import IMAGES, Image, render_image
from provisioner.sandbox.cloud.errors import forbidden, not_found
from provisioner.sandbox.cloud.pagination import paginate
from provisioner.sandbox.cloud.state import Cloud


class ImageName(BaseModel):
    name: str = Field(min_length=1, max_length=255)


def index(call: Call) -> Response:
    snapshots = list(call.cloud.snapshots.values())
    if call.query.get("private") == "true":
        shown = snapshots
    elif call.query.get("type") == "distribution":
        shown = list(IMAGES)
    elif call.query.get("type") == "application":
        shown = []
    else:
        shown = [*IMAGES, *snapshots]
    return paginate(call, "images", shown, render_image)


def show(call: Call) -> Response:
    return answer({"image": render_image(_asked(call))})


def rename(call: Call) -> Response:
    image = _own(call)
    renamed = dataclasses.replace(image, name=call.form(ImageName).name)
    call.cloud.snapshots[image.id] = renamed
    return answer({"image": render_image(renamed)})


def delete(call: Call) -> Response:
    image = _own(call)
    del call.cloud.snapshots[image.id]
    for droplet in call.cloud.droplets.values():
        if image.id in droplet.snapshot_ids:
            droplet.snapshot_ids.remove(image.id)
    return nothing()


def snapshots_of_droplet(call: Call) -> Response:
    droplet = call.cloud.droplets.get(call.path["droplet"])
    if droplet is None:
        raise not_found()
    images = [call.cloud.snapshots[image_id] for image_id in droplet.snapshot_ids]
    return paginate(call, "snapshots", images, _render_snapshot)


def find(cloud: Cloud, identifier: int | str) -> Image | None:
    """The image with this slug or id (a number, or its digits)."""
    wanted = str(identifier)
    everything = (*IMAGES, *cloud.snapshots.values())
    return next((image for image in everything if wanted in (image.slug, str(image.id))), None)


def _render_snapshot(image: Image) -> dict[str, Any]:
    return {**render_image(image), "type": "snapshot"}


def _asked(call: Call) -> Image:
    image = find(call.cloud, call.path["image"])
    if image is None:
        raise not_found()
    return image


def _own(call: Call) -> Image:
    image = _asked(call)
    if not image.is_snapshot:
        raise forbidden()
    return image


ENDPOINTS = (
    Endpoint("GET", "/images", index),
    Endpoint("GET", "/images/{image}", show),
    Endpoint("PUT", "/images/{image}", rename),
    Endpoint("DELETE", "/images/{image}", delete),
    Endpoint("GET", "/droplets/{droplet:int}/snapshots", snapshots_of_droplet),
)
