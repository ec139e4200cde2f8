"""What bots can say, change and take back, and to whom."""

import asyncio
from typing import Any

import pytest
import telegram
from telegram.error import BadRequest, Forbidden

from tests.sandbox.telegram.conftest import Telegram, call


@pytest.fixture
def open_tg(tg: Telegram) -> Telegram:
    tg.phones.press_start(tg.ada, tg.bot)
    return tg


def description(tg: Telegram, method: str, **params: Any) -> str:
    return str(call(tg, method, **params)["description"])


def test_a_bot_cannot_write_first(tg: Telegram) -> None:
    with pytest.raises(Forbidden, match="bot can't initiate conversation with a user"):
        tg.run(lambda bot: bot.send_message(tg.ada.id, "hi"))
    with pytest.raises(BadRequest, match="Chat not found"):
        tg.run(lambda bot: bot.send_message(999, "hi"))
    with pytest.raises(BadRequest, match="Chat not found"):
        tg.run(lambda bot: bot.send_message("@ada", "hi"))


def test_after_start_it_can(open_tg: Telegram) -> None:
    sent = open_tg.run(lambda bot: bot.send_message(open_tg.ada.id, "Welcome"))
    assert sent.text == "Welcome"
    assert sent.from_user is not None
    assert sent.from_user.id == open_tg.bot.id
    last = open_tg.phones.chat("ada", "ADA_CLAW_BOT")[-1]
    assert (last.id, last.sender, last.text) == (sent.message_id, "bot", "Welcome")


def test_a_blocked_bot_is_told_so_until_it_is_restarted(open_tg: Telegram) -> None:
    open_tg.phones.block(open_tg.ada, open_tg.bot)
    with pytest.raises(Forbidden, match="bot was blocked by the user"):
        open_tg.run(lambda bot: bot.send_message(open_tg.ada.id, "hi"))
    updates = open_tg.run(lambda bot: bot.get_updates())
    change = updates[-1].my_chat_member
    assert change is not None
    assert change.new_chat_member.status == "kicked"
    open_tg.phones.press_start(open_tg.ada, open_tg.bot)
    assert open_tg.run(lambda bot: bot.send_message(open_tg.ada.id, "back")).text == "back"


def test_bots_do_not_write_to_bots(tg: Telegram) -> None:
    other = tg.world.create_bot(tg.ada, "Other", "other_bot")
    assert description(tg, "sendMessage", chat_id=other.id, text="x") == (
        "Forbidden: bots can't send messages to bots"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "message text is empty"),
        (" \n ", "message text is empty"),
        ("x" * 4097, "message is too long"),
        ("😀" * 2049, "message is too long"),
    ],
)
def test_texts_that_are_refused(open_tg: Telegram, text: str, why: str) -> None:
    answer = description(open_tg, "sendMessage", chat_id=open_tg.ada.id, text=text)
    assert answer == f"Bad Request: {why}"


def test_the_longest_text_is_taken(open_tg: Telegram) -> None:
    assert call(open_tg, "sendMessage", chat_id=open_tg.ada.id, text="x" * 4096)["ok"]


def test_replies_carry_the_original(open_tg: Telegram) -> None:
    said = open_tg.phones.say(open_tg.ada, open_tg.bot, "question")
    answer = call(
        open_tg, "sendMessage", chat_id=open_tg.ada.id, text="a", reply_parameters={"message_id": said.id}
    )
    assert answer["result"]["reply_to_message"]["text"] == "question"
    lost: dict[str, Any] = {"chat_id": open_tg.ada.id, "text": "a", "reply_parameters": {"message_id": 12345}}
    assert description(open_tg, "sendMessage", **lost) == "Bad Request: message to be replied not found"
    lost["reply_parameters"] = {"message_id": 12345, "allow_sending_without_reply": True}
    assert "reply_to_message" not in call(open_tg, "sendMessage", **lost)["result"]


def test_edits_show_in_the_chat(open_tg: Telegram) -> None:
    async def work(bot: telegram.Bot) -> telegram.Message | bool:
        sent = await bot.send_message(open_tg.ada.id, "Thinking")
        return await bot.edit_message_text("Thinking done", open_tg.ada.id, sent.message_id)

    changed = open_tg.run(work)
    assert isinstance(changed, telegram.Message)
    assert changed.edit_date is not None
    assert [message.text for message in open_tg.phones.chat(open_tg.ada, open_tg.bot)] == [
        "/start",
        "Thinking done",
    ]


def test_edits_that_are_refused(open_tg: Telegram) -> None:
    sent = call(open_tg, "sendMessage", chat_id=open_tg.ada.id, text="same")["result"]
    to = {"chat_id": open_tg.ada.id}
    assert "message is not modified" in description(
        open_tg, "editMessageText", **to, message_id=sent["message_id"], text="same"
    )
    assert description(open_tg, "editMessageText", **to, message_id=999, text="x") == (
        "Bad Request: message to edit not found"
    )
    assert description(open_tg, "editMessageText", **to, message_id=1, text="x") == (
        "Bad Request: message can't be edited"
    )


def test_deleted_messages_are_gone(open_tg: Telegram) -> None:
    sent = call(open_tg, "sendMessage", chat_id=open_tg.ada.id, text="oops")["result"]["message_id"]
    assert call(open_tg, "deleteMessage", chat_id=open_tg.ada.id, message_id=sent)["result"] is True
    assert [message.text for message in open_tg.phones.chat(open_tg.ada, open_tg.bot)] == ["/start"]
    assert description(open_tg, "deleteMessage", chat_id=open_tg.ada.id, message_id=sent) == (
        "Bad Request: message to delete not found"
    )


def test_a_draft_shows_until_the_message_comes(open_tg: Telegram) -> None:
    assert call(open_tg, "sendMessageDraft", chat_id=open_tg.ada.id, draft_id=1, text="Thin")["result"]
    chat = open_tg.world.chat(open_tg.ada, open_tg.bot)
    assert chat.draft == "Thin"
    call(open_tg, "sendMessage", chat_id=open_tg.ada.id, text="Thinking")
    assert chat.draft is None


def test_reactions_and_actions(open_tg: Telegram) -> None:
    said = open_tg.phones.say(open_tg.ada, open_tg.bot, "thanks")

    async def work(bot: telegram.Bot) -> bool:
        await bot.send_chat_action(open_tg.ada.id, "typing")
        return await bot.set_message_reaction(open_tg.ada.id, said.id, "👍")

    assert open_tg.run(work)
    assert open_tg.phones.chat(open_tg.ada, open_tg.bot)[-1].reaction == ({"type": "emoji", "emoji": "👍"},)
    assert description(open_tg, "sendChatAction", chat_id=open_tg.ada.id, action="dance") == (
        "Bad Request: wrong parameter action in request"
    )


def test_a_person_waits_for_the_words_of_a_reply(open_tg: Telegram) -> None:
    said = open_tg.phones.say(open_tg.ada, open_tg.bot, "hello")

    async def both() -> str:
        reply = asyncio.create_task(
            open_tg.phones.wait_for_reply("ada", open_tg.bot, after=said, containing="FULL", timeout=20)
        )
        async with open_tg.client() as bot:
            sent = await bot.send_message(open_tg.ada.id, "Hel")
            await bot.edit_message_text("Hello in full", open_tg.ada.id, sent.message_id)
        found = await reply
        return found.text if found else ""

    assert asyncio.run(both()) == "Hello in full"


def test_nobody_answers_in_time(open_tg: Telegram) -> None:
    said = open_tg.phones.say(open_tg.ada, open_tg.bot, "hello")
    assert open_tg.phones.wait_for_reply_in_thread("ada", open_tg.bot, after=said, timeout=0.05) is None


def test_what_was_read_is_not_new(open_tg: Telegram) -> None:
    call(open_tg, "sendMessage", chat_id=open_tg.ada.id, text="one")
    assert [message.text for message in open_tg.phones.read(open_tg.ada, open_tg.bot)] == ["one"]
    assert open_tg.phones.read(open_tg.ada, open_tg.bot) == []
