"""How bots get their updates."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import telegram
from telegram.error import Conflict, InvalidToken

from tests.sandbox.telegram.conftest import Telegram, call


def texts(updates: tuple[telegram.Update, ...]) -> list[str | None]:
    return [update.message.text if update.message else None for update in updates]


def test_start_comes_as_a_command_with_its_payload(tg: Telegram) -> None:
    tg.phones.press_start("@ADA", tg.bot, "order-17")
    (update,) = tg.run(lambda bot: bot.get_updates())
    message = update.message
    assert message is not None
    assert message.text == "/start order-17"
    assert message.parse_entities(["bot_command"]) == {message.entities[0]: "/start"}
    assert message.chat.id == tg.ada.id
    assert message.chat.type == "private"
    assert message.from_user is not None
    assert message.from_user.full_name == "Ada Lovelace"
    assert not message.from_user.is_bot


def test_updates_stay_until_an_offset_acknowledges_them(tg: Telegram) -> None:
    tg.phones.press_start(tg.ada, tg.bot)
    for word in ("one", "two", "three"):
        tg.phones.say(tg.ada, tg.bot, word)
    first = tg.run(lambda bot: bot.get_updates(limit=2))
    assert texts(first) == ["/start", "one"]
    assert texts(tg.run(lambda bot: bot.get_updates(limit=2))) == ["/start", "one"]
    after = first[-1].update_id + 1
    assert texts(tg.run(lambda bot: bot.get_updates(offset=after))) == ["two", "three"]
    assert texts(tg.run(lambda bot: bot.get_updates())) == ["two", "three"]


def test_a_negative_offset_keeps_only_the_last(tg: Telegram) -> None:
    tg.phones.press_start(tg.ada, tg.bot)
    tg.phones.say(tg.ada, tg.bot, "last")
    assert texts(tg.run(lambda bot: bot.get_updates(offset=-1))) == ["last"]
    assert texts(tg.run(lambda bot: bot.get_updates())) == ["last"]


def test_a_waiting_poll_ends_when_something_comes(tg: Telegram) -> None:
    tg.phones.press_start(tg.ada, tg.bot)
    (start,) = tg.run(lambda bot: bot.get_updates())

    async def poll(bot: telegram.Bot) -> tuple[telegram.Update, ...]:
        waiting = asyncio.create_task(bot.get_updates(offset=start.update_id + 1, timeout=30))
        while tg.bot.updates.poll is None:
            await asyncio.sleep(0.01)
        tg.phones.say(tg.ada, tg.bot, "hello")
        return await waiting

    assert texts(tg.run(poll)) == ["hello"]


async def _ended_by(tg: Telegram, work: Callable[[telegram.Bot], Awaitable[object]]) -> None:
    async with tg.client() as older, tg.client() as newer:
        waiting = asyncio.create_task(older.get_updates(timeout=30))
        while tg.bot.updates.poll is None:
            await asyncio.sleep(0.01)
        await work(newer)
        await waiting


def test_the_older_of_two_pollers_is_ended(tg: Telegram) -> None:
    with pytest.raises(Conflict, match="terminated by other getUpdates request; make sure that only one"):
        asyncio.run(_ended_by(tg, lambda bot: bot.get_updates()))


def test_a_webhook_ends_a_poll_and_stops_polling(tg: Telegram) -> None:
    with pytest.raises(Conflict, match="terminated by setWebhook request"):
        asyncio.run(_ended_by(tg, lambda bot: bot.set_webhook("https://example.com/hook")))
    with pytest.raises(Conflict, match="while webhook is active"):
        tg.run(lambda bot: bot.get_updates())
    assert tg.run(lambda bot: bot.get_webhook_info()).url == "https://example.com/hook"
    assert tg.run(lambda bot: bot.delete_webhook())
    assert tg.run(lambda bot: bot.get_updates()) == ()


def test_a_webhook_needs_https(tg: Telegram) -> None:
    answer = call(tg, "setWebhook", url="http://example.com/")
    assert answer["description"] == "Bad Request: bad webhook: An HTTPS URL must be provided for webhook"


def test_pending_updates_are_counted_and_can_be_dropped(tg: Telegram) -> None:
    tg.phones.press_start(tg.ada, tg.bot)
    assert tg.run(lambda bot: bot.get_webhook_info()).pending_update_count == 1
    assert tg.run(lambda bot: bot.delete_webhook(drop_pending_updates=True))
    assert tg.run(lambda bot: bot.get_updates()) == ()


def test_only_allowed_updates_come_until_others_are_allowed(tg: Telegram) -> None:
    assert tg.run(lambda bot: bot.get_updates(allowed_updates=["callback_query"])) == ()
    tg.phones.press_start(tg.ada, tg.bot)
    assert tg.run(lambda bot: bot.get_updates()) == ()
    assert tg.run(lambda bot: bot.get_updates(allowed_updates=[])) == ()
    tg.phones.say(tg.ada, tg.bot, "now")
    assert texts(tg.run(lambda bot: bot.get_updates())) == ["now"]


def test_a_poll_whose_client_hung_up_is_forgotten(tg: Telegram) -> None:
    async def hang_up() -> None:
        async with tg.client() as bot:
            waiting = asyncio.create_task(bot.get_updates(timeout=30))
            while tg.bot.updates.poll is None:
                await asyncio.sleep(0.01)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    asyncio.run(hang_up())
    assert tg.world.changes.wait(lambda: tg.bot.updates.poll is None or None, 10)


def test_a_revoked_token_ends_the_poll_and_all_calls(tg: Telegram) -> None:
    old = tg.bot.token

    async def poll(bot: telegram.Bot) -> None:
        waiting = asyncio.create_task(bot.get_updates(timeout=30))
        while tg.bot.updates.poll is None:
            await asyncio.sleep(0.01)
        assert tg.world.revoke(tg.bot) == tg.bot.token
        await waiting

    with pytest.raises(InvalidToken):
        tg.run(poll)
    assert call(tg, "getMe", token=old) == {"ok": False, "error_code": 401, "description": "Unauthorized"}
    assert tg.run(lambda bot: bot.get_me()).id == tg.bot.id


def test_closing_the_world_ends_polls_with_nothing(tg: Telegram) -> None:
    async def poll(bot: telegram.Bot) -> tuple[telegram.Update, ...]:
        waiting = asyncio.create_task(bot.get_updates(timeout=30))
        while tg.bot.updates.poll is None:
            await asyncio.sleep(0.01)
        tg.world.close()
        return await waiting

    assert tg.run(poll) == ()
