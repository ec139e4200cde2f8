"""Looking for a customer's droplet that may exist although no answer said so.

A droplet may be missing from lists for a while after its creation, so that a list without it proves nothing;
and its tags come on after it. That is why it is looked for by name and by tag, and for a window of time.
"""

from dataclasses import dataclass, field

from provisioner.printable import command
from provisioner.services.digitalocean.errors import DropletUnclear
from provisioner.services.digitalocean.models import DropletInfo
from provisioner.step import Work
from provisioner.steps.droplet.identity import (
    name_of,
    other_workspace,
    same_key,
    stated_host_key,
    tag_of,
)

_LOOKS = 12
"""Into how many parts a window is divided: each look is two requests, of 250 that a minute has."""


@dataclass
class DropletSearch:
    """One search for one customer's droplet."""

    work: Work
    _seen: dict[str, DropletInfo] = field(default_factory=dict)

    def settle(self) -> DropletInfo | None:
        """The customer's droplet as soon as it is proven; None after a whole window with nothing there.

        Raises DropletUnclear for several, and for one that is still not proven at the window's end.
        """
        window = self.work.settings.droplet.settle_seconds
        interval = max(self.work.settings.droplet.poll_seconds, window / _LOOKS)
        ends = self.work.clock.monotonic() + window
        while True:
            found = self._look()
            if found is not None:
                return found
            left = ends - self.work.clock.monotonic()
            if left <= 0:
                break
            self.work.say(f"looking whether the droplet was created after all ({left:.0f} s more)")
            self.work.clock.sleep(min(left, interval))
        self._demand_nothing()
        return None

    def demand_none_tagged(self) -> None:
        """DropletUnclear if the customer has a droplet of which the record knows nothing; one request."""
        self._see(self.work.services.cloud.droplets_tagged(tag_of(self.work.customer.id)))
        self._demand_nothing()

    def _look(self) -> DropletInfo | None:
        """By name and by tag: the API does not combine them."""
        cloud, customer_id = self.work.services.cloud, self.work.customer.id
        self._see(cloud.find_droplets(name_of(customer_id)))
        self._see(cloud.droplets_tagged(tag_of(customer_id)))
        if len(self._seen) > 1:
            raise several(self.work, tuple(self._seen))
        return next((droplet for droplet in self._seen.values() if self._is_proven(droplet)), None)

    def _see(self, droplets: list[DropletInfo]) -> None:
        # What was seen once counts to the end: a list may forget it again.
        self._seen.update((droplet.id, droplet) for droplet in droplets)

    def _is_proven(self, droplet: DropletInfo) -> bool:
        ours = tag_of(self.work.customer.id) in droplet.tags and not self._is_strange(droplet)
        return ours and stated_host_key(droplet.tags, droplet.name) is not None

    def _is_strange(self, droplet: DropletInfo) -> bool:
        """Whether another workspace made it, which may have the same customer.

        One that states the very key of our own request is ours: then the workspace has lost its mark.
        """
        if other_workspace(droplet.tags, self.work.mark) is None:
            return False
        recorded = self.work.customer.setup.droplet.host_key
        return not same_key(stated_host_key(droplet.tags, droplet.name), recorded)

    def _demand_nothing(self) -> None:
        if len(self._seen) > 1:
            raise several(self.work, tuple(self._seen))
        for droplet in self._seen.values():
            raise _strange(self.work, droplet) if self._is_strange(droplet) else _unproven(self.work, droplet)


def several(work: Work, droplets: tuple[str, ...]) -> DropletUnclear:
    """The question to the operator when a customer has more than one droplet."""
    return DropletUnclear(
        work.customer.email,
        f"{len(droplets)} droplets are this customer's by name or tag: {', '.join(sorted(droplets))}",
        f"decide for one: {command('adopt', work.customer.email, 'ID')}, and delete the others in the "
        "DigitalOcean control panel, if no other workspace uses them",
        droplets,
    )


def _strange(work: Work, droplet: DropletInfo) -> DropletUnclear:
    mark = other_workspace(droplet.tags, work.mark)
    return DropletUnclear(
        work.customer.email,
        f"droplet {droplet.id} ({droplet.name}) is this customer's by its tag, but of another workspace: "
        f"it has the mark {mark}, and this one has {work.mark}",
        "if the other workspace is in use, set the customer up there and not here; if this one takes its "
        f"place: {command('adopt', work.customer.email, droplet.id)}",
        (droplet.id,),
    )


def _unproven(work: Work, droplet: DropletInfo) -> DropletUnclear:
    email = work.customer.email
    known_by = f"tags {', '.join(droplet.tags)}" if droplet.tags else "no tags"
    return DropletUnclear(
        email,
        f"droplet {droplet.id} ({droplet.name}, {known_by}, created {droplet.created_at}) "
        "may be this customer's, but no request in the record made it",
        f"if it is not needed, delete it in the DigitalOcean control panel and run the same command again; "
        f"if it is the customer's: {command('adopt', email, droplet.id)}",
        (droplet.id,),
    )
