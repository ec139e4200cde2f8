"""A stranger used the link first; Telegram is real, the server only remembers."""

from collections.abc import Callable, Sequence

import pytest

from provisioner.customers.files import file_store
from provisioner.errors import BusyError, InputError
from provisioner.filesystem import durable
from provisioner.messaging.channel import Reset
from provisioner.messaging.telegram import manager
from provisioner.messaging.telegram.relink import relink
from provisioner.sandbox.telegram.accounts import Bot
from provisioner.sandbox.telegram.phones import NewBotDialog
from provisioner.services.telegram.updates import MadeBot, Unread, Wrote
from provisioner.step import Done, Waiting
from tests.messaging.conftest import ADA, MANAGER, Stage

SETUP = "Your assistant is being set up: two taps are yours"
READY = "Your assistant is ready: say hello"


def _relink(stage: Stage, username: str | None = None, *, force: bool = False) -> Reset:
    return relink(stage.workspace.store(), ADA, username=username, force=force)


def _taken(stage: Stage) -> Bot:
    """Mallory has opened the link, made the bot, and is connected to Ada's server."""
    stage.sign_up(telegram=None)
    stage.run()
    stage.start("mallory")
    bot = stage.create("mallory")
    assert isinstance(stage.run().outcome, Waiting)
    return bot


def _completed(stage: Stage) -> Bot:
    bot = _taken(stage)
    stage.phones.press_start("mallory", bot)
    assert stage.run().outcome == Done()
    return bot


def _completes(stage: Stage, user: str = "ada") -> Bot:
    """The customer takes the new link, to the end."""
    stage.run()
    bot = stage.create(user)
    stage.run()
    stage.phones.press_start(user, bot)
    assert stage.run().outcome == Done()
    return bot


def test_the_right_customer_takes_the_new_link_and_is_set_up(stage: Stage) -> None:
    stolen = _taken(stage)
    mallory = stage.world.user("mallory")
    old = stage.link("start=")

    result = _relink(stage, "ada")

    assert (result.changed, result.is_open, result.goes_on) == (True, False, False)
    assert stage.customer().setup.waiting is None
    event = stage.customer().timeline[-1]
    assert event.event == "link_renewed"
    assert event.details == (
        f"The operator withdrew the link: @mallory ({mallory.id}) had it, with the bot @{stolen.username}; "
        "the next one is for @ada"
    )
    bot = _completes(stage)
    messaging, ada = stage.customer().setup.messaging, stage.world.user("ada")
    assert (messaging.bot_id, messaging.bot_token) == (str(bot.id), bot.token)
    assert (messaging.user_id, messaging.username) == (str(ada.id), "@ada")
    assert stage.link("start=") != old
    assert stage.subjects() == [SETUP, READY, SETUP, READY]
    name, variables = stage.servers[ADA].applied[-1]
    assert (name, variables["bot_id"], variables["user_id"]) == ("telegram", str(bot.id), str(ada.id))
    assert stage.servers[ADA].secrets[-1] == {"TELEGRAM_BOT_TOKEN": bot.token}
    assert "/status" in stage.answers("ada", bot.username)[0], "the whole first message"


def test_nothing_of_the_stranger_stays_and_history_does(stage: Stage) -> None:
    stolen = _completed(stage)
    before = stage.customer()

    _relink(stage, force=True)

    customer = stage.customer()
    raw = str(stage.workspace.store().read(ADA).data["setup"])
    assert not [word for word in (stolen.token, stolen.username, "mallory") if word in raw]
    assert (customer.status, customer.setup.status) == ("in_progress", "in_progress")
    messaging, handoff = customer.setup.messaging, customer.setup.handoff
    assert (messaging.link, messaging.connected, messaging.managed, messaging.told) == (
        None,
        False,
        False,
        (),
    )
    assert (handoff.completed, handoff.onboarding_message_sent, handoff.message_id) == (False, False, None)
    assert customer.setup.emails == ()
    assert customer.timeline[:-1] == before.timeline
    assert customer.setup.droplet == before.setup.droplet


def test_a_complete_customer_is_set_up_anew(stage: Stage) -> None:
    _completed(stage)
    with pytest.raises(InputError, match="the setup is complete") as refusal:
        _relink(stage, "@ada")
    assert "--force" in (refusal.value.hint or "")

    _relink(stage, "@ada", force=True)
    bot = _completes(stage)

    customer = stage.customer()
    assert (customer.status, customer.setup.status) == ("active", "complete")
    assert customer.setup.messaging.bot_id == str(bot.id)
    assert "/status" in stage.answers("ada", bot.username)[0]


@pytest.mark.parametrize("known", ["@ada", None])
def test_the_old_link_is_good_for_nothing(stage: Stage, known: str | None) -> None:
    stage.sign_up(telegram=None)
    stage.run()
    stage.start("mallory")
    stage.run()
    assert stage.customer().setup.messaging.username == "@mallory"
    start, create = stage.link("start="), stage.link("newbot")
    _relink(stage, known)

    for username in (None, "another_of_mallorys_bot"):
        # Before there is a new link, and after.
        dialog = stage.phones.open_link("mallory", create)
        assert isinstance(dialog, NewBotDialog)
        stage.phones.confirm(dialog, username=username)
        stage.phones.press_start("mallory", MANAGER, start.partition("start=")[2])
        stage.run()

    assert stage.answers("mallory")[-1].startswith("I set up assistants for customers of StuffPress")
    messaging = stage.customer().setup.messaging
    assert (messaging.user_id, messaging.bot_id, messaging.username) == (None, None, known)
    assert messaging.link is not None
    assert messaging.link.used_at is None


@pytest.mark.parametrize("kind", ["start=", "newbot"])
def test_a_batch_that_has_read_the_old_link_does_not_take_it_any_more(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    stage.sign_up(telegram=None)
    stage.run()
    read = manager._UpdateBatch._read_customers

    def meanwhile(batch: manager._UpdateBatch, updates: Sequence[Wrote | MadeBot | Unread]) -> None:
        """With the records read and Mallory's update to come."""
        read(batch, updates)
        if not updates:
            return
        assert ADA in [customer.email for customer in batch._customers.values()]
        monkeypatch.setattr(manager._UpdateBatch, "_read_customers", read)
        _relink(stage)
        with stage.workspace.store().edit(ADA) as record:
            record.set("setup.messaging.link", {"code": "new-code", "suggested": "new_one_bot"})

    monkeypatch.setattr(manager._UpdateBatch, "_read_customers", meanwhile)
    if kind == "newbot":
        stage.create("mallory")
    else:
        stage.start("mallory")

    stage.sign_up("grace@example.com", "Grace Hopper")
    stage.run("grace@example.com")

    messaging = stage.customer().setup.messaging
    assert (messaging.user_id, messaging.bot_id) == (None, None)
    assert messaging.link is not None
    assert (messaging.link.code, messaging.link.used_at) == ("new-code", None)
    refusal = "I set up assistants for customers of StuffPress"
    assert [answer[: len(refusal)] for answer in stage.answers("mallory")] == [refusal] * (kind == "start=")


def test_a_bot_that_the_customer_had_made_meanwhile_is_theirs_at_once(stage: Stage) -> None:
    _taken(stage)
    bot = stage.create("ada", username="ada_was_late_bot")
    stage.run()

    _relink(stage, "@ada")
    stage.run()

    assert stage.customer().setup.messaging.bot_id == str(bot.id)


def test_a_username_that_the_operator_has_put_in_since_stays(stage: Stage) -> None:
    _taken(stage)
    stage.change(ADA, **{"setup.messaging.username": "@ada"})

    _relink(stage)

    assert "@mallory (" in (stage.customer().timeline[-1].details or "")
    assert stage.customer().setup.messaging.username == "@ada"


def test_twice_it_changes_nothing(stage: Stage) -> None:
    _taken(stage)
    assert _relink(stage, "@ada").changed
    once = stage.workspace.store().read(ADA).data

    for username in ("@ada", None):
        assert not _relink(stage, username).changed
    assert stage.workspace.store().read(ADA).data == once


def test_where_there_never_was_a_link_nothing_is_said_to_have_been(stage: Stage) -> None:
    stage.sign_up()
    before = stage.workspace.store().read(ADA).data

    assert not _relink(stage).changed
    assert stage.workspace.store().read(ADA).data == before


def test_a_link_that_nobody_used_is_withdrawn_too(stage: Stage) -> None:
    stage.sign_up()
    stage.run()
    old = stage.link("start=")

    _relink(stage)

    assert (stage.customer().timeline[-1].details or "").endswith(
        "nobody was known to have it; the next one is for @ada"
    )
    stage.run()
    assert stage.link("start=") != old


@pytest.mark.parametrize("point", ["before", "after"])
def test_killed_at_the_write_it_is_done_or_not_and_can_be_done_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    _taken(stage)
    before = stage.workspace.store().read(ADA).data
    with monkeypatch.context() as patch:
        patch.setattr(file_store, "write_durably", _killing(point))
        with pytest.raises(KeyboardInterrupt):
            _relink(stage, "@ada")

    left = stage.workspace.store().read(ADA).data
    assert (left == before) is (point == "before")
    assert _relink(stage, "@ada").changed is (point == "before")
    assert stage.events().count("link_renewed") == 1
    _completes(stage)


def _killing(point: str) -> Callable[..., None]:
    def write(*args: object, **options: object) -> None:
        if point == "after":
            durable.write_durably(*args, **options)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    return write


def test_a_run_at_work_is_not_disturbed(stage: Stage) -> None:
    _taken(stage)
    before = stage.workspace.store().read(ADA).data

    with (
        stage.workspace.store().claim(ADA, doing=f"provision {ADA}"),
        pytest.raises(BusyError, match=f"provision {ADA}"),
    ):
        _relink(stage)

    assert stage.workspace.store().read(ADA).data == before


def test_who_has_gone_gets_no_link_whatever_is_said(stage: Stage) -> None:
    _taken(stage)
    for status in ("cancelled", "handed_over"):
        stage.change(ADA, status=status)
        with pytest.raises(InputError, match=f"the status is {status}"):
            _relink(stage, force=True)
    stage.change(ADA, status="in_progress")
    stage.workspace.store().archive(ADA)
    with pytest.raises(InputError, match="archived") as refusal:
        _relink(stage, force=True)
    assert refusal.value.hint == f"provisioner restore {ADA}"
    assert "link_renewed" not in stage.events()


def test_a_token_that_was_given_by_hand_is_forgotten_only_when_that_is_said(stage: Stage) -> None:
    stage.sign_up()
    bot = stage.world.create_bot("stuffpress", "Ada's Moltbot", "given_by_hand_bot")
    stage.change(ADA, **{"setup.messaging.botToken": bot.token})

    with pytest.raises(InputError, match="given by hand") as refusal:
        _relink(stage)
    assert "botToken -" in (refusal.value.hint or "")
    assert stage.customer().setup.messaging.bot_token == bot.token

    _relink(stage, force=True)
    assert stage.customer().setup.messaging.username == "@ada"
    assert _completes(stage).id != bot.id


@pytest.mark.parametrize("username", ["", "@", "a b", "ada@example.com", "https://t.me/+ada", "ad", "1ada"])
def test_a_username_that_is_none_is_refused_before_anything_is_changed(stage: Stage, username: str) -> None:
    _taken(stage)
    before = stage.workspace.store().read(ADA).data

    with pytest.raises(InputError, match="Telegram username"):
        _relink(stage, username)

    assert stage.workspace.store().read(ADA).data == before
