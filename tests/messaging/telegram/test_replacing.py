"""Another token in the place of a bot's: by the manager bot, or by who made it; Telegram is real."""

from itertools import count

import pytest

from provisioner.customers.record import Customer
from provisioner.errors import InputError, SomethingMissing
from provisioner.runs.rotating import ask_to_rotate
from provisioner.runs.runner import Runner, RunResult
from provisioner.runs.workflow import ROTATE_BOT_TOKEN
from provisioner.sandbox.telegram.accounts import Bot
from provisioner.services.factory import Services
from provisioner.services.telegram.client import BotTokenRefused
from provisioner.step import Done, Failed, Waiting
from tests.dying import killed_at
from tests.messaging.conftest import ADA, Stage


def set_up(stage: Stage) -> Bot:
    """A customer who made their bot over the manager bot, and is complete."""
    stage.sign_up()
    stage.run()
    bot = stage.create("ada")
    stage.phones.press_start("ada", bot)
    stage.run()
    stage.change(ADA, **{"setup.droplet.ip": "10.0.0.7", "setup.moltbot.installed": True})
    stage.change(ADA, **{"setup.moltbot.version": "2026.9.6", "status": "active"})
    return bot


def rotate(stage: Stage) -> RunResult:
    services = Services(stage.settings)
    runner = Runner(
        stage.workspace,
        stage.settings,
        stage.heard.append,
        workflow=ROTATE_BOT_TOKEN,
        services=services,
        clock=stage.clock,
    )
    return runner.run(ADA)


def ask(stage: Stage) -> Customer:
    return ask_to_rotate(stage.workspace.store(), ADA, ROTATE_BOT_TOKEN, "bot-token")


def demand_replaced(stage: Stage, bot: Bot, old: str) -> None:
    now = stage.world.bot(bot.id).token
    customer = stage.customer()
    assert now != old
    assert (customer.setup.messaging.bot_token, customer.setup.rotation) == (now, None)
    assert stage.servers[ADA].secrets[-1] == {"TELEGRAM_BOT_TOKEN": now}
    with pytest.raises(BotTokenRefused):
        Services(stage.settings).telegram(old).identity()
    assert old not in str(stage.workspace.store().read(ADA).data)


def test_a_managed_bot_gets_another_one_by_itself(stage: Stage) -> None:
    bot = set_up(stage)
    old = bot.token
    ask(stage)

    assert rotate(stage).outcome == Done()

    demand_replaced(stage, bot, old)
    assert stage.events()[-1] == "bot_token_replaced"
    told = stage.said()
    assert old not in told
    assert stage.world.bot(bot.id).token not in told
    applied = len(stage.servers[ADA].applied)
    assert rotate(stage).outcome == Done()
    assert len(stage.servers[ADA].applied) == applied


def test_killed_anywhere_the_old_one_is_dead_and_the_new_one_is_there(stage: Stage) -> None:
    bot = set_up(stage)
    for at in count():
        old = stage.world.bot(bot.id).token
        with killed_at(at) as places:
            ask(stage)
            rotate(stage)
        if stage.world.bot(bot.id).token == old:
            ask(stage)
        assert rotate(stage).outcome == Done()
        demand_replaced(stage, bot, old)
        if at >= len(places):
            break
    assert at > 15


def test_a_bot_that_was_made_by_hand_waits_for_its_maker(stage: Stage) -> None:
    bot = set_up(stage)
    old = bot.token
    stage.change(ADA, **{"setup.messaging.managed": False})
    ask(stage)

    waiting = rotate(stage).outcome

    assert isinstance(waiting, Waiting)
    assert f"revoke the token of @{bot.username} with @BotFather" in waiting.to_do
    assert "setup.messaging.botToken" in waiting.to_do
    assert stage.customer().setup.messaging.bot_token == old
    assert rotate(stage).outcome == waiting
    stage.change(ADA, **{"setup.messaging.botToken": stage.world.revoke(bot)})
    assert rotate(stage).outcome == Done()
    demand_replaced(stage, bot, old)
    assert stage.customer().setup.waiting is None


def test_the_token_of_another_bot_is_not_taken(stage: Stage) -> None:
    set_up(stage)
    stage.change(ADA, **{"setup.messaging.managed": False})
    ask(stage)
    other = stage.world.create_bot(stage.world.user("ada"), "Other", "other_ada_bot")
    stage.change(ADA, **{"setup.messaging.botToken": other.token})
    applied = len(stage.servers[ADA].applied)

    outcome = rotate(stage).outcome

    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, InputError)
    assert len(stage.servers[ADA].applied) == applied


def test_without_the_manager_bot_it_does_not_begin(stage: Stage) -> None:
    bot = set_up(stage)
    old = bot.token
    ask(stage)
    stage.settings = stage.settings.model_copy(update={"telegram_manager_token": None})

    with pytest.raises(SomethingMissing, match="something is missing") as missing:
        rotate(stage)

    assert "TELEGRAM_MANAGER_TOKEN" in str(missing.value.hint)
    assert stage.world.bot(bot.id).token == old
