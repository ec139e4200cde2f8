"""The droplet of a customer who leaves: destroyed when nothing speaks against it, and never on less."""

from provisioner.actor import actor
from provisioner.backups.folder import digest_of
from provisioner.customers.leaving import has_assistant, is_over, may_have_droplet
from provisioner.customers.moving import is_moving, second_droplet
from provisioner.customers.parts.departure import Leaving
from provisioner.customers.pausing import is_paused
from provisioner.customers.record import Customer
from provisioner.droplets.destroying import destroy_droplet
from provisioner.droplets.identity import HOST_KEY_TAG
from provisioner.droplets.search import several
from provisioner.errors import CloudError, InputError
from provisioner.failpoints import failpoint
from provisioner.messaging.registry import emails_to
from provisioner.printable import command
from provisioner.services.digitalocean.models import DropletInfo
from provisioner.settings import Settings
from provisioner.step import Done, Outcome, Planned, Until, Work
from provisioner.steps.backup import backups_of, recorded
from provisioner.steps.droplet.cleared import changed_by, without_droplet
from provisioner.steps.droplet.customer import CustomersDroplet
from provisioner.steps.droplet.second import demand_gone, destroy_second
from provisioner.steps.leaving.step import LeavingStep, leaving_of, present_of
from provisioner.timestamps import now

_DOING = "destroy the droplet"


class DestroyDroplet(LeavingStep):
    """Destroys the droplet when the grace is over.

    Only with a last backup that is whole, or the word that none is needed; only where id, name and tags say
    that it is this customer's; never because something failed.
    """

    name = "destroy"

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        if may_have_droplet(customer) and settings.digitalocean_token is None:
            return ["set DIGITALOCEAN_ACCESS_TOKEN in the environment or in .env"]
        return []

    def behind(self, customer: Customer, leaving: Leaving) -> bool:
        return leaving.destroyed_at is not None

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("destroy the droplet when the grace is over", needed=True)]

    def run(self, work: Work) -> Outcome:
        leaving = leaving_of(work)
        emails_to(work).send("cancelled", f"cancelled {leaving.requested_at}")
        if not may_have_droplet(work.customer):
            _record_destroyed(work, "There was no droplet")
            return Done()
        if not is_over(leaving.destroy_at, present_of(work)):
            assert leaving.destroy_at, "it is written when the assistant is stopped"
            return Until(leaving.destroy_at, "the droplet is destroyed")
        _demand_backup(work, leaving)
        droplet_id = _destroy(work)
        named = f"droplet {droplet_id}" if droplet_id else "droplet, which never came to be"
        _record_destroyed(work, f"Destroyed DO {named}; asked for by {leaving.by or 'somebody'}")
        return Done()


def _demand_backup(work: Work, leaving: Leaving) -> None:
    """The last backup is there and is what was recorded, or nobody needs it; InputError."""
    moved = is_moving(work.customer) and work.customer.setup.move
    if leaving.without_backup or not (has_assistant(work.customer) or (moved and moved.switched_at)):
        return
    # What is on neither server as a whole is in the backup that was on its way.
    name = leaving.backup or (moved and moved.backup) or ""
    entry, path = recorded(work.customer, name), backups_of(work).file(name)
    try:
        whole = entry is not None and digest_of(path) == entry.sha256
    except OSError:
        whole = False
    if not whole:
        waiver = command("cancel", work.customer.email, options="--without-backup")
        raise InputError(
            _DOING,
            whom=work.customer.email,
            cause=f"the last backup ({path}) is not there as it was recorded, and all is on the droplet",
            hint=f"put the file back; or, if nobody needs it: {waiver}",
        )


def _destroy(work: Work) -> str | None:
    """Have it gone, and see that it is; its id. What is about to happen is in the record before."""
    keeper = CustomersDroplet(work)
    if second_droplet(work.customer) is not None:
        destroy_second(work, lambda: _intend_second(work))
    droplet = destroy_droplet(keeper, lambda found: _intend(work, found))
    if droplet is None:
        _demand_right_account(work)
        _demand_no_other(work)
    else:
        demand_gone(work, droplet.id)
    return work.customer.setup.droplet.id


def _intend_second(work: Work) -> None:
    """As `_intend`, for the second server of who is being moved."""
    with work.store.edit(work.customer.id, _DOING) as record:
        _demand_still_leaving(record.customer)
        record.update({"leaving.destroyingAt": now()})
    work.refresh()


def _intend(work: Work, droplet: DropletInfo) -> None:
    """The last moment at which it can be undone; InputError if it was."""
    _demand_no_other(work)
    tags = [tag for tag in droplet.tags if tag.startswith(HOST_KEY_TAG)]
    with work.store.edit(work.customer.id, _DOING) as record:
        _demand_still_leaving(record.customer)
        tags = [CustomersDroplet(work).tag, *tags]
        record.update({"leaving.destroyingAt": now(), "leaving.tags": tags})
    work.refresh()


def _demand_still_leaving(customer: Customer) -> None:
    leaving = customer.leaving
    if leaving is None or leaving.undo_at is not None or customer.status != "cancelled":
        cause = f"the customer stays (the status is {customer.status})"
        raise InputError(_DOING, whom=customer.email, cause=cause)


def _demand_no_other(work: Work) -> None:
    """DropletUnclear for another one beside the recorded: one that is forgotten is paid for."""
    keeper = CustomersDroplet(work)
    found = {one.id for one in keeper.cloud.droplets_tagged(keeper.tag)}
    found |= {one.id for one in keeper.cloud.find_droplets(keeper.name)}
    if found - {keeper.asked.id} - keeper.others:
        raise several(keeper, tuple(found | ({keeper.asked.id} if keeper.asked.id else set())))


def _demand_right_account(work: Work) -> None:
    """In another account every droplet is unknown; its tag stays where it was."""
    leaving, recorded_id = leaving_of(work), work.customer.setup.droplet.id
    if recorded_id is None or leaving.destroying_at is not None:
        return
    if not work.services.cloud.has_tag(CustomersDroplet(work).tag):
        setting = command("update", work.customer.email, "setup.droplet.id", "null")
        raise InputError(
            _DOING,
            whom=work.customer.email,
            cause=f"droplet {recorded_id} is not in this account, and nothing shows that it ever was",
            hint="see that DIGITALOCEAN_ACCESS_TOKEN is of the right account; if it is, and the droplet is "
            f"gone: {setting}, then run the same command again",
        )


def _record_destroyed(work: Work, details: str) -> None:
    with work.store.edit(work.customer.id, _DOING) as record:
        gone: dict[str, object] = {**without_droplet(record.customer), "setup.droplet.requestedAt": None}
        if is_paused(record.customer):
            gone["setup.pause"] = None
        if record.customer.setup.move is not None:
            gone["setup.move"] = None
        record.update({**changed_by(record, gone), "leaving.destroyedAt": now()})
        record.add_event("droplet_destroyed", details, by=actor())
    work.refresh()


class Leftovers(LeavingStep):
    """Removes what is left of the droplet in the account: its tags, and its snapshots unless they stay."""

    name = "leftovers"

    def behind(self, customer: Customer, leaving: Leaving) -> bool:
        return leaving.tidied_at is not None

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("remove its tags and snapshots", needed=True)]

    def run(self, work: Work) -> Outcome:
        tags = leaving_of(work).tags
        if tags:
            if not work.settings.cancel.keep_snapshots:
                _delete_snapshots(work)
            for tag in tags:
                _delete_tag(work, tag)
        work.write({"leaving.tidiedAt": now()})
        return Done()


def _delete_snapshots(work: Work) -> None:
    cloud, tag = work.services.cloud, CustomersDroplet(work).tag
    for snapshot in cloud.snapshots():
        if tag in snapshot.tags:
            failpoint("before a snapshot is deleted")
            cloud.delete_snapshot(snapshot.id)


def _delete_tag(work: Work, tag: str) -> None:
    """A tag costs nothing: one that cannot be deleted is only said."""
    try:
        if not work.services.cloud.droplets_tagged(tag):
            failpoint("before a tag is deleted")
            work.services.cloud.delete_tag(tag)
    except CloudError as problem:
        work.say(f"the tag {tag} is still there: {problem.cause}")


class Archive(LeavingStep):
    """Moves the record to the archive, and closes it."""

    name = "archive"

    def behind(self, customer: Customer, leaving: Leaving) -> bool:
        return False

    def plan(self, work: Work) -> list[Planned]:
        return [Planned("archive the record", needed=True)]

    def run(self, work: Work) -> Outcome:
        failpoint("before a customer is archived")
        work.store.archive(work.customer.id, claimed=True)
        failpoint("after a customer is archived")
        backup = leaving_of(work).backup
        details = f"The last backup is {backup}" if backup else "Without a last backup"
        work.record("cancellation_complete", details, {"leaving.endedAt": now()})
        return Done()
