"""The run killed at every point between two effects, with the customer going on meanwhile.

The points are: before and after every call of the Bot API, after every write of a record or of the manager
bot's state, before and after every e-mail.
"""

from collections.abc import Callable
from typing import Any

import pytest

from provisioner.customers.files import file_store
from provisioner.filesystem import durable
from provisioner.messaging.telegram import state
from provisioner.sandbox.telegram.phones import NewBotDialog
from provisioner.services.mail import Mailer
from provisioner.services.telegram.client import TelegramBot, TelegramBusy
from provisioner.services.telegram.updates import Keyboard
from provisioner.step import Done, Waiting
from tests.messaging.conftest import MANAGER, Stage


class Killed(BaseException):
    """The process is gone: nothing in it may catch this and go on."""


class Reaper:
    """Counts the points that are passed, and kills at the one that is chosen."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.passed: list[str] = []

    def at(self, point: str) -> None:
        self.passed.append(point)
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left = None
                raise Killed(point)

    def around(
        self, effect: Callable[..., Any], name: Callable[..., str], *, before: bool
    ) -> Callable[..., Any]:
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if before:
                self.at(f"before {name(*args)}")
            result = effect(*args, **kwargs)
            self.at(f"after {name(*args)}")
            return result

        return guarded


@pytest.fixture
def reaper(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Reaper:
    reaper = Reaper()
    call = reaper.around(TelegramBot._once, lambda _, doing, *__: str(doing), before=True)
    mail = reaper.around(Mailer._once, lambda *_: "the e-mail", before=True)
    write = reaper.around(durable.write_durably, lambda _, path, *__: f"write {path.name}", before=False)
    monkeypatch.setattr(TelegramBot, "_once", call)
    monkeypatch.setattr(Mailer, "_once", mail)
    monkeypatch.setattr(file_store, "write_durably", write)
    monkeypatch.setattr(state, "write_durably", write)
    monkeypatch.setattr(TelegramBot, "send", _refusing_first(TelegramBot.send))
    return reaper


def _refusing_first(send: Callable[..., str]) -> Callable[..., str]:
    """The manager bot is asked for a pause when it first writes to somebody: that answer is put back."""
    asked: set[str] = set()

    def refusing(bot: TelegramBot, to: str, text: str, keyboard: Keyboard | None = None) -> str:
        if keyboard is not None and to not in asked:
            asked.add(to)
            raise TelegramBusy("write", "Telegram asks for a pause", 0)
        return send(bot, to, text, keyboard)

    return refusing


class Ada:
    """A customer, who does the next thing that her phone shows her."""

    def __init__(self, stage: Stage, number: int) -> None:
        self.stage = stage
        self.user = f"ada{number}"
        self.email = f"{self.user}@example.com"
        self.bot = ""
        self.presses = 0
        stage.world.add_user("Ada", self.user)
        stage.sign_up(self.email, telegram=None)

    def act(self) -> None:
        """The next tap, if there is one. A link that brought no answer is opened again."""
        phones = self.stage.phones
        if self.bot:
            if not phones.chat(self.user, self.bot):
                phones.press_start(self.user, self.bot)
        elif phones.keyboard(self.user, MANAGER):
            dialog = phones.tap_key(self.user, MANAGER, "Create my assistant")
            assert isinstance(dialog, NewBotDialog)
            self.bot = phones.confirm(dialog).username
        else:
            self.stage.start(self.user, self.email)
            self.presses += 1

    def play(self) -> None:
        """Taps and runs in turn, until the setup is complete."""
        for _ in range(12):
            self.act()
            try:
                outcome = self.stage.run(self.email).outcome
            except Killed:
                continue
            assert isinstance(outcome, Done | Waiting), outcome
            if isinstance(outcome, Done):
                return
        pytest.fail("it never came to an end")

    def check(self) -> None:
        stage, customer = self.stage, self.stage.customer(self.email)
        bot, messaging = stage.world.bot(self.bot), customer.setup.messaging
        assert (customer.status, customer.setup.status) == ("active", "complete")
        assert (messaging.bot_token, messaging.bot_id) == (bot.token, str(bot.id))
        assert messaging.user_id == str(stage.world.user(self.user).id)
        events = stage.events(self.email)
        for once in ("link_used", "bot_created", "telegram_connected", "onboarding_complete"):
            assert events.count(once) == 1, events
        told = stage.answers(self.user)
        assert sum("Create" in text for text in told) <= self.presses
        others = [text for text in told if "Create" not in text]
        assert len(others) == len(set(others)), others
        subjects = stage.subjects(self.email)
        assert len(subjects) == len(set(subjects)), subjects
        first = stage.answers(self.user, self.bot)
        whole = [text for text in first if "/status" in text]
        assert len(whole) == 1
        assert all(text == whole[0].splitlines()[0] for text in first if text not in whole)
        assert len(first) <= 2
        assert stage.world.bot(MANAGER).updates.pending == []


def test_killed_anywhere_nothing_is_lost_and_nothing_is_said_twice(stage: Stage, reaper: Reaper) -> None:
    number = 0
    while True:
        ada = Ada(stage, number)
        stage.run(ada.email)
        reaper.passed.clear()
        reaper.left = number
        ada.play()
        if reaper.left is not None:
            break
        try:
            ada.check()
        except AssertionError as problem:
            problem.add_note(f"killed {reaper.passed[number]} ({number})")
            raise
        number += 1
    reaper.left = None
    ada.check()
    assert number > 25, "the way was shorter than it is"
