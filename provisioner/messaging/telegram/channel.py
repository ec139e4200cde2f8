"""Telegram as a channel: what the contract asks for, and where it is done.

Each part is loaded when it is used: most commands need none that speaks with Telegram.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from provisioner import timestamps
from provisioner.customers.record import Customer
from provisioner.customers.store import CustomerStore
from provisioner.errors import InputError
from provisioner.messaging.channel import Accepted, Channel, ChannelCheck, ChannelEmails, Reset
from provisioner.messaging.telegram.links import needs_link
from provisioner.messaging.telegram.usernames import stated_username
from provisioner.printable import command
from provisioner.settings import Settings
from provisioner.step import Outcome, Waiting, Work

_TOKEN = "setup.messaging.botToken"
_USERNAME = "setup.messaging.username"
_IDS = ("setup.messaging.userId", "setup.messaging.botId")
NO_LINK_YET = "https://t.me/THIS-IS-NO-LINK-YET"
"""Stands in a preview for what the run has yet to make."""


class TelegramEmails(ChannelEmails):
    """The e-mails to a customer on Telegram."""

    def variables(self, customer: Customer) -> Mapping[str, object]:
        from provisioner.messaging.telegram.email_variables import variables_of

        return variables_of(customer)

    def preview(self, settings: Settings, customer: Customer) -> tuple[Mapping[str, object], bool]:
        """In the place of links that the run has yet to make stands what nobody takes for one."""
        from provisioner.messaging.telegram.bot_sources import ManagedBot, source_of

        said = self.variables(customer)
        if not (needs_link(customer) and isinstance(source_of(settings, customer), ManagedBot)):
            return said, True
        expires = timestamps.in_hours(settings.messaging.link_hours)[:10]
        return {**said, "create_link": NO_LINK_YET, "start_link": NO_LINK_YET, "expires": expires}, False

    def prepare(self, work: Work) -> None:
        from provisioner.messaging.telegram.bot_sources import source_of

        source_of(work.settings, work.customer).prepare(work)

    def untrue(self, name: str, customer: Customer) -> str:
        messaging = customer.setup.messaging
        if name == "ready":
            is_there = customer.setup.moltbot.installed and messaging.bot_username
            return "" if is_there else "their server and bot are not ready yet"
        if name == "contact" and messaging.bot_id and messaging.managed:
            return f"they have made their bot already: @{messaging.bot_username}"
        return ""

    def needless(self, customer: Customer) -> frozenset[str]:
        return frozenset({"contact"} if customer.setup.messaging.bot_id else ())


class Telegram(Channel):
    """The platform Telegram."""

    name = "telegram"
    emails = TelegramEmails()

    def begin(self, work: Work) -> None:
        from provisioner.messaging.telegram import connecting

        connecting.begin(work)

    def preconfigure(self, work: Work) -> None:
        from provisioner.messaging.telegram import connecting

        connecting.preconfigure(work)

    def playbooks(self, settings: Settings) -> Mapping[str, Mapping[str, object]]:
        return {"telegram": {"api_root": settings.telegram_api_root}}

    def connect(self, work: Work) -> Outcome:
        from provisioner.messaging.telegram import connecting

        return connecting.connect(work)

    def greet(self, work: Work, text: str) -> Waiting | None:
        from provisioner.messaging.telegram import connecting

        return connecting.greet(work, text)

    def arrived(self, work: Work) -> bool:
        from provisioner.messaging.telegram import connecting

        return connecting.arrived(work)

    def tell(self, work: Work, text: str) -> None:
        from provisioner.messaging.telegram import connecting

        connecting.tell(work, text)

    def sender(self, customer: Customer) -> str:
        return f"@{customer.setup.messaging.bot_username}"

    def credential_needs(self, settings: Settings, customer: Customer) -> list[str]:
        if customer.setup.messaging.managed and settings.telegram_manager_token is None:
            return ["set TELEGRAM_MANAGER_TOKEN in the environment or in .env: their bot was made over it"]
        return []

    def credential(self, customer: Customer) -> str | None:
        return customer.setup.messaging.bot_token

    def replace_credential(self, work: Work, old: str, then: Mapping[str, object]) -> Waiting | None:
        from provisioner.messaging.telegram.replacing import replace_token

        return replace_token(work, old, then)

    def check(
        self,
        settings: Settings,
        customers: Sequence[Customer],
        archived: Sequence[Customer],
        seconds: float,
        say: Callable[[str], None],
    ) -> ChannelCheck:
        from provisioner.messaging.telegram.check import check

        return check(settings, customers, archived, seconds, say)

    def waiting(self, settings: Settings, customer: Customer, seconds: float) -> int | None:
        from provisioner.messaging.telegram.check import waiting

        return waiting(settings, customer, seconds)

    def reset(self, store: CustomerStore, who: str, username: str | None, *, force: bool) -> Reset:
        from provisioner.messaging.telegram.relink import relink

        return relink(store, who, username=username, force=force)

    def accept(
        self,
        field: str,
        word: str,
        customer: Customer,
        store: CustomerStore,
        settings: Callable[[], Settings],
    ) -> Accepted:
        if field == _USERNAME:
            return Accepted(stated_username(word))
        if field in _IDS and not re.fullmatch(r"[0-9]{1,20}", word):
            cause = "Telegram's ids are digits; a name belongs in the username"
            raise InputError(f"set {field} to {word}", whom=customer.email, cause=cause)
        if field == _TOKEN:
            return _accepted_token(word, customer, store, settings())
        return Accepted(word)

    def next_steps(self, settings: Settings, customer: Customer) -> list[str]:
        if settings.telegram_manager_token is not None:
            return ["Next; they get a link over which they make their bot themselves:"]
        lines = [
            "Next, with the token of their bot from @BotFather on standard input:",
            f"  {command('update', customer.email, _TOKEN, '-')}",
        ]
        if not customer.setup.messaging.username:
            lines.append(f"  {command('update', customer.email, _USERNAME, '@NAME')}")
        return lines


def _accepted_token(word: str, customer: Customer, store: CustomerStore, settings: Settings) -> Accepted:
    """A token that is no good is refused at once; where Telegram cannot be asked now, that is said."""
    from provisioner.messaging.telegram.tokens import check_token, stated_token

    token = stated_token(word)
    known = check_token(store, settings, customer.id, token)
    if known is not None:
        return Accepted(token, f"It is the token of @{known.username}.")
    return Accepted(
        token, "warning: Telegram did not answer, so the token was not checked; provision will check it"
    )
