"""Waiting for an accepted droplet: until it is active, or until it is plain that it will not be."""

from provisioner.droplets.keeper import DropletKeeper
from provisioner.errors import CloudError
from provisioner.services.digitalocean.errors import DropletFailed, NotFound
from provisioner.services.digitalocean.models import DropletInfo

_CHECK_SECONDS = 45.0
"""How often the creation's own status is read: it says that it failed where the droplet just stays new."""


class DropletArrival:
    """One run's wait for one droplet.

    `asked_here` says that a request of this very run made it: then the account is surely the one where it is
    looked for, and an id that stays unknown there for the whole settle window is gone for good.
    """

    def __init__(self, keeper: DropletKeeper, droplet_id: str, *, asked_here: bool) -> None:
        self._keeper = keeper
        self._clock = keeper.clock
        self._id = droplet_id
        self._asked_here = asked_here
        self._settings = keeper.waits
        self._began = keeper.clock.monotonic()
        self._next_check = self._began + _CHECK_SECONDS
        self._missing_since: float | None = None

    def wait(self) -> DropletInfo:
        """The droplet, active and with a public address; DropletFailed if it does not come to that."""
        while True:
            droplet = self._read()
            if droplet is not None and droplet.status == "active" and droplet.public_ipv4:
                return droplet
            if droplet is None:
                self._demand_only_late()
            else:
                self._demand_coming(droplet)
            self._demand_time_left(droplet)
            self._clock.sleep(self._settings.poll_seconds)

    def _read(self) -> DropletInfo | None:
        try:
            return self._keeper.cloud.droplet(self._id)
        except NotFound:
            return None

    def _demand_only_late(self) -> None:
        """An unknown id may be one that is not known everywhere yet, but not for ever."""
        now = self._clock.monotonic()
        if self._missing_since is None:
            self._missing_since = now
        if now - self._missing_since < self._settings.settle_seconds:
            return
        if self._asked_here:
            self._forget()
        raise self._vanished()

    def _forget(self) -> None:
        """The next run looks for a whole window before it asks again: `requestedAt` stays."""
        self._keeper.vanished(self._id)

    def _vanished(self) -> CloudError:
        if self._asked_here:
            cause = f"droplet {self._id} is not in the account"
            hint = "DigitalOcean accepted it and then could not place it; run the same command again"
            return self._failed(cause, hint, retry=True)
        return self._keeper.gone()

    def _demand_coming(self, droplet: DropletInfo) -> None:
        self._missing_since = None
        if droplet.status in ("off", "archive"):
            hint = "switch it on in the DigitalOcean control panel, then run the same command again"
            raise self._failed(f"droplet {self._id} is {droplet.status}", hint)
        if self._clock.monotonic() >= self._next_check:
            self._next_check = self._clock.monotonic() + _CHECK_SECONDS
            self._demand_no_failure()

    def _demand_no_failure(self) -> None:
        try:
            if self._keeper.cloud.creation_status(self._id) != "errored":
                return
        except NotFound:
            # It was there a moment ago: the next look says what became of it.
            return
        raise self._failed(
            f"DigitalOcean could not create droplet {self._id}",
            f"delete it in the control panel, then {self._keeper.anew}",
        )

    def _demand_time_left(self, droplet: DropletInfo | None) -> None:
        passed = self._clock.monotonic() - self._began
        without_address = droplet is not None and droplet.status == "active"
        status = droplet.status if droplet else "not known yet"
        if without_address:
            status = "active, but without a public IPv4 address"
        if passed >= self._settings.active_seconds:
            hint = "run the same command again to wait longer; the control panel shows what it does"
            if without_address:
                hint = self._without_address()
            raise self._failed(
                f"droplet {self._id} is {status} after {passed:.0f} s", hint, retry=not without_address
            )
        self._keeper.say(f"waiting for droplet {self._id}: {status}, {passed:.0f} s")

    def _without_address(self) -> str:
        return (
            "see in the control panel whether public networking is on, for this droplet and for new ones of "
            "the team, then run the same command again; if this droplet cannot get a public IPv4 address, "
            f"delete it there, then {self._keeper.anew}"
        )

    def _failed(self, cause: str, hint: str, *, retry: bool = False) -> DropletFailed:
        return DropletFailed(self._keeper.whom, cause, hint, retry=retry)
