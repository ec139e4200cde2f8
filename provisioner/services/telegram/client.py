"""The Telegram Bot API, as far as the product speaks it.

The calls block, and may come from any thread; from a coroutine `await asyncio.to_thread(bot.send, …)`. All
bots share the connections of `transport`. python-telegram-bot's errors may carry the token (`InvalidToken`
quotes it), so none of them travels on: what is raised here is written here.
"""

import asyncio
import logging
import math
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from tenacity import Retrying, retry_if_exception, stop_before_delay
from tenacity.wait import wait_base, wait_exponential

from provisioner.errors import InputError, TelegramError
from provisioner.failpoints import failpoint
from provisioner.services.telegram import transport
from provisioner.services.telegram.updates import (
    UPDATE_KINDS,
    BotIdentity,
    Keyboard,
    Update,
    identity_of,
    read_update,
)

if TYPE_CHECKING:
    from telegram import Bot
    from telegram.error import RetryAfter
    from telegram.request import HTTPXRequest
    from tenacity import RetryCallState

# Durations as timedelta, which the library will give from its next major version; without this it warns.
os.environ.setdefault("PTB_TIMEDELTA", "true")
# They write every request's address, which carries the token.
for _name in ("httpx", "httpcore", "telegram"):
    logging.getLogger(_name).setLevel(logging.WARNING)

_T = TypeVar("_T")

PATIENCE_SECONDS = 60.0
"""How long a call is tried again while that can help."""
_LONGEST_ID = 18


class BotTokenRefused(TelegramError):
    """The token is wrong or was revoked (401)."""


class ChatClosed(TelegramError):
    """The bot may not write to this person, who can change that (403, 400); `words` are Telegram's own.

    They have not pressed Start, or have `blocked` the bot.
    """

    def __init__(self, doing: str, words: str) -> None:
        super().__init__(doing, cause=words, hint="the customer has to press Start first")
        self.words = words
        self.blocked = "blocked by the user" in words.lower()
        self.not_started = "initiate conversation" in words.lower()


class AccountGone(TelegramError):
    """The person's account was deleted (403): nothing that anybody does there brings it back."""


class MessageGone(TelegramError):
    """The message that should be changed is not there any more."""


class _Unchanged(TelegramError):
    """The message has this text already."""


class ReadElsewhere(TelegramError):
    """Another program reads this bot's messages (409); a bot can have one reader only."""


class TelegramBusy(TelegramError):
    """Nothing was done: too many requests (429), or no connection; `wait` is in seconds."""

    everybodys = True

    def __init__(self, doing: str, cause: str, wait: float | None = None) -> None:
        minutes = max(1, math.ceil((wait or 0) / 60))
        when = "in a minute" if minutes == 1 else f"in {minutes} minutes"
        super().__init__(doing, cause=cause, retry=True, hint=f"run the same command again {when}")
        self.wait = wait


class TelegramUncertain(TelegramError):
    """The answer got lost: what was sent may have arrived all the same."""


class TelegramBot:
    """One bot, by its token. `api_root` is the address before `/bot<token>`."""

    def __init__(
        self,
        token: str,
        api_root: str,
        *,
        patience: float = PATIENCE_SECONDS,
        deadline: float | None = None,
    ) -> None:
        """`patience` is how long a call is tried again while that can help, in seconds; `deadline` is how
        long each try may take in all, where that has to be certain."""
        self._token = token
        self._root = api_root.rstrip("/")
        self._deadline = deadline
        self._retrying = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, TelegramBusy)),
            wait=_AsTold(),
            stop=stop_before_delay(patience),
            reraise=True,
        )

    def impatient(self, seconds: float) -> "TelegramBot":
        """The same bot, of which no call is tried again or takes longer than so many seconds."""
        return TelegramBot(self._token, self._root, patience=0, deadline=seconds)

    def identity(self) -> BotIdentity:
        """Who this bot is; BotTokenRefused if the token is no good."""
        user = self._call("ask Telegram who the bot is", lambda bot: bot.get_me(), repeatable=True)
        return identity_of(user)

    def webhook(self) -> str | None:
        """Where Telegram sends what is written to this bot; None if it keeps it until it is asked for."""
        doing = "ask Telegram where it sends the bot's messages"
        return self._call(doing, lambda bot: bot.get_webhook_info(), repeatable=True).url or None

    def waiting(self) -> int:
        """How many messages to this bot nobody has taken yet; asking takes none."""
        doing = "ask Telegram how many messages wait for the bot"
        found = self._call(doing, lambda bot: bot.get_webhook_info(), repeatable=True)
        return found.pending_update_count

    def send(self, chat_id: str, text: str, keyboard: Keyboard | None = None) -> str:
        """Send plain text and return the message's id; ChatClosed or AccountGone if it cannot reach them.

        An answer that got lost is not tried again: the text may have arrived.
        """
        markup = keyboard.markup() if keyboard else None
        message = self._call(
            "write to the customer through the bot",
            lambda bot: bot.send_message(_number(chat_id), text, reply_markup=markup),
            repeatable=False,
        )
        return str(message.message_id)

    def edit(self, chat_id: str, message_id: str, text: str) -> None:
        """Make this the message's text, which it may be already; MessageGone if it was deleted."""
        with suppress(_Unchanged):
            self._call(
                "change the message to the customer",
                lambda bot: bot.edit_message_text(text, _number(chat_id), _number(message_id)),
                repeatable=True,
            )

    def may_write_to(self, chat_id: str) -> bool:
        """Whether this person has pressed Start; shows them for a moment that the bot is typing.

        AccountGone if there is nobody any more who could.
        """
        doing = "see whether the customer has pressed Start"
        try:
            self._call(doing, lambda bot: bot.send_chat_action(_number(chat_id), "typing"), repeatable=True)
        except ChatClosed:
            return False
        return True

    def managed_token(self, bot_id: str) -> str:
        """The token of a bot that somebody made through this one, as it is now."""
        doing = "fetch the token of the customer's bot"
        return self._call(doing, lambda bot: bot.get_managed_bot_token(_number(bot_id)), repeatable=True)

    def replace_managed_token(self, bot_id: str) -> None:
        """Give a bot that somebody made through this one another token; the one before is refused from then.

        Done twice it has a third one: `managed_token` gives the last.
        """
        doing = "replace the token of the customer's bot"
        self._call(doing, lambda bot: bot.replace_managed_bot_token(_number(bot_id)), repeatable=True)

    def updates(self, after: int | None = None, wait: int = 0) -> list[Update]:
        """What people have written or done since `after` was acknowledged, the oldest first, at most 100.

        Acknowledges all up to `after`; without it, everything that nobody has acknowledged comes again.
        Waits up to `wait` seconds for the first one.
        """
        found = self._call(
            "read the bot's messages",
            lambda bot: bot.get_updates(
                offset=None if after is None else after + 1,
                timeout=timedelta(seconds=wait),
                allowed_updates=UPDATE_KINDS,
            ),
            repeatable=True,
        )
        return [read_update(update) for update in found]

    def _call(self, doing: str, ask: "Callable[[Bot], Awaitable[_T]]", *, repeatable: bool) -> _T:
        return self._retrying(lambda: self._once(doing, ask, repeatable=repeatable))

    def _once(self, doing: str, ask: "Callable[[Bot], Awaitable[_T]]", *, repeatable: bool) -> _T:
        from telegram import error

        try:
            failpoint(f"before {doing}")
            answer = transport.run(lambda request: self._ask(request, ask))
            failpoint(f"after {doing}")
            return answer
        except error.RetryAfter as refused:
            raise TelegramBusy(doing, "Telegram asks for a pause", _seconds(refused)) from None
        except error.InvalidToken:
            raise _refused(doing) from None
        except error.Conflict:
            raise _read_elsewhere(doing) from None
        except error.Forbidden as refused:
            raise _forbidden(doing, refused.message) from None
        except error.BadRequest as refused:
            raise _bad_request(doing, refused.message) from None
        except error.NetworkError as problem:
            reason = problem.__cause__ or problem
            raise _unreached(doing, reason, self._root, repeatable=repeatable) from None
        except TimeoutError as problem:
            raise _unreached(doing, problem, self._root, repeatable=repeatable) from None
        except error.TelegramError as problem:
            raise TelegramError(doing, cause=problem.message.replace(self._token, "…")) from None

    async def _ask(self, request: "HTTPXRequest", ask: "Callable[[Bot], Awaitable[_T]]") -> _T:
        from telegram import Bot

        bot = Bot(self._token, base_url=f"{self._root}/bot", request=request, get_updates_request=request)
        async with asyncio.timeout(self._deadline):
            return await ask(bot)


class _AsTold(wait_base):
    """As long as the service asked for; without a word from it, a little longer each time."""

    def __init__(self) -> None:
        self._otherwise = wait_exponential(multiplier=0.5, max=10)

    def __call__(self, retry_state: "RetryCallState") -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        asked = error.wait if isinstance(error, TelegramBusy) else None
        return asked if asked is not None else self._otherwise(retry_state)


def _seconds(refused: "RetryAfter") -> float:
    pause = refused.retry_after
    return pause.total_seconds() if isinstance(pause, timedelta) else float(pause)


def _number(text: str) -> int:
    """An id as the Bot API takes it; a record may have anything in its place."""
    if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST_ID):
        hint = "correct it in the record: setup.messaging.userId, setup.messaging.botId"
        raise InputError("speak with Telegram", cause=f"{text[:40]!r} is no id that it has", hint=hint)
    return int(text)


def _refused(doing: str) -> BotTokenRefused:
    return BotTokenRefused(
        doing,
        cause="Telegram does not accept the bot's token: it is wrong, or was revoked",
        hint="get the token from @BotFather (/token) and put it into setup.messaging.botToken",
    )


def _read_elsewhere(doing: str) -> ReadElsewhere:
    return ReadElsewhere(
        doing,
        cause="another program reads this bot's messages (409), and a bot can have one reader only",
        hint="stop the other program, or use a bot of your own for this workspace",
    )


def _forbidden(doing: str, message: str) -> TelegramError:
    if "deactivated" in message.lower():
        return AccountGone(doing, cause=message, hint="ask the customer for the account that they have now")
    return ChatClosed(doing, message)


def _bad_request(doing: str, message: str) -> TelegramError:
    if "chat not found" in message.lower():
        return ChatClosed(doing, message)
    if "message to edit not found" in message.lower():
        return MessageGone(doing, cause=message)
    if "message is not modified" in message.lower():
        return _Unchanged(doing, cause=message)
    return TelegramError(doing, cause=message)


def _unreached(doing: str, reason: BaseException, root: str, *, repeatable: bool) -> TelegramError:
    import httpx

    certainly_not_sent = isinstance(reason, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    cause = f"{root} did not answer ({type(reason).__name__})"
    if repeatable or certainly_not_sent:
        return TelegramBusy(doing, cause)
    return TelegramUncertain(doing, cause=f"{cause}; it may have arrived all the same")
