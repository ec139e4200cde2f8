import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from provisioner.errors import TelegramError
from provisioner.sandbox.telegram.accounts import Webhook
from provisioner.sandbox.telegram.app import telegram_app
from provisioner.sandbox.telegram.phones import Phones
from provisioner.sandbox.telegram.world import World
from provisioner.services.telegram.client import BotTokenRefused, ChatClosed, TelegramBot, TelegramBusy
from tests.serving import serving


class Telegram:
    """The sandbox's Telegram over HTTP, with one customer and their bot."""

    def __init__(self, world: World, root: str) -> None:
        self.world = world
        self.phones = Phones(world)
        self.root = root
        self.user = world.add_user("Ada", username="ada")
        self.bot = world.create_bot(self.user, "Ada's Moltbot", "ada_molt_bot")

    def client(self) -> TelegramBot:
        return TelegramBot(self.bot.token, self.root)


@pytest.fixture
def telegram() -> Iterator[Telegram]:
    world = World()
    with serving(telegram_app(world), before_stop=world.close) as root:
        yield Telegram(world, root)


def test_a_token_says_who_the_bot_is(telegram: Telegram) -> None:
    identity = telegram.client().identity()

    assert identity.id == str(telegram.bot.id)
    assert identity.username == "ada_molt_bot"
    assert identity.name == "Ada's Moltbot"


def test_a_revoked_token_is_refused_without_being_quoted(telegram: Telegram) -> None:
    client = telegram.client()
    old = telegram.bot.token
    telegram.world.revoke(telegram.bot)

    with pytest.raises(BotTokenRefused) as refusal:
        client.identity()

    assert not refusal.value.retry
    assert "BotFather" in (refusal.value.hint or "")
    assert old not in _everything_in(refusal.value)


def test_a_bot_cannot_write_before_start_is_pressed(telegram: Telegram) -> None:
    with pytest.raises(ChatClosed, match=r"initiate conversation|chat not found"):
        telegram.client().send(str(telegram.user.id), "hello")


def test_a_message_arrives_as_it_was_written(telegram: Telegram) -> None:
    telegram.phones.press_start(telegram.user, telegram.bot)
    text = "Hello *Ada*, <b>you</b> & [me](x) _say_ \\ `rm -rf`"

    telegram.client().send(str(telegram.user.id), text)

    assert telegram.phones.chat(telegram.user, telegram.bot)[-1].text == text


def test_how_many_messages_wait_is_told_and_none_is_taken(telegram: Telegram) -> None:
    assert telegram.client().waiting() == 0
    telegram.phones.press_start(telegram.user, telegram.bot)
    telegram.phones.say(telegram.user, telegram.bot, "hello?")

    assert [telegram.client().waiting() for _ in range(2)] == [2, 2]


def test_nobody_hears_the_token_in_a_log(telegram: Telegram, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        telegram.client().identity()

    assert telegram.bot.token not in caplog.text


def test_a_service_that_is_not_there_is_busy_after_some_patience() -> None:
    client = TelegramBot("1:token", "http://127.0.0.1:9", patience=0.2)

    with pytest.raises(TelegramBusy) as problem:
        client.identity()

    assert problem.value.retry


def test_a_pause_that_is_asked_for_is_kept_and_then_it_works() -> None:
    me = {"id": 7, "is_bot": True, "first_name": "B", "username": "b_bot"}
    answers = [_asks_for_a_pause(1), JSONResponse({"ok": True, "result": me})]

    with _answering(answers) as root:
        assert TelegramBot("1:token", root).identity().id == "7"

    assert answers == []


def test_a_pause_that_is_longer_than_the_patience_is_not_slept_out() -> None:
    with _answering([_asks_for_a_pause(600)]) as root, pytest.raises(TelegramBusy) as problem:
        TelegramBot("1:token", root).identity()

    assert problem.value.wait == 600
    assert problem.value.hint == "run the same command again in 10 minutes"


def test_an_impatient_bot_sleeps_out_no_pause_and_hangs_on_nobody() -> None:
    answers = [_asks_for_a_pause(1), _asks_for_a_pause(1)]
    with _answering(answers) as root, pytest.raises(TelegramBusy):
        TelegramBot("1:token", root).impatient(5).send("5", "hello")
    assert len(answers) == 1

    with serving(_dripping()) as root, pytest.raises(TelegramError, match="may have arrived"):
        TelegramBot("1:token", root).impatient(0.3).send("5", "hello")


def test_a_message_whose_answer_got_lost_is_not_sent_again() -> None:
    answers = [JSONResponse({"ok": False, "error_code": 502, "description": "Bad Gateway"}, status_code=502)]

    with _answering(answers) as root, pytest.raises(TelegramError, match="may have arrived"):
        TelegramBot("1:token", root).send("5", "hello")

    assert answers == []


def test_a_bot_says_where_its_messages_go(telegram: Telegram) -> None:
    assert telegram.client().webhook() is None

    telegram.bot.webhook = Webhook("https://example.com/hook")

    assert telegram.client().webhook() == "https://example.com/hook"


def test_a_deadline_is_kept_although_words_come_all_the_time() -> None:
    with serving(_dripping()) as root, pytest.raises(TelegramBusy, match=r"did not answer \(TimeoutError\)"):
        TelegramBot("1:token", root, patience=0, deadline=0.3).identity()


def _dripping() -> Starlette:
    async def drip(request: Request) -> StreamingResponse:
        return StreamingResponse(_forever())

    return Starlette(routes=[Route("/{path:path}", drip, methods=["GET", "POST"])])


async def _forever() -> AsyncIterator[bytes]:
    while True:
        yield b" "
        await asyncio.sleep(0.01)


def _asks_for_a_pause(seconds: int) -> JSONResponse:
    body = {"ok": False, "error_code": 429, "description": "Too Many Requests"}
    return JSONResponse({**body, "parameters": {"retry_after": seconds}}, status_code=429)


def _answering(answers: list[JSONResponse]) -> AbstractContextManager[str]:
    async def answer(request: Request) -> JSONResponse:
        return answers.pop(0)

    return serving(Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])]))


def _everything_in(error: BaseException) -> str:
    return f"{error!r} {error} {vars(error)} {error.__cause__!r}"
