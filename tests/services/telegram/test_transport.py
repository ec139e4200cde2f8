"""The connections that all bots of a process share, counted at the other end."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from uvicorn.protocols.http.h11_impl import H11Protocol

from provisioner.sandbox.telegram.app import telegram_app
from provisioner.sandbox.telegram.phones import Phones
from provisioner.sandbox.telegram.world import World
from provisioner.services.telegram import transport
from provisioner.services.telegram.client import TelegramBot
from tests.serving import serving


class Telegram:
    """The sandbox's Telegram, one customer who has pressed Start, and who has connected."""

    def __init__(self) -> None:
        self.world = World()
        self.connections: list[Callable[[], object]] = []
        """Of each one that was ever opened what closes it at this end."""
        self.closed = threading.Semaphore(0)
        self.user = self.world.add_user("Ada", username="ada")
        self.bot = self.world.create_bot(self.user, "Ada's Moltbot", "ada_molt_bot")
        self.phones = Phones(self.world)
        self.phones.press_start(self.user, self.bot)
        self.root = ""

    def client(self) -> TelegramBot:
        return TelegramBot(self.bot.token, self.root, patience=0)

    def send(self, text: str = "hello") -> str:
        return self.client().send(str(self.user.id), text)

    def protocol(self) -> type[H11Protocol]:
        stage = self

        class Counting(H11Protocol):
            def connection_made(self, transport: Any) -> None:
                stage.connections.append(partial(self.loop.call_soon_threadsafe, transport.close))
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                super().connection_lost(exc)
                self.loop.call_soon(stage.closed.release)  # the socket is closed by then

        return Counting


@pytest.fixture
def telegram() -> Iterator[Telegram]:
    transport.close()
    stage = Telegram()
    with serving(
        telegram_app(stage.world), before_stop=stage.world.close, protocol=stage.protocol()
    ) as stage.root:
        yield stage
    transport.close()


def test_many_calls_of_many_bots_share_one_connection(telegram: Telegram) -> None:
    other = telegram.world.create_bot(telegram.user, "Another", "another_bot")

    for _ in range(5):
        telegram.send()
        telegram.client().impatient(5).identity()
        assert TelegramBot(other.token, telegram.root).identity().id == str(other.id)

    assert len(telegram.connections) == 1


def test_a_call_may_come_from_inside_an_event_loop(telegram: Telegram) -> None:
    async def several() -> list[str]:
        first = telegram.send("at once")
        return [first, *await asyncio.gather(*(asyncio.to_thread(telegram.send) for _ in range(5)))]

    assert len(set(asyncio.run(several()))) == 6
    assert len(set(asyncio.run(several()))) == 6
    assert len(telegram.connections) <= 6


def test_whoever_waits_for_messages_holds_nobody_up(telegram: Telegram) -> None:
    reader = telegram.client()
    reader.updates(after=telegram.bot.updates.pending[-1]["update_id"])
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(reader.updates, wait=10)
        sent = [telegram.send(str(number)) for number in range(5)]
        assert not waiting.done()
        telegram.phones.say(telegram.user, telegram.bot, "hi")
        assert len(waiting.result(10)) == 1

    assert len(set(sent)) == 5
    assert len(telegram.connections) == 2


def test_a_connection_that_the_service_has_closed_is_not_used(telegram: Telegram) -> None:
    telegram.send()
    telegram.connections[0]()
    assert telegram.closed.acquire(timeout=5)

    telegram.send()

    assert len(telegram.connections) == 2


def test_closing_ends_connection_and_thread_and_the_next_call_opens_another(telegram: Telegram) -> None:
    telegram.send()

    transport.close()

    assert telegram.closed.acquire(timeout=5)
    assert "telegram" not in [thread.name for thread in threading.enumerate()]
    telegram.send()
    assert len(telegram.connections) == 2


def test_a_forked_process_opens_its_own(telegram: Telegram) -> None:
    telegram.send()
    child = os.fork()
    if child == 0:
        try:
            telegram.client().identity()
            os._exit(0)
        finally:
            os._exit(1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    telegram.send()
    assert len(telegram.connections) == 2


def test_a_process_ends_without_leaving_anything_open(telegram: Telegram) -> None:
    program = (
        "import sys; from provisioner.services.telegram.client import TelegramBot\n"
        "print(TelegramBot(sys.argv[1], sys.argv[2]).identity().id)"
    )
    command = [sys.executable, "-W", "default", "-c", program, telegram.bot.token, telegram.root]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)

    assert (done.stdout, done.stderr) == (f"{telegram.bot.id}\n", "")
    assert telegram.closed.acquire(timeout=5)
