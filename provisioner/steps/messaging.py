"""The customer's bot: its token checked, put on their server, and the customer let in.

The token is the operator's (`setup.messaging.botToken`). The customer is let in by their numeric Telegram id.
Where only the username is known, the server holds the first message of whoever writes, and the one whose
username is the customer's gives the id; anybody else stays outside.
"""

import json
from collections.abc import Mapping

from provisioner.customers.record import Customer
from provisioner.errors import RemoteError
from provisioner.settings import Settings
from provisioner.steps.base import Done, Outcome, Waiting, Work

PLATFORMS = ("telegram",)


class Messaging:
    """Connects the customer to their Moltbot over Telegram."""

    name = "messaging"

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        messaging = customer.setup.messaging
        platform = messaging.platform or "telegram"
        if platform not in PLATFORMS:
            return [
                f"{platform} cannot be set up yet, only {', '.join(PLATFORMS)} can: "
                f"provisioner update {customer.email} setup.messaging.platform telegram"
            ]
        missing = []
        if not messaging.bot_token:
            missing.append(
                f"the token of the customer's bot, from @BotFather: "
                f"provisioner update {customer.email} setup.messaging.botToken TOKEN"
            )
        if not messaging.username and not messaging.user_id:
            missing.append(
                f"the customer's Telegram username: "
                f"provisioner update {customer.email} setup.messaging.username @NAME"
            )
        return missing

    def done(self, customer: Customer) -> bool:
        messaging = customer.setup.messaging
        return bool(messaging.connected and messaging.user_id and messaging.bot_username)

    def run(self, work: Work) -> Outcome:
        self._identify_bot(work)
        messaging = work.customer.setup.messaging
        if not messaging.user_id:
            self._configure(work, user_id="")
            user_id = self._find_customer(work)
            if user_id is None:
                link = f"https://t.me/{messaging.bot_username}"
                return Waiting(
                    f"Start to be pressed at {link}",
                    messaging.username or work.customer.email,
                    arrived=lambda: self._find_customer(work) is not None,
                )
            work.write({"setup.messaging.userId": user_id})
        self._configure(work, user_id=work.customer.setup.messaging.user_id or "")
        work.record(
            "telegram_connected",
            f"{messaging.username or 'the customer'} can talk to @{messaging.bot_username}",
            {"setup.messaging.connected": True},
        )
        return Done()
