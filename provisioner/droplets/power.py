"""Switching a droplet off and on, and giving it another size: each waited for, until a deadline.

A droplet has one action at a time. Before one is asked for, what is going on is waited for and the droplet is
looked at: so an action whose answer was lost, or after which the process died, is not asked for twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from provisioner.clock import Clock
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.services.digitalocean.errors import ActionFailed, CloudCallError, DropletFailed
from provisioner.services.digitalocean.models import Action, DropletInfo
from provisioner.settings import DropletSettings

SHUTDOWN_SECONDS: Final = 120.0
"""How long a system may take to switch itself off; then its power is taken."""
RESIZE_SECONDS: Final = 3600.0
"""A disk is copied where its machine has no room for the new size."""
_PENDING: Final = "pending event"


@dataclass(frozen=True)
class PowerSwitch:
    """One droplet's; `whom` is its owner, as errors call them."""

    whom: str
    droplet_id: str
    cloud: DigitalOcean
    clock: Clock
    waits: DropletSettings
    say: Callable[[str], None]

    def off(self) -> None:
        """Have its system end, or else take its power. DropletFailed, ActionFailed or another CloudError."""
        try:
            ended = self._bring("shutdown", _is_off, SHUTDOWN_SECONDS)
        except ActionFailed as problem:
            self.say(f"its system does not end by itself: {problem.cause}")
            ended = False
        if not ended and not self._bring("power_off", _is_off, self.waits.active_seconds):
            raise self._late("off")

    def on(self) -> None:
        """Have it run; errors as of `off`."""
        if not self._bring("power_on", _is_on, self.waits.active_seconds):
            raise self._late("on")

    def resize(self, size: str, disk: int | None) -> None:
        """Have it be of this size, its disk of at least so many GiB if that is said; errors as of `off`.

        It has to be off.
        """

        def reached(droplet: DropletInfo) -> bool:
            return droplet.size == size and (disk is None or (droplet.disk or 0) >= disk)

        if not self._bring("resize", reached, RESIZE_SECONDS, size=size, disk=disk is not None):
            raise self._late(size)

    def _bring(
        self, kind: str, reached: Callable[[DropletInfo], bool], seconds: float, **more: object
    ) -> bool:
        """Have an action done, unless it is so already; False if that is not so after so many seconds."""
        deadline = self.clock.monotonic() + seconds
        while self._settles(deadline):
            if reached(self.cloud.droplet(self.droplet_id)):
                return True
            action = self._asked(kind, more)
            if action is not None:
                return self._comes(action, reached, deadline)
            self._pause(kind)
        return False

    def _settles(self, deadline: float) -> bool:
        """Wait until nothing is done to it; False if that takes too long."""
        while going_on := self._going_on():
            if self.clock.monotonic() >= deadline:
                return False
            self._pause(going_on)
        return self.clock.monotonic() < deadline

    def _going_on(self) -> str | None:
        actions = self.cloud.actions_of(self.droplet_id)
        return next((one.type for one in actions if one.status == "in-progress"), None)

    def _asked(self, kind: str, more: dict[str, object]) -> Action | None:
        """The action; None where it is not certain whether it was accepted, or another one goes on."""
        try:
            return self.cloud.act(self.droplet_id, kind, **more)
        except CloudCallError as error:
            if error.report.sent:
                self.say(f"it is not certain whether it was accepted: {error.cause}")
                return None
            if _PENDING in error.report.message:
                return None
            if error.report.status == 422 and not error.retry:
                raise ActionFailed(self.whom, error.doing, error.cause or "") from None
            raise

    def _comes(self, action: Action, reached: Callable[[DropletInfo], bool], deadline: float) -> bool:
        """Wait until the action is over and the droplet says so, too."""
        while True:
            now = self.cloud.action(action.id)
            if now.status == "errored":
                raise ActionFailed(
                    self.whom, f"{now.type.replace('_', ' ')} droplet {self.droplet_id}", "it has failed"
                )
            if now.status == "completed" and reached(self.cloud.droplet(self.droplet_id)):
                return True
            if self.clock.monotonic() >= deadline:
                return False
            self._pause(now.type)

    def _pause(self, kind: str) -> None:
        self.say(f"waiting for droplet {self.droplet_id}: {kind.replace('_', ' ')}")
        self.clock.sleep(self.waits.poll_seconds)

    def _late(self, what: str) -> DropletFailed:
        return DropletFailed(
            self.whom,
            f"droplet {self.droplet_id} is still not {what}",
            "run the same command again to wait longer; the control panel shows what it does",
            retry=True,
        )


def _is_off(droplet: DropletInfo) -> bool:
    return droplet.status == "off"


def _is_on(droplet: DropletInfo) -> bool:
    return droplet.status == "active" and droplet.public_ipv4 is not None
