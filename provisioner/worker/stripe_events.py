"""Deals with what has come at the webhook, as part of a process that goes on."""

import time
from collections.abc import Callable
from threading import Event

from provisioner.payments.apply import Applied, Applier, Tell
from provisioner.payments.decide import Policy
from provisioner.payments.inbox import Inbox
from provisioner.payments.sync import Finding, Sync
from provisioner.services.stripe.errors import NothingThere
from provisioner.settings import Settings
from provisioner.workspace import Workspace

ALL_SECONDS = 600.0
"""How often what was about nobody known is looked at again: they may have been added by hand."""
_DAY = 86_400.0


def _tell_nobody(_key: str, _whom: str | None, _what: str) -> None:
    """For who shows what has happened in another way."""


def _let_be() -> None:
    """For who compares everything anyway."""


def inbox_of(workspace: Workspace) -> Inbox:
    """The events of this workspace."""
    return Inbox(workspace.state_dir / "stripe")


def applier_of(
    workspace: Workspace, settings: Settings, tell: Tell = _tell_nobody, unsure: Callable[[], None] = _let_be
) -> Applier:
    """Who writes what the events of this workspace mean."""
    policy = Policy(settings.stripe.provision == "at payment", settings.stripe.telegram_field)
    return Applier(
        workspace.store(),
        inbox_of(workspace),
        policy,
        tell=tell,
        customer_of_charge=_charges(settings),
        unsure=unsure,
    )


def sync_of(
    workspace: Workspace, settings: Settings, tell: Tell = _tell_nobody, unsure: Callable[[], None] = _let_be
) -> Sync | None:
    """What compares this workspace with Stripe; None where no key is set."""
    from provisioner.services.factory import connect_stripe

    api = connect_stripe(settings)
    if api is None:
        return None
    applier = applier_of(workspace, settings, tell, unsure)
    return Sync(workspace.store(), inbox_of(workspace), applier, api, livemode=settings.is_live)


class EventHandler:
    """One look after the other at the inbox."""

    def __init__(
        self, applier: Applier, inbox: Inbox, say: Callable[[str], None], handled: Callable[[Applied], None]
    ) -> None:
        """`handled` is told what each look has done."""
        self._applier = applier
        self._inbox = inbox
        self._say = say
        self._handled = handled
        self._all_at = 0.0
        self._tidied_at = 0.0

    def look(self) -> None:
        """Deal with what has come; the first problem is raised when everything else was dealt with."""
        now = time.monotonic()
        everything = not self._all_at or now - self._all_at > ALL_SECONDS
        applied = self._applier.apply_all(kept_too=everything)
        if everything:
            self._all_at = now
        for received, outcome in applied.outcomes:
            whom = f" ({outcome.email})" if outcome.email else ""
            self._say(f"{received.id} {received.envelope.type}{whom}: {outcome.did}: {outcome.text}")
        self._handled(applied)
        if now - self._tidied_at > _DAY or not self._tidied_at:
            self._inbox.forget_old()
            self._tidied_at = now
        if applied.problems:
            raise applied.problems[0]


class SyncHandler:
    """Fetches what was missed, each hour, and compares everything once a day, or when it is asked to."""

    def __init__(self, sync: Sync, tell: Callable[[list[Finding]], None], say: Callable[[str], None]) -> None:
        """`tell` is told all that only a person can put right, each time anew."""
        self._sync = sync
        self._tell = tell
        self._say = say
        self._compared_at: float | None = None
        self._asked = Event()

    def compare_next(self) -> None:
        """Compare at the next look, whenever the last time was."""
        self._asked.set()

    def look(self) -> None:
        """Do what is due of it; the first problem is raised at the end."""
        now = time.monotonic()
        asked = self._asked.is_set()
        self._asked.clear()
        if asked or self._compared_at is None or now - self._compared_at >= _DAY:
            synced = self._sync.compare()
            self._tell(synced.findings)
            self._compared_at = now
        else:
            synced = self._sync.fetch_missed()
        if synced.missed or synced.changed:
            self._say(f"sync: {synced.missed} events were missed, {len(synced.changed)} records were behind")
        if synced.problems:
            raise synced.problems[0]


def _charges(settings: Settings) -> Callable[[str], str | None]:
    from provisioner.services.factory import connect_stripe

    def customer_of(charge: str) -> str | None:
        api = connect_stripe(settings)
        if api is None:
            return None
        try:
            found = api.charge(charge).get("customer")
        except NothingThere:
            return None
        return found if isinstance(found, str) else None

    return customer_of
