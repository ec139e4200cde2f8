"""All that can be seen to be wrong: settings, account, bots, mail; records against the cloud both ways.

Nothing is changed. What cannot be seen without an effect, as whether the token may write, is not claimed.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from provisioner.commands import command
from provisioner.customers.record import Customer
from provisioner.customers.store import Listing
from provisioner.doctor_findings import ANSWER_SECONDS, AT_ONCE, GONE, Cost, Diagnosis, Findings
from provisioner.doctor_services import look_at_services
from provisioner.errors import CloudError, HostKeyError, ProvisionerError
from provisioner.messaging.letters import uncertain
from provisioner.services.cloud_errors import NotFound
from provisioner.services.cloud_models import DropletInfo
from provisioner.services.digitalocean import DigitalOcean
from provisioner.settings import Settings
from provisioner.standings import standings
from provisioner.steps.droplet_identity import FLEET_TAG, same_key, stated_host_key, tag_of
from provisioner.workspace import Workspace

_LOOK = "look at the droplet's console in the control panel"


@dataclass
class Doctor:
    """One examination. `shows` has a server prove its host key; ProvisionerError if it does not."""

    workspace: Workspace
    settings: Settings
    cloud: DigitalOcean | None
    shows: Callable[[Customer], None]
    _found: Findings = field(default_factory=Findings)

    def examine(self) -> Diagnosis:
        """Look at everything that can be looked at."""
        self._look_at_settings()
        here, archived = self._look_at_records()
        customers = [*here, *archived]
        costs: list[Cost] = []
        if self.cloud is not None and self._look_at_account(self.cloud):
            droplets = self._droplets(self.cloud, here)
            self._compare(here, archived, droplets)
            self._look_at_firewall(self.cloud, droplets)
            costs = self._price(self.cloud, customers, droplets)
            self._look_at_servers([one for one in customers if one.setup.droplet.id in droplets])
        look_at_services(self.settings, here, archived, self._found)
        return Diagnosis(tuple(self._found.troubles), tuple(costs), tuple(self._found.looked))

    def _look_at_settings(self) -> None:
        self._found.looked.append("settings")
        for name, value in (
            ("DIGITALOCEAN_ACCESS_TOKEN", self.settings.digitalocean_token),
            ("ANTHROPIC_API_KEY", self.settings.anthropic_key),
        ):
            if value is None:
                self._found.note("settings", name, "is not set", "set it in the environment or in .env")
        path = self.settings.ssh.key
        problem = _key_problem(path)
        if problem:
            self._found.note("key", str(path), problem, "run provisioner init, or correct [ssh] key")

    def _look_at_records(self) -> tuple[list[Customer], list[Customer]]:
        """Those who are here, and the archived; and the runs that nobody is at any more."""
        self._found.looked.append("records")
        store = self.workspace.store()
        for finding in store.check().findings:
            self._found.note("record", finding.file, finding.problem, "provisioner check tells more")
        for standing in standings(self.workspace):
            if standing.state in ("interrupted", "failed"):
                text = f" ({standing.text})" if standing.text else ""
                problem = f"the run {standing.state} in the step {standing.step}, and nobody is at it{text}"
                self._found.note("run", standing.customer.email, problem, standing.command or "")
            if standing.state != "running":
                self._look_at_letters(standing.customer)
        return _readable(store.all()), _readable(store.all(archived=True))

    def _look_at_letters(self, customer: Customer) -> None:
        """A run that died around the sending of one does not send it again, as it may have gone out."""
        for name in uncertain(customer):
            hint = f"{command('mail preview', name, customer.email)} prints it, for you to send"
            self._found.note("mail", customer.email, f"the e-mail “{name}” may not have gone out", hint)

    def _look_at_account(self, cloud: DigitalOcean) -> bool:
        """Whether the token opens the account, as far as reading it."""
        try:
            account = cloud.account()
        except CloudError as error:
            self._found.note("token", "DigitalOcean", str(error.cause), error.hint or "")
            return False
        self._found.looked.append("account")
        if account.status != "active":
            problem = f"the account is {account.status}: {account.status_message or 'no reason given'}"
            self._found.note("account", account.email, problem, "the control panel says why")
        return True

    def _droplets(self, cloud: DigitalOcean, customers: Sequence[Customer]) -> dict[str, DropletInfo]:
        """Those with our tag, and those that the record of one of these names although they lack it."""
        try:
            found = {droplet.id: droplet for droplet in cloud.droplets_tagged(FLEET_TAG)}
            for customer in customers:
                wanted = customer.setup.droplet.id
                if wanted and wanted not in found:
                    found |= _one(cloud, wanted)
        except CloudError as error:
            self._found.note("token", "DigitalOcean", str(error.cause), error.hint or "")
            return {}
        self._found.looked.append("droplets")
        return found

    def _compare(
        self, here: Sequence[Customer], archived: Sequence[Customer], droplets: dict[str, DropletInfo]
    ) -> None:
        if "droplets" not in self._found.looked:
            return
        customers = [*here, *archived]
        # Of the archived, only a droplet that is still there is of interest.
        left = [one for one in archived if one.setup.droplet.id in droplets]
        owners = {one.setup.droplet.id: one for one in (*here, *left) if one.setup.droplet.id}
        tagged: dict[str, list[str]] = defaultdict(list)
        for droplet in droplets.values():
            for tag in droplet.tags:
                tagged[tag].append(droplet.id)
        for customer in customers:
            theirs = tagged.get(tag_of(customer.id), [])
            if len(theirs) > 1:
                adopt = command("adopt", customer.email, "ID")
                hint = f"{adopt}, and delete the others in the control panel"
                self._found.note(
                    "droplet", customer.email, f"has several droplets: {', '.join(sorted(theirs))}", hint
                )
        for droplet_id, customer in owners.items():
            for problem, hint in _differences(customer, droplets.get(droplet_id)):
                self._found.note("droplet", customer.email, problem, hint)
        by_tag = {tag_of(one.id): one for one in customers}
        for droplet in droplets.values():
            if droplet.id not in owners:
                owner = next((by_tag[tag] for tag in droplet.tags if tag in by_tag), None)
                self._found.note("droplet", droplet.id, *_unknown(droplet, owner))

    def _look_at_firewall(self, cloud: DigitalOcean, droplets: dict[str, DropletInfo]) -> None:
        try:
            if not droplets or cloud.is_guarded(FLEET_TAG):
                return
        except CloudError as error:
            self._found.note("token", "DigitalOcean", str(error.cause), error.hint or "")
            return
        hint = "the next droplet that is created brings it back: provisioner provision EMAIL"
        self._found.note("firewall", FLEET_TAG, "no firewall of ours covers the droplets", hint)

    def _price(
        self, cloud: DigitalOcean, customers: Sequence[Customer], droplets: dict[str, DropletInfo]
    ) -> list[Cost]:
        try:
            prices = {size.slug: size.monthly for size in cloud.sizes()}
        except CloudError as error:
            self._found.note("token", "DigitalOcean", str(error.cause), error.hint or "")
            prices = {}
        owners = {one.setup.droplet.id: one.email for one in customers}
        return [
            Cost(droplet.id, owners.get(droplet.id), droplet.size, prices.get(droplet.size))
            for droplet in droplets.values()
        ]

    def _look_at_servers(self, customers: Sequence[Customer]) -> None:
        """Whether each server that should answer does, with the host key that the record has."""
        expected = [one for one in customers if one.setup.moltbot.installed and one.status not in GONE]
        if not expected:
            return
        self._found.looked.append("servers")
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for customer, error in zip(expected, pool.map(self._refusal, expected), strict=True):
                if error is not None:
                    kind = "the host key changed" if isinstance(error, HostKeyError) else "it does not answer"
                    self._found.note("server", customer.email, f"{kind}: {error.cause}", error.hint or _LOOK)

    def _refusal(self, customer: Customer) -> ProvisionerError | None:
        try:
            self.shows(customer)
        except ProvisionerError as error:
            return error
        return None


def host_key_prover(settings: Settings) -> Callable[[Customer], None]:
    """Connects to a customer's server; it proves its host key before anything else happens."""
    from provisioner.remote.customer_server import host_of
    from provisioner.remote.ssh import connect

    def prove(customer: Customer) -> None:
        connect(host_of(customer, settings), deadline=ANSWER_SECONDS).close()

    return prove


def _readable(listings: Iterable[Listing]) -> list[Customer]:
    return [listing.customer for listing in listings if listing.customer is not None]


def _one(cloud: DigitalOcean, droplet_id: str) -> dict[str, DropletInfo]:
    try:
        return {droplet_id: cloud.droplet(droplet_id)}
    except NotFound:
        return {}


def _differences(customer: Customer, droplet: DropletInfo | None) -> Iterator[tuple[str, str]]:
    """Where the record and its droplet do not agree, and what to do."""
    recorded = customer.setup.droplet

    def setting(name: str, value: str) -> str:
        return command("update", customer.email, f"setup.droplet.{name}", value)

    if droplet is None:
        if customer.status not in GONE:
            yield f"droplet {recorded.id} is gone", f"{setting('id', 'null')}, then provision again"
        return
    if customer.status in GONE:
        yield (
            f"is {customer.status}, and droplet {droplet.id} still costs money",
            "delete it, or hand it over",
        )
    if recorded.ip and droplet.public_ipv4 != recorded.ip:
        now = droplet.public_ipv4 or "none"
        yield (
            f"the address of droplet {droplet.id} is {now}, the record has {recorded.ip}",
            setting("ip", now),
        )
    missing = [tag for tag in (tag_of(customer.id), FLEET_TAG) if tag not in droplet.tags]
    if missing:
        hint = "put it on in the control panel: it is how the droplet and its firewall are found"
        yield f"droplet {droplet.id} lacks the tag {' and '.join(missing)}", hint
    stated = stated_host_key(droplet.tags, droplet.name)
    if stated and not recorded.host_key_renewed and not same_key(stated, recorded.host_key):
        hint = f"compare both with the droplet's console, then {setting('hostKey', 'ssh-ed25519 AAAA…')}"
        yield f"the record has another host key than droplet {droplet.id} was made with", hint


def _unknown(droplet: DropletInfo, owner: Customer | None) -> tuple[str, str]:
    what = f"no record has this droplet ({droplet.name}, created {droplet.created_at})"
    if owner is None:
        return what, "delete it in the control panel, or provisioner adopt EMAIL " + droplet.id
    recorded = owner.setup.droplet.id or "none"
    hint = f"{command('adopt', owner.email, droplet.id)}, or delete it in the control panel"
    return f"{what}; its tag says {owner.email}, whose record has {recorded}", hint


def _key_problem(path: Path | None) -> str | None:
    from cryptography.exceptions import UnsupportedAlgorithm

    from provisioner.remote.keys import public_half

    if path is None:
        return "no SSH key is set"
    try:
        public_half(path.read_text("ascii"))
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "is not a private key in OpenSSH form without a passphrase"
    return "can be read by others" if path.stat().st_mode & 0o077 else None
