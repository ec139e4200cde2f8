import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, cast

import pytest

from provisioner.customers.record import Record
from provisioner.errors import InputError, RemoteError
from provisioner.runs.work import note_waiting
from provisioner.sandbox.telegram.app import telegram_app
from provisioner.sandbox.telegram.phones import Phones
from provisioner.sandbox.telegram.world import World
from provisioner.services.factory import Services
from provisioner.services.telegram.client import AccountGone, BotTokenRefused
from provisioner.settings import OperatorSettings, Settings
from provisioner.step import Done, Waiting
from provisioner.steps.handoff import Handoff
from provisioner.steps.messaging import Messaging
from tests.serving import serving
from tests.steps.support import MemoryServer, MemoryWork, new_record


@dataclass
class GatewayServer(MemoryServer):
    """A server whose gateway holds requests of people who have written to the bot."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    answer: str | None = None

    def run(self, command: str, *, timeout: float = 30) -> str:
        if command == "telegram-requests":
            return json.dumps(self.requests) if self.answer is None else self.answer
        return super().run(command, timeout=timeout)


@dataclass
class Stage:
    world: World
    phones: Phones
    work: MemoryWork
    server: GatewayServer


@pytest.fixture
def stage() -> Iterator[Stage]:
    world = World()
    with serving(telegram_app(world), before_stop=world.close) as root:
        ada = world.add_user("Ada", username="Ada_L")
        bot = world.create_bot(ada, "Ada's Moltbot", "ada_molt_bot")
        settings = Settings(telegram_api_root=root, operator=OperatorSettings(contact="help@example.com"))
        messaging = {"platform": "telegram", "username": "@ada_l", "botToken": bot.token}
        setup = {"status": "in_progress", "droplet": {"id": "7"}, "messaging": messaging}
        record = new_record(setup=setup)
        server = GatewayServer()
        work = MemoryWork(settings, Services(settings), record, server=server)
        yield Stage(world, Phones(world), work, server)


def test_it_waits_for_start_and_says_where(stage: Stage) -> None:
    outcome = Messaging().run(stage.work)

    assert outcome == Waiting("@ada_l", "to press Start at https://t.me/ada_molt_bot", "start")
    assert isinstance(outcome, Waiting)
    note_waiting(stage.work, outcome)
    assert not Messaging().arrived(stage.work)
    bot = stage.world.bot("ada_molt_bot")
    assert stage.server.applied == [
        (
            "telegram",
            {
                "bot_id": str(bot.id),
                "token_mark": sha256(bot.token.encode()).hexdigest()[:12],
                "user_id": "",
                "api_root": stage.work.settings.telegram_api_root,
                "started": True,
                "greeted": False,
            },
        )
    ]
    assert stage.server.secrets == [{"TELEGRAM_BOT_TOKEN": bot.token}]


def test_a_token_given_by_hand_while_the_link_was_waited_for_is_put_on_the_server(stage: Stage) -> None:
    waited = {"for": "to open the link in our e-mail and create their bot", "of": "@ada_l", "since": None}
    stage.work.write({"setup.waiting": waited})
    outcome = Messaging().run(stage.work)
    assert outcome == Waiting("@ada_l", "to press Start at https://t.me/ada_molt_bot", "start")
    assert [name for name, *_ in stage.server.applied] == ["telegram"]


def test_the_one_with_the_customers_username_is_let_in_whatever_its_case(stage: Stage) -> None:
    stage.server.requests = [{"id": "5", "username": "mallory"}, {"id": "7", "username": "Ada_L"}]

    assert Messaging().run(stage.work) == Done()

    assert [variables["user_id"] for _, variables in stage.server.applied] == ["", "7"]
    messaging = stage.work.customer.setup.messaging
    assert (messaging.user_id, messaging.bot_username, messaging.connected) == ("7", "ada_molt_bot", True)
    assert stage.work.events == ["telegram_connected"]
    assert Messaging().done(stage.work.customer)


def test_an_old_request_is_as_good_and_of_two_the_newer_one_has_the_username(stage: Stage) -> None:
    stage.server.requests = [
        {"id": "5", "username": "ada_l", "at": "2024-03-01T09:00:00.000Z"},
        {"id": "7", "username": "ada_l", "at": "2025-11-26T21:00:00.000Z"},
        {"id": "6", "username": "ADA_L", "at": "2025-11-26T20:59:59.000Z"},
    ]

    assert Messaging().run(stage.work) == Done()

    assert stage.work.customer.setup.messaging.user_id == "7"


def test_a_server_cannot_make_its_customer_somebody_else(stage: Stage) -> None:
    stage.server.requests = [{"id": "7", "username": "ada_l"}]
    grace = {"messaging": {"userId": "7", "username": "@grace"}}
    stage.work.everybody_else = [new_record(id="cust_2", email="grace@example.com", setup=grace).customer]

    with pytest.raises(RemoteError, match=r"which is that of grace@example\.com"):
        Messaging().run(stage.work)

    assert stage.work.customer.setup.messaging.user_id is None
    grace["messaging"]["username"] = "@ADA_L"
    stage.work.everybody_else = [new_record(id="cust_2", email="ada2@example.com", setup=grace).customer]
    assert Messaging().run(stage.work) == Done()


@pytest.mark.parametrize(
    "nonsense",
    [
        [{"id": "5", "username": 5}, {"id": 7.5, "username": "ada_l"}, {"id": True, "username": "ada_l"}],
        [{"id": ["7"], "username": "ada_l"}, {"id": "7\n", "username": "ada_l"}, {"username": "ada_l"}],
        [{"id": "9" * 19, "username": "ada_l"}, {"id": "\u0667", "username": "ada_l"}, None, 5, "ada_l"],
        [{"id": "7", "username": {"a": "ada_l"}}, {"id": "7", "username": None}, [], {}],
    ],
)
def test_a_request_that_telegram_could_not_have_made_is_left_out(stage: Stage, nonsense: list[Any]) -> None:
    stage.server.requests = nonsense

    assert isinstance(Messaging().run(stage.work), Waiting)

    assert stage.work.customer.setup.messaging.user_id is None
    stage.server.requests = [*nonsense, {"id": 42, "username": "ada_l", "at": 7}]
    assert Messaging().run(stage.work) == Done()
    assert stage.work.customer.setup.messaging.user_id == "42"


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "oops",
        "null",
        "{}",
        '"ada"',
        "[" * 100_000,
        json.dumps([{"id": "7", "username": "ada_l"}] * 1001),
        json.dumps([{"id": "7", "username": "ada_l", "name": "x" * 300_000}]),
        '[{"id": ' + "9" * 5000 + "}]",
    ],
    ids=["empty", "words", "null", "object", "text", "deep", "many", "long", "number"],
)
def test_an_answer_that_is_no_list_of_requests_is_one_clear_error(stage: Stage, answer: str) -> None:
    stage.server.answer = answer

    with pytest.raises(RemoteError, match=r"has written to the customer's bot for customer@example\.com"):
        Messaging().run(stage.work)

    assert stage.work.customer.setup.messaging.user_id is None


def test_a_stranger_is_not_let_in(stage: Stage) -> None:
    stage.server.requests = [{"id": "5", "username": "mallory"}, {"id": "6", "username": ""}]

    assert isinstance(Messaging().run(stage.work), Waiting)
    assert stage.work.customer.setup.messaging.user_id is None


def test_a_customer_whose_id_is_known_is_let_in_at_once(stage: Stage) -> None:
    stage.work.write({"setup.messaging.userId": "42"})

    assert Messaging().run(stage.work) == Done()
    assert [variables["user_id"] for _, variables in stage.server.applied] == ["42"]


def test_a_dead_token_never_reaches_the_server(stage: Stage) -> None:
    stage.world.revoke("ada_molt_bot")

    with pytest.raises(BotTokenRefused):
        Messaging().run(stage.work)

    assert stage.server.applied == []


def test_a_dead_token_is_found_before_a_server_is_paid_for(stage: Stage) -> None:
    stage.world.revoke("ada_molt_bot")

    with pytest.raises(BotTokenRefused) as refusal:
        Messaging().begin(stage.work)

    assert not refusal.value.retry


def test_a_bot_that_another_customer_has_is_refused(stage: Stage) -> None:
    token = stage.work.customer.setup.messaging.bot_token
    bot_id = str(stage.world.bot("ada_molt_bot").id)
    for theirs in ({"botToken": token}, {"botId": bot_id}):
        other = new_record(id="cust_2", email="grace@example.com", setup={"messaging": theirs}).customer
        stage.work.everybody_else = [other]

        with pytest.raises(InputError, match=r"bot of grace@example\.com"):
            Messaging().begin(stage.work)


def test_a_bot_whose_former_customer_has_cancelled_may_be_used(stage: Stage) -> None:
    token = stage.work.customer.setup.messaging.bot_token
    setup = {"messaging": {"botToken": token}}
    stage.work.everybody_else = [
        new_record(id="cust_2", email="old@example.com", status="cancelled", setup=setup).customer
    ]

    Messaging().begin(stage.work)

    assert stage.work.customer.setup.messaging.bot_username == "ada_molt_bot"


def test_without_a_username_it_waits_for_the_customer_to_tell_it(stage: Stage) -> None:
    stage.work.write({"setup.messaging.username": None})

    outcome = Messaging().run(stage.work)

    assert isinstance(outcome, Waiting)
    assert outcome.of_whom == "customer@example.com"
    assert outcome.to_do.startswith("to tell us their Telegram username")
    note_waiting(stage.work, outcome)
    assert not Messaging().arrived(stage.work)
    assert stage.server.applied == []
    stage.work.write({"setup.messaging.username": "@ada_l"})
    assert Messaging().arrived(stage.work)


def test_without_a_token_it_waits_for_the_operator_to_make_a_bot(stage: Stage) -> None:
    token = stage.work.customer.setup.messaging.bot_token
    stage.work.write({"setup.messaging.botToken": None})
    assert Messaging().needs(stage.work.settings, stage.work.customer) == []

    outcome = Messaging().run(stage.work)

    assert isinstance(outcome, Waiting)
    assert outcome.of_whom == "the operator"
    assert "provisioner update customer@example.com setup.messaging.botToken -" in outcome.to_do
    note_waiting(stage.work, outcome)
    assert not Messaging().arrived(stage.work)
    stage.work.write({"setup.messaging.botToken": token})
    assert Messaging().arrived(stage.work)


@pytest.mark.parametrize("platform", ["whatsapp", "discord", "Slack", "signal", "pigeon"])
def test_another_platform_is_answered_plainly(stage: Stage, platform: str) -> None:
    stage.work.write({"setup.messaging.platform": platform})

    (need,) = Messaging().needs(stage.work.settings, stage.work.customer)

    assert f"{platform.lower()} cannot be set up yet" in need
    assert "provisioner update customer@example.com setup.messaging.platform telegram" in need


def test_handoff_sends_the_first_message_and_closes_the_setup(stage: Stage) -> None:
    _connect(stage)
    stage.phones.press_start("ada_l", "ada_molt_bot")

    assert Handoff().run(stage.work) == Done()

    customer = stage.work.customer
    assert (customer.status, customer.setup.status) == ("active", "complete")
    assert customer.setup.handoff.onboarding_message_sent
    assert customer.setup.handoff.completed_at
    assert stage.work.events == ["onboarding_message_sent", "security_audit", "onboarding_complete"]
    message = stage.phones.chat("ada_l", "ada_molt_bot")[-1].text
    assert "Hello Ada, I am your Moltbot" in message
    assert "/status" in message
    assert Handoff().done(customer)


def test_handoff_waits_for_someone_who_has_not_pressed_start(stage: Stage) -> None:
    _connect(stage)

    assert Handoff().run(stage.work) == Waiting(
        "@ada_l", "to press Start at https://t.me/ada_molt_bot", "start"
    )
    assert stage.work.customer.setup.status == "in_progress"


def test_a_message_that_was_recorded_as_sent_is_not_sent_again(stage: Stage) -> None:
    _connect(stage)
    stage.phones.press_start("ada_l", "ada_molt_bot")
    stage.work.write({"setup.handoff.onboardingMessageSent": True})
    before = len(stage.phones.chat("ada_l", "ada_molt_bot"))

    assert Handoff().run(stage.work) == Done()
    assert len(stage.phones.chat("ada_l", "ada_molt_bot")) == before


def test_handoff_goes_on_when_start_was_pressed(stage: Stage) -> None:
    _connect(stage)
    outcome = Handoff().run(stage.work)
    assert isinstance(outcome, Waiting)
    note_waiting(stage.work, outcome)
    assert not Handoff().arrived(stage.work)

    stage.phones.press_start("ada_l", "ada_molt_bot")

    assert Handoff().arrived(stage.work)
    assert Handoff().run(stage.work) == Done()


def test_another_process_can_look_whether_what_is_waited_for_has_come(stage: Stage) -> None:
    note_waiting(stage.work, cast("Waiting", Messaging().run(stage.work)))
    work = stage.work
    other = MemoryWork(work.settings, Services(work.settings), Record(dict(work.saved.data)), stage.server)

    assert not Messaging().arrived(other)
    stage.server.requests = [{"id": "11", "username": "ada_l", "at": "2026-01-29T06:00:00Z"}]
    assert Messaging().arrived(other)


def test_what_an_older_run_noted_has_no_kind_until_the_next_one(stage: Stage) -> None:
    outcome = cast("Waiting", Messaging().run(stage.work))
    note_waiting(stage.work, outcome)
    stage.work.write({"setup.waiting.kind": None})
    assert Messaging().arrived(stage.work), "only a run can tell"

    note_waiting(stage.work, outcome)

    assert not Messaging().arrived(stage.work)
    assert stage.work.events.count("waiting_for_customer") == 1


def test_one_who_has_blocked_the_bot_is_told_apart_in_telegrams_words(stage: Stage) -> None:
    _connect(stage)
    stage.phones.press_start("ada_l", "ada_molt_bot")
    stage.phones.block("ada_l", "ada_molt_bot")

    outcome = Handoff().run(stage.work)

    assert outcome == Waiting(
        "@ada_l",
        "to unblock their bot and press Start at https://t.me/ada_molt_bot"
        " (Telegram says: Forbidden: bot was blocked by the user)",
        "start",
    )
    assert isinstance(outcome, Waiting)
    note_waiting(stage.work, outcome)
    assert not Handoff().arrived(stage.work)
    stage.phones.press_start("ada_l", "ada_molt_bot")
    assert Handoff().arrived(stage.work)


def test_words_that_are_new_to_us_are_passed_on(stage: Stage) -> None:
    _connect(stage)
    stage.work.write({"setup.messaging.userId": "55"})

    outcome = Handoff().run(stage.work)

    assert isinstance(outcome, Waiting)
    assert outcome.to_do.endswith("(Telegram says: Chat not found)")


@pytest.mark.parametrize(("managed", "options"), [(True, ""), (False, " --force")])
def test_a_deleted_account_is_the_operators_and_nobody_is_asked_to_press_start(
    stage: Stage, managed: bool, options: str
) -> None:
    _connect(stage)
    outcome = Handoff().run(stage.work)
    assert isinstance(outcome, Waiting)
    note_waiting(stage.work, outcome)
    stage.work.write({"setup.messaging.managed": managed})
    stage.phones.delete_account("ada_l")

    assert Handoff().arrived(stage.work), "who keeps waiting hears of it too"
    for _ in range(2):
        with pytest.raises(AccountGone, match=r"customer@example\.com: Forbidden: user is deact") as gone:
            Handoff().run(stage.work)

    relink = f"provisioner relink customer@example.com --username NAME{options}"
    assert relink in (gone.value.hint or "")
    assert stage.work.customer.setup.waiting is None
    assert stage.work.events.count("account_gone") == 1


def test_an_id_that_is_no_number_is_named(stage: Stage) -> None:
    _connect(stage)
    stage.work.write({"setup.messaging.userId": "anna"})

    with pytest.raises(InputError, match="'anna' is no id") as refused:
        Handoff().run(stage.work)

    assert "setup.messaging.userId" in (refused.value.hint or "")


@pytest.mark.parametrize("writes", range(4))
def test_killed_at_any_write_the_first_message_is_there_once_and_whole(stage: Stage, writes: int) -> None:
    _connect(stage)
    stage.phones.press_start("ada_l", "ada_molt_bot")
    left = [writes]

    def die(_what: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt

    stage.work.before = die
    with pytest.raises(KeyboardInterrupt):
        Handoff().run(stage.work)
    stage.work.before = lambda _: None
    assert Handoff().run(stage.work) == Done()

    texts = [message.text for message in stage.phones.chat("ada_l", "ada_molt_bot") if message.from_bot]
    whole = [text for text in texts if "/status" in text]
    assert len(whole) == 1
    # Only between the sending and the writing down of the id can a first line be left over.
    assert len(texts) == (2 if writes == 1 else 1)
    assert all(text == whole[0].splitlines()[0] for text in texts if text not in whole)


def test_a_first_message_that_the_customer_deleted_is_not_sent_again(stage: Stage) -> None:
    _connect(stage)
    stage.phones.press_start("ada_l", "ada_molt_bot")
    stage.work.write({"setup.handoff.messageId": "77777"})

    assert Handoff().run(stage.work) == Done()

    assert [message for message in stage.phones.chat("ada_l", "ada_molt_bot") if message.from_bot] == []


@pytest.mark.parametrize(
    "name", ["*Ada* _x_", "<b>Ada</b>", "[Ada](http://evil.example)", "evil.example", "{{ 7 * 7 }}"]
)
def test_a_hostile_name_stays_text_in_the_first_message(stage: Stage, name: str) -> None:
    _connect(stage)
    stage.phones.press_start("ada_l", "ada_molt_bot")
    stage.work.write({"name": name})

    assert Handoff().run(stage.work) == Done()

    message = stage.phones.chat("ada_l", "ada_molt_bot")[-1]
    assert "evil" not in message.text
    assert "49" not in message.text
    assert [
        entity["type"] for entity in message.entities if entity["type"] in ("bold", "italic", "text_link")
    ] == []


def _connect(stage: Stage) -> None:
    stage.work.write(
        {
            "status": "in_progress",
            "setup.messaging.userId": str(stage.world.user("ada_l").id),
            "setup.messaging.botUsername": "ada_molt_bot",
            "setup.messaging.connected": True,
        }
    )
