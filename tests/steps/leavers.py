"""A customer who may leave: a droplet in a cloud, an assistant behind a real sshd, and a mailbox."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from provisioner.customers.leaving import Wish, at
from provisioner.customers.parts.departure import Leaving
from provisioner.customers.pausing import PauseWish
from provisioner.customers.record import Customer
from provisioner.droplets.identity import name_of, tag_of, tags_of
from provisioner.runs.leaving import ask_to_leave, ask_to_stay
from provisioner.runs.pausing import ask_to_go_on, ask_to_pause
from provisioner.runs.runner import RunResult
from provisioner.runs.workflow import CANCEL, Workflow
from provisioner.services.digitalocean.models import DropletSpec
from provisioner.services.factory import Services
from provisioner.services.mail import Email
from provisioner.ssh.keys import generate_keypair
from provisioner.timestamps import written
from tests.backups.assistants import EMAIL, Site, site
from tests.clouds import FastCloud, settings_for

DAY = 86_400


@dataclass
class Mailbox:
    """Takes e-mails as a mail server does."""

    got: list[tuple[str, Email]] = field(default_factory=list)

    def send(self, to: str, email: Email) -> None:
        self.got.append((to, email))

    @property
    def subjects(self) -> list[str]:
        return [email.subject for _, email in self.got]


@dataclass
class Leaver:
    """Ada, who has a droplet and an assistant, and what happens to them."""

    site: Site
    cloud: FastCloud
    mailbox: Mailbox

    def ask(self, when: Any = "now", *, grace_days: int = 14, **wish: Any) -> None:
        wished = Wish("bob", grace_days, when, **wish)
        ask_to_leave(self.site.workspace.store(), EMAIL, wished, self.cloud.clock)

    def stay(self) -> None:
        ask_to_stay(self.site.workspace.store(), EMAIL, self.cloud.clock)

    def run(self, workflow: Workflow = CANCEL) -> RunResult:
        return self.site.run(workflow)

    def pause(self, **wish: Any) -> None:
        ask_to_pause(self.site.workspace.store(), EMAIL, PauseWish("bob", **wish), clock=self.cloud.clock)

    def go_on(self) -> None:
        ask_to_go_on(self.site.workspace.store(), EMAIL, "bob", clock=self.cloud.clock)

    def pass_days(self, days: float) -> None:
        self.cloud.clock.sleep(days * DAY)

    def period_ends_in(self, days: float) -> str:
        ends = written(at(self.cloud.clock.time() + days * DAY))
        self.site.set(subscription__currentPeriodEnd=ends)
        return ends

    @property
    def customer(self) -> Customer:
        return self.site.customer

    @property
    def leaving(self) -> Leaving:
        assert self.customer.leaving is not None
        return self.customer.leaving

    @property
    def archived(self) -> bool:
        return self.site.workspace.store().find(EMAIL).archived

    @property
    def droplets(self) -> list[str]:
        return [str(one.id) for one in self.cloud.droplets]

    def demand_gone(self) -> None:
        """Nothing is left that costs money, a backup is kept, the record is closed and in the archive."""
        assert self.droplets == []
        customer = self.customer
        assert self.archived
        assert customer.status == "cancelled"
        assert self.leaving.ended_at is not None
        assert (customer.setup.droplet.id, customer.setup.droplet.requested_at) == (None, None)
        assert [tag for tag in self.cloud.cloud.tags if tag.startswith(("customer:", "host-key:"))] == []
        self.site.demand_whole()
        assert self.leaving.backup in self.site.files
        for once in ("assistant_stopped", "droplet_destroyed", "cancellation_complete"):
            assert self.site.events.count(once) == 1, self.site.events

    def demand_untouched(self) -> None:
        """The droplet is there, and nobody has asked for its end."""
        assert len(self.droplets) == 1
        assert self.cloud.requests("DELETE", "/v2/droplets/{id}") == 0


@contextmanager
def leaver(folder: Path, cloud: FastCloud, **settings: Any) -> Iterator[Leaver]:
    """An active customer as the step droplet leaves them."""
    chosen = settings_for(cloud)
    mailbox = Mailbox()
    with site(folder, Services(chosen), **settings) as found:
        client = cloud.client()
        found.settings = found.settings.model_copy(
            update={
                "digitalocean_token": chosen.digitalocean_token,
                "digitalocean_endpoint": chosen.digitalocean_endpoint,
            }
        )
        found.clock = cloud.clock
        found.services = Services(
            found.settings,
            new_cloud=lambda: client,
            new_mailer=lambda: mailbox,  # type: ignore[arg-type,return-value]
        )
        made = make_droplet(found, cloud)
        found.set(setup__droplet__id=made, setup__moltbot__dropletId=made)
        yield Leaver(found, cloud, mailbox)


def make_droplet(found: Site, cloud: FastCloud, name: str | None = None) -> str:
    """A droplet with the customer's tags, and their name unless another is given; its id."""
    identifier = found.customer.id
    tags = tags_of(identifier, generate_keypair("host").public, found.workspace.mark())
    spec = DropletSpec(name or name_of(identifier), "sfo3", "s-1vcpu-2gb", "debian-12-x64", (), tags, "")
    made = cloud.client().create_droplet(spec).id
    found.set(setup__droplet__name=spec.name, setup__droplet__tag=tag_of(identifier))
    while cloud.client().droplet(made).status != "active":
        cloud.clock.sleep(1)
    return made
