"""Taking in never waits for answering, and nobody's trouble at the manager bot is anybody else's."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from provisioner import timestamps
from provisioner.customers.files.file_names import plain_name
from provisioner.customers.files.file_store import FileStore
from provisioner.errors import InputError, RecordError, TelegramError
from provisioner.filesystem.locks import locked
from provisioner.messaging.telegram import answers
from provisioner.messaging.telegram.answers import (
    STRANGER,
    WHERE_THEY_ARE,
    Answer,
    Promise,
    is_permitted,
    next_due,
)
from provisioner.messaging.telegram.state import STATE_FILE, ManagerState
from provisioner.services.telegram.client import TelegramBot, TelegramBusy
from tests.messaging.conftest import ADA, MANAGER, Stage
from tests.messaging.telegram.test_manager import _manager, _state

GRACE = "grace@example.com"
NOW = "2026-11-27T10:00:00Z"
UNKNOWN = f"{STRANGER}unknown"


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets so many hours go by."""
    present = timestamps.present
    gone = [0.0]
    monkeypatch.setattr(timestamps, "present", lambda: present() + timedelta(hours=gone[0]))

    def pass_by(hours: float) -> None:
        gone[0] += hours

    return pass_by


def _failing_for(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, problem: Callable[[], Exception], *users: str
) -> None:
    """`sendMessage` fails for these; without any, for everybody."""
    ids = {str(stage.world.user(user).id) for user in users}
    send = TelegramBot.send

    def failing(bot: TelegramBot, to: str, *words: Any) -> str:
        if not ids or to in ids:
            raise problem()
        return send(bot, to, *words)

    monkeypatch.setattr(TelegramBot, "send", failing)


def _pause() -> Exception:
    return TelegramBusy("write", "Telegram asks for a pause", 100)


def _lost() -> Exception:
    return TelegramError("write", cause="did not answer; it may have arrived all the same")


@pytest.mark.parametrize("problem", [_pause, _lost, lambda: TelegramBusy("write", "no connection")])
def test_a_stranger_who_cannot_be_answered_delays_nobody(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, problem: Callable[[], Exception]
) -> None:
    stage.sign_up()
    stage.run()
    _failing_for(stage, monkeypatch, problem, "mallory")
    stage.phones.press_start("mallory", MANAGER)
    bot = stage.create("ada")
    stage.phones.press_start("grace", MANAGER)
    stage.phones.say("mallory", MANAGER, "me again")

    _manager(stage).read_updates()

    assert stage.customer().setup.messaging.bot_id == str(bot.id)
    assert len(stage.answers("grace")) == 1
    assert stage.world.bot(MANAGER).updates.pending == []
    sends = [call for call in stage.world.calls if call.method == "sendMessage"]
    stage.create("grace", username="whose_is_this_bot")
    _manager(stage).read_updates()
    assert len([one for one in stage.world.calls if one.method == "sendMessage"]) == len(sends)
    assert len(_state(stage).unclaimed) == 1, "the next ones are taken in as well"


def test_who_was_to_be_answered_after_a_pause_is_then(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, later: Callable[[float], None]
) -> None:
    stage.sign_up()
    stage.run()
    stage.start("ada")
    with monkeypatch.context() as patched:
        _failing_for(stage, patched, _pause)
        _manager(stage).read_updates()
    _manager(stage).read_updates()
    assert stage.answers("ada") == [], "the pause is not over"

    later(102 / 3600)
    _manager(stage).read_updates()

    assert len(stage.answers("ada")) == 1
    assert stage.events().count("link_used") == 1
    _manager(stage).read_updates()
    assert len(stage.answers("ada")) == 1


def test_an_answer_is_tried_a_few_times_and_then_dropped(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, later: Callable[[float], None]
) -> None:
    stage.sign_up()
    stage.run()
    tries: list[str] = []

    def no(_bot: TelegramBot, to: str, *_: object) -> str:
        tries.append(to)
        raise _pause()

    monkeypatch.setattr(TelegramBot, "send", no)
    stage.phones.press_start("mallory", MANAGER)
    for _ in range(20):
        _manager(stage).read_updates()
        later(0.1)

    assert len(tries) == answers.MOST_TRIES
    assert _state(stage).unsent == ()


def test_a_thousand_messages_of_a_stranger_get_a_handful_of_answers(
    stage: Stage, later: Callable[[float], None]
) -> None:
    stage.sign_up()
    stage.run()
    stage.phones.press_start("mallory", MANAGER)
    for number in range(500):
        stage.phones.say("mallory", MANAGER, f"word {number}")
    stage.start("ada")
    for number in range(500):
        stage.phones.say("mallory", MANAGER, f"word {number}")

    _manager(stage).read_updates()
    assert stage.world.bot(MANAGER).updates.pending == []
    assert len(stage.answers("ada")) == 1
    for number in range(5):
        stage.phones.say("mallory", MANAGER, f"word {number}")
        _manager(stage).read_updates()

    assert len(stage.answers("mallory")) == 3
    later(25)
    stage.phones.say("mallory", MANAGER, "a day later")
    _manager(stage).read_updates()
    assert len(stage.answers("mallory")) == 4


def test_a_flood_is_taken_in_over_several_looks(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.sign_up()
    stage.run()
    monkeypatch.setattr("provisioner.messaging.telegram.manager._MOST_BATCHES", 2)
    stage.phones.press_start("mallory", MANAGER)
    for number in range(249):
        stage.phones.say("mallory", MANAGER, f"word {number}")
    stage.start("ada")

    _manager(stage).read_updates()
    assert len(stage.world.bot(MANAGER).updates.pending) == 51
    _manager(stage).read_updates()

    assert stage.world.bot(MANAGER).updates.pending == []
    assert stage.customer().setup.messaging.user_id == str(stage.world.user("ada").id)


def test_many_strangers_together_have_a_limit_too(stage: Stage, later: Callable[[float], None]) -> None:
    stage.sign_up(telegram=None)
    stage.run()
    stage.change(ADA, **{"setup.messaging.link.expiresAt": "2026-01-01T00:00:00Z"})
    for number in range(40):
        stage.world.add_user("S", f"stranger{number}")
        stage.phones.press_start(f"stranger{number}", MANAGER)
    stage.start("ada")
    for _ in range(3):
        _manager(stage).read_updates()

    answered = sum(bool(stage.answers(f"stranger{number}")) for number in range(40))
    assert answered == 20
    assert stage.answers("ada")[0].startswith("This link has expired."), "who has a link is heard"
    later(1.1)
    stage.phones.say("stranger39", MANAGER, "and I?")
    _manager(stage).read_updates()
    assert len(stage.answers("stranger39")) == 1


def test_a_customer_is_answered_often_but_not_without_end() -> None:
    answer = Answer(to="1", what=WHERE_THEY_ARE, customer_id="a", since=NOW)
    given = [Promise(to="1", what=WHERE_THEY_ARE, at=timestamps.now()) for _ in range(20)]

    assert is_permitted(answer, (), given[:19])
    assert not is_permitted(answer, (), given)
    assert is_permitted(answer.model_copy(update={"to": "2"}), (), given)
    assert is_permitted(answer.model_copy(update={"what": "manager-bot.txt"}), (), given)
    long_ago = timestamps.in_hours(-1.1)
    assert is_permitted(answer, (), [one.model_copy(update={"at": long_ago}) for one in given])


def test_while_another_process_answers_this_one_takes_in(stage: Stage) -> None:
    stage.sign_up()
    stage.run()
    stage.start("ada")
    with locked(stage.manager_folder / "sending.lock", "answer", "the manager bot", 0):
        _manager(stage).read_updates()
        assert stage.customer().setup.messaging.user_id == str(stage.world.user("ada").id)
        assert stage.answers("ada") == []

    _manager(stage).read_updates()

    assert len(stage.answers("ada")) == 1


def test_a_telegram_that_answers_nobody_is_left_alone_after_a_few(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.sign_up()
    stage.run()
    tries: list[str] = []

    def hang(_bot: TelegramBot, to: str, *_: object) -> str:
        tries.append(to)
        raise _lost()

    monkeypatch.setattr(TelegramBot, "send", hang)
    for number in range(9):
        stage.world.add_user("S", f"stranger{number}")
        stage.phones.press_start(f"stranger{number}", MANAGER)
    stage.start("ada")

    _manager(stage).read_updates()

    assert len(tries) == 3
    assert tries[0] == str(stage.world.user("ada").id), "customers come first"
    assert len(_state(stage).unsent) == 7


def test_a_customer_whose_record_cannot_be_written_keeps_nobody_waiting(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.sign_up()
    stage.sign_up(GRACE, "Grace Hopper", None)
    stage.run(ADA)
    stage.run(GRACE)
    edit = FileStore.edit
    broken = stage.customer(ADA).id

    def editing(store: FileStore, who: str, *words: Any) -> Any:
        if who == broken:
            raise RecordError("write the record", whom=ADA, cause="no")
        return edit(store, who, *words)

    stage.start("ada")
    stage.start("grace", GRACE)
    with monkeypatch.context() as patched:
        patched.setattr(FileStore, "edit", editing)
        for _ in range(2):
            with pytest.raises(RecordError):
                _manager(stage).read_updates()
            assert len(stage.answers("grace")) == 1
    assert stage.customer(GRACE).setup.messaging.user_id == str(stage.world.user("grace").id)
    assert stage.world.bot(MANAGER).updates.pending == []
    assert len(_state(stage).postponed) == 1

    _manager(stage).read_updates()

    assert stage.customer(ADA).setup.messaging.user_id == str(stage.world.user("ada").id)
    assert len(stage.answers("ada")) == 1
    assert _state(stage).postponed == []
    assert stage.run(GRACE).outcome is not None


def test_whoever_may_be_in_a_record_that_cannot_be_read_is_no_stranger_until_it_can(stage: Stage) -> None:
    stage.sign_up(telegram=None)
    stage.sign_up(GRACE, "Grace Hopper", None)
    stage.run(ADA)
    stage.run(GRACE)
    file = stage.workspace.customers_dir / "active" / plain_name(ADA)
    whole = file.read_bytes()
    link, ada = stage.link("start="), stage.world.user("ada")
    file.write_bytes(whole[:-10])

    stage.phones.press_start("ada", MANAGER, link.partition("start=")[2])
    for _ in range(3):
        stage.phones.press_start("mallory", MANAGER)
    stage.start("grace", GRACE)
    for _ in range(2):
        with pytest.raises(RecordError, match="could not read the record"):
            _manager(stage).read_updates()
    assert (stage.answers("ada"), stage.answers("mallory")) == ([], [])
    assert len(stage.answers("grace")) == 1, "nobody else waits"
    assert stage.world.bot(MANAGER).updates.pending == []
    assert [update.who.id for update in _state(stage).postponed] == [
        str(ada.id),
        str(stage.world.user("mallory").id),
    ], "what somebody says several times waits once"

    file.write_bytes(whole)
    _manager(stage).read_updates()

    assert stage.customer(ADA).setup.messaging.user_id == str(ada.id)
    assert ["tap “Create my assistant”" in text for text in stage.answers("ada")] == [True]
    assert len(stage.answers("mallory")) == 1
    assert _state(stage).postponed == []


def test_another_customers_record_is_no_reason_to_end_a_run(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.sign_up()
    stage.sign_up(GRACE, "Grace Hopper", None)
    stage.run(ADA)
    stage.run(GRACE)
    broken, edit = stage.customer(GRACE).id, FileStore.edit

    def editing(store: FileStore, who: str, *words: Any) -> Any:
        if who == broken:
            raise RecordError("write the record", whom=GRACE, cause="no")
        return edit(store, who, *words)

    monkeypatch.setattr(FileStore, "edit", editing)
    stage.start("grace", GRACE)
    bot = stage.create("ada")

    stage.run(ADA)

    assert stage.customer().setup.messaging.bot_id == str(bot.id)
    assert f"could not write the record for {GRACE}" in stage.said()


def test_a_text_that_is_wrong_is_named_and_the_others_are_said(stage: Stage) -> None:
    stage.sign_up()
    stage.run()
    texts = stage.workspace.root / "texts"
    texts.mkdir()
    (texts / "manager-stranger.txt.j2").write_text("{{ nothing_like_it }}")
    stage.phones.press_start("mallory", MANAGER)
    stage.start("ada")

    stage.run()

    assert len(stage.answers("ada")) == 1
    assert "manager-stranger.txt" in stage.said()
    assert len(_state(stage).unsent) == 1


def test_a_state_that_is_broken_is_named(stage: Stage) -> None:
    path = stage.manager_folder / STATE_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"handled": ["x"]')

    with pytest.raises(RecordError, match=r"state\.json") as broken:
        ManagerState(path)

    assert "remove it" in (broken.value.hint or "")


def test_each_person_is_answered_in_the_order_of_what_happened() -> None:
    first = Answer(to="1", what="manager-bot.txt", customer_id="a", since=NOW)
    second = Answer(to="1", what=WHERE_THEY_ARE, customer_id="a", since=NOW)
    stranger = Answer(to="2", what=UNKNOWN, since=NOW)

    assert next_due([stranger, first, second]) == first
    assert next_due([stranger, first.after(3600), second]) == stranger
    assert next_due([first.after(3600), second]) is None
    assert next_due([]) is None


@pytest.mark.parametrize(("ago", "permitted"), [(23.9, False), (24.1, True)])
def test_what_a_stranger_heard_counts_for_a_day(ago: float, permitted: bool) -> None:
    at = timestamps.in_hours(-ago)
    given = [Promise(to="1", what=UNKNOWN, at=at), *(Promise(to="1", what=UNKNOWN, at=at) for _ in range(2))]

    assert is_permitted(Answer(to="1", what=UNKNOWN, since=NOW), (), given) is permitted
    assert is_permitted(Answer(to="2", what=UNKNOWN, since=NOW), (), given)


def test_what_is_not_sent_yet_is_not_promised_twice() -> None:
    one = Answer(to="1", what=WHERE_THEY_ARE, customer_id="a", since=NOW)

    assert not is_permitted(one, [one.after(5)], ())
    assert is_permitted(one, [one.model_copy(update={"customer_id": "b"})], ())


def test_a_wrong_text_in_a_manager_alone_is_raised(stage: Stage) -> None:
    reader = _manager(stage)
    reader._sender.text = lambda *_: (_ for _ in ()).throw(InputError("write a text"))
    stage.phones.press_start("mallory", MANAGER)

    with pytest.raises(InputError, match="write a text"):
        reader.read_updates()
