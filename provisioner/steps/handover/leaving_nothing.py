"""What is left of us on the server, and of the customer here, when it is handed over: nothing."""

import shlex

from provisioner.customers.parts.departure import Handover
from provisioner.customers.record import Customer
from provisioner.errors import RemoteError
from provisioner.failpoints import failpoint
from provisioner.messaging.registry import emails_to
from provisioner.printable import clean
from provisioner.step import Done, Outcome, Work
from provisioner.steps.backup import backups_of
from provisioner.steps.handover.step import HandoverStep, remote, reported
from provisioner.timestamps import now

FILES_BEGIN = ""
"""Where the server's files begin; only tests set another place."""
_CLEAN_SECONDS = 300.0
_SEARCH_SECONDS = 600.0
_MOST_NAMED = 5
_SHORTEST = 12
"""A shorter word that is set as a secret would be found in files that have nothing to do with it."""
_DOING = "leave nothing of ours on the server"


class Clean(HandoverStep):
    """Removes our programs, logs and leftovers, and searches the disk for secrets of the operator's."""

    name = "clean"
    does = "remove what is ours, and search the disk for our secrets"

    def behind(self, handover: Handover) -> bool:
        return handover.cleaned_at is not None

    def run(self, work: Work) -> Outcome:
        work.say("removing what is ours")
        failpoint("before what is ours is removed from a server")
        work.server.run(_script("clean.bash"), timeout=_CLEAN_SECONDS)
        failpoint("after what is ours is removed from a server")
        _demand_nothing(work)
        done = "programs, playbooks' logs and configuration, backups, caches and histories removed"
        proof = "no secret that this workspace has is in any file on the disk"
        fields = reported(work.customer, "what is ours on the server", done, proof)
        work.record("server_cleaned", f"On the server: {done}", {"handover.cleanedAt": now(), **fields})
        return Done()


def _demand_nothing(work: Work) -> None:
    """RemoteError, with the files, if a secret of the operator's is on the disk."""
    work.say("searching the disk for our secrets")
    ours = [value for value in work.settings.secret_values() if len(value) >= _SHORTEST]
    lines = [f"{line}\n".encode() for value in ours for line in value.splitlines() if len(line) >= _SHORTEST]
    if not lines:
        return
    said = work.server.send(_script("search.bash", str(len(lines))), lines, timeout=_SEARCH_SECONDS)
    found = [clean(line) for line in said.splitlines() if line]
    if found:
        more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
        cause = f"a secret of ours is in {', '.join(found[:_MOST_NAMED])}{more}"
        hint = "look at the file, take it out there, and run the same command again"
        raise RemoteError(_DOING, whom=work.customer.email, cause=cause, hint=hint)


def _script(name: str, *words: str) -> str:
    return shlex.join(["bash", "-c", remote(name), "provisioner", FILES_BEGIN, *words])


class Forget(HandoverStep):
    """Deletes here what opens anything of the customer's: their bot's token, their link, their backups."""

    name = "forget"
    does = "delete the customer's secrets and backups here"

    def behind(self, handover: Handover) -> bool:
        return handover.forgotten_at is not None

    def run(self, work: Work) -> Outcome:
        backups = backups_of(work)
        count = len(backups.all())
        work.say("deleting the customer's secrets and backups here")
        backups.clear()
        done = f"the bot's token is not in the record any more; {count} backups deleted"
        proof = "the record has no secret, and the folder of backups is empty"
        fields = {
            **_without_secrets(work.customer),
            "backups": [],
            "handover.forgottenAt": now(),
            **reported(work.customer, "what is the customer's here", done, proof),
        }
        work.record("secrets_forgotten", f"Here: {done}", fields)
        return Done()


def _without_secrets(customer: Customer) -> dict[str, object]:
    messaging = customer.setup.messaging
    fields: dict[str, object] = {"handover.apiKey": None, "handover.keyFile": None}
    if messaging.bot_token is not None:
        fields["setup.messaging.botToken"] = None
    if messaging.link is not None and messaging.link.code is not None:
        fields["setup.messaging.link.code"] = None
    return fields


class Tell(HandoverStep):
    """Tells the customer that the server is theirs, and what they pay from now on."""

    name = "tell"
    does = "tell the customer"

    def behind(self, handover: Handover) -> bool:
        return handover.ended_at is not None

    def run(self, work: Work) -> Outcome:
        emails_to(work).send("handover")
        work.write({"handover.endedAt": now()})
        return Done()
