"""Where a customer's bot comes from: they make it themselves, or its token is given, or there is none yet."""

from typing import Protocol

from provisioner.customers.record import Customer
from provisioner.errors import ProvisionerError, TelegramError
from provisioner.messaging.emails import was_sent
from provisioner.messaging.telegram import links
from provisioner.messaging.telegram.email_variables import emails_to
from provisioner.messaging.telegram.manager import manager_of
from provisioner.messaging.telegram.tokens import checked_identity
from provisioner.printable import command
from provisioner.settings import Settings
from provisioner.step import Waiting, Work

# The kinds of waiting, as they are in records.
_BOT = "bot"
_TOKEN = "token"
_USERNAME = "username"


class BotSource(Protocol):
    """One way to get the bot; each can be gone on with at any point."""

    def begin(self, work: Work) -> None:
        """What can be done before the server is there."""

    def prepare(self, work: Work) -> None:
        """Have in the record what the contact e-mail says."""

    def bot(self, work: Work) -> Waiting | None:
        """Have the bot and its token in the record; or what is waited for."""

    def arrived(self, work: Work, kind: str | None) -> bool:
        """Whether what is waited for has come; so it has if this source does not wait for this kind."""


def source_of(settings: Settings, customer: Customer) -> BotSource:
    """Where this customer's bot comes from, as things stand."""
    messaging = customer.setup.messaging
    if settings.telegram_manager_token and (messaging.managed or not messaging.bot_token):
        return ManagedBot()
    return GivenToken() if messaging.bot_token else NothingYet()


class ManagedBot:
    """The customer makes the bot over their personal link, and we fetch its token."""

    def begin(self, work: Work) -> None:
        if not work.customer.setup.messaging.bot_id:
            self.prepare(work)
            emails_to(work).send("contact")

    def prepare(self, work: Work) -> None:
        if links.needs_link(work.customer):
            self._make_link(work)

    def bot(self, work: Work) -> Waiting | None:
        self.begin(work)
        if not self._is_made(work):
            return Waiting(called(work), self._to_do(work), _BOT)
        self._fetch_token(work)
        return None

    def arrived(self, work: Work, kind: str | None) -> bool:
        return kind != _BOT or self._is_made(work)

    def _is_made(self, work: Work) -> bool:
        emails_to(work).remind("contact")
        read_updates(work)
        if not work.refresh().setup.messaging.bot_id:
            manager_of(work).assign_bot(work.customer.id)
        return bool(work.refresh().setup.messaging.bot_id)

    def _make_link(self, work: Work) -> None:
        work.say("making the customer's personal link")
        manager = manager_of(work).username()
        emails_to(work).forget("contact", "reminder of contact")
        work.write(links.new_link(manager, work.customer, work.settings.messaging.link_hours))

    def _to_do(self, work: Work) -> str:
        link = work.customer.setup.messaging.link
        if link and link.used_at:
            return f"to create their bot in the chat with @{link.manager}"
        if was_sent(work.customer, "contact"):
            return "to open the link in our e-mail and create their bot"
        preview = command("mail", "preview", "contact", work.customer.email)
        return f"to open their link and create their bot; no e-mail was sent, {preview} prints it"

    def _fetch_token(self, work: Work) -> None:
        """The token as it is now: the customer may have had it replaced since we fetched it."""
        messaging = work.customer.setup.messaging
        assert messaging.bot_id, "the manager bot told us of the bot"
        work.say("fetching the token of the customer's bot")
        token = manager_of(work).token_of(messaging.bot_id)
        if token != messaging.bot_token:
            work.write({"setup.messaging.botToken": token})


class GivenToken:
    """The operator made the bot with @BotFather and put its token into the record."""

    def begin(self, work: Work) -> None:
        """A token that is no good is found before a server is paid for."""
        token = work.customer.setup.messaging.bot_token
        assert token, "this is for those who have one"
        work.say("checking the bot's token with Telegram")
        manager = work.settings.telegram_manager_token
        bot = checked_identity(
            work.services.telegram(token),
            work.customer,
            work.others(),
            manager.get_secret_value() if manager else None,
        )
        messaging = work.customer.setup.messaging
        if (messaging.bot_id, messaging.bot_username) != (bot.id, bot.username):
            work.write({"setup.messaging.botId": bot.id, "setup.messaging.botUsername": bot.username})
        if not _is_known(work):
            emails_to(work).send("contact")

    def prepare(self, work: Work) -> None:
        pass

    def bot(self, work: Work) -> Waiting | None:
        self.begin(work)
        return None if _is_known(work) else _wait_for_username(work)

    def arrived(self, work: Work, kind: str | None) -> bool:
        return kind != _USERNAME or _username_is_told(work)


class NothingYet:
    """Neither a token nor a bot that makes bots: a person has to act before there is a bot."""

    def begin(self, work: Work) -> None:
        if not _is_known(work):
            emails_to(work).send("contact")

    def prepare(self, work: Work) -> None:
        pass

    def bot(self, work: Work) -> Waiting | None:
        self.begin(work)
        if not _is_known(work):
            return _wait_for_username(work)
        update = command("update", work.customer.email, "setup.messaging.botToken", "-")
        return Waiting(
            "the operator",
            f"to make a bot with @BotFather and enter its token: {update}",
            _TOKEN,
        )

    def arrived(self, work: Work, kind: str | None) -> bool:
        return kind != _TOKEN and (kind != _USERNAME or _username_is_told(work))


def read_updates(work: Work) -> None:
    """Take in what customers did at the manager bot.

    A Telegram that does not answer now may do so later, and another customer's record that cannot be written
    is no reason to end this run; a bot that cannot be read at all is.
    """
    try:
        manager_of(work).read_updates()
    except ProvisionerError as problem:
        if isinstance(problem, TelegramError) and not problem.retry:
            raise
        work.say(problem.summary)


def called(work: Work) -> str:
    """The customer, as somebody is called who is waited for."""
    return work.customer.setup.messaging.username or work.customer.email


def _is_known(work: Work) -> bool:
    """Whether the customer can be told from others who write to the bot."""
    messaging = work.customer.setup.messaging
    return bool(messaging.user_id or messaging.username)


def _wait_for_username(work: Work) -> Waiting:
    emails_to(work).remind("contact")
    update = command("update", work.customer.email, "setup.messaging.username", "@NAME")
    return Waiting(work.customer.email, f"to tell us their Telegram username; then {update}", _USERNAME)


def _username_is_told(work: Work) -> bool:
    emails_to(work).remind("contact")
    return _is_known(work)
