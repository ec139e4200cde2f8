"""What people do on their phones: keyboards, links, and bots that a manager bot makes for them."""

import asyncio

import pytest
import telegram
from telegram.error import BadRequest, Forbidden

from provisioner.errors import SandboxError
from provisioner.sandbox.telegram.accounts import Bot
from provisioner.sandbox.telegram.callbacks import Press
from provisioner.sandbox.telegram.phones import NewBotDialog, StartScreen
from tests.sandbox.telegram.conftest import Telegram, call


@pytest.fixture
def manager(tg: Telegram) -> Bot:
    boss = tg.world.add_user("Boss", "boss")
    return tg.world.create_bot(boss, "Setup", "setup_helper_bot", can_manage_bots=True)


def test_nothing_can_be_said_before_start(tg: Telegram) -> None:
    with pytest.raises(SandboxError, match="only Start is shown"):
        tg.phones.say(tg.ada, tg.bot, "hello")
    tg.phones.press_start(tg.ada, tg.bot)
    tg.phones.say(tg.ada, tg.bot, "hello")
    tg.phones.block(tg.ada, tg.bot)
    with pytest.raises(SandboxError, match="blocked"):
        tg.phones.say(tg.ada, tg.bot, "hello?")


@pytest.mark.parametrize("payload", ["a b", "ä", "x" * 65])
def test_payloads_are_those_of_real_links(tg: Telegram, payload: str) -> None:
    with pytest.raises(SandboxError, match="payload"):
        tg.phones.press_start(tg.ada, tg.bot, payload)


def test_an_edit_of_ones_own_message_reaches_the_bot(tg: Telegram) -> None:
    tg.phones.press_start(tg.ada, tg.bot)
    said = tg.phones.say(tg.ada, tg.bot, "helo")
    tg.phones.edit(tg.ada, tg.bot, said.id, "hello")
    last = tg.run(lambda bot: bot.get_updates())[-1]
    assert last.edited_message is not None
    assert (last.edited_message.text, last.edited_message.message_id) == ("hello", said.id)


def test_inline_buttons_ask_the_bot_once(tg: Telegram) -> None:
    tg.phones.press_start(tg.ada, tg.bot)
    button = telegram.InlineKeyboardButton("Yes", callback_data="yes:1")
    markup = telegram.InlineKeyboardMarkup([[button]])

    async def work(bot: telegram.Bot) -> str | None:
        await bot.send_message(tg.ada.id, "Sure?", reply_markup=markup)
        press = tg.phones.press_button(tg.ada, tg.bot, "Yes")
        assert isinstance(press, Press)
        query = (await bot.get_updates())[-1].callback_query
        assert query is not None
        assert query.data == "yes:1"
        assert query.message is not None
        await bot.answer_callback_query(query.id, "Done")
        with pytest.raises(BadRequest, match="Query is too old"):
            await bot.answer_callback_query(query.id)
        return await tg.phones.wait_for_answer(press)

    assert tg.run(work) == "Done"


def test_links_open_what_they_name(tg: Telegram, manager: Bot) -> None:
    phones = tg.phones
    opened = phones.open_link(tg.ada, "https://t.me/Setup_Helper_Bot?start=abc-1")
    assert opened == StartScreen(manager, "abc-1")
    dialog = phones.open_link(tg.ada, "t.me/newbot/setup_helper_bot/ada_x_bot?name=Ada%27s%20Bot")
    assert dialog == NewBotDialog(tg.ada, manager, "Ada's Bot", "ada_x_bot")
    assert phones.open_link(tg.ada, "https://example.com/x") == "https://example.com/x"
    with pytest.raises(SandboxError, match="manages no others"):
        phones.open_link(tg.ada, "https://t.me/newbot/ada_claw_bot/ada_x_bot")


def test_a_button_with_a_link_opens_it(tg: Telegram, manager: Bot) -> None:
    tg.phones.press_start(tg.ada, tg.bot)
    rows = [[{"text": "Go", "url": "https://t.me/setup_helper_bot?start=z"}]]
    call(tg, "sendMessage", chat_id=tg.ada.id, text="x", reply_markup={"inline_keyboard": rows})
    assert tg.phones.press_button("ada", tg.bot, "Go") == StartScreen(manager, "z")


def test_a_key_says_its_text_until_the_keyboard_goes(tg: Telegram) -> None:
    tg.phones.press_start(tg.ada, tg.bot)
    call(tg, "sendMessage", chat_id=tg.ada.id, text="x", reply_markup={"keyboard": [["Hi", {"text": "No"}]]})
    assert tg.phones.keyboard(tg.ada, tg.bot) == [["Hi", "No"]]
    tg.phones.tap_key(tg.ada, tg.bot, "Hi")
    assert tg.phones.chat(tg.ada, tg.bot)[-1].text == "Hi"
    call(tg, "sendMessage", chat_id=tg.ada.id, text="x", reply_markup={"remove_keyboard": True})
    assert tg.phones.keyboard(tg.ada, tg.bot) == []
    with pytest.raises(SandboxError, match="not on the keyboard"):
        tg.phones.tap_key(tg.ada, tg.bot, "Hi")


async def _ask_for_bot(client: telegram.Bot, chat_id: int) -> None:
    wish = telegram.KeyboardButtonRequestManagedBot(7, "Ada's helper", "ada_helper_bot")
    key = telegram.KeyboardButton("Create my bot", request_managed_bot=wish)
    await client.send_message(chat_id, "Tap", reply_markup=telegram.ReplyKeyboardMarkup([[key]]))


def test_a_managed_bot_from_tap_to_token(tg: Telegram, manager: Bot) -> None:
    tg.phones.press_start(tg.ada, manager, "order-1")

    async def work(client: telegram.Bot) -> tuple[Bot, tuple[telegram.Update, ...], str]:
        await _ask_for_bot(client, tg.ada.id)
        dialog = tg.phones.tap_key(tg.ada, manager, "Create my bot")
        assert isinstance(dialog, NewBotDialog)
        assert (dialog.name, dialog.username) == ("Ada's helper", "ada_helper_bot")
        with pytest.raises(SandboxError, match="USERNAME_OCCUPIED"):
            tg.phones.confirm(dialog, username="ada_claw_bot")
        made = tg.phones.confirm(dialog, name="Ferdinand", username="ada_ferdinand_bot")
        updates = await client.get_updates(allowed_updates=telegram.Update.ALL_TYPES)
        return made, updates, await client.get_managed_bot_token(made.id)

    made, updates, token = tg.run(work, manager.token)
    managed = next(update.managed_bot for update in updates if update.managed_bot)
    assert (managed.user.id, managed.bot.id, managed.bot.username) == (
        tg.ada.id,
        made.id,
        "ada_ferdinand_bot",
    )
    told = updates[-1].message
    assert told is not None
    assert told.managed_bot_created is not None
    assert told.managed_bot_created.bot.id == made.id
    assert tg.run(lambda bot: bot.get_me(), token).first_name == "Ferdinand"
    with pytest.raises(Forbidden, match="can't initiate"):
        tg.run(lambda bot: bot.send_message(tg.ada.id, "hi"), token)


def test_a_replaced_token_is_told_and_the_old_one_is_dead(tg: Telegram, manager: Bot) -> None:
    dialog = tg.phones.open_link(tg.ada, "https://t.me/newbot/setup_helper_bot/ada_new_bot?name=New")
    assert isinstance(dialog, NewBotDialog)
    made = tg.phones.confirm(dialog)
    old = made.token
    new = tg.run(lambda client: client.replace_managed_bot_token(made.id), manager.token)
    assert new == made.token != old
    assert call(tg, "getMe", token=old)["error_code"] == 401
    updates = tg.run(lambda client: client.get_updates(), manager.token)
    assert [update.managed_bot.bot.id for update in updates if update.managed_bot] == [made.id, made.id]


def test_only_the_manager_gets_at_a_bot(tg: Telegram, manager: Bot) -> None:
    made = tg.world.create_bot(tg.ada, "New", "ada_new_bot", manager=manager)
    rival = tg.world.create_bot("boss", "Rival", "rival_bot", can_manage_bots=True)
    assert call(tg, "getManagedBotToken", token=rival.token, user_id=made.id)["error_code"] == 400
    assert call(tg, "getManagedBotToken", user_id=made.id)["error_code"] == 403
    assert call(tg, "getManagedBotToken", token=manager.token, user_id=tg.bot.id)["error_code"] == 400


def test_a_plain_bot_cannot_ask_for_managed_bots(tg: Telegram) -> None:
    tg.phones.press_start(tg.ada, tg.bot)
    with pytest.raises(BadRequest):
        tg.run(lambda bot: _ask_for_bot(bot, tg.ada.id))


def test_a_restricted_bot_lets_in_its_owner_and_whom_it_names(tg: Telegram, manager: Bot) -> None:
    made = tg.world.create_bot(tg.ada, "New", "ada_new_bot", manager=manager)
    friend, stranger = tg.world.add_user("Friend"), tg.world.add_user("Stranger")

    async def restrict(client: telegram.Bot) -> telegram.BotAccessSettings:
        await client.set_managed_bot_access_settings(made.id, True, [friend.id])
        return await client.get_managed_bot_access_settings(made.id)

    settings = tg.run(restrict, manager.token)
    assert [user.id for user in settings.added_users] == [friend.id]
    tg.phones.press_start(tg.ada, made)
    tg.phones.press_start(friend, made)
    with pytest.raises(SandboxError, match="only some people"):
        tg.phones.press_start(stranger, made)


def test_a_person_has_at_most_twenty_bots(tg: Telegram) -> None:
    for number in range(19):
        tg.world.create_bot(tg.ada, "B", f"ada_{number}_bot")
    with pytest.raises(SandboxError, match="BOT_CREATE_LIMIT_EXCEEDED"):
        tg.world.create_bot(tg.ada, "B", "ada_one_more_bot")


def test_many_threads_lose_nothing(tg: Telegram) -> None:
    tg.phones.press_start(tg.ada, tg.bot)

    async def talk() -> None:
        says = (asyncio.to_thread(tg.phones.say, tg.ada, tg.bot, f"m{number}") for number in range(100))
        await asyncio.gather(*says)

    asyncio.run(talk())
    chat = tg.phones.chat(tg.ada, tg.bot)
    assert {message.text for message in chat[1:]} == {f"m{number}" for number in range(100)}
    assert [message.id for message in chat] == list(range(1, 102))
    assert len({update["update_id"] for update in tg.bot.updates.pending}) == 101
