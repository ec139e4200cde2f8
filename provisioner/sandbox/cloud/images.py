"""Images: the distributions that the cloud offers, and the snapshots and backups of droplets."""

import dataclasses
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import Response

from provisioner.sandbox.cloud.call import Call, Endpoint, answer, nothing
from provisioner.sandbox.cloud.catalog import IMAGES, Image, render_image
from provisioner.sandbox.cloud.errors import forbidden, not_found, unprocessable
from provisioner.sandbox.cloud.pagination import SinglePage, paginate
from provisioner.sandbox.cloud.state import Cloud
from provisioner.sandbox.cloud.usage import snapshot_urn


class ImageName(BaseModel):
    name: str = Field(min_length=1, max_length=255)


def index(call: Call) -> Response:
    snapshots = _listed(call.cloud)
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
    remove(call.cloud, _own(call))
    return nothing()


def index_of_snapshots(call: Call) -> Response:
    """Of droplets; this cloud has no volumes, and so no snapshots of any."""
    snapshots = [image for image in _listed(call.cloud) if image.kind == "snapshot"]
    shown = [] if call.query.get("resource_type") == "volume" else snapshots
    return paginate(call, "snapshots", shown, _render_as_resource, SinglePage.NO_LINKS)


def show_snapshot(call: Call) -> Response:
    return answer({"snapshot": _render_as_resource(_snapshot(call))})


def delete_snapshot(call: Call) -> Response:
    remove(call.cloud, _snapshot(call))
    return nothing()


def snapshots_of_droplet(call: Call) -> Response:
    taken = [call.cloud.snapshots[image_id] for image_id in call.droplet().snapshot_ids]
    return paginate(call, "snapshots", taken, render_image)


def usable(cloud: Cloud, identifier: int | str, disk: int, what: str) -> Image:
    """The image with this slug or id, for a disk of so many GiB; the 422 for `what` if it cannot be had."""
    image = find(cloud, identifier)
    if image is None:
        raise unprocessable(f"You specified an invalid image for Droplet {what}.")
    if cloud.bootable is not None and image.slug and image.slug not in cloud.bootable:
        raise unprocessable(f"The sandbox can boot only {', '.join(sorted(cloud.bootable))}.")
    if image.min_disk > disk:
        raise unprocessable("You specified an invalid size for the selected image.")
    return image


def remove(cloud: Cloud, image: Image) -> None:
    """Droplets that were made from it go on."""
    del cloud.snapshots[image.id]
    cloud.usage.end(snapshot_urn(image.id))
    cloud.machines.forget_snapshot(str(image.id))
    for droplet in cloud.droplets.values():
        for ids in (droplet.snapshot_ids, droplet.backup_ids):
            if image.id in ids:
                ids.remove(image.id)


def find(cloud: Cloud, identifier: int | str) -> Image | None:
    """The image with this slug or id (a number, or its digits)."""
    wanted = str(identifier)
    everything = (*IMAGES, *cloud.snapshots.values())
    return next((image for image in everything if wanted in (image.slug, str(image.id))), None)


def _render_as_resource(image: Image) -> dict[str, Any]:
    """As `/snapshots` has it, where all ids are texts."""
    return {
        "id": str(image.id),
        "name": image.name,
        "created_at": image.created_at,
        "regions": list(image.regions),
        "min_disk_size": image.min_disk,
        "size_gigabytes": image.gigabytes,
        "resource_id": str(image.droplet_id),
        "resource_type": "droplet",
        "tags": list(image.tags),
    }


def _listed(cloud: Cloud) -> list[Image]:
    return [image for image in cloud.snapshots.values() if cloud.now() >= image.listed_at]


def _snapshot(call: Call) -> Image:
    image = next((one for one in call.cloud.snapshots.values() if str(one.id) == call.path["snapshot"]), None)
    if image is None or image.kind != "snapshot":
        raise not_found()
    return image


def _asked(call: Call) -> Image:
    image = find(call.cloud, call.path["image"])
    if image is None:
        raise not_found()
    return image


def _own(call: Call) -> Image:
    image = _asked(call)
    if not image.is_copy:
        raise forbidden()
    return image


ENDPOINTS = (
    Endpoint("GET", "/images", index),
    Endpoint("GET", "/images/{image}", show),
    Endpoint("PUT", "/images/{image}", rename),
    Endpoint("DELETE", "/images/{image}", delete),
    Endpoint("GET", "/droplets/{droplet:int}/snapshots", snapshots_of_droplet),
    Endpoint("GET", "/snapshots", index_of_snapshots),
    Endpoint("GET", "/snapshots/{snapshot}", show_snapshot),
    Endpoint("DELETE", "/snapshots/{snapshot}", delete_snapshot),
)
