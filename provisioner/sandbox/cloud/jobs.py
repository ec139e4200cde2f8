"""What happens to a droplet after its request was answered: its machine's side, on the machine's executor."""

import logging
from collections.abc import Callable
from typing import Literal

from provisioner.errors import SandboxError
from provisioner.sandbox.cloud import firewalls, images
from provisioner.sandbox.cloud.catalog import BackupPlan, Image
from provisioner.sandbox.cloud.state import Action, Cloud, Droplet, DropletStatus
from provisioner.sandbox.machines.interface import MachineSpec

log = logging.getLogger(__name__)


def create(cloud: Cloud, droplet: Droplet, action: Action) -> None:
    """Make the machine; the droplet is active when it is up and `boot_seconds` have passed."""
    ready_at = cloud.now() + cloud.options.boot_seconds
    if droplet.fate in ("vanish", "errored", "stuck"):
        _meet_fate(cloud, droplet, action, ready_at)
        return
    try:
        _boot(cloud, droplet)
    except SandboxError as error:
        log.error("droplet %s (%s) could not be made: %s", droplet.id, droplet.name, error)
        _vanish(cloud, droplet, action)
        return
    cloud.executors.sleep(ready_at - cloud.now())
    with cloud.lock:
        droplet.status = "active"
        if droplet.id in cloud.droplets:
            cloud.usage.begin_droplet(droplet.id, droplet.name, droplet.size)
        cloud.finish(droplet, action)


def destroy(cloud: Cloud, droplet: Droplet) -> None:
    """Take the machine of a deleted droplet away."""
    if droplet.has_machine:
        cloud.machines.destroy(droplet.id)
    with cloud.lock:
        droplet.has_machine = False


def act(
    cloud: Cloud, droplet: Droplet, action: Action, effect: Callable[[], None], after: DropletStatus
) -> None:
    """Do an action's effect on the machine and complete it; a failing effect is an errored action."""
    ready_at = cloud.now() + cloud.options.action_seconds
    try:
        effect()
    except SandboxError as error:
        log.error("%s of droplet %s failed: %s", action.type, droplet.id, error)
        with cloud.lock:
            cloud.finish(droplet, action, "errored")
        return
    cloud.executors.sleep(ready_at - cloud.now())
    with cloud.lock:
        droplet.status = after
        cloud.finish(droplet, action)


def rebuild(cloud: Cloud, droplet: Droplet, image: Image) -> None:
    """Give it a new disk with this image on it; what was on the old one is gone."""
    cloud.machines.rebuild(droplet.id, image.key)
    with cloud.lock:
        droplet.image = image


def snapshot(cloud: Cloud, droplet: Droplet, name: str) -> None:
    """Keep a copy of the disk, and offer it as an image."""
    image = _copy(cloud, droplet, name, "snapshot")
    with cloud.lock:
        droplet.snapshot_ids.append(image.id)
        cloud.usage.begin_snapshot(image)


def back_up(cloud: Cloud, droplet: Droplet, plan: BackupPlan) -> None:
    """Take a backup; the oldest goes when there are more than the plan keeps."""
    image = _copy(cloud, droplet, f"{droplet.name} {cloud.timestamp()[:10]}", "backup")
    with cloud.lock:
        if droplet.id not in cloud.droplets:
            images.remove(cloud, image)
            return
        droplet.backup_ids.append(image.id)
        cloud.usage.add_backup(droplet.id, droplet.name, droplet.size, plan)
        for old in droplet.backup_ids[: -plan.kept]:
            images.remove(cloud, cloud.snapshots[old])


def _copy(cloud: Cloud, droplet: Droplet, name: str, kind: Literal["snapshot", "backup"]) -> Image:
    image_id = cloud.next_id()
    size = cloud.machines.snapshot(droplet.id, str(image_id))
    with cloud.lock:
        cloud.snapshots[image_id] = image = Image(
            image_id,
            name,
            droplet.image.distribution,
            None,
            droplet.disk,
            cloud.timestamp(),
            (droplet.region.slug,),
            gigabytes=round(droplet.image.gigabytes + size / 1e9, 2),
            droplet_id=droplet.id,
            kind=kind,
            listed_at=cloud.now() + cloud.options.list_lag,
        )
    return image


def _boot(cloud: Cloud, droplet: Droplet) -> None:
    address = cloud.machines.reserve_address()
    spec = MachineSpec(
        droplet.id,
        droplet.name,
        address,
        droplet.user_data,
        droplet.authorized_keys,
        droplet.image.key,
        droplet.size.memory,
    )
    with cloud.lock:
        droplet.address = address
        # Before the machine exists, so that a failure half way is cleaned up too.
        droplet.has_machine = True
    cloud.machines.create(spec)
    firewalls.enforce(cloud, droplet)


def _meet_fate(cloud: Cloud, droplet: Droplet, action: Action, ready_at: float) -> None:
    if droplet.fate == "stuck":
        return
    cloud.executors.sleep(ready_at - cloud.now())
    if droplet.fate == "vanish":
        _vanish(cloud, droplet, action)
    else:
        with cloud.lock:
            cloud.finish(droplet, action, "errored")


def _vanish(cloud: Cloud, droplet: Droplet, action: Action) -> None:
    """An accepted droplet that could not be placed: its action errs, and its id is unknown from then on."""
    with cloud.lock:
        cloud.finish(droplet, action, "errored")
        cloud.droplets.pop(droplet.id, None)
    if droplet.has_machine:
        cloud.machines.destroy(droplet.id)
