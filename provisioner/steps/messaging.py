"""The customer's bot: its token checked, put on their server, and the customer let in.

The token is the operator's (`setup.messaging.botToken`). The customer is let in by their numeric Telegram id.
Where only the username is known, the server holds the first message of whoever writes, and the one whose
username is the customer's gives the id; anybody else stays outside.
"""

import json

from provisioner.customers.record import Customer
from provisioner.settings import Settings
from provisioner.steps.base import Done, Outcome, Waiting, Work

PLATFORMS = ("telegram",)
PENDING_REQUESTS = "telegram-requests"
"""What the playbook puts on the server: prints who has written to the bot and was not let in, as JSON."""


class Messaging:
    """Connects the customer to their Moltbot over Telegram."""

    name = "messaging"

    def needs(
        self,
        settings: Settings,  # noqa: ARG002 - the shape of a step
        customer: Customer,
    ) -> list[str]:
        messaging = customer.setup.messaging
        update = f"provisioner update {customer.email} setup.messaging"
        platform = messaging.platform or "telegram"
        if platform not in PLATFORMS:
            possible = ", ".join(PLATFORMS)
            return [f"{platform} cannot be set up yet, only {possible} can: {update}.platform telegram"]
        missing = []
        if not messaging.bot_token:
            missing.append(f"the token of the customer's bot, from @BotFather: {update}.botToken TOKEN")
        if not messaging.username and not messaging.user_id:
            missing.append(f"the customer's Telegram username: {update}.username @NAME")
        return missing

    def done(self, customer: Customer) -> bool:
        messaging = customer.setup.messaging
        return bool(messaging.connected and messaging.user_id and messaging.bot_username)

    def run(self, work: Work) -> Outcome:
        self._identify_bot(work)
        if not work.customer.setup.messaging.user_id and not self._find_customer(work):
            return _press_start(work)
        self._configure(work)
        messaging = work.customer.setup.messaging
        work.record(
            "telegram_connected",
            f"{messaging.username or messaging.user_id} can talk to @{messaging.bot_username}",
            {"setup.messaging.platform": "telegram", "setup.messaging.connected": True},
        )
        return Done()

    def _find_customer(self, work: Work) -> bool:
        """Have the server hold requests to the bot, and see whether one is the customer's."""
        if work.customer.setup.waiting is None:
            self._configure(work)
        user_id = _user_id_by_request(work)
        if user_id is not None:
            work.write({"setup.messaging.userId": user_id})
        return user_id is not None

    def _identify_bot(self, work: Work) -> None:
        """Ask Telegram whose token it is: a token that is no good must not reach the server."""
        work.say("checking the bot's token with Telegram")
        messaging = work.customer.setup.messaging
        bot = work.services.telegram(_token(work)).identity()
        if (messaging.bot_id, messaging.bot_username) != (bot.id, bot.username):
            work.write({"setup.messaging.botId": bot.id, "setup.messaging.botUsername": bot.username})

    def _configure(self, work: Work) -> None:
        """Have the gateway talk as the bot: to the customer alone, once we know who that is."""
        messaging = work.customer.setup.messaging
        variables = {
            "bot_id": messaging.bot_id or "",
            "user_id": messaging.user_id or "",
            "api_root": work.settings.telegram_api_root,
        }
        work.server.apply("telegram", variables, {"TELEGRAM_BOT_TOKEN": _token(work)})


def _press_start(work: Work) -> Waiting:
    messaging = work.customer.setup.messaging
    return Waiting(
        messaging.username or work.customer.email,
        f"to press Start at https://t.me/{messaging.bot_username}",
        arrived=lambda: _user_id_by_request(work) is not None,
    )


def _user_id_by_request(work: Work) -> str | None:
    """The numeric id of the customer, if somebody with their username has written to the bot."""
    wanted = _plain(work.customer.setup.messaging.username or "")
    for request in json.loads(work.server.run(PENDING_REQUESTS)):
        if wanted and _plain(request["username"]) == wanted:
            return str(request["id"])
    return None


def _plain(username: str) -> str:
    """Telegram compares usernames without regard to case; the @ is not a part of them."""
    return username.strip().removeprefix("@").lower()


def _token(work: Work) -> str:
    token = work.customer.setup.messaging.bot_token
    assert token, "needs() asks for the token"
    return token
