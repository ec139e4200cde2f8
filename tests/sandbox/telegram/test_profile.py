"""Who a bot is, what it sets, and how requests are read."""

import httpx
import pytest
import telegram

from provisioner.errors import SandboxError
from provisioner.sandbox.telegram.refusals import too_many_requests
from tests.sandbox.telegram.conftest import Telegram, call


def test_a_bot_is_told_who_it_is(tg: Telegram) -> None:
    me = tg.run(lambda bot: bot.get_me())
    assert (me.id, me.username, me.first_name, me.is_bot) == (
        tg.bot.id,
        "ada_claw_bot",
        "Ada's Moltbot",
        True,
    )
    assert me.can_join_groups
    assert me.can_manage_bots is False


@pytest.mark.parametrize("token", ["nonsense", "0:abc", "x:y", "123456:" + "A" * 35])
def test_unknown_tokens_are_refused(tg: Telegram, token: str) -> None:
    answer = call(tg, "getMe", token=token)
    assert (answer["error_code"], answer["description"].split(":")[0]) == (401, "Unauthorized")


def test_unknown_methods_are_refused_and_noted(tg: Telegram, caplog: pytest.LogCaptureFixture) -> None:
    assert call(tg, "makeCoffee")["error_code"] == 404
    assert [(seen.method, seen.known) for seen in tg.world.calls] == [("makeCoffee", False)]
    assert "makeCoffee" in caplog.text
    assert tg.bot.token not in caplog.text


def test_requests_are_read_in_every_form(tg: Telegram) -> None:
    tg.phones.press_start(tg.ada, tg.bot)
    url = f"{tg.root}/bot{tg.bot.token}/SENDMESSAGE"
    fields = {"chat_id": str(tg.ada.id), "text": "Zoë & Bär"}
    answers = [
        httpx.get(url, params=fields),
        httpx.post(url, params=fields),
        httpx.post(url, data=fields),
        httpx.post(url, json=fields),
        httpx.post(url, data=fields, files={"extra": ("a.txt", b"file")}),
    ]
    assert [answer.json()["result"]["text"] for answer in answers] == ["Zoë & Bär"] * 5


def test_broken_json_is_refused(tg: Telegram) -> None:
    url = f"{tg.root}/bot{tg.bot.token}/getMe"
    for content in (b"{", b"[1]"):
        answer = httpx.post(url, content=content, headers={"content-type": "application/json"})
        assert answer.status_code == 400


def test_files_and_other_paths_are_not_there(tg: Telegram) -> None:
    for path in (f"/file/bot{tg.bot.token}/photos/1.jpg", "/", "/health"):
        assert httpx.get(tg.root + path).json() == {
            "ok": False,
            "error_code": 404,
            "description": "Not Found",
        }


def test_commands_are_kept_by_scope_and_language(tg: Telegram) -> None:
    async def work(bot: telegram.Bot) -> list[tuple[telegram.BotCommand, ...]]:
        await bot.set_my_commands([("help", "What I can do")])
        await bot.set_my_commands([("new", "Neu")], telegram.BotCommandScopeAllPrivateChats(), "de")
        default = await bot.get_my_commands()
        german = await bot.get_my_commands(telegram.BotCommandScopeAllPrivateChats(), "de")
        await bot.delete_my_commands()
        return [default, german, await bot.get_my_commands()]

    default, german, deleted = tg.run(work)
    assert [command.command for command in default] == ["help"]
    assert [command.command for command in german] == ["new"]
    assert deleted == ()


@pytest.mark.parametrize(
    ("commands", "why"),
    [
        ([{"command": "Bad!", "description": "x"}], "BOT_COMMAND_INVALID"),
        ([{"command": "ok", "description": ""}], "BOT_COMMAND_DESCRIPTION_INVALID"),
        ([{"command": "ok", "description": "x"}] * 101, "BOT_COMMANDS_TOO_MUCH"),
    ],
)
def test_wrong_commands_are_refused(tg: Telegram, commands: list[dict[str, str]], why: str) -> None:
    assert call(tg, "setMyCommands", commands=commands)["description"] == f"Bad Request: {why}"


def test_names_and_descriptions(tg: Telegram) -> None:
    async def work(bot: telegram.Bot) -> tuple[str, str, str, str]:
        await bot.set_my_name("Marvin")
        await bot.set_my_description("Long")
        await bot.set_my_short_description("Short")
        return (
            (await bot.get_my_name()).name,
            (await bot.get_my_description()).description,
            (await bot.get_my_short_description()).short_description,
            (await bot.get_me()).first_name,
        )

    assert tg.run(work) == ("Marvin", "Long", "Short", "Marvin")


def test_chats_are_known_once_met(tg: Telegram) -> None:
    assert call(tg, "getChat", chat_id=tg.ada.id)["description"] == "Bad Request: chat not found"
    tg.phones.press_start(tg.ada, tg.bot)
    chat = tg.run(lambda bot: bot.get_chat(tg.ada.id))
    assert (chat.username, chat.type) == ("ada", "private")
    member = tg.run(lambda bot: bot.get_chat_member(tg.ada.id, tg.ada.id))
    assert (member.status, member.user.id) == ("member", tg.ada.id)


def test_usernames_belong_to_one_and_have_no_case(tg: Telegram) -> None:
    with pytest.raises(SandboxError, match="taken"):
        tg.world.add_user("Other", "@ADA")
    for username, why in [
        ("ADA_CLAW_BOT", "USERNAME_OCCUPIED"),
        ("nope", "USERNAME_INVALID"),
        ("1x_bot", "USERNAME_INVALID"),
        ("a__b_bot", "USERNAME_INVALID"),
    ]:
        with pytest.raises(SandboxError, match=why):
            tg.world.create_bot(tg.ada, "X", username)
    with pytest.raises(SandboxError, match="nobody here"):
        tg.world.user("@somebody")


def test_tokens_are_secret_and_of_the_real_form(tg: Telegram) -> None:
    number, _, rest = tg.bot.token.partition(":")
    assert (number, len(rest)) == (str(tg.bot.id), 35)
    assert tg.bot.token not in repr(tg.bot)


def test_a_later_world_goes_on_counting_updates() -> None:
    from provisioner.sandbox.telegram.world import World

    def first_update(at: float) -> int:
        world = World(clock=lambda: at)
        ada = world.add_user("Ada")
        bot = world.create_bot(ada, "Bot", "some_bot")
        world.post(world.chat(ada, bot), from_bot=False, text="x")
        return int(bot.updates.first(1)[0]["update_id"])

    assert first_update(1_800_000_010.0) > first_update(1_800_000_000.0)


def test_flood_control_has_the_real_form() -> None:
    assert too_many_requests(5).body == {
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests: retry after 5",
        "parameters": {"retry_after": 5},
    }
