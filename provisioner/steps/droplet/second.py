"""The second server that a customer has while they are moved: the next one, and later the one before."""

from collections.abc import Callable

from provisioner.customers.moving import goes_on, second_droplet
from provisioner.droplets.destroying import destroy_droplet
from provisioner.droplets.identity import HOST_KEY_TAG
from provisioner.droplets.keeper import Asked
from provisioner.errors import CloudError
from provisioner.failpoints import failpoint
from provisioner.services.digitalocean.errors import DropletFailed, DropletGone, NotFound
from provisioner.services.digitalocean.models import DropletInfo, DropletSpec
from provisioner.step import Work
from provisioner.steps.droplet.customer import CustomersDroplet
from provisioner.timestamps import now

_NEXT = "setup.move.droplet"


class SecondDroplet(CustomersDroplet):
    """Its `DropletKeeper`: with the customer's name and tag, and told from their other server by its id."""

    @property
    def asked(self) -> Asked:
        droplet = second_droplet(self._work.customer)
        if droplet is None:
            return Asked()
        return Asked(droplet.id, droplet.requested_at, droplet.host_key, droplet.ip is not None)

    @property
    def others(self) -> frozenset[str]:
        own = self._work.customer.setup.droplet.id
        return frozenset({own} if own else ())

    def intend(self, spec: DropletSpec, host_key: str) -> None:
        asked = {
            "provider": "digitalocean",
            "name": spec.name,
            "tag": self.tag,
            "hostKey": host_key,
            "image": spec.image,
            "requestedAt": now(),
        }
        self._work.write({_NEXT: asked})

    def refused(self) -> None:
        self._work.write({f"{_NEXT}.requestedAt": None})

    def accepted(self, droplet_id: str) -> None:
        details = f"Created DO droplet {droplet_id}, to which the customer moves"
        self._work.record("droplet_created", details, {f"{_NEXT}.id": droplet_id})

    def found(self, droplet: DropletInfo, stated_host_key: str | None) -> None:
        details = f"Created DO droplet {droplet.id}; its answer was lost, it was found again"
        fields = {f"{_NEXT}.id": droplet.id, f"{_NEXT}.hostKey": stated_host_key}
        self._work.record("droplet_created", details, fields)

    def vanished(self, droplet_id: str) -> None:
        details = f"DO droplet {droplet_id} vanished before it was up"
        self._work.record("droplet_failed", details, {f"{_NEXT}.id": None})

    def gone(self) -> CloudError:
        """What it had done is lost with it; the next run asks for another one."""
        droplet_id = self.asked.id
        self._work.write({_NEXT: {}, "setup.move.preparedAt": None})
        return DropletGone(
            self.whom, f"droplet {droplet_id}, to which they move, is gone", f"a new one: {self.anew}"
        )

    def adopting(self, droplet_id: str) -> str | None:
        """One that is not certain to be theirs is of no use."""
        return None

    @property
    def anew(self) -> str:
        return goes_on(self._work.customer)


def destroy_second(work: Work, intend: Callable[[], None]) -> None:
    """Destroy it if it is there, see that it is gone, and write that down with the end of the move.

    `intend` is the last to be asked. DropletUnclear where it is not certain that it is the customer's.
    """
    keeper = SecondDroplet(work)
    droplet = destroy_droplet(keeper, lambda _: intend())
    if droplet is not None:
        demand_gone(work, droplet.id)
        _delete_tags(work, droplet)
    asked = keeper.asked
    named = f"DO droplet {asked.id}" if asked.id else "A droplet that never came to be"
    words = f"{named} is gone; the customer's own is {work.customer.setup.droplet.id}"
    work.record("second_droplet_destroyed", words, {"setup.move": None})


def demand_gone(work: Work, droplet_id: str) -> None:
    """Wait until an accepted end has come; DropletFailed if it does not."""
    deadline = work.clock.monotonic() + work.settings.droplet.active_seconds
    while True:
        try:
            work.services.cloud.droplet(droplet_id)
        except NotFound:
            return
        if work.clock.monotonic() >= deadline:
            cause = f"droplet {droplet_id} is still there although its end was accepted"
            raise DropletFailed(work.customer.email, cause, "run the same command again")
        work.clock.sleep(work.settings.droplet.poll_seconds)


def _delete_tags(work: Work, droplet: DropletInfo) -> None:
    """That of its host key: no other droplet has it, and it costs nothing."""
    for tag in droplet.tags:
        if tag.startswith(HOST_KEY_TAG):
            failpoint("before a tag is deleted")
            try:
                work.services.cloud.delete_tag(tag)
            except CloudError as problem:
                work.say(f"the tag {tag} is still there: {problem.cause}")
