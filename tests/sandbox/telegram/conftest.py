"""A Telegram of its own for each test, over real HTTP."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import pytest
import telegram

from provisioner.sandbox.telegram.accounts import Bot, User
from provisioner.sandbox.telegram.app import telegram_app
from provisioner.sandbox.telegram.phones import Phones
from provisioner.sandbox.telegram.world import World
from tests.serving import serving

T = TypeVar("T")


@dataclass
class Telegram:
    """Ada, who has a bot of her own, and an address where the Bot API answers."""

    world: World
    phones: Phones
    root: str
    ada: User
    bot: Bot

    def run(self, work: Callable[[telegram.Bot], Awaitable[T]], token: str | None = None) -> T:
        """What `work` returns for a client of this bot."""

        async def go() -> T:
            async with telegram.Bot(token or self.bot.token, base_url=f"{self.root}/bot") as client:
                return await work(client)

        return asyncio.run(go())

    def client(self, token: str | None = None) -> telegram.Bot:
        return telegram.Bot(token or self.bot.token, base_url=f"{self.root}/bot")


@pytest.fixture
def tg() -> Iterator[Telegram]:
    world = World()
    ada = world.add_user("Ada", "ada", last_name="Lovelace")
    bot = world.create_bot(ada, "Ada's Moltbot", "ada_claw_bot")
    with serving(telegram_app(world), before_stop=world.close) as root:
        yield Telegram(world, Phones(world), root, ada, bot)


def call(tg: Telegram, method: str, /, token: str | None = None, **params: Any) -> dict[str, Any]:
    """The raw answer of one call with a JSON body, whatever its status."""
    # No certificates to load for a server that speaks plain HTTP: that is most of such a call's time.
    answer = httpx.post(f"{tg.root}/bot{token or tg.bot.token}/{method}", json=params, verify=False)
    body: dict[str, Any] = answer.json()
    if not body["ok"]:
        assert answer.status_code == body["error_code"]
    return body
