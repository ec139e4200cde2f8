"""Actions: what was done to droplets, and asking for more. One at a time for each droplet.

The sandbox offers the types in `_KINDS`; any other type of the real API is refused, and told why.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from provisioner.sandbox.cloud import backups, images, jobs
from provisioner.sandbox.cloud.call import Call, Endpoint, answer
from provisioner.sandbox.cloud.catalog import render_region, size_named
from provisioner.sandbox.cloud.errors import bad_request, not_found, unprocessable
from provisioner.sandbox.cloud.names import DropletName
from provisioner.sandbox.cloud.pagination import SinglePage, paginate
from provisioner.sandbox.cloud.state import Action, Cloud, Droplet, DropletStatus


class NewAction(BaseModel):
    model_config = ConfigDict(extra="allow")

    type: str


class NewName(BaseModel):
    name: DropletName


class NewSnapshot(BaseModel):
    name: str | None = None


class NewSize(BaseModel):
    size: str
    disk: bool = False


class NewImage(BaseModel):
    image: int | str


class NewPolicy(BaseModel):
    backup_policy: backups.Policy = backups.Policy()


@dataclass(frozen=True)
class _Kind:
    """How an action type is done: in which states it may be asked for, which state it leaves behind."""

    prepare: Callable[[Call, Droplet], Callable[[], None]]
    allowed: frozenset[DropletStatus]
    after: DropletStatus | None = None


def create(call: Call) -> Response:
    action = _begin(call, call.droplet(), call.form(NewAction).type)
    return answer({"action": render(call, action)}, 201)


def create_tagged(call: Call) -> Response:
    """The same action for every droplet that has the tag."""
    tag = call.query.get("tag_name")
    if tag is None:
        raise bad_request("tag_name is missing")
    kind = call.form(NewAction).type
    tagged = [droplet for droplet in call.cloud.droplets.values() if tag in droplet.tags]
    return answer({"actions": [render(call, _begin(call, droplet, kind)) for droplet in tagged]}, 201)


def index(call: Call) -> Response:
    newest_first = list(reversed(call.cloud.actions.values()))
    return paginate(
        call, "actions", newest_first, lambda action: render(call, action), SinglePage.EMPTY_PAGES
    )


def show(call: Call) -> Response:
    action = call.cloud.actions.get(call.path["action"])
    if action is None:
        raise not_found()
    return answer({"action": render(call, action)})


def index_of_droplet(call: Call) -> Response:
    droplet = call.droplet()
    own = [action for action in reversed(call.cloud.actions.values()) if action.droplet_id == droplet.id]
    return paginate(call, "actions", own, lambda action: render(call, action), SinglePage.EMPTY_PAGES)


def show_of_droplet(call: Call) -> Response:
    droplet = call.droplet()
    action = call.cloud.actions.get(call.path["action"])
    if action is None or action.droplet_id != droplet.id:
        raise not_found()
    return answer({"action": render(call, action)})


def render(call: Call, action: Action) -> dict[str, Any]:
    return {
        "id": action.id,
        "status": action.status,
        "type": action.type,
        "started_at": action.started_at,
        "completed_at": action.completed_at,
        "resource_id": action.droplet_id,
        "resource_type": "droplet",
        "region": render_region(action.region, call.cloud.options.sold_out),
        "region_slug": action.region.slug,
    }


def _begin(call: Call, droplet: Droplet, name: str) -> Action:
    cloud = call.cloud
    kind = _KINDS.get(name)
    if kind is None:
        raise unprocessable(f"The sandbox does not offer the action {name!r}.")
    if droplet.pending is not None:
        raise unprocessable("Droplet already has a pending event.")
    if droplet.status not in kind.allowed:
        raise unprocessable(_wrong_state(name, droplet.status))
    effect = kind.prepare(call, droplet)
    action = cloud.begin(droplet, name)
    after = kind.after or droplet.status
    cloud.executors.submit(droplet.id, lambda: jobs.act(cloud, droplet, action, effect, after))
    return action


def _wrong_state(name: str, status: DropletStatus) -> str:
    if name == "resize":
        return "Droplet must be powered off to be resized."
    return f"Droplet is already powered {'on' if status == 'active' else 'off'}."


def _of_machine(method: str) -> Callable[[Call, Droplet], Callable[[], None]]:
    def prepare(call: Call, droplet: Droplet) -> Callable[[], None]:
        effect: Callable[[int], None] = getattr(call.cloud.machines, method)
        return lambda: effect(droplet.id)

    return prepare


def _power_cycle(call: Call, droplet: Droplet) -> Callable[[], None]:
    machines = call.cloud.machines

    def effect() -> None:
        machines.power_off(droplet.id)
        machines.power_on(droplet.id)

    return effect


def _snapshot(call: Call, droplet: Droplet) -> Callable[[], None]:
    name = call.form(NewSnapshot).name or f"{droplet.name}-{call.cloud.timestamp()}"
    return lambda: jobs.snapshot(call.cloud, droplet, name)


def _rename(call: Call, droplet: Droplet) -> Callable[[], None]:
    name = call.form(NewName).name
    return lambda: _set(call.cloud, droplet, "name", name)


def _resize(call: Call, droplet: Droplet) -> Callable[[], None]:
    """Without `disk` the disk stays as it is, and another resize can take the rest back."""
    form = call.form(NewSize)
    size = size_named(form.size)
    if size is None or size.disk < droplet.disk:
        raise unprocessable("You specified an invalid size for Droplet resize.")

    def effect() -> None:
        call.cloud.machines.resize(droplet.id, size.memory)
        _set(call.cloud, droplet, "size", size)
        if form.disk:
            _set(call.cloud, droplet, "disk", size.disk)
        with call.cloud.lock:
            if droplet.id in call.cloud.droplets:
                call.cloud.usage.begin_droplet(droplet.id, droplet.name, size)

    return effect


def _rebuild(call: Call, droplet: Droplet) -> Callable[[], None]:
    image = images.usable(call.cloud, call.form(NewImage).image, droplet.disk, "rebuild")
    return lambda: jobs.rebuild(call.cloud, droplet, image)


def _restore(call: Call, droplet: Droplet) -> Callable[[], None]:
    """From a snapshot or a backup of the same droplet."""
    image = images.usable(call.cloud, call.form(NewImage).image, droplet.disk, "restore")
    if image.droplet_id != droplet.id:
        raise unprocessable("You specified an invalid image for Droplet restore.")
    return lambda: jobs.rebuild(call.cloud, droplet, image)


def _switch_backups_on(call: Call, droplet: Droplet) -> Callable[[], None]:
    if droplet.backup_policy is not None:
        raise unprocessable("Backups are already enabled for this Droplet.")
    return _new_policy(call, droplet)


def _change_policy(call: Call, droplet: Droplet) -> Callable[[], None]:
    if droplet.backup_policy is None:
        raise unprocessable("Backups are not enabled for this Droplet.")
    return _new_policy(call, droplet)


def _new_policy(call: Call, droplet: Droplet) -> Callable[[], None]:
    policy = call.form(NewPolicy).backup_policy.as_state()
    return lambda: backups.switch_on(call.cloud, droplet, policy)


def _switch_backups_off(call: Call, droplet: Droplet) -> Callable[[], None]:
    if droplet.backup_policy is None:
        raise unprocessable("Backups are not enabled for this Droplet.")
    return lambda: backups.switch_off(call.cloud, droplet)


def _set(cloud: Cloud, droplet: Droplet, field: str, value: object) -> None:
    with cloud.lock:
        setattr(droplet, field, value)


_ON: frozenset[DropletStatus] = frozenset({"active"})
_OFF: frozenset[DropletStatus] = frozenset({"off"})
_KINDS = {
    "reboot": _Kind(_of_machine("reboot"), _ON),
    "power_cycle": _Kind(_power_cycle, _ON),
    "shutdown": _Kind(_of_machine("shutdown"), _ON, after="off"),
    "power_off": _Kind(_of_machine("power_off"), _ON, after="off"),
    "power_on": _Kind(_of_machine("power_on"), _OFF, after="active"),
    "snapshot": _Kind(_snapshot, _ON | _OFF),
    "rename": _Kind(_rename, _ON | _OFF),
    "resize": _Kind(_resize, _OFF),
    "rebuild": _Kind(_rebuild, _ON | _OFF, after="active"),
    "restore": _Kind(_restore, _ON | _OFF, after="active"),
    "enable_backups": _Kind(_switch_backups_on, _ON | _OFF),
    "change_backup_policy": _Kind(_change_policy, _ON | _OFF),
    "disable_backups": _Kind(_switch_backups_off, _ON | _OFF),
}

ENDPOINTS = (
    Endpoint("GET", "/actions", index),
    Endpoint("GET", "/actions/{action:int}", show),
    Endpoint("POST", "/droplets/actions", create_tagged),
    Endpoint("GET", "/droplets/{droplet:int}/actions", index_of_droplet),
    Endpoint("POST", "/droplets/{droplet:int}/actions", create),
    Endpoint("GET", "/droplets/{droplet:int}/actions/{action:int}", show_of_droplet),
)
