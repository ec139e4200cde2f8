"""What can be seen of the manager bot and of the customers' bots, without an effect on any.

No bot is asked for its messages, and nothing is written to anybody. Whether another program polls a bot can
only be seen by polling it too, so that is not looked at: a run that meets one says so.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from urllib.parse import urlsplit

from provisioner.clock import SYSTEM_CLOCK
from provisioner.customers.lifecycle import has_left
from provisioner.customers.record import Customer
from provisioner.errors import SettingsError, TelegramError
from provisioner.messaging.channel import ChannelCheck, ChannelTrouble
from provisioner.messaging.telegram.links import wants_bot
from provisioner.messaging.telegram.tokens import demand_manager, holders_of
from provisioner.printable import command
from provisioner.services.telegram.client import BotTokenRefused, TelegramBot, TelegramBusy
from provisioner.services.telegram.updates import BotIdentity
from provisioner.settings import Settings

_MANAGER = "TELEGRAM_MANAGER_TOKEN"
_AGAIN = "run provisioner doctor again in a minute"
AT_ONCE = 16
"""How many bots are asked at the same time, and how many in a row may be silent before no other is asked."""
WHOLE_SECONDS = 60.0
"""After so long no other bot is asked, however many there are."""


def check(
    settings: Settings,
    customers: Sequence[Customer],
    archived: Sequence[Customer],
    seconds: float,
    say: Callable[[str], None],
) -> ChannelCheck:
    """Look at each bot that there is; that no manager bot is set is wrong only where a customer needs it.

    What the `archived` had may be gone, their bots too. No answer is waited for longer than `seconds`, and
    bots are asked for `WHOLE_SECONDS`: how many were not is in the result. `say` is told how many have
    answered.
    """
    looking = _Looking(settings, customers, archived, seconds, say)
    try:
        looking.look_at_manager()
        looking.look_at_bots()
    except _Silent as silence:
        looking.note("bot", "Telegram", str(silence), _AGAIN)
    return ChannelCheck(tuple(looking.looked), tuple(looking.troubles))


def waiting(settings: Settings, customer: Customer, seconds: float) -> int | None:
    """How many messages to the customer's bot wait for their assistant; None where Telegram does not say."""
    token = customer.setup.messaging.bot_token
    if not token:
        return None
    try:
        return TelegramBot(token, settings.telegram_api_root, patience=0, deadline=seconds).waiting()
    except TelegramError:
        return None


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
        silent: list[TelegramError] = []
        asked = 0
        for customer, answer in self._answers(theirs):
            asked += 1
            self.say(f"asked {asked} of {len(theirs)} bots")
            if isinstance(answer, BotIdentity):
                self._compare(customer, answer)
            elif isinstance(answer, BotTokenRefused):
                self.note("bot", customer.email, str(answer.cause), self._renewal(customer))
            else:
                silent.append(answer)
        self._demand_all(len(theirs), asked, silent)

    def _answers(self, theirs: Sequence[Customer]) -> Iterator[tuple[Customer, BotIdentity | TelegramError]]:
        """As they come in, of those who were asked: not when the time is over, or when nobody answers."""
        until = SYSTEM_CLOCK.monotonic() + WHOLE_SECONDS
        given_up = Event()

        def ask(customer: Customer) -> BotIdentity | TelegramError | None:
            return None if given_up.is_set() or SYSTEM_CLOCK.monotonic() >= until else self._ask(customer)

        in_a_row = 0
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for customer, answer in zip(theirs, pool.map(ask, theirs), strict=True):
                if answer is None:
                    continue
                in_a_row = in_a_row + 1 if isinstance(answer, TelegramBusy) else 0
                if in_a_row >= AT_ONCE:
                    given_up.set()
                yield customer, answer

    def _demand_all(self, all_of_them: int, asked: int, silent: Sequence[TelegramError]) -> None:
        """_Silent unless each was asked and has answered."""
        left = f"; {all_of_them - asked} were not asked" if asked < all_of_them else ""
        if silent:
            raise _Silent(f"{silent[0].cause}, about {len(silent)} of {all_of_them} customers' bots{left}")
        if left:
            raise _Silent(f"in {WHOLE_SECONDS:g} s it answered for {asked} of {all_of_them} customers' bots")

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
