"""The operator's word that whoever used a customer's link was not the customer: they begin anew."""

import re

from provisioner.actor import actor
from provisioner.customers.lifecycle import has_left
from provisioner.customers.record import Customer, Record
from provisioner.customers.store import CustomerStore
from provisioner.errors import InputError
from provisioner.messaging import emails
from provisioner.messaging.channel import Reset
from provisioner.messaging.telegram.usernames import plain_username, stated_username
from provisioner.printable import command
from provisioner.services.telegram.updates import Person

_DOING = "renew the link"

_CLEARED: dict[str, object] = {
    "setup.messaging.link": None,
    "setup.messaging.userId": None,
    "setup.messaging.botId": None,
    "setup.messaging.botUsername": None,
    "setup.messaging.botToken": None,
    "setup.messaging.managed": False,
    "setup.messaging.connected": False,
    "setup.messaging.connectedOver": None,
    "setup.messaging.told": [],
    "setup.handoff.messageId": None,
    "setup.handoff.onboardingMessageSent": False,
    "setup.handoff.completed": False,
    "setup.handoff.completedAt": None,
}
"""What was told, sent or connected is so for whoever had the link: the customer gets all of it yet."""
_EMAILS = ("contact", "ready", "reminder")
_USES = ("link_used", "bot_created")


def relink(store: CustomerStore, who: str, *, username: str | None = None, force: bool = False) -> Reset:
    """Forget the customer's link and all that came of it, so that the next run sends a new one.

    `username` is the customer's on Telegram; nobody else can use the new link then. InputError for one who
    has gone, and, unless forced, where the setup is complete or the bot's token was given by hand; BusyError
    while a run is at work. Done twice it changes nothing.
    """
    stated = stated_username(username) if username is not None else None
    with store.claim(who, doing=f"renew the link of {store.read(who).customer.email}"):
        _demand_here(store, who)
        with store.edit(who, _DOING) as record:
            before = record.customer
            _demand_reason(before, force=force)
            had = _user_of(before)
            record.update(_changes(record, stated, had))
            if record.customer != before:
                record.add_event("link_renewed", _told(record.customer, before, had), by=actor())
    return Reset(
        record.customer,
        before,
        is_open=not record.customer.setup.messaging.username,
        goes_on=before.setup.moltbot.installed and bool(before.setup.messaging.bot_token),
    )


def _demand_here(store: CustomerStore, who: str) -> None:
    found = store.find(who)
    email = found.record.customer.email
    if found.archived:
        raise _refused(email, "the record is archived", command("restore", email))


def _demand_reason(customer: Customer, *, force: bool) -> None:
    email, messaging = customer.email, customer.setup.messaging
    if has_left(customer.status):
        update = command("update", email, "status", "pending_setup", options="--force")
        again = f"if they come back: {update}"
        raise _refused(email, f"the status is {customer.status}", again)
    if force:
        return
    if customer.setup.status == "complete":
        hint = "if somebody else talks to their Moltbot, say --force: it is set up anew for the customer"
        raise _refused(email, "the setup is complete", hint)
    if messaging.bot_token and not messaging.managed:
        hint = (
            f"{command('update', email, 'setup.messaging.botToken', '-')} enters another one; "
            "--force forgets it, and the customer makes a bot over a link"
        )
        raise _refused(email, "the token of their bot was given by hand", hint)


def _refused(email: str, cause: str, hint: str) -> InputError:
    return InputError(_DOING, whom=email, cause=cause, hint=hint)


def _changes(record: Record, username: str | None, had: Person | None) -> dict[str, object]:
    """The fields that have to change; what a record does not have, or has already, is left out."""
    customer = record.customer
    changes = {path: value for path, value in _CLEARED.items() if record.get(path) not in (None, value)}
    kept = emails.without(customer, *_EMAILS)
    if len(kept) < len(customer.setup.emails):
        changes["setup.emails"] = kept
    if customer.setup.waiting is not None:
        # Whatever it is, it is about messages: nothing else waits for anybody.
        changes["setup.waiting"] = None
    if customer.setup.status == "complete":
        changes["setup.status"] = "in_progress"
    if customer.status == "active":
        # A link is good only for those whose setup goes on.
        changes["status"] = "in_progress"
    if username is not None:
        changes["setup.messaging.username"] = username
    elif _has_username_of(had, customer):
        # With it they alone could use the next link too.
        changes["setup.messaging.username"] = None
    return changes


def _has_username_of(person: Person | None, customer: Customer) -> bool:
    """Whether the username in the record is this person's, and none that the operator has put in since."""
    recorded = plain_username(customer.setup.messaging.username)
    return bool(recorded) and person is not None and recorded == plain_username(person.username)


def _user_of(customer: Customer) -> Person | None:
    """Who used the link, under the name that they had when they did."""
    user_id = customer.setup.messaging.user_id
    if not user_id:
        return None
    named = re.compile(rf"@(\w+) \({re.escape(user_id)}\) ")
    uses = (event.details or "" for event in customer.timeline if event.event in _USES)
    names = [found[1] for found in map(named.match, uses) if found]
    return Person(user_id, names[-1] if names else None)


def _told(customer: Customer, before: Customer, had: Person | None) -> str:
    """The event's details: who had the link, the bot that came of it, and whose the next one is."""
    messaging, username = before.setup.messaging, customer.setup.messaging.username
    bot = f", with the bot @{messaging.bot_username}" if messaging.bot_username else ""
    had_it = f"{had} had it{bot}" if had else f"nobody was known to have it{bot}"
    whose = f"; the next one is for {username}" if username else ""
    return f"The operator withdrew the link: {had_it}{whose}"
