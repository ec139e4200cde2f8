"""The customer makes their own bot over their personal link; Telegram is real, the server only remembers."""

from collections.abc import Callable
from hashlib import sha256

import pytest

from provisioner import timestamps
from provisioner.errors import SettingsError, TaskFailed
from provisioner.messaging.telegram.manager import ManagerBot
from provisioner.messaging.telegram.state import STATE_FILE
from provisioner.sandbox.telegram.accounts import Webhook
from provisioner.sandbox.telegram.phones import NewBotDialog
from provisioner.services.telegram.client import ReadElsewhere, TelegramBot
from provisioner.step import Done, Failed, Waiting
from provisioner.templates import render_text
from tests.messaging.conftest import ADA, MANAGER, Stage
from tests.steps.support import MemoryServer

GRACE = "grace@example.com"


def test_the_link_goes_out_and_leads_to_a_bot_that_lets_in_its_maker_alone(stage: Stage) -> None:
    stage.sign_up()

    waiting = stage.run().outcome
    assert isinstance(waiting, Waiting)
    assert (waiting.of_whom, waiting.to_do) == ("@ada", "to open the link in our e-mail and create their bot")
    assert stage.subjects() == ["Your assistant is being set up: two taps are yours"]

    bot = stage.create("ada")
    assert bot.name == "Ada's Moltbot"
    waiting = stage.run().outcome
    assert waiting == Waiting("@ada", f"to press Start at https://t.me/{bot.username}", "start")
    stage.phones.press_start("ada", bot)
    assert stage.run().outcome == Done()

    ada = stage.world.user("ada")
    (applied,) = stage.servers[ADA].applied
    assert applied == (
        "telegram",
        {
            "bot_id": str(bot.id),
            "token_mark": sha256(bot.token.encode()).hexdigest()[:12],
            "user_id": str(ada.id),
            "api_root": stage.settings.telegram_api_root,
            "started": True,
            "greeted": False,
        },
    )
    assert stage.servers[ADA].secrets == [{"TELEGRAM_BOT_TOKEN": bot.token}]
    messaging = stage.customer().setup.messaging
    assert (messaging.bot_token, messaging.user_id, messaging.bot_username, messaging.connected) == (
        bot.token,
        str(ada.id),
        bot.username,
        True,
    )
    assert [event for event in stage.events() if event != "field_updated"] == [
        "subscription_created",
        "contact_sent",
        "waiting_for_customer",
        "bot_created",
        "telegram_connected",
        "ready_sent",
        "waiting_for_customer",
        "onboarding_message_sent",
        "security_audit",
        "onboarding_complete",
    ]
    assert len(stage.answers("ada", bot.username)) == 1
    assert stage.customer().setup.waiting is None


def test_over_the_manager_bot_they_are_told_each_thing_once(stage: Stage) -> None:
    stage.sign_up(telegram=None)
    stage.run()

    stage.start("ada")
    waiting = stage.run().outcome
    assert isinstance(waiting, Waiting)
    assert waiting.to_do == f"to create their bot in the chat with @{MANAGER}"
    assert stage.customer().setup.messaging.username == "@ada"
    dialog = stage.phones.tap_key("ada", MANAGER, "Create my assistant")
    assert isinstance(dialog, NewBotDialog)
    bot = stage.phones.confirm(dialog)
    stage.run()
    stage.run()

    create, made, ready = stage.answers("ada")
    assert "tap “Create my assistant”" in create
    assert made.startswith(f"@{bot.username} is yours.")
    assert ready == f"Your server is ready. Say hello to @{bot.username}: t.me/{bot.username}"
    assert stage.phones.keyboard("ada", MANAGER) == []
    assert stage.subjects() == [
        "Your assistant is being set up: two taps are yours",
        "Your assistant is ready: say hello",
    ]


def test_no_pairing_and_no_poll_of_the_customers_own_bot(stage: Stage) -> None:
    stage.sign_up()
    stage.run()
    bot = stage.create("ada")
    stage.phones.press_start("ada", bot)
    assert stage.run().outcome == Done()

    polled = {call.bot for call in stage.world.calls if call.method == "getUpdates"}
    assert polled == {MANAGER}


def test_a_stranger_who_opens_the_link_first_is_refused_where_the_username_is_known(stage: Stage) -> None:
    stage.sign_up()
    stage.run()

    stage.start("mallory")
    stage.run()
    stolen = stage.create("mallory")
    stage.run()

    (answer,) = stage.answers("mallory")
    assert answer.startswith("This link belongs to somebody else, or was used before.")
    assert stage.customer().setup.messaging.user_id is None
    assert stage.events().count("link_refused") == 2
    bot = stage.create("ada", username="ada_other_bot")
    stage.run()
    assert stage.customer().setup.messaging.bot_username == bot.username != stolen.username


def test_a_stranger_who_was_first_where_nothing_was_known_is_seen_and_can_be_undone(stage: Stage) -> None:
    stage.sign_up(telegram=None)
    stage.run()

    stage.start("mallory")
    stage.run()
    stage.start("ada")
    stage.run()

    assert "belongs to somebody else, or was used before" in stage.answers("ada")[0]
    refused = [event.details for event in stage.customer().timeline if event.event == "link_refused"]
    assert refused == [f"@ada ({stage.world.user('ada').id}) opened the link: used"]
    stage.change(
        ADA,
        **{"setup.messaging.link": None, "setup.messaging.userId": None, "setup.messaging.username": "@ada"},
    )
    stage.run()
    assert len(stage.subjects()) == 2, "a new link comes with a new e-mail"
    stage.create("ada")
    stage.run()
    assert stage.customer().setup.messaging.user_id == str(stage.world.user("ada").id)


def test_used_twice_the_link_answers_its_owner_and_makes_one_bot(stage: Stage) -> None:
    stage.sign_up()
    stage.run()
    stage.start("ada")
    stage.start("ada")
    stage.run()
    bot = stage.create("ada")
    stage.create("ada", username="ada_second_bot")
    stage.run()
    stage.start("ada")
    stage.run()

    assert stage.customer().setup.messaging.bot_username == bot.username
    assert stage.events().count("bot_created") == 1
    assert stage.events().count("link_used") == 1
    assert stage.answers("ada")[-1].startswith(f"@{bot.username} is yours")


@pytest.mark.parametrize("known", ["@Ada", None])
def test_another_username_in_the_dialog(stage: Stage, known: str | None) -> None:
    stage.sign_up(telegram=known)
    stage.run()

    bot = stage.create("ada", name="*Jarvis* <b>", username="jarvis_of_ada_bot")
    waiting = stage.run().outcome

    if known is None:
        assert isinstance(waiting, Waiting)
        assert "open the link" in waiting.to_do, "nobody knows yet whose bot this is"
        stage.start("ada")
        stage.run()
    messaging = stage.customer().setup.messaging
    assert (messaging.bot_id, messaging.bot_username) == (str(bot.id), "jarvis_of_ada_bot")


def test_a_bot_that_nobody_was_known_for_is_found_when_the_operator_names_its_owner(stage: Stage) -> None:
    stage.sign_up(telegram=None)
    stage.run()
    bot = stage.create("ada", username="jarvis_of_ada_bot")
    stage.run()
    assert stage.customer().setup.messaging.bot_id is None

    stage.change(ADA, **{"setup.messaging.username": "@ADA"})
    stage.run()

    assert stage.customer().setup.messaging.bot_id == str(bot.id)
    assert stage.customer().setup.messaging.connected


def test_two_customers_at_the_same_time_get_their_own(stage: Stage) -> None:
    stage.sign_up()
    stage.sign_up(GRACE, "Grace Hopper", None)
    stage.run(ADA)
    stage.run(GRACE)

    grace_bot = stage.create("grace", GRACE)
    ada_bot = stage.create("ada", ADA)
    stage.run(GRACE)

    # One run has taken in both; the other only looks at its record.
    assert stage.customer(ADA).setup.messaging.bot_id == str(ada_bot.id)
    stage.run(ADA)
    for email, bot, user in ((ADA, ada_bot, "ada"), (GRACE, grace_bot, "grace")):
        messaging = stage.customer(email).setup.messaging
        assert (messaging.bot_id, messaging.bot_token) == (str(bot.id), bot.token)
        assert messaging.user_id == str(stage.world.user(user).id)


def test_one_person_with_two_subscriptions_gets_two_bots(stage: Stage) -> None:
    stage.sign_up()
    stage.sign_up("ada2@example.com", telegram="@ada")
    stage.run(ADA)
    stage.run("ada2@example.com")

    second = stage.create("ada", "ada2@example.com")
    first = stage.create("ada", ADA)
    stage.run(ADA)

    assert stage.customer(ADA).setup.messaging.bot_id == str(first.id)
    assert stage.customer("ada2@example.com").setup.messaging.bot_id == str(second.id)


def test_a_token_that_was_revoked_in_between_is_fetched_anew(stage: Stage) -> None:
    stage.sign_up()
    stage.run()
    bot = stage.create("ada")
    server_dies = KeyboardInterrupt("the run is killed when it has the token")
    stage.servers[ADA] = MemoryServer(at=_raising(server_dies))
    with pytest.raises(KeyboardInterrupt):
        stage.run()
    stage.servers[ADA].at = lambda _: None
    old = stage.customer().setup.messaging.bot_token

    new = stage.world.revoke(bot)
    stage.run()

    assert old != new
    assert stage.servers[ADA].secrets == [{"TELEGRAM_BOT_TOKEN": new}]
    assert stage.customer().setup.messaging.bot_token == new
    assert stage.events().count("bot_created") == 1


def test_a_token_that_was_revoked_after_the_setup_is_fetched_as_doctor_says(stage: Stage) -> None:
    stage.sign_up()
    stage.run()
    bot = stage.create("ada")
    stage.phones.press_start("ada", bot)
    assert stage.run().outcome == Done()
    mails, said = stage.subjects(), stage.answers("ada", bot.username)

    new = stage.world.revoke(bot)
    stage.change(ADA, **{"setup.messaging.connected": False})

    assert stage.run().outcome == Done()
    assert stage.servers[ADA].secrets[-1] == {"TELEGRAM_BOT_TOKEN": new}
    assert (stage.subjects(), stage.answers("ada", bot.username)) == (mails, said)


def test_a_manager_bot_that_another_program_reads_is_named(stage: Stage) -> None:
    stage.sign_up()
    stage.world.bot(MANAGER).webhook = Webhook("https://example.com/")

    outcome = stage.run().outcome

    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, ReadElsewhere)
    assert "409" in outcome.error.summary


def test_a_bot_that_another_program_reads_too_is_no_connection_and_the_next_run_goes_on(stage: Stage) -> None:
    stage.sign_up()
    stage.run()
    bot = stage.create("ada")
    said = "Another program reads this bot's messages (409): a bot can have one reader only."
    taken = TaskFailed(
        "apply telegram",
        whom="192.0.2.1",
        playbook="telegram",
        task="The bot is connected",
        exit_code=1,
        output=said,
        log="/var/log/x",
    )
    stage.servers[ADA] = MemoryServer(at=_raising(taken))

    outcome = stage.run().outcome

    assert outcome == Failed(taken)
    assert said in taken.summary
    assert not stage.customer().setup.messaging.connected
    stage.servers[ADA].at = lambda _: None
    assert stage.run().outcome == Waiting("@ada", f"to press Start at https://t.me/{bot.username}", "start")
    assert stage.events().count("telegram_connected") == 1


def test_a_bot_that_may_not_make_others_is_found_before_anything_is_done(stage: Stage) -> None:
    stage.sign_up()
    stage.world.bot(MANAGER).can_manage_bots = False

    outcome = stage.run().outcome

    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, SettingsError)
    assert "Bot Management Mode" in (outcome.error.hint or "")
    assert stage.servers == {}
    assert stage.mailbox.messages == []


def test_an_expired_link_is_refused_and_the_next_run_sends_a_new_one(stage: Stage) -> None:
    stage.sign_up(telegram=None)
    stage.run()
    old = stage.link("newbot")
    stage.change(ADA, **{"setup.messaging.link.expiresAt": "2026-01-01T00:00:00Z"})
    stage.start("ada")

    (stage.manager_folder / STATE_FILE).unlink(missing_ok=True)
    _read_updates(stage)
    assert stage.answers("ada") == ["This link has expired. Write to help@example.com for a new one."]
    stage.run()

    assert len(stage.subjects()) == 2
    assert stage.link("newbot") != old
    stage.create("ada")
    stage.run()
    assert stage.customer().setup.messaging.user_id == str(stage.world.user("ada").id)


def test_who_says_anything_else_hears_what_to_do_next(stage: Stage) -> None:
    stage.sign_up()
    stage.run()
    stage.start("ada")
    stage.phones.say("ada", MANAGER, "hello? *anybody* there")
    stage.phones.press_start("grace", MANAGER)
    stage.run()

    assert [text[:10] for text in stage.answers("ada")] == ["Hello Ada!"], "once for what came together"
    stage.phones.say("ada", MANAGER, "hello?")
    stage.run()
    assert [text[:10] for text in stage.answers("ada")] == ["Hello Ada!"] * 2
    assert stage.answers("grace")[0].startswith("I set up assistants for customers of StuffPress")


def test_a_customer_who_never_comes_is_reminded_twice(stage: Stage) -> None:
    stage.sign_up()
    stage.run()
    for hours, mails in ((2, 1), (25, 2), (80, 3)):
        _let_hours_go_by(stage, hours)
        for _ in range(3):
            assert isinstance(stage.run().outcome, Waiting)
        assert len(stage.subjects()) == mails
    assert stage.subjects()[1:] == ["Your assistant is still waiting for you"] * 2
    assert stage.events().count("reminder_sent") == 2
    assert stage.events().count("waiting_for_customer") == 1
    assert stage.link("newbot") in stage.mailbox.messages[-1].text


def test_a_new_link_after_a_long_wait_is_not_reminded_of_at_once(stage: Stage) -> None:
    stage.sign_up()
    stage.run()
    _let_hours_go_by(stage, 200)
    stage.change(ADA, **{"setup.messaging.link.expiresAt": _hours_ago(1)})

    stage.run()

    assert stage.subjects() == ["Your assistant is being set up: two taps are yours"] * 2


def test_after_a_corrected_address_the_next_run_writes_to_the_new_one_and_says_so(stage: Stage) -> None:
    stage.sign_up()
    stage.run()
    _let_hours_go_by(stage, 80)
    new = "ada@example.net"
    _correct_address(stage, ADA, new)

    waiting = stage.run(new).outcome
    stage.run(new)

    subject = "Your assistant is being set up: two taps are yours"
    assert (stage.subjects(ADA), stage.subjects(new)) == ([subject], [subject])
    assert stage.link("newbot", new) == stage.link("newbot", ADA)
    assert isinstance(waiting, Waiting)
    assert waiting.to_do == "to open the link in our e-mail and create their bot"
    sent = [event.details for event in stage.customer(new).timeline if event.event == "contact_sent"]
    assert sent == [
        f"E-mail to {ADA}: {subject}",
        f"E-mail to {new}: {subject} (an earlier one went to {ADA})",
    ]
    _correct_address(stage, new, ADA)
    stage.run(ADA)
    assert stage.subjects(ADA).count(subject) == 1, "it went there before"


def test_a_letter_that_an_older_record_has_is_not_sent_again(stage: Stage) -> None:
    stage.sign_up()
    stage.run()
    stage.mailbox.clear()
    stage.change(ADA, **{"setup.emails": [{"reason": "contact", "sentAt": _hours_ago(2)}]})

    stage.run()

    assert stage.subjects() == []


def test_a_patient_run_goes_on_by_itself(stage: Stage) -> None:
    stage.sign_up()
    sleeps = []

    def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        if len(sleeps) == 2:
            stage.create("ada")
        if len(sleeps) == 4:
            stage.phones.press_start("ada", stage.customer().setup.messaging.bot_username or "")

    stage.clock.sleep = sleep  # type: ignore[method-assign]
    assert stage.run(patience=3600).outcome == Done()
    assert len(sleeps) == 4


def _raising(error: BaseException) -> Callable[[str], None]:
    def fail(_: str) -> None:
        raise error

    return fail


def _hours_ago(hours: float) -> str:
    return timestamps.in_hours(-hours)


def _correct_address(stage: Stage, old: str, new: str) -> None:
    with stage.workspace.store().edit(old) as record:
        record.set("email", new)


def _let_hours_go_by(stage: Stage, hours: float) -> None:
    """Since the wait began, and since the e-mail that told them."""
    noted = stage.workspace.store().read(ADA).get("setup.emails")
    told = [{**email, "sentAt": _hours_ago(hours)} for email in noted if email["reason"] == "contact"]
    others = [email for email in noted if email["reason"] != "contact"]
    stage.change(ADA, **{"setup.waiting.since": _hours_ago(hours), "setup.emails": [*told, *others]})


def _read_updates(stage: Stage) -> None:
    token = stage.settings.telegram_manager_token
    assert token is not None
    operator = {"operator_name": "StuffPress", "operator_contact": "help@example.com"}
    ManagerBot(
        stage.workspace.store(),
        stage.manager_folder,
        TelegramBot(token.get_secret_value(), stage.settings.telegram_api_root),
        lambda name, variables: render_text(name, {**operator, **variables}),
    ).read_updates()
