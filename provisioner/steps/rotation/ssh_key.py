"""Another SSH key of the operator's on each server: first it is let in, later the one before is shut out.

The two are steps of different runs: in between the workspace begins to use the new one, which it may only
when every server takes it.
"""

from dataclasses import dataclass

from provisioner.customers.handing_over import is_handed_over
from provisioner.customers.leaving import may_have_droplet
from provisioner.customers.record import Customer
from provisioner.errors import InputError, RemoteError
from provisioner.printable import command
from provisioner.settings import Settings
from provisioner.ssh.keys import KeyPair, sha256_fingerprint
from provisioner.step import Done, Outcome, Planned, Step, Work
from provisioner.steps.authorized_keys import let_in, shut_out

_DOING = "replace the operator's SSH key"


@dataclass
class LetNewKeyIn(Step):
    """Has a server take the new key, beside the one in use, and sees it work."""

    new: KeyPair
    in_use: KeyPair
    name = "new-ssh-key"

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return []

    def done(self, customer: Customer) -> bool:
        return not has_server(customer) or (takes(customer, self.new) and customer.setup.move is None)

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("let the operator's new SSH key in", needed=not self.done(work.customer))]

    def run(self, work: Work) -> Outcome:
        _demand_one_server(work.customer)
        _demand_reachable(work.customer)
        work.say("letting the operator's new SSH key in")
        let_in(work, self.new.public, "provisioner")
        if not work.server.accepts(self.new.private):
            cause = "the server refuses the new key, although its file has it"
            raise RemoteError(_DOING, whom=work.customer.email, cause=cause, retry=True)
        prints = [sha256_fingerprint(one.public) for one in (self.in_use, self.new)]
        work.record(
            "ssh_key_added",
            f"The server lets the operator's new key in, beside the old one ({prints[1]})",
            {"setup.droplet.operatorKeys": prints},
        )
        return Done()


@dataclass
class ShutOldKeyOut(Step):
    """Has a server refuse the key that was in use before."""

    old: KeyPair
    in_use: KeyPair
    name = "old-ssh-key"

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return []

    def done(self, customer: Customer) -> bool:
        return not has_server(customer) or not (takes(customer, self.old) or customer.setup.move)

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("shut the operator's old SSH key out", needed=not self.done(work.customer))]

    def run(self, work: Work) -> Outcome:
        _demand_one_server(work.customer)
        work.say("shutting the operator's old SSH key out")
        shut_out(work, self.old.public, self.in_use.public)
        if work.server.accepts(self.old.private):
            cause = "the server takes the old key still: more than root's authorized_keys lets it in"
            raise RemoteError(_DOING, whom=work.customer.email, cause=cause)
        work.record(
            "ssh_key_removed",
            f"The server refuses the operator's old key ({sha256_fingerprint(self.old.public)})",
            {"setup.droplet.operatorKeys": [sha256_fingerprint(self.in_use.public)]},
        )
        return Done()


def has_server(customer: Customer) -> bool:
    """Whether there is, or may be, a server that takes a key of the operator's."""
    return may_have_droplet(customer) and not is_handed_over(customer)


def takes(customer: Customer, key: KeyPair) -> bool:
    """Whether the server is known to take this key."""
    return sha256_fingerprint(key.public) in customer.setup.droplet.operator_keys


def _demand_one_server(customer: Customer) -> None:
    """Who is being moved has two, until the one before is gone."""
    if customer.setup.move is not None:
        hint = f"finish that first: {command('move', customer.email)}"
        raise InputError(_DOING, whom=customer.email, cause="their server is being moved", hint=hint)


def _demand_reachable(customer: Customer) -> None:
    if customer.setup.droplet.ip is None:
        hint = f"let it come up first: {command('provision', customer.email)}"
        raise InputError(_DOING, whom=customer.email, cause="their droplet has no address yet", hint=hint)
