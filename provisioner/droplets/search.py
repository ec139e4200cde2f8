"""Looking for a droplet that may exist although no answer said so.

A droplet may be missing from lists for a while after its creation, so that a list without it proves nothing;
and its tags come on after it. That is why it is looked for by name and by tag, and for a window of time.
"""

from dataclasses import dataclass, field

from provisioner.droplets.identity import other_workspace, same_key, stated_host_key
from provisioner.droplets.keeper import DropletKeeper
from provisioner.services.digitalocean.errors import DropletUnclear
from provisioner.services.digitalocean.models import DropletInfo

_LOOKS = 12
"""Into how many parts a window is divided: each look is two requests, of 250 that a minute has."""


@dataclass
class DropletSearch:
    """One search for one owner's droplet."""

    keeper: DropletKeeper
    _seen: dict[str, DropletInfo] = field(default_factory=dict)

    def settle(self) -> DropletInfo | None:
        """The owner's droplet as soon as it is proven; None after a whole window with nothing there.

        Raises DropletUnclear for several, and for one that is still not proven at the window's end.
        """
        window = self.keeper.waits.settle_seconds
        interval = max(self.keeper.waits.poll_seconds, window / _LOOKS)
        ends = self.keeper.clock.monotonic() + window
        while True:
            found = self._look()
            if found is not None:
                return found
            left = ends - self.keeper.clock.monotonic()
            if left <= 0:
                break
            self.keeper.say(f"looking whether the droplet was created after all ({left:.0f} s more)")
            self.keeper.clock.sleep(min(left, interval))
        self._demand_nothing()
        return None

    def demand_none_tagged(self) -> None:
        """DropletUnclear if the owner has a droplet of which nothing is written down; one request."""
        self._see(self.keeper.cloud.droplets_tagged(self.keeper.tag))
        self._demand_nothing()

    def _look(self) -> DropletInfo | None:
        """By name and by tag: the API does not combine them."""
        cloud = self.keeper.cloud
        self._see(cloud.find_droplets(self.keeper.name))
        self._see(cloud.droplets_tagged(self.keeper.tag))
        if len(self._seen) > 1:
            raise several(self.keeper, tuple(self._seen))
        return next((droplet for droplet in self._seen.values() if self._is_proven(droplet)), None)

    def _see(self, droplets: list[DropletInfo]) -> None:
        # What was seen once counts to the end: a list may forget it again.
        others = self.keeper.others
        self._seen.update((droplet.id, droplet) for droplet in droplets if droplet.id not in others)

    def _is_proven(self, droplet: DropletInfo) -> bool:
        ours = self.keeper.tag in droplet.tags and not self._is_strange(droplet)
        return ours and stated_host_key(droplet.tags, droplet.name) is not None

    def _is_strange(self, droplet: DropletInfo) -> bool:
        """Whether another workspace made it, which may have the same owner.

        One that states the very key of our own request is ours: then the workspace has lost its mark.
        """
        if other_workspace(droplet.tags, self.keeper.mark) is None:
            return False
        return not same_key(stated_host_key(droplet.tags, droplet.name), self.keeper.asked.host_key)

    def _demand_nothing(self) -> None:
        if len(self._seen) > 1:
            raise several(self.keeper, tuple(self._seen))
        for droplet in self._seen.values():
            strange = self._is_strange(droplet)
            raise _strange(self.keeper, droplet) if strange else _unproven(self.keeper, droplet)


def several(keeper: DropletKeeper, droplets: tuple[str, ...]) -> DropletUnclear:
    """The question to the operator when an owner has more than one droplet."""
    return DropletUnclear(
        keeper.whom,
        f"{len(droplets)} droplets are {keeper.whose} by name or tag: {', '.join(sorted(droplets))}",
        _how_to_choose(keeper),
        droplets,
    )


def _how_to_choose(keeper: DropletKeeper) -> str:
    adopting = keeper.adopting("ID")
    if adopting is None:
        return (
            "delete them in the DigitalOcean control panel, if no other workspace uses them, then run the "
            "same command again"
        )
    return (
        f"decide for one: {adopting}, and delete the others in the DigitalOcean control panel, if no other "
        "workspace uses them"
    )


def _strange(keeper: DropletKeeper, droplet: DropletInfo) -> DropletUnclear:
    mark, adopting = other_workspace(droplet.tags, keeper.mark), keeper.adopting(droplet.id)
    hint = "delete it in the DigitalOcean control panel if the other workspace is not in use"
    if adopting is not None:
        hint = (
            "if the other workspace is in use, set the customer up there and not here; if this one takes its "
            f"place: {adopting}"
        )
    return DropletUnclear(
        keeper.whom,
        f"droplet {droplet.id} ({droplet.name}) is {keeper.whose} by its tag, but of another workspace: "
        f"it has the mark {mark}, and this one has {keeper.mark}",
        hint,
        (droplet.id,),
    )


def _unproven(keeper: DropletKeeper, droplet: DropletInfo) -> DropletUnclear:
    known_by = f"tags {', '.join(droplet.tags)}" if droplet.tags else "no tags"
    adopting = keeper.adopting(droplet.id)
    instead = f"; if it is the customer's: {adopting}" if adopting is not None else ""
    return DropletUnclear(
        keeper.whom,
        f"droplet {droplet.id} ({droplet.name}, {known_by}, created {droplet.created_at}) "
        f"may be {keeper.whose}, but no request that was written down made it",
        "if it is not needed, delete it in the DigitalOcean control panel and run the same command again"
        + instead,
        (droplet.id,),
    )
