"""The customer connected to their own bot on their server, and the first message through it."""

from provisioner.errors import ProvisionerError, TelegramError
from provisioner.messaging.telegram.answers import SERVER_IS_READY
from provisioner.messaging.telegram.bot_sources import called, read_updates, source_of
from provisioner.messaging.telegram.email_variables import emails_to
from provisioner.messaging.telegram.manager import manager_of
from provisioner.messaging.telegram.pairing_requests import user_id_by_request
from provisioner.printable import command
from provisioner.secrets import mark_of
from provisioner.services.telegram.client import (
    AccountGone,
    ChatClosed,
    MessageGone,
    TelegramBot,
    TelegramBusy,
)
from provisioner.step import Done, Outcome, Waiting, Work

_START = "start"
"""The kind of waiting for a customer who has a bot to press Start there."""


def begin(work: Work) -> None:
    """Say what is missing, and have the customer do their part while the server is made."""
    if work.services.mail is None:
        work.say("SMTP_URL is not set: the customer gets no e-mail")
    source_of(work.settings, work.customer).begin(work)


def preconfigure(work: Work) -> None:
    """Have the gateway's first start connect a customer whose bot and id are known by then."""
    before = work.customer.setup.messaging
    if before.bot_token is None and before.link is not None:
        try:
            source_of(work.settings, work.customer).bot(work)
        except ProvisionerError as problem:
            # Whatever it is, connecting meets it again and says it.
            work.say(problem.summary)
    messaging = work.refresh().setup.messaging
    if messaging.bot_token and messaging.bot_id and messaging.user_id:
        configure(work, started=False)


def connect(work: Work) -> Outcome:
    """Have the gateway talk as the customer's bot, and with them alone.

    The customer is let in by their numeric id. Where only the username is known, the server holds the first
    message of whoever writes, and the one whose username is the customer's gives the id; anybody else stays
    outside.
    """
    waiting = source_of(work.settings, work.customer).bot(work)
    if waiting is not None:
        return waiting
    if not work.customer.setup.messaging.user_id and not _find_customer(work):
        return _wait_for_request(work)
    configure(work)
    messaging = work.customer.setup.messaging
    work.record(
        "telegram_connected",
        f"{messaging.username or messaging.user_id} can talk to @{messaging.bot_username}",
        {
            "setup.messaging.platform": "telegram",
            "setup.messaging.connected": True,
            "setup.messaging.connectedOver": "telegram",
            "setup.messaging.dropletId": work.customer.setup.droplet.id,
        },
    )
    return Done()


def greet(work: Work, text: str) -> Waiting | None:
    """Send the first message through the customer's own bot, once; or what is waited for."""
    messaging = work.customer.setup.messaging
    assert messaging.user_id, "messaging is done: it knows the customer"
    bot, user_id = work.services.telegram(_token(work)), messaging.user_id
    try:
        _deliver(work, bot, user_id, text)
    except AccountGone as gone:
        raise _account_gone(work, gone) from None
    except ChatClosed as closed:
        _say_that_it_is_ready(work)
        emails_to(work).remind("start")
        return _press_start(work, closed)
    _say_that_it_is_ready(work)
    return None


def arrived(work: Work) -> bool:
    """Whether what the record waits for has come: Start pressed, or what the bot's source waits for."""
    waiting = work.refresh().setup.waiting
    if waiting is None:
        return True
    if waiting.kind != _START:
        return source_of(work.settings, work.customer).arrived(work, waiting.kind)
    emails_to(work).remind("start")
    if _knows_the_manager(work):
        read_updates(work)
    if work.customer.setup.messaging.user_id:
        return _has_started(work)
    return user_id_by_request(work) is not None


def tell(work: Work, text: str) -> None:
    """Send a message that is not worth stopping for: what goes wrong is only said."""
    user_id = work.customer.setup.messaging.user_id
    assert user_id, "messaging is done: it knows the customer"
    try:
        work.services.telegram(_token(work)).send(user_id, text)
    except TelegramError as problem:
        work.say(problem.summary)


def _find_customer(work: Work) -> bool:
    """Have the server hold requests to the bot, and see whether one is the customer's."""
    waiting = work.customer.setup.waiting
    # Who was waited for over a link had no bot yet: then the server knows nothing of one.
    if waiting is None or waiting.for_ != _to_do(work, None):
        configure(work)
    user_id = user_id_by_request(work)
    if user_id is not None:
        work.write({"setup.messaging.userId": user_id})
    return user_id is not None


def _wait_for_request(work: Work) -> Waiting:
    emails_to(work).send("ready")
    emails_to(work).remind("start")
    return _press_start(work)


def configure(work: Work, *, started: bool = True, token: str | None = None) -> None:
    """Have the gateway talk as the bot: to the customer alone, once we know who that is.

    With this token, or without one with that of the record.
    """
    messaging = work.customer.setup.messaging
    token = token or _token(work)
    variables = {
        "bot_id": messaging.bot_id or "",
        "token_mark": mark_of(token),
        "user_id": messaging.user_id or "",
        "api_root": work.settings.telegram_api_root,
        "started": started,
        "greeted": work.customer.setup.handoff.onboarding_message_sent,
    }
    work.server.apply("telegram", variables, {"TELEGRAM_BOT_TOKEN": token})


def _deliver(work: Work, bot: TelegramBot, user_id: str, text: str) -> None:
    """Send the text once, whatever happens in between.

    The Bot API has no way to send a message at most once, but changing one twice does no harm: so only the
    first line is sent, its id written down, and the message then changed into the whole text.
    """
    message_id = work.customer.setup.handoff.message_id
    if message_id is None:
        message_id = bot.send(user_id, text.partition("\n")[0])
        work.write({"setup.handoff.messageId": message_id})
    try:
        bot.edit(user_id, message_id, text)
    except MessageGone:
        # The customer has taken it away themselves: it was there.
        work.say("the first message was deleted before it was whole")


def _say_that_it_is_ready(work: Work) -> None:
    """By the manager bot, to those who know it, and by e-mail; neither is worth stopping for."""
    emails_to(work).send("ready")
    if not _knows_the_manager(work):
        return
    try:
        read_updates(work)
        manager_of(work).tell(work.customer.id, SERVER_IS_READY)
    except ProvisionerError as problem:
        work.say(problem.summary)
    work.refresh()


def _knows_the_manager(work: Work) -> bool:
    return work.customer.setup.messaging.managed and work.settings.telegram_manager_token is not None


def _press_start(work: Work, closed: ChatClosed | None = None) -> Waiting:
    return Waiting(called(work), _to_do(work, closed), _START)


def _to_do(work: Work, closed: ChatClosed | None) -> str:
    """What the customer has to do; Telegram's own words, unless they say just that nobody pressed Start."""
    start = f"press Start at https://t.me/{work.customer.setup.messaging.bot_username}"
    if closed is None or closed.not_started:
        return f"to {start}"
    unblock = "unblock their bot and " if closed.blocked else ""
    return f"to {unblock}{start} (Telegram says: {closed.words})"


def _has_started(work: Work) -> bool:
    """Whether it is worth another try; it is too where the account is gone, which the try then says."""
    user_id = work.customer.setup.messaging.user_id
    assert user_id, "somebody unknown is waited for by their request"
    try:
        return work.services.telegram(_token(work)).may_write_to(user_id)
    except AccountGone:
        return True
    except TelegramBusy as problem:
        work.say(problem.summary)
        return False


def _account_gone(work: Work, gone: AccountGone) -> AccountGone:
    """Nobody is waited for any more: what can be done is the operator's."""
    customer = work.customer
    messaging = customer.setup.messaging
    details = f"Telegram says of {messaging.username or messaging.user_id}: {gone.cause}"
    if customer.setup.waiting is not None or all(event.details != details for event in customer.timeline):
        work.record("account_gone", details, {"setup.waiting": None})
    options = "--username NAME" if messaging.managed else "--username NAME --force"
    again = command("relink", customer.email, options=options)
    hint = f"ask the customer for the account that they have now, then: {again}"
    return AccountGone(gone.doing, whom=customer.email, cause=gone.cause, hint=hint)


def _token(work: Work) -> str:
    token = work.customer.setup.messaging.bot_token
    assert token, "whoever gets the bot puts its token into the record"
    return token
