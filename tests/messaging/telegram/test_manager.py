"""One reader of the manager bot in a workspace, whatever number of runs wait."""

import json
import threading
import time
from typing import Any

import pytest

from provisioner.customers.addresses import fold
from provisioner.filesystem.locks import locked
from provisioner.messaging.telegram import manager
from provisioner.messaging.telegram.manager import ManagerBot
from provisioner.messaging.telegram.state import STATE_FILE, ManagerState
from provisioner.services.telegram.client import BotTokenRefused, TelegramBot
from provisioner.services.telegram.updates import BotIdentity, MadeBot, Person
from provisioner.templates import render_text
from tests.messaging.conftest import ADA, MANAGER, Stage

OPERATOR = {"operator_name": "StuffPress", "operator_contact": "help@example.com"}


def _manager(stage: Stage) -> ManagerBot:
    token = stage.settings.telegram_manager_token
    assert token is not None
    bot = TelegramBot(token.get_secret_value(), stage.settings.telegram_api_root, patience=0)
    return ManagerBot(
        stage.workspace.store(),
        stage.manager_folder,
        bot,
        lambda name, variables: render_text(name, {**OPERATOR, **variables}),
    )


def _state(stage: Stage) -> ManagerState:
    return ManagerState(stage.manager_folder / STATE_FILE)


def _waiting(stage: Stage) -> list[object]:
    """What has not been taken in, and what has not been answered."""
    return [*stage.world.bot(MANAGER).updates.pending, *_state(stage).unsent]


def _polls(stage: Stage) -> int:
    return sum(call.method == "getUpdates" for call in stage.world.calls)


def test_while_one_process_reads_nobody_else_does(stage: Stage) -> None:
    stage.sign_up()
    stage.run()
    stage.start("ada")
    before = _polls(stage)

    with locked(stage.manager_folder / "reading.lock", "read", "the manager bot", 0):
        _manager(stage).read_updates()
        assert _polls(stage) == before
    _manager(stage).read_updates()

    assert _polls(stage) > before
    assert stage.customer().setup.messaging.user_id is not None


def test_many_at_once_deal_with_each_update_once(stage: Stage) -> None:
    stage.sign_up()
    stage.run()
    readers = [_manager(stage) for _ in range(6)]
    stop = threading.Event()
    problems: list[BaseException] = []

    def look(reader: ManagerBot) -> None:
        try:
            while not stop.is_set():
                reader.read_updates()
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=look, args=(reader,)) for reader in readers]
    for thread in threads:
        thread.start()
    stage.start("ada")
    for number in range(5):
        stage.phones.say("ada", MANAGER, f"word {number}")
    deadline = time.monotonic() + 60
    while (_waiting(stage) or not stage.answers("ada")) and time.monotonic() < deadline:
        time.sleep(0.05)
    stop.set()
    for thread in threads:
        thread.join(30)

    assert problems == []
    assert _waiting(stage) == []
    assert 1 <= len(stage.answers("ada")) <= 6
    assert stage.events().count("link_used") == 1


def test_a_look_that_was_a_moment_ago_is_not_repeated(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.sign_up()
    stage.run()
    before = _polls(stage)
    monkeypatch.setattr(manager, "REST_SECONDS", 3600)

    for _ in range(5):
        _manager(stage).read_updates()

    assert _polls(stage) == before


def test_runs_that_wait_for_a_bot_keep_nobody_from_looking(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.sign_up(telegram=None)
    stage.run()
    stage.create("ada", username="whose_is_this_bot")
    _manager(stage).read_updates()
    (stage.manager_folder / "looked").unlink()
    monkeypatch.setattr(manager, "REST_SECONDS", 3600)
    before = _polls(stage)

    for _ in range(3):
        _manager(stage).assign_bot(ADA)
    _manager(stage).read_updates()

    assert _polls(stage) > before


def test_a_manager_token_that_was_revoked_is_named(stage: Stage) -> None:
    stage.world.revoke(MANAGER)

    with pytest.raises(BotTokenRefused):
        _manager(stage).read_updates()


def test_somebody_who_blocked_the_bot_stops_nobody_else(stage: Stage) -> None:
    stage.sign_up()
    stage.run()
    stage.start("ada")
    stage.phones.block("ada", MANAGER)
    stage.phones.press_start("grace", MANAGER)

    _manager(stage).read_updates()

    assert len(stage.answers("grace")) == 1
    assert stage.customer().setup.messaging.user_id is not None


def test_the_state_keeps_what_nobody_is_known_for(stage: Stage) -> None:
    path = stage.manager_folder / STATE_FILE
    made = MadeBot(5, Person("7", "ada"), BotIdentity("9", "ada_bot", "Ada"))
    ManagerState(path).keep(made)
    ManagerState(path).keep(made)

    assert [(one.who, one.bot.id) for one in ManagerState(path).unclaimed] == [(made.who, "9")]
    ManagerState(path).drop("9")
    assert ManagerState(path).unclaimed == []
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_an_older_version_has_left_is_read_and_goes_on_under_the_new_names(stage: Stage) -> None:
    path = stage.manager_folder / STATE_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    at = "2026-11-27T10:00:00Z"
    answer = {"to": "7", "what": "manager-bot.txt", "customer_id": "c", "since": at}
    made = {"user_id": "7", "username": "ada", "bot_id": "9", "bot_username": "a_bot", "since": at}
    older = {"handled": [5], "unclaimed": [made], "owed": [answer], "given": [{**answer, "at": at}]}
    path.with_name("notebook.json").write_text(json.dumps(older))

    state = ManagerState(path)
    assert (len(state.unsent), len(state.promised), state.is_handled(5)) == (1, 1, True)
    state.drop("9")

    assert ManagerState(path).unclaimed == []
    assert len(ManagerState(path).unsent) == 1
    assert "owed" not in path.read_text()
    path.unlink()
    assert ManagerState(path).unsent == (), "what was read once does not come again"


def test_a_stranger_who_presses_often_leaves_one_event(stage: Stage) -> None:
    stage.sign_up()
    stage.run()
    for _ in range(4):
        stage.start("mallory")
        _manager(stage).read_updates()

    assert stage.events(fold(ADA)).count("link_refused") == 1


def test_who_used_their_link_is_not_told_of_the_bot_of_another_record_with_their_id(stage: Stage) -> None:
    stage.sign_up()
    stage.run()
    bot = stage.create("ada")
    stage.run()
    other = "aaa@example.com"
    stage.sign_up(other, "Mallory", "@mallory")
    theirs = {"botId": "5", "botUsername": "mallory_bot", "userId": stage.customer().setup.messaging.user_id}
    stage.change(other, **{f"setup.messaging.{name}": value for name, value in theirs.items()})
    before = len(stage.answers("ada"))

    stage.phones.press_start("ada", MANAGER)
    _manager(stage).read_updates()

    said = " ".join(stage.answers("ada")[before:])
    assert bot.username in said
    assert "mallory" not in said


ANONYMOUS = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
MEMBER = {"id": 777, "is_bot": False, "first_name": "Mallory", "username": "mallory_m"}
GROUP = {"id": -1001234567, "type": "supergroup", "title": "Family"}
PRIVATE = {"id": 1087968824, "type": "private", "first_name": "Group"}


@pytest.mark.parametrize(
    ("sender", "chat"), [(ANONYMOUS, GROUP), (MEMBER, GROUP), (ANONYMOUS, PRIVATE), (MEMBER, PRIVATE)]
)
def test_what_is_said_anywhere_but_in_a_persons_own_chat_is_passed_over_in_silence(
    stage: Stage, sender: dict[str, Any], chat: dict[str, Any]
) -> None:
    stage.sign_up(telegram=None)
    stage.run()
    code = stage.workspace.store().read(ADA).get("setup.messaging.link.code")
    calls = len(stage.world.calls)
    for number, text in enumerate((f"/start {code}", "hello", "anybody?")):
        message = {"message_id": number, "date": 1795740000, "text": text, "from": sender, "chat": chat}
        stage.world.bot(MANAGER).updates.push("message", message)

    _manager(stage).read_updates()

    messaging = stage.customer().setup.messaging
    assert (messaging.user_id, messaging.username) == (None, None)
    assert messaging.link is not None
    assert messaging.link.used_at is None
    assert {call.method for call in list(stage.world.calls)[calls:]} == {"getUpdates"}
    assert stage.world.bot(MANAGER).updates.pending == []
    stage.start("ada")
    _manager(stage).read_updates()
    assert stage.customer().setup.messaging.user_id == str(stage.world.user("ada").id)


@pytest.mark.parametrize(
    "name", ["*Ada* _x_ `y`", "<b>Ada</b>", "[a](http://evil.example)", "evil.example", "\u202eadA"]
)
def test_a_hostile_name_is_never_more_than_text(stage: Stage, name: str) -> None:
    stage.sign_up(name=name)
    stage.run()
    stage.start("ada")
    bot = stage.create("ada")
    stage.run()
    stage.phones.press_start("ada", bot)
    stage.run()

    mails = " ".join(mail.text + (mail.html or "") for mail in stage.mailbox.messages)
    chats = [stage.phones.chat("ada", one) for one in (MANAGER, bot)]
    kinds = {entity["type"] for chat in chats for message in chat for entity in message.entities}
    said = " ".join(message.text for chat in chats for message in chat)
    assert stage.customer().setup.status == "complete"
    assert "evil" not in mails + said
    assert "<b>Ada" not in mails
    assert "\u202e" not in mails + said
    assert kinds <= {"bot_command", "url", "mention", "email"}


def test_of_two_who_signed_up_with_one_username_the_one_who_opens_the_link_gets_the_bot(stage: Stage) -> None:
    stage.sign_up("mallory@example.com", name="Mallory", telegram="@ada")
    stage.run("mallory@example.com")
    stage.sign_up()
    stage.run()

    stage.create("ada", username="a_name_of_her_own_bot")
    stage.run("mallory@example.com")
    stage.run()
    assert stage.customer("mallory@example.com").setup.messaging.bot_id is None
    assert stage.customer().setup.messaging.bot_id is None

    stage.start("ada")
    stage.run()

    assert stage.customer().setup.messaging.bot_username == "a_name_of_her_own_bot"
    assert stage.customer("mallory@example.com").setup.messaging.bot_id is None
