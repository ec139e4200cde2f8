"""What can be seen of the manager bot and of the customers' bots, without an effect on any.

No bot is asked for its messages, and nothing is written to anybody. Whether another program polls a bot can
only be seen by polling it too, so that is not looked at: a run that meets one says so.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from provisioner.customers.lifecycle import has_left
from provisioner.customers.record import Customer
from provisioner.errors import SettingsError, TelegramError
from provisioner.messaging.channel import ChannelCheck, ChannelTrouble
from provisioner.messaging.telegram.links import wants_bot
from provisioner.messaging.telegram.tokens import demand_manager, holders_of
from provisioner.printable import command
from provisioner.services.telegram.client import BotTokenRefused, TelegramBot
from provisioner.services.telegram.updates import BotIdentity
from provisioner.settings import Settings

_MANAGER = "TELEGRAM_MANAGER_TOKEN"
_AGAIN = "run provisioner doctor again in a minute"
AT_ONCE = 16
"""How many bots are asked at the same time."""


def check(
    settings: Settings,
    customers: Sequence[Customer],
    archived: Sequence[Customer],
    seconds: float,
    say: Callable[[str], None],
) -> ChannelCheck:
    """Look at each bot that there is; that no manager bot is set is wrong only where a customer needs it.

    What the `archived` had may be gone, their bots too. No answer is waited for longer than `seconds`.
    `say` is told how many bots have answered.
    """
    looking = _Looking(settings, customers, archived, seconds, say)
    try:
        looking.look_at_manager()
        looking.look_at_bots()
    except _Silent as silence:
        looking.note("bot", "Telegram", str(silence), _AGAIN)
    return ChannelCheck(tuple(looking.looked), tuple(looking.troubles))


class _Silent(Exception):
    """Telegram cannot be asked now."""


@dataclass(frozen=True)
class _Looking:
    settings: Settings
    customers: Sequence[Customer]
    archived: Sequence[Customer]
    seconds: float
    say: Callable[[str], None]
    looked: list[str] = field(default_factory=list)
    troubles: list[ChannelTrouble] = field(default_factory=list)

    def note(self, kind: str, whom: str, problem: str, hint: str) -> None:
        self.troubles.append(ChannelTrouble(kind, whom, problem, hint))

    def look_at_manager(self) -> None:
        token = self.settings.telegram_manager_token
        if token is None:
            self._note_if_needed()
            return
        self.looked.append("manager bot")
        self._note_shared(token.get_secret_value().partition(":")[0])
        bot = self._bot(token.get_secret_value())
        try:
            self._examine_manager(bot, bot.identity())
        except BotTokenRefused as error:
            hint = f"get the token from @BotFather (/token) and put it into {_MANAGER}"
            self.note("token", _MANAGER, str(error.cause), hint)
        except TelegramError as error:
            raise _Silent(error.cause) from None

    def look_at_bots(self) -> None:
        """Whether each customer's bot is the one in the record; asking that does not disturb who reads it."""
        theirs = [one for one in self.customers if _has_bot(one)]
        if not theirs:
            return
        self.looked.append("customers' bots")
        silent = []
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = zip(theirs, pool.map(self._ask, theirs), strict=True)
            for number, (customer, answer) in enumerate(answers, start=1):
                self.say(f"asked {number} of {len(theirs)} bots")
                if isinstance(answer, BotIdentity):
                    self._compare(customer, answer)
                elif isinstance(answer, BotTokenRefused):
                    self.note("bot", customer.email, str(answer.cause), self._renewal(customer))
                else:
                    silent.append(answer)
        if silent:
            raise _Silent(f"{silent[0].cause}, about {len(silent)} of {len(theirs)} customers' bots")

    def _note_if_needed(self) -> None:
        for customer in self.customers:
            if wants_bot(customer) and not customer.setup.messaging.bot_token:
                problem = f"is not set, and {customer.email} has a link over which to make their bot"
                self.note("settings", _MANAGER, problem, "set it in the environment or in .env")

    def _note_shared(self, bot_id: str) -> None:
        for customer in holders_of(bot_id, (*self.customers, *self.archived)):
            problem = f"their bot is the one of {_MANAGER}: each takes the other's messages away"
            hint = f"make a bot for them with @BotFather, then {', then '.join(_entering_token(customer))}"
            self.note("bot", customer.email, problem, hint)

    def _examine_manager(self, bot: TelegramBot, identity: BotIdentity) -> None:
        whom = f"@{identity.username}"
        try:
            demand_manager(identity)
        except SettingsError as error:
            self.note("bot", whom, str(error.cause), error.hint or "")
        webhook = bot.webhook()
        if webhook:
            # The path is left out: many put the token there.
            problem = f"its messages go to a webhook at {urlsplit(webhook).hostname}, so no run can read them"
            hint = f"have that program call deleteWebhook, or put the token of another bot into {_MANAGER}"
            self.note("bot", whom, problem, hint)

    def _compare(self, customer: Customer, identity: BotIdentity) -> None:
        recorded = customer.setup.messaging.bot_id
        if recorded and recorded != identity.id:
            problem = (
                f"the token is that of @{identity.username} ({identity.id}), the record has bot {recorded}"
            )
            self.note("bot", customer.email, problem, self._renewal(customer))

    def _ask(self, customer: Customer) -> BotIdentity | TelegramError:
        try:
            return self._bot(customer.setup.messaging.bot_token or "").identity()
        except TelegramError as error:
            return error

    def _bot(self, token: str) -> TelegramBot:
        root = self.settings.telegram_api_root
        return TelegramBot(token, root, patience=0, deadline=self.seconds)

    def _renewal(self, customer: Customer) -> str:
        """How the right token comes into the record and onto the server."""
        if customer.setup.messaging.managed and self.settings.telegram_manager_token:
            return f"{', then '.join(_setting_up_again(customer))}, which fetches it anew"
        return ", then ".join(["get it from @BotFather (/token)", *_entering_token(customer)])


def _entering_token(customer: Customer) -> list[str]:
    return [
        command("update", customer.email, "setup.messaging.botToken", "-"),
        *_setting_up_again(customer),
    ]


def _setting_up_again(customer: Customer) -> list[str]:
    """What has the run give the server its token once more."""
    run = command("provision", customer.email)
    if not customer.setup.messaging.connected:
        return [run]
    return [command("update", customer.email, "setup.messaging.connected", "false"), run]


def _has_bot(customer: Customer) -> bool:
    """Whether there is a Telegram bot that should work for them."""
    telegram = customer.setup.messaging.platform_name == "telegram"
    return telegram and bool(customer.setup.messaging.bot_token) and not has_left(customer.status)
