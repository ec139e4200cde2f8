"""The DigitalOcean API, as far as the product speaks it. Errors are those of `errors`.

One `DigitalOcean` may be used by several threads: each gets a connection of its own, and what is asked for
once (the operator's key, the firewall) is asked for once among them.
"""

import re
import threading
from collections.abc import Callable, Collection, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from provisioner.clock import SYSTEM_CLOCK, Clock
from provisioner.errors import SettingsError
from provisioner.services.digitalocean import firewalls
from provisioner.services.digitalocean.errors import (
    CallReport,
    CloudCallError,
    NoAnswer,
    NotFound,
    in_strange_form,
    named,
)
from provisioner.services.digitalocean.models import (
    Account,
    Action,
    ActionStatus,
    DropletInfo,
    DropletSpec,
    Image,
    Region,
    Size,
    Snapshot,
    SshKey,
)
from provisioner.services.digitalocean.rate_budget import RateBudget
from provisioner.services.digitalocean.transport import Api, RequestFailed
from provisioner.ssh.keys import md5_fingerprint

__all__ = [
    "Account",
    "Action",
    "DigitalOcean",
    "DropletInfo",
    "DropletSpec",
    "Image",
    "Region",
    "Size",
    "Snapshot",
    "SshKey",
]

if TYPE_CHECKING:
    from provisioner.services.digitalocean.offer import CloudOffer

_T = TypeVar("_T")

PATIENCE_SECONDS = 120.0
"""How long one call is tried again while that may help: longer than the wait after a burst of requests."""
PER_PAGE = 200
"""The most that the API puts on a page."""
_LISTINGS = 3


class DigitalOcean:
    """The account that a token belongs to. `endpoint` is the address of the API, up to `/v2/`."""

    def __init__(
        self,
        token: str,
        endpoint: str,
        *,
        clock: Clock = SYSTEM_CLOCK,
        patience: float = PATIENCE_SECONDS,
        budget: RateBudget | None = None,
    ) -> None:
        """`patience` is in seconds; `budget` is asked before each request."""
        _check_settings(token, endpoint)
        self.clock = clock
        # Without its last slash the library would drop the last part of the path.
        self._new_api = partial(Api, token, endpoint.rstrip("/") + "/", clock, patience, budget)
        self._threads = threading.local()
        self._lock = threading.Lock()
        self._keys: dict[str, SshKey] = {}
        self._guarded: set[str] = set()

    def account(self) -> Account:
        """Who pays, how many droplets they may have, and whether the account is locked."""
        return self._read("read the account", "account", "account", Account.of)

    def sizes(self) -> list[Size]:
        """Every size on offer, with its price."""
        return self._list("list the sizes", "sizes", Size.of, {})

    def regions(self) -> list[Region]:
        """Every place that there is."""
        return self._list("list the regions", "regions", Region.of, {})

    def image(self, name: str) -> Image | None:
        """The image with this slug or id; None if the account has none."""
        try:
            return self._read(f"look for the image {name}", f"images/{name}", "image", Image.of)
        except NotFound:
            return None

    def distributions(self) -> list[Image]:
        """The images that DigitalOcean offers to everybody."""
        return self._list("list the images", "images", Image.of, {"type": "distribution"})

    def count_droplets(self) -> int:
        """How many droplets the account has, of whomever."""
        doing = "count the droplets"
        data = self._call(doing, "droplets", "GET", {"per_page": 1, "page": 1})
        return _parsed(doing, lambda: int(data["meta"]["total"]))

    def has_ssh_key(self, public: str) -> bool:
        """Whether the account knows the key with this public half."""
        fingerprint = md5_fingerprint(public)
        with self._lock:
            if fingerprint not in self._keys:
                found = self._find_key(fingerprint)
                if found is None:
                    return False
                self._keys[fingerprint] = found
        return True

    @cached_property
    def offer(self) -> "CloudOffer":
        """What the account can have now, asked for once among all who want to know."""
        from provisioner.services.digitalocean.offer import CloudOffer

        return CloudOffer(self)

    def droplet(self, droplet_id: str) -> DropletInfo:
        """One droplet; NotFound if there is none (any more, or yet)."""
        return self._read(f"read droplet {droplet_id}", f"droplets/{droplet_id}", "droplet", DropletInfo.of)

    def find_droplets(self, name: str) -> list[DropletInfo]:
        """Every droplet of this name, in any case; names are not unique.

        A droplet may be missing for some time after its creation: digitalocean/api-v2 issue 202.
        """
        found = self._list(f"list droplets named {name}", "droplets", DropletInfo.of, {"name": name})
        return [droplet for droplet in found if droplet.name.lower() == name.lower()]

    def droplets_tagged(self, tag: str) -> list[DropletInfo]:
        """Every droplet with this tag. Tags come on some time after the creation; lists lag as for names."""
        found = self._list(f"list droplets tagged {tag}", "droplets", DropletInfo.of, {"tag_name": tag})
        return [droplet for droplet in found if tag.lower() in (one.lower() for one in droplet.tags)]

    def droplets_beside(
        self,
        droplet: DropletInfo,  # noqa: ARG002 - for who knows a look that showed it
        tag: str,
    ) -> list[DropletInfo]:
        """Every droplet with this tag, as of the look that showed `droplet` or later."""
        return self.droplets_tagged(tag)

    def create_droplet(self, spec: DropletSpec) -> DropletInfo:
        """Ask for a droplet, once: the API would make a second one for the same request.

        It is accepted, not made, when this returns. After an error whose `report.sent` is True it may have
        been accepted all the same.
        """
        return self._read("create the droplet", "droplets", "droplet", DropletInfo.of, "POST", spec.as_body())

    def delete_droplet(self, droplet_id: str) -> None:
        """Destroy a droplet with all that is on it; nothing happens if it is gone."""
        try:
            self._call(f"delete droplet {droplet_id}", f"droplets/{droplet_id}", "DELETE")
        except NotFound:
            return

    def creation_status(self, droplet_id: str) -> ActionStatus | None:
        """How far the creation of a droplet is; None if nothing is known of it."""
        actions = self.actions_of(droplet_id)
        return next((action.status for action in actions if action.type == "create"), None)

    def actions_of(self, droplet_id: str) -> list[Action]:
        """What is and was done to a droplet, the newest first."""
        doing = f"read the actions of droplet {droplet_id}"
        return self._list(doing, f"droplets/{droplet_id}/actions", Action.of, {}, key="actions")

    def action(self, action_id: str) -> Action:
        """How far an action is."""
        return self._read(f"read action {action_id}", f"actions/{action_id}", "action", Action.of)

    def act(self, droplet_id: str, kind: str, **more: object) -> Action:
        """Ask for an action on a droplet, such as `power_off`, once; `more` is what its kind needs.

        After an error whose `report.sent` is True it may have been accepted all the same. A droplet has one
        at a time: another one is refused (422).
        """
        body = {"type": kind, **more}
        doing = f"{kind.replace('_', ' ')} droplet {droplet_id}"
        return self._read(doing, f"droplets/{droplet_id}/actions", "action", Action.of, "POST", body)

    def take_snapshot(self, droplet_id: str, name: str) -> Action:
        """Ask for a snapshot of a droplet, once: the API would take a second one for the same request.

        After an error whose `report.sent` is True it may have been accepted all the same.
        """
        body = {"type": "snapshot", "name": name}
        doing = f"take a snapshot of droplet {droplet_id}"
        return self._read(doing, f"droplets/{droplet_id}/actions", "action", Action.of, "POST", body)

    def snapshots(self) -> list[Snapshot]:
        """Every snapshot of a droplet that the account has. A new one may be missing for some time."""
        return self._list("list the snapshots", "snapshots", Snapshot.of, {"resource_type": "droplet"})

    def delete_snapshot(self, snapshot_id: str) -> None:
        """Give a snapshot up; nothing happens if it is gone. Droplets that were made from it go on."""
        try:
            self._call(f"delete snapshot {snapshot_id}", f"snapshots/{snapshot_id}", "DELETE")
        except NotFound:
            return

    def tag_snapshot(self, snapshot_id: str, tag: str) -> None:
        """Put a tag on a snapshot, which is made if there is none of this name."""
        self._put_tag(tag, snapshot_id, "image", f"put the tag {tag} on snapshot {snapshot_id}")

    def tag_droplet(self, droplet_id: str, tag: str) -> None:
        """Put a tag on a droplet, which is made if there is none of this name."""
        self._put_tag(tag, droplet_id, "droplet", f"put the tag {tag} on droplet {droplet_id}")

    def delete_tag(self, tag: str) -> None:
        """Take a tag off all that has it; nothing happens if there is none of this name."""
        try:
            self._call(f"delete the tag {tag}", f"tags/{tag}", "DELETE")
        except NotFound:
            return

    def rename_droplet(self, droplet_id: str, name: str) -> None:
        """Ask for another name of a droplet, which it has a few seconds later; its system keeps its own.

        One that has an action going on is refused (422).
        """
        body = {"type": "rename", "name": name}
        self._call(f"rename droplet {droplet_id}", f"droplets/{droplet_id}/actions", "POST", body)

    def ensure_ssh_key(self, public: str, name: str) -> SshKey:
        """The account's key with this public half, registered as `name` if it was not there.

        Never lists the keys: the API allows that ten times a minute only.
        """
        fingerprint = md5_fingerprint(public)
        with self._lock:
            if fingerprint not in self._keys:
                self._keys[fingerprint] = self._find_key(fingerprint) or self._add_key(
                    public, name, fingerprint
                )
            return self._keys[fingerprint]

    def delete_ssh_key(self, public: str) -> None:
        """Have the account know the key with this public half no more; servers that have it keep it."""
        fingerprint = md5_fingerprint(public)
        with self._lock:
            self._keys.pop(fingerprint, None)
        try:
            self._call("delete the SSH key", f"account/keys/{fingerprint}", "DELETE")
        except NotFound:
            return

    def ensure_firewall(self, tag: str, port: int = 22) -> None:
        """See that every droplet with this tag can be reached on the SSH port and on no other.

        Rules that somebody has added to ours are taken away, and who may come to SSH is left as it is.
        """
        with self._lock:
            if tag not in self._guarded:
                self._guard(tag, port)
                self._guarded.add(tag)

    def has_tag(self, tag: str) -> bool:
        """Whether the account knows this tag: it does from the first droplet that had it on."""
        try:
            self._call(f"look for the tag {tag}", f"tags/{tag}")
        except NotFound:
            return False
        return True

    def is_guarded(self, tag: str) -> bool:
        """Whether our firewall covers this tag."""
        return firewalls.covers(self._firewall(), tag)

    def firewall_problems(self, tag: str, port: int = 22, droplets: Collection[str] = ()) -> list[str]:
        """What is wrong with the firewalls before the droplets with this tag or these ids; one request.

        `ensure_firewall` puts right what is wrong with our own.
        """
        return list(firewalls.problems(self._firewalls(), tag, port, droplets))

    def _put_tag(self, tag: str, resource_id: str, kind: str, doing: str) -> None:
        self._call(f"make the tag {tag}", "tags", "POST", {"name": tag})
        resources = [{"resource_id": resource_id, "resource_type": kind}]
        self._call(doing, f"tags/{tag}/resources", "POST", {"resources": resources})

    def _find_key(self, fingerprint: str) -> SshKey | None:
        try:
            return self._read("look for the SSH key", f"account/keys/{fingerprint}", "ssh_key", SshKey.of)
        except NotFound:
            return None

    def _add_key(self, public: str, name: str, fingerprint: str) -> SshKey:
        body = {"name": name, "public_key": public}
        try:
            return self._read("register the SSH key", "account/keys", "ssh_key", SshKey.of, "POST", body)
        except CloudCallError as error:
            # In use already: another run was faster, or the answer to a first attempt was lost.
            found = self._find_key(fingerprint) if error.report.status == 422 or error.report.sent else None
            if found is None:
                raise
            return found

    def _guard(self, tag: str, port: int) -> None:
        firewall = self._firewall()
        if firewall is not None:
            self._mend(firewall, port)
        if firewalls.covers(firewall, tag):
            return
        # A firewall takes only tags that exist.
        self._call(f"make the tag {tag}", "tags", "POST", {"name": tag})
        firewall = firewall or self._add_firewall(tag, port)
        if not firewalls.covers(firewall, tag):
            path = f"firewalls/{firewall['id']}/tags"
            self._call("put the tag on the firewall", path, "POST", {"tags": [tag]})

    def _mend(self, firewall: Mapping[str, Any], port: int) -> None:
        """Somebody may have changed the rules by hand; the next droplet shall not stand open."""
        body = firewalls.mended(firewall, port)
        if body is not None:
            self._call("put the firewall's rules right", f"firewalls/{firewall['id']}", "PUT", body)

    def _firewalls(self) -> list[Mapping[str, Any]]:
        return self._list("list the firewalls", "firewalls", _as_it_is, {})

    def _firewall(self) -> Mapping[str, Any] | None:
        return firewalls.ours(self._firewalls())

    def _add_firewall(self, tag: str, port: int) -> Mapping[str, Any]:
        doing = "make the firewall"
        try:
            return self._read(
                doing, "firewalls", "firewall", _as_it_is, "POST", firewalls.only_ssh(tag, port)
            )
        except CloudCallError as error:
            # Another run may have been faster.
            found = self._firewall() if error.report.status in (409, 422) or error.report.sent else None
            if found is None:
                raise
            return found

    def _list(
        self,
        doing: str,
        path: str,
        reader: Callable[[Mapping[str, Any]], _T],
        params: Mapping[str, str],
        key: str | None = None,
    ) -> list[_T]:
        """All pages. The API says how many there are in all: fewer or more means that the list moved."""
        key = key or path
        for _ in range(_LISTINGS):
            data = self._call(doing, path, "GET", {**params, "per_page": PER_PAGE})
            if _parsed(doing, partial(_is_whole, data, key)):
                return [_parsed(doing, partial(reader, item)) for item in data[key]]
        raise NoAnswer(
            doing, CallReport(message="the list changed while it was read", sent=False, helps=True)
        )

    def _read(
        self,
        doing: str,
        path: str,
        key: str,
        reader: Callable[[Mapping[str, Any]], _T],
        method: str = "GET",
        params: Mapping[str, Any] | None = None,
    ) -> _T:
        data = self._call(doing, path, method, params)
        return _parsed(doing, lambda: reader(data[key]))

    def _call(
        self, doing: str, path: str, method: str = "GET", params: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        try:
            # The library writes into the parameters.
            data: Any = self._api().get_data(path, type=method, params=dict(params or {}))
        except RequestFailed as failure:
            raise named(doing, failure.report) from None
        return data if isinstance(data, dict) else {}

    def _api(self) -> Api:
        if not hasattr(self._threads, "api"):
            self._threads.api = self._new_api()
        api: Api = self._threads.api
        return api


def _check_settings(token: str, endpoint: str) -> None:
    """SettingsError for what could not be put into a request."""
    if not token or not re.fullmatch(r"[!-~]+", token):
        raise SettingsError(
            "use the DigitalOcean API",
            cause="DIGITALOCEAN_ACCESS_TOKEN is not a token",
            hint="set it to the token alone, without spaces or quotes",
        )
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(
            "use the DigitalOcean API",
            cause="DIGITALOCEAN_END_POINT is not an address",
            hint="leave it out, or set it to one like https://api.digitalocean.com/v2/",
        )


def _parsed(doing: str, read: Callable[[], _T]) -> _T:
    try:
        return read()
    except (KeyError, TypeError, ValueError, AttributeError):
        raise in_strange_form(doing) from None


def _is_whole(data: Mapping[str, Any], key: str) -> bool:
    """Whether every item is there once; sizes and regions have a slug in the place of an id."""
    names = {item["slug"] if "id" not in item else item["id"] for item in data[key]}
    return len(names) == len(data[key]) == int(data["meta"]["total"])


def _as_it_is(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    return raw
