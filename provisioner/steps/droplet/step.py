"""The step droplet: one droplet for the customer, and never two.

The API makes a new droplet for every request and has no way to say "this one again". So the request is
written down before it is sent, it is sent once, and whenever its end is not known the droplet is looked for;
only after a whole window in which nothing was there is it asked for again. What the record says, and what
follows:

    id    requestedAt
    no    no            nothing was asked for: ask
    no    yes           something may be there: look first
    yes                 it was accepted: wait until it is active
"""

from provisioner.customers.done import is_done, to_do_anew
from provisioner.customers.record import Customer
from provisioner.errors import CloudError, SettingsError
from provisioner.printable import command
from provisioner.services.digitalocean.errors import CloudCallError, DropletUnclear
from provisioner.services.digitalocean.models import DropletInfo, DropletSpec
from provisioner.services.factory import Services
from provisioner.settings import Settings
from provisioner.ssh.keys import KeyPair, generate_keypair, operator_key
from provisioner.step import Done, Outcome, Planned, Step, Work
from provisioner.steps.droplet.arrival import DropletArrival
from provisioner.steps.droplet.cloud_config import cloud_config
from provisioner.steps.droplet.identity import FLEET_TAG, name_of, stated_host_key, tag_of, tags_of
from provisioner.steps.droplet.search import DropletSearch, several
from provisioner.steps.droplet.wish import wish_of
from provisioner.timestamps import now

_REQUESTS = 2
"""After how many requests whose end is not known a run gives up."""
_PATIENCE_SECONDS = 120.0
"""How long a request is repeated that the API refused only for the moment."""
_PAUSE_SECONDS = 2.0


class CreateDroplet(Step):
    """Gets the customer a server of their own, whose host key is known."""

    name = "droplet"

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        missing = []
        if settings.digitalocean_token is None:
            missing.append("set DIGITALOCEAN_ACCESS_TOKEN in the environment or in .env")
        try:
            operator_key(settings.ssh.key)
        except SettingsError as error:
            missing.append(f"{error.hint} ({error.cause})")
        return missing

    def refusals(self, settings: Settings, services: Services, customer: Customer) -> list[str]:
        droplet = customer.setup.droplet
        if droplet.id or droplet.requested_at:
            # It is there, or may be: then nothing is asked for before that is seen.
            return []
        from provisioner.steps.droplet.preflight import preflight

        wishes = [wish_of(customer, settings)]
        return [
            str(problem)
            for problem in preflight(services.cloud, wishes, operator_key(settings.ssh.key).public)
        ]

    def done(self, customer: Customer) -> bool:
        return is_done(customer, self.name)

    def plan(self, work: Work) -> list[Planned]:
        droplet, wanted = work.customer.setup.droplet, wish_of(work.customer, work.settings)
        if droplet.id:
            where = f"droplet {droplet.id}" + (f" at {droplet.ip}" if droplet.ip else ", until it is active")
            return [Planned(where, needed=not self.done(work.customer))]
        if droplet.requested_at:
            return [Planned(f"look for the droplet asked for at {droplet.requested_at}", needed=True)]
        name = name_of(work.customer.id)
        return [Planned(f"create {name}: {wanted.size}, {wanted.region}, {wanted.image}", needed=True)]

    def run(self, work: Work) -> Outcome:
        asked_here = False
        if not work.customer.setup.droplet.id:
            asked_here = self._obtain(work)
        droplet_id = work.customer.setup.droplet.id
        assert droplet_id, "obtaining a droplet records its id"
        droplet = DropletArrival(work, droplet_id, asked_here=asked_here).wait()
        self._demand_single(work, droplet)
        self._record_active(work, droplet)
        return Done()

    def _obtain(self, work: Work) -> bool:
        """Get a droplet's id into the record; False if the droplet was there already.

        Nothing but this loop asks for a droplet again: not the client, which repeats every other request
        that can be, and not the run. It alone knows from the record what may exist. What was refused for the
        moment made nothing, and is asked for again within `_PATIENCE_SECONDS`; of a request whose end is not
        known, the droplet is looked for during a whole window, and there are at most `_REQUESTS` of them.
        """
        if self._found_earlier(work):
            return False
        key_id, uncertain = _prepare_account(work), 0
        deadline = work.clock.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                doubt = self._request(work, key_id)
            except CloudCallError as refusal:
                _pause_after(refusal, work, deadline)
                continue
            if doubt is None:
                return True
            work.say(f"it is not certain whether the droplet was created: {doubt.cause}")
            if self._adopted(work):
                return True
            uncertain += 1
            if uncertain == _REQUESTS:
                raise _nothing_came(work.customer, doubt)
            deadline = work.clock.monotonic() + _PATIENCE_SECONDS

    def _found_earlier(self, work: Work) -> bool:
        """Whether an earlier request made a droplet, as far as the record says that there was one."""
        if work.customer.setup.droplet.requested_at:
            return self._adopted(work)
        DropletSearch(work).demand_none_tagged()
        return False

    def _adopted(self, work: Work) -> bool:
        droplet = DropletSearch(work).settle()
        if droplet is None:
            return False
        details = f"Created DO droplet {droplet.id}; its answer was lost, it was found again"
        fields: dict[str, object] = {"setup.droplet.id": droplet.id}
        if not _is_described(work.customer, droplet):
            # Its own key: an earlier request may have made it, after which a later one was written down.
            fields["setup.droplet.hostKey"] = stated_host_key(droplet.tags, droplet.name)
            fields |= _without_server(work.customer)
        work.record("droplet_created", details, fields)
        return True

    def _request(self, work: Work, key_id: int) -> CloudCallError | None:
        """Write down what is asked for, ask once, and write down what came of it.

        None when the droplet is accepted; the error if that is uncertain. Raises what the API refused; then
        nothing exists, and the record says so.
        """
        customer, cloud = work.customer, work.services.cloud
        work.say("asking DigitalOcean for a droplet")
        host_key = generate_keypair(name_of(customer.id))
        spec = _spec(work, host_key, key_id)
        # The last thing before the request: from here on it may have happened.
        work.write(_intent(customer, spec, host_key))
        try:
            droplet = cloud.create_droplet(spec)
        except CloudCallError as error:
            if error.report.sent:
                return error
            work.write({"setup.droplet.requestedAt": None})
            raise
        work.record("droplet_created", f"Created DO droplet {droplet.id}", {"setup.droplet.id": droplet.id})
        return None

    def _demand_single(self, work: Work, droplet: DropletInfo) -> None:
        """An earlier request may have shown its effect by now."""
        tagged = work.services.cloud.droplets_beside(droplet, tag_of(work.customer.id))
        ids = {droplet.id, *(one.id for one in tagged)}
        if len(ids) > 1:
            raise several(work, tuple(ids))

    def _record_active(self, work: Work, droplet: DropletInfo) -> None:
        work.record(
            "droplet_active",
            f"DO droplet {droplet.id} is active at {droplet.public_ipv4}",
            {
                "setup.droplet.provider": "digitalocean",
                "setup.droplet.ip": droplet.public_ipv4,
                "setup.droplet.created": droplet.created_at,
                "setup.droplet.region": droplet.region,
                "setup.droplet.size": droplet.size,
                "setup.droplet.hostKey": _known_host_key(work.customer, droplet),
                **_begun(work.customer),
            },
        )


def _prepare_account(work: Work) -> int:
    """Have the operator's key and the firewall there, whose requests the client repeats; the key's id."""
    settings, cloud = work.settings, work.services.cloud
    key = cloud.ensure_ssh_key(operator_key(settings.ssh.key).public, "provisioner")
    cloud.ensure_firewall(FLEET_TAG, settings.ssh.port)
    return key.id


def _pause_after(refusal: CloudCallError, work: Work, deadline: float) -> None:
    """Until it can be asked again; raises the refusal if that does not help, or only after the deadline."""
    pause = _PAUSE_SECONDS if refusal.report.retry_after is None else refusal.report.retry_after
    if not refusal.retry or work.clock.monotonic() + pause > deadline:
        raise refusal
    work.say(f"DigitalOcean does not take requests now: asking again in {pause:.0f} s")
    work.clock.sleep(pause)


def _spec(work: Work, host_key: KeyPair, key_id: int) -> DropletSpec:
    customer = work.customer
    wish = wish_of(customer, work.settings)
    return DropletSpec(
        name=name_of(customer.id),
        region=wish.region,
        size=wish.size,
        image=wish.image,
        ssh_keys=(key_id,),
        tags=tags_of(customer.id, host_key.public, work.mark),
        user_data=cloud_config(host_key),
    )


def _intent(customer: Customer, spec: DropletSpec, host_key: KeyPair) -> dict[str, object]:
    """What the record says before the request; the private half of the host key is nowhere but in memory."""
    return {
        **_begun(customer),
        "setup.droplet.provider": "digitalocean",
        "setup.droplet.name": spec.name,
        "setup.droplet.tag": tag_of(customer.id),
        "setup.droplet.hostKey": host_key.public,
        "setup.droplet.requestedAt": now(),
        **_without_server(customer),
    }


def _is_described(customer: Customer, droplet: DropletInfo) -> bool:
    """Whether the record tells of this very droplet, which has lost nothing but its id there."""
    recorded = customer.setup.droplet
    return recorded.ip is not None and (recorded.ip, recorded.created) == (
        droplet.public_ipv4,
        droplet.created_at,
    )


def _without_server(customer: Customer) -> dict[str, object]:
    """Nothing that an earlier server had is so of the next one."""
    droplet = customer.setup.droplet
    earlier = {
        "setup.droplet.ip": droplet.ip,
        "setup.droplet.created": droplet.created,
        "setup.droplet.nextHostKey": droplet.next_host_key,
        "setup.droplet.hostKeyRenewed": droplet.host_key_renewed,
    }
    cleared = {path: None for path, value in earlier.items() if value is not None}
    return {**cleared, **to_do_anew(customer)}


def _begun(customer: Customer) -> dict[str, object]:
    """The setup has begun, where the record does not say so or more."""
    fields: dict[str, object] = {}
    if customer.status == "pending_setup":
        fields["status"] = "in_progress"
    if customer.setup.status == "pending":
        fields["setup.status"] = "in_progress"
    return fields


def _nothing_came(customer: Customer, last: CloudCallError) -> CloudError:
    return CloudError(
        "create the droplet",
        whom=customer.email,
        cause=f"asked {_REQUESTS} times, and no droplet came of it; the last time: {last.cause}",
        hint="run the same command again; https://status.digitalocean.com shows known trouble",
        retry=True,
    )


def _known_host_key(customer: Customer, droplet: DropletInfo) -> str:
    """The record's, which may be newer than the one that the droplet began with."""
    known = customer.setup.droplet.host_key or stated_host_key(droplet.tags, droplet.name)
    if known is None:
        raise _unknown_host_key(customer, droplet)
    return known


def _unknown_host_key(customer: Customer, droplet: DropletInfo) -> DropletUnclear:
    return DropletUnclear(
        customer.email,
        f"the host key of droplet {droplet.id} is not known",
        "read /etc/ssh/ssh_host_ed25519_key.pub in the droplet's console in the control panel, then "
        + command("update", customer.email, "setup.droplet.hostKey", "ssh-ed25519 AAAA…"),
        (droplet.id,),
    )
