"""Who gets in: the customer's key first, seen to work; ours last, seen to be refused."""

import re
import shlex
from pathlib import Path

from provisioner.customers.handing_over import is_being_handed_over
from provisioner.customers.parts.departure import Handover
from provisioner.customers.record import Customer
from provisioner.errors import InputError, RemoteError
from provisioner.printable import command
from provisioner.settings import Settings
from provisioner.ssh.connection import LoginRefused
from provisioner.ssh.keys import KeyPair, sha256_fingerprint, stated_key
from provisioner.ssh.operator_keys import OperatorKeys
from provisioner.step import Done, Outcome, Waiting, Work
from provisioner.steps.authorized_keys import let_in, shut_out
from provisioner.steps.handover.step import HandoverStep, handover_of, reported
from provisioner.timestamps import now

_LOGIN = "login"
"""The kind of waiting for a customer to log in."""
_LOGINS = "journalctl --quiet --no-pager --output cat --identifier sshd --identifier sshd-session --grep"
_LACKING = (
    "for program in openclaw-answers openclaw-configure openclaw-gateway openclaw-secret; do "
    "command -v $program > /dev/null || echo $program; done"
)
_LOCK = "take our key off the server"


class CustomersKey(HandoverStep):
    """Lets the customer's key in, and sees that they can log in with it."""

    name = "their-key"
    does = "let the customer's SSH key in, and see it work"

    def behind(self, handover: Handover) -> bool:
        return handover.key_proven_at is not None

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        """Without a file that is there, nothing of ours is touched before the customer is sure to get in."""
        key_file = handover_of(customer).key_file if is_being_handed_over(customer) else None
        if key_file is not None and not Path(key_file).is_file():
            return [f"put the customer's private key back at {key_file}, or have them log in: --by-word"]
        return []

    def run(self, work: Work) -> Outcome:
        handover = handover_of(work.customer)
        _demand_todays(work)
        work.say("letting the customer's key in")
        let_in(work, handover.ssh_key, work.customer.email)
        proof = _proof(work)
        if proof is None:
            ip = work.customer.setup.droplet.ip
            return Waiting(work.customer.email, f"to log in once with their key: ssh root@{ip}", _LOGIN)
        what = f"the customer's {handover.ssh_key.split()[0]} key ({sha256_fingerprint(handover.ssh_key)})"
        work.record(
            "customer_key_proven",
            f"The customer can log in as root: {proof}",
            {
                "handover.keyProvenAt": now(),
                **reported(work.customer, "SSH", f"{what} may log in as root", proof),
            },
        )
        return Done()

    def arrived(self, work: Work) -> bool:
        work.refresh()
        return _proof(work) is not None


def _demand_todays(work: Work) -> None:
    """InputError, while nothing is done yet, for a server that lacks what the later steps call there."""
    lacking = work.server.run(_LACKING).split()
    if lacking:
        raise InputError(
            "hand the server over",
            whom=work.customer.email,
            cause=f"their server was set up by an older version: it has no {', '.join(lacking)}",
            hint=f"bring it up to date first: {command('apply', work.customer.email)}",
        )


def _proof(work: Work) -> str | None:
    """How it is known that the customer gets in; None where it is not."""
    handover = handover_of(work.customer)
    if handover.key_file is not None:
        _demand_taken(work, Path(handover.key_file))
        return "a login with it"
    fingerprint = sha256_fingerprint(handover.ssh_key)
    words = shlex.quote(f"Accepted publickey for root .* {re.escape(fingerprint)}")
    found = work.server.run(f"{_LOGINS} {words} || true")
    if fingerprint in found:
        return "the server's log has their login"
    return f"their word, as {handover.by} says" if handover.by_word else None


def _demand_taken(work: Work, path: Path) -> None:
    """RemoteError unless the server lets in who has the private key in this file."""
    try:
        private = path.read_text("ascii")
        public, is_private = stated_key(private)
    except (OSError, ValueError) as problem:
        raise InputError("try the customer's key", whom=str(path), cause=problem) from None
    if not is_private or public != handover_of(work.customer).ssh_key:
        raise InputError("try the customer's key", whom=str(path), cause="it is not the key that was given")
    work.say("logging in with the customer's key")
    if not work.server.accepts(private):
        hint = "see what /root/.ssh/authorized_keys has on the server, then run the same command again"
        raise RemoteError(
            "log in with the customer's key", whom=work.customer.email, cause="it is refused", hint=hint
        )


class Lock(HandoverStep):
    """Takes our own key away, which cannot be undone, and sees the server refuse it.

    Killed after that, a login that is refused is the proof all the same: the record says that it was meant.
    """

    name = "our-key"
    does = "take our own SSH key off the server, and see it refused"

    def behind(self, handover: Handover) -> bool:
        return handover.locked_at is not None

    def run(self, work: Work) -> Outcome:
        customer = work.customer
        keys = OperatorKeys(_key_path(work.settings))
        if handover_of(customer).locking_at is None:
            work.write({"handover.lockingAt": now()})
        work.say("taking our key off the server")
        # The one in use last: with it we do this.
        for ours in reversed(keys.all()):
            self._shut_out(work, ours)
        prints = ", ".join(sha256_fingerprint(one.public) for one in keys.all())
        done = f"taken out of /root/.ssh/authorized_keys: the operator's key ({prints})"
        proof = "a login with it is refused, by a server that has shown its host key"
        work.record(
            "handover_complete",
            "The server is the customer's own, and refuses us",
            {
                "status": "handed_over",
                "handover.lockedAt": now(),
                **reported(work.customer, "the operator's SSH access", done, proof),
            },
        )
        return Done()

    def _shut_out(self, work: Work, ours: KeyPair) -> None:
        try:
            shut_out(work, ours.public, handover_of(work.customer).ssh_key)
        except LoginRefused:
            work.say("it is off already: the server refuses it")
        if work.server.accepts(ours.private):
            cause = "the server takes it still: more than root's authorized_keys lets it in"
            raise RemoteError(_LOCK, whom=work.customer.email, cause=cause)


def _key_path(settings: Settings) -> Path:
    assert settings.ssh.key is not None, "whose server was reached has a key"
    return settings.ssh.key
