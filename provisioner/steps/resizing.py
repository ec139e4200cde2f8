"""Another size for a customer's server: switched off, changed, switched on, and the assistant seen to answer.

All three steps are done for who is not to have another size. What DigitalOcean refuses, or fails at, is
written down, and the server runs again as it was.
"""

from abc import abstractmethod

from provisioner.customers.leaving import has_assistant
from provisioner.customers.parts.setup import Resize
from provisioner.customers.pausing import is_paused
from provisioner.customers.record import Customer
from provisioner.droplets.power import PowerSwitch
from provisioner.errors import CloudError
from provisioner.services.digitalocean.client import DigitalOcean
from provisioner.services.digitalocean.errors import ActionFailed, NotFound, ScopeMissing
from provisioner.settings import Settings
from provisioner.step import Done, Outcome, Planned, Step, Work
from provisioner.steps.droplet.presence import droplet_gone
from provisioner.steps.gateway import await_gateway, halt_gateway
from provisioner.timestamps import now

DOING = "resize the server"


class _ResizeStep(Step):
    """One that has something to do for who is to have another size, as far as `behind` says so."""

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        if settings.digitalocean_token is None:
            return ["set DIGITALOCEAN_ACCESS_TOKEN in the environment or in .env"]
        return []

    def done(self, customer: Customer) -> bool:
        resize = customer.setup.resize
        return resize is None or customer.setup.droplet.id is None or self.behind(resize)

    @abstractmethod
    def behind(self, resize: Resize) -> bool:
        """Whether the step is behind this one; from the record alone."""


class _Change(_ResizeStep):
    """One that DigitalOcean may refuse: that is no error before the server runs again."""

    def run(self, work: Work) -> Outcome:
        """DropletGone where there is no droplet any more."""
        try:
            self.change(work, _resize_of(work))
        except (ActionFailed, ScopeMissing) as refusal:
            work.write({"setup.resize.refused": refusal.cause or str(refusal)})
        except NotFound:
            raise droplet_gone(work.customer) from None
        return Done()

    @abstractmethod
    def change(self, work: Work, resize: Resize) -> None:
        """Do it, or go on with it, and write down that it is done. CloudError."""


class SwitchOff(_Change):
    """Has the assistant end what it does, and switches the server off."""

    name = "off"

    def behind(self, resize: Resize) -> bool:
        return resize.off_at is not None or resize.refused is not None

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("stop the assistant and switch the server off", needed=True)]

    def change(self, work: Work, resize: Resize) -> None:
        power = _power(work)
        if has_assistant(work.customer) and work.services.cloud.droplet(power.droplet_id).status == "active":
            halt_gateway(work)
        power.off()
        work.write({"setup.resize.offAt": now()})


class ChangeSize(_Change):
    """Has DigitalOcean give the server its new size."""

    name = "resize"

    def behind(self, resize: Resize) -> bool:
        return resize.resized_at is not None or resize.refused is not None

    def plan(self, work: Work) -> list[Planned]:
        return [Planned(f"make it {_resize_of(work).to}", needed=True)]

    def change(self, work: Work, resize: Resize) -> None:
        sizes = work.services.cloud.offer.sizes()
        disk = next((one.disk for one in sizes if one.slug == resize.to), 0) if resize.disk else None
        power = _power(work)
        # Somebody may have switched it on meanwhile.
        power.off()
        power.resize(resize.to, disk)
        work.write({"setup.resize.resizedAt": now()})


class SwitchOn(_ResizeStep):
    """Switches the server on, sees that the assistant works, and closes it."""

    name = "on"

    def behind(self, resize: Resize) -> bool:
        return False

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("switch the server on and see the assistant start", needed=True)]

    def run(self, work: Work) -> Outcome:
        resize, power = _resize_of(work), _power(work)
        try:
            power.on()
        except NotFound:
            raise droplet_gone(work.customer) from None
        if has_assistant(work.customer) and not is_paused(work.customer):
            await_gateway(work)
        droplet, cloud = power.cloud.droplet(power.droplet_id), work.services.cloud
        closed: dict[str, object] = {"setup.droplet.size": droplet.size, "setup.resize": None}
        change = f"{priced(cloud, resize.from_)} to {priced(cloud, resize.to)}"
        if resize.refused is None:
            with_disk = ", its disk too" if resize.disk else ""
            work.record("droplet_resized", f"DO droplet {droplet.id}: {change}{with_disk}", closed)
            return Done()
        work.record("resize_failed", f"DO droplet {droplet.id}, {change}: {resize.refused}", closed)
        raise CloudError(
            DOING,
            whom=work.customer.email,
            cause=resize.refused,
            hint=f"it runs again as {droplet.size}; choose another size, or move it",
        )


def priced(cloud: DigitalOcean, slug: str) -> str:
    """A size with what it costs: "s-1vcpu-2gb ($12 a month)"; CloudError if that cannot be asked."""
    monthly = next((one.monthly for one in cloud.offer.sizes() if one.slug == slug), None)
    return slug if monthly is None else f"{slug} (${monthly:g} a month)"


def _resize_of(work: Work) -> Resize:
    resize = work.customer.setup.resize
    assert resize is not None, "a step that is not done has one"
    return resize


def _power(work: Work) -> PowerSwitch:
    droplet_id = work.customer.setup.droplet.id
    assert droplet_id is not None, "a step that is not done has a droplet"
    cloud, waits = work.services.cloud, work.settings.droplet
    return PowerSwitch(work.customer.email, droplet_id, cloud, work.clock, waits, work.say)
