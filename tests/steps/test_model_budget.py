"""What a key has spent is in the record, by the month; customer and operator hear of it once."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from provisioner.customers.model_key import month_of
from provisioner.customers.parts.setup import ModelKey
from provisioner.errors import ModelError
from provisioner.runs.model_keys import ask_of_model_key
from provisioner.runs.workflow import MODEL_KEY
from provisioner.sandbox.telegram.app import telegram_app
from provisioner.sandbox.telegram.phones import Phones
from provisioner.sandbox.telegram.world import World
from provisioner.services.factory import Services
from provisioner.step import Done, Failed, Outcome
from tests.backups.assistants import EMAIL, Site, site
from tests.dying import killed_at
from tests.openrouters import ServedAccount, openrouter
from tests.serving import serving
from tests.steps.support import workflow
from tests.steps.test_model_key import Ensure


@dataclass
class Ada:
    """A customer with a key of their own, and a bot of theirs on their phone."""

    site: Site
    router: ServedAccount
    phones: Phones

    @property
    def told(self) -> list[str]:
        return [message.text for message in self.phones.chat("ada", BOT) if message.from_bot]

    def look(self) -> Outcome:
        return self.site.run(MODEL_KEY).outcome

    def ask(self, **wanted: object) -> Outcome:
        ask_of_model_key(self.site.workspace.store(), EMAIL, "bob", **wanted)  # type: ignore[arg-type]
        return self.look()

    @property
    def month(self) -> str:
        return month_of(datetime.fromtimestamp(self.router.clock.time(), UTC))

    @property
    def own(self) -> ModelKey:
        return self.site.customer.setup.model_key

    @property
    def reached(self) -> list[str]:
        return [
            one.details or "" for one in self.site.customer.timeline if one.event == "model_budget_reached"
        ]

    def next_month(self) -> None:
        now = datetime.fromtimestamp(self.router.clock.time(), UTC)
        first = now.replace(year=now.year + now.month // 12, month=now.month % 12 + 1, day=1, hour=1)
        self.router.clock.sleep((first - now).total_seconds())


BOT = "ada_molt_bot"


@pytest.fixture
def ada(tmp_path: Path) -> Iterator[Ada]:
    world = World()
    user = world.add_user("Ada", "ada")
    bot, phones = world.create_bot(user, "Ada's Moltbot", BOT), Phones(world)
    phones.press_start("ada", BOT)
    telegram = serving(Starlette(routes=[Mount("/telegram", telegram_app(world))]), before_stop=world.close)
    with (
        telegram as root,
        openrouter() as router,
        site(tmp_path, **router.settings, telegram_api_root=f"{root}/telegram") as found,
    ):
        found.clock = router.clock
        found.services = Services(found.settings, clock=router.clock)
        found.set(
            setup__messaging__botToken=bot.token,
            setup__messaging__botId=str(bot.id),
            setup__messaging__botUsername=BOT,
            setup__messaging__userId=str(user.id),
            setup__messaging__connected=True,
            setup__messaging__connectedOver="telegram",
        )
        assert found.run(workflow(Ensure())).outcome == Done()
        yield Ada(found, router, phones)


def test_what_is_spent_is_in_the_record_by_the_month(ada: Ada) -> None:
    ada.router.spend("3.219")
    ada.look()
    first = ada.month
    assert ada.own.spend == {first: 321}
    ada.next_month()
    ada.router.spend("1")

    ada.look()

    assert ada.own.spend == {first: 321, ada.month: 100}
    assert ada.own.checked_at
    assert (ada.reached, ada.told) == ([], [])


def test_each_part_of_the_budget_is_said_once_a_month(ada: Ada) -> None:
    for dollars, said in (("15.99", 0), ("0.01", 1), ("3.99", 1), ("0.01", 2), ("1", 2)):
        ada.router.spend(dollars)
        for _ in range(2):
            assert ada.look() == Done()
        assert (len(ada.reached), len(ada.told)) == (said, said), dollars

    assert ada.reached == ["80 % of this month's $20: $16.00", "100 % of this month's $20: $20.00"]
    assert "80 %" in ada.told[0]
    assert "cannot answer until 1 " in ada.told[1]
    assert "help@example.com" in ada.told[1]
    ada.next_month()
    ada.look()
    assert len(ada.told) == 2
    ada.router.spend("20")
    ada.look()
    assert len(ada.told) == 3
    assert ada.own.told == (f"{ada.month} 80", f"{ada.month} 100")


def test_killed_anywhere_nothing_is_said_twice_and_all_is_written_down(ada: Ada) -> None:
    ada.router.spend("17")
    at = 0
    while True:
        with killed_at(at) as places:
            ada.look()
        if at >= len(places):
            break
        at += 1
    assert at > 3
    assert len(ada.reached) == 1
    assert len(ada.told) <= 1
    assert ada.own.spend == {ada.month: 1700}


def test_what_was_spent_is_never_less_than_it_was(ada: Ada) -> None:
    """As while one key takes the place of another, whose spend is not carried on yet."""
    ada.site.set(setup__modelKey__spend={ada.month: 500})
    ada.router.spend("3")

    ada.look()

    assert ada.own.spend == {ada.month: 500}
    ada.router.spend("3")
    ada.look()
    assert ada.own.spend == {ada.month: 600}


def test_a_raised_budget_lets_a_spent_key_answer_again(ada: Ada) -> None:
    [key] = ada.router.keys
    ada.router.spend("20")
    assert ada.router.answers(key.secret) == 403

    assert ada.ask(budget=40) == Done()

    assert ada.router.answers(key.secret) == 200
    assert (ada.own.budget, ada.own.limit) == (40, 4000)
    assert ada.site.customer.timeline[-1].by == "bob"


def test_a_key_is_stopped_and_started(ada: Ada) -> None:
    [key] = ada.router.keys

    assert ada.ask(stopped=True) == Done()
    assert ada.router.answers(key.secret) == 401
    assert ada.look() == Done()
    assert ada.router.answers(key.secret) == 401
    assert ada.ask(stopped=False) == Done()

    assert ada.router.answers(key.secret) == 200
    assert ada.site.events.count("model_key_changed") == 2


def test_next_month_the_whole_budget_is_the_new_keys(ada: Ada) -> None:
    ada.router.spend("12")
    for one in (ada.site.assistant.state / "secrets").iterdir():
        one.unlink()
    assert ada.site.run(workflow(Ensure())).outcome == Done()
    [key] = ada.router.keys
    assert key.limit == 8
    ada.next_month()

    ada.look()

    assert (key.limit, ada.own.limit) == (Decimal(20), 2000)


def test_a_key_that_is_gone_fails_with_what_to_do(ada: Ada) -> None:
    ada.router.account.keys.clear()

    outcome = ada.look()

    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, ModelError)
    assert not outcome.error.retry
    assert f"provisioner apply {EMAIL} --again" in str(outcome.error.hint)
