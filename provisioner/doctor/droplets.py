"""Compares droplets and records in both directions: gone, duplicate, unknown, or not as recorded.

A droplet that carries another workspace's mark is that workspace's, whatever else is seen of it: nobody is
told to touch it. One that carries none may be anybody's.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from provisioner.customers.leaving import is_leaving, next_leaving_moment
from provisioner.customers.lifecycle import has_left
from provisioner.customers.moving import goes_on as moves_on
from provisioner.customers.moving import is_moving, next_moving_moment, second_id
from provisioner.customers.record import Customer
from provisioner.customers.resizing import goes_on, is_resizing
from provisioner.doctor.findings import Cost, Findings
from provisioner.droplets.identity import (
    FLEET_TAG,
    is_of,
    other_workspace,
    same_key,
    stated_host_key,
    tag_of,
)
from provisioner.images.builder import is_builder
from provisioner.pool.droplet import is_of_pool
from provisioner.printable import command
from provisioner.services.digitalocean.models import DropletInfo
from provisioner.timestamps import present, written


@dataclass(frozen=True)
class Fleet:
    """All droplets by their ids, and who should have them; `prices` by size, in dollars a month.

    `mark` is this workspace's, None where it has none yet.
    """

    here: Sequence[Customer]
    archived: Sequence[Customer]
    droplets: Mapping[str, DropletInfo]
    prices: Mapping[str, float]
    mark: str | None

    def compare(self, found: Findings) -> None:
        """Note each difference, of every customer and of every droplet."""
        owners = self._owners()
        self._look_for_doubles(found)
        archived = {one.id for one in self.archived}
        for droplet_id, customer in owners.items():
            droplet = self.droplets.get(droplet_id)
            if droplet_id in second_id(customer):
                self._tell_of_second(customer, droplet, found)
            elif droplet is not None:
                self._compare_own(customer, droplet, found, archived=customer.id in archived)
            elif not has_left(customer.status):
                found.note("droplet", customer.email, f"droplet {droplet_id} is gone", _rebuild(customer))
        self._look_for_unknown(owners, found)
        self._look_for_backups(owners, found)

    def _compare_own(
        self, customer: Customer, droplet: DropletInfo, found: Findings, *, archived: bool
    ) -> None:
        if has_left(customer.status) and is_leaving(customer):
            self._tell_of_grace(customer, droplet, found)
        elif customer.status == "handed_over":
            self._tell_of_handover(customer, droplet, found)
        elif has_left(customer.status) or archived:
            state = customer.status if has_left(customer.status) else "archived"
            found.note("droplet", customer.email, *self._useless(customer, state, droplet))
        elif is_resizing(customer):
            # One that runs is looked at itself.
            if droplet.status != "active":
                problem = f"droplet {droplet.id} is off, because it is being resized"
                found.advise("droplet", customer.email, problem, goes_on(customer))
        else:
            for problem, hint in _differences(customer, droplet):
                found.note("droplet", customer.email, problem, hint)

    def costs(self) -> list[Cost]:
        """What each droplet costs, and whose it is."""
        owners = self._owners()
        return [
            Cost(
                droplet.id,
                owners[droplet.id].email if droplet.id in owners else None,
                droplet.size,
                self.prices.get(droplet.size),
                None if droplet.id in owners else self._stranger(droplet),
                None if droplet.id in owners else self._use(droplet),
            )
            for droplet in self.droplets.values()
        ]

    def _owners(self) -> dict[str, Customer]:
        """By droplet. Of the archived, only a droplet that is still there is of interest."""
        left = [one for one in self.archived if one.setup.droplet.id in self.droplets]
        here = (*left, *self.here)
        seconds = {droplet_id: one for one in here for droplet_id in second_id(one)}
        return seconds | {one.setup.droplet.id: one for one in here if one.setup.droplet.id}

    def _use(self, droplet: DropletInfo) -> str | None:
        """What a droplet of the workspace's own is for; of these, other checks tell."""
        if is_of_pool(droplet.tags, self.mark or ""):
            return "pool"
        return "image builder" if is_builder(droplet.tags, self.mark or "") else None

    def _stranger(self, droplet: DropletInfo) -> str | None:
        """The other workspace that the droplet is of; all marks are others' before we have one."""
        return other_workspace(droplet.tags, self.mark or "")

    def _look_for_doubles(self, found: Findings) -> None:
        tagged: dict[str, list[str]] = defaultdict(list)
        for droplet in self.droplets.values():
            if self._stranger(droplet) is None:
                for tag in droplet.tags:
                    tagged[tag].append(droplet.id)
        for customer in (*self.here, *self.archived):
            second = second_id(customer)
            theirs = [one for one in tagged.get(tag_of(customer.id), []) if one not in second]
            if len(theirs) > 1:
                problem = f"has several droplets: {', '.join(sorted(theirs))}"
                hint = f"{command('adopt', customer.email, 'ID')}, and delete the others in the control panel"
                found.note("droplet", customer.email, problem, hint)

    def _look_for_unknown(self, owners: Mapping[str, Customer], found: Findings) -> None:
        by_tag = {tag_of(one.id): one for one in (*self.here, *self.archived)}
        strangers: dict[str, list[str]] = defaultdict(list)
        for droplet in self.droplets.values():
            if droplet.id in owners or self._use(droplet) is not None:
                continue
            stranger = self._stranger(droplet)
            if stranger is not None:
                strangers[stranger].append(droplet.id)
                continue
            owner = next((by_tag[tag] for tag in droplet.tags if tag in by_tag), None)
            found.note("droplet", droplet.id, *_unknown(droplet, owner, self.mark))
        for mark, theirs in strangers.items():
            problem = f"{len(theirs)} droplets on this account are of another workspace, which has this mark"
            hint = (
                "nothing: they are looked after from there (customers/.workspace-id has a workspace's mark)"
            )
            found.advise("droplet", f"workspace {mark}", problem, hint)

    def _look_for_backups(self, owners: Mapping[str, Customer], found: Findings) -> None:
        """DigitalOcean's own, which nothing of ours switches on or reads."""
        for droplet in self.droplets.values():
            if droplet.backed_up and self._stranger(droplet) is None:
                whom = owners[droplet.id].email if droplet.id in owners else droplet.id
                problem = (
                    f"DigitalOcean backs droplet {droplet.id} up itself, which {self._backups_cost(droplet)}"
                )
                found.advise("droplet", whom, problem, _BACKUPS_OFF)

    def _backups_cost(self, droplet: DropletInfo) -> str:
        price = self.prices.get(droplet.size)
        if price is None:
            return "costs 20 to 30 % of its price more"
        weekly, daily = (f"${price * share:.2f}" for share in _BACKUP_SHARES)
        return f"costs {weekly} (weekly) or {daily} (daily) a month more"

    def _tell_of_second(self, customer: Customer, droplet: DropletInfo | None, found: Findings) -> None:
        """What a move makes, or leaves for its grace."""
        if droplet is None:
            return
        costs = f"droplet {droplet.id} costs {self._costs(droplet)} besides their own"
        goes_on = moves_on(customer)
        due = next_moving_moment(customer)
        if is_moving(customer) or due is None or due <= present():
            found.advise("droplet", customer.email, f"is being moved: {costs}", f"it goes on with {goes_on}")
            return
        until = f"until {written(due)[:10]}"
        found.advise("droplet", customer.email, f"was moved: {costs} {until}", f"then: {goes_on}")

    def _tell_of_grace(self, customer: Customer, droplet: DropletInfo, found: Findings) -> None:
        """A droplet whose end is decided costs until then; it is nobody's trouble unless that has passed."""
        leaving, due = customer.leaving, next_leaving_moment(customer)
        goes_on = command("cancel", customer.email)
        if leaving is None or due is None or due <= present():
            problem = f"has left, and droplet {droplet.id} still costs {self._costs(droplet)}"
            found.note("droplet", customer.email, problem, f"what is due is done by {goes_on}")
            return
        until = f"droplet {droplet.id} costs {self._costs(droplet)} until {written(due)[:10]}"
        undo = command("cancel", customer.email, options="--undo")
        found.advise(
            "droplet", customer.email, f"has left; {until}", f"then: {goes_on}; if they stay: {undo}"
        )

    def _tell_of_handover(self, customer: Customer, droplet: DropletInfo, found: Findings) -> None:
        """A droplet that is the customer's by now costs us as it was agreed; nobody is told to delete it."""
        problem = f"has their server, and droplet {droplet.id} still costs {self._costs(droplet)} here"
        hint = "bill it as agreed, or have it moved to the customer's account: docs/handover.md"
        found.advise("droplet", customer.email, problem, hint)

    def _costs(self, droplet: DropletInfo) -> str:
        price = self.prices.get(droplet.size)
        return f"${price:.2f} a month" if price is not None else "money"

    def _useless(self, customer: Customer, state: str, droplet: DropletInfo) -> tuple[str, str]:
        problem = f"is {state}, and droplet {droplet.id} still costs {self._costs(droplet)}"
        hint = f"with a last backup: {command('cancel', customer.email, options='--now')}"
        if state == "archived":
            return problem, f"{hint}; if they are still a customer: {command('restore', customer.email)}"
        return problem, hint


def _rebuild(customer: Customer) -> str:
    return f"{command('rebuild', customer.email)} makes another one"


def _differences(customer: Customer, droplet: DropletInfo) -> Iterator[tuple[str, str]]:
    """Where the record and its droplet do not agree, and what to do."""
    recorded = customer.setup.droplet

    def setting(name: str, value: str) -> str:
        return command("update", customer.email, f"setup.droplet.{name}", value)

    if droplet.status in ("off", "archive"):
        yield f"droplet {droplet.id} is {droplet.status}, and costs the same", _SWITCH_ON
    if recorded.ip and droplet.public_ipv4 != recorded.ip:
        now = droplet.public_ipv4
        problem = f"the address of droplet {droplet.id} is {now or 'none'}, the record has {recorded.ip}"
        yield problem, setting("ip", now or "null")
    for name, here, there in (
        ("region", recorded.region, droplet.region),
        ("size", recorded.size, droplet.size),
    ):
        if recorded.ip and here and here != there:
            problem = f"the {name} of droplet {droplet.id} is {there}, the record has {here}"
            yield problem, f"{setting(name, there)} has the record say so"
    if recorded.pool and recorded.ip and recorded.name and droplet.name != recorded.name:
        hint = f"rename it in the control panel; {setting('name', droplet.name)} has the record say so"
        yield f"droplet {droplet.id} is called {droplet.name}, the record has {recorded.name}", hint
    missing = [tag for tag in (tag_of(customer.id), FLEET_TAG) if tag not in droplet.tags]
    if missing:
        hint = "put it on in the control panel: it is how the droplet and its firewall are found"
        yield f"droplet {droplet.id} lacks the tag {' and '.join(missing)}", hint
    stated = stated_host_key(droplet.tags, droplet.name)
    if stated and not recorded.host_key_renewed and not same_key(stated, recorded.host_key):
        hint = f"compare both with the droplet's console, then {setting('hostKey', 'ssh-ed25519 AAAA…')}"
        yield f"the record has another host key than droplet {droplet.id} was made with", hint


_SWITCH_ON: Final = "switch it on in the control panel"
_BACKUP_SHARES: Final = (0.2, 0.3)
"""Of a droplet's price: what its weekly and its daily backups cost."""
_BACKUPS_OFF: Final = (
    "switch them off in the control panel unless you want them: restore-backup knows only those that backup "
    "and the worker take"
)


def _unknown(droplet: DropletInfo, owner: Customer | None, mark: str | None) -> tuple[str, str]:
    what = f"no record has this droplet ({droplet.name}, created {droplet.created_at})"
    if owner is not None:
        recorded = owner.setup.droplet.id or "none"
        hint = f"{command('adopt', owner.email, droplet.id)}, or delete it in the control panel"
        return f"{what}; its tag says {owner.email}, whose record has {recorded}", hint
    adopt = f"{command('adopt', 'EMAIL', droplet.id)}, if it is a customer's"
    if mark and is_of(droplet.tags, mark):
        return what, f"{adopt}; if it is nobody's any more, delete it in the control panel"
    problem = f"{what}; it does not say which workspace made it"
    return problem, f"find out whose it is before anything else; {adopt}"
