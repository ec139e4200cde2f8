"""The by-hand ways through whole runs: a token given, or nothing yet."""

from provisioner.errors import InputError
from provisioner.step import Failed, Waiting
from tests.messaging.conftest import ADA, Stage

GRACE = "grace@example.com"


def _without_manager(stage: Stage) -> None:
    stage.settings = stage.settings.model_copy(update={"telegram_manager_token": None})


def test_a_bot_that_an_archived_customer_still_has_stops_the_run_before_anything(stage: Stage) -> None:
    token = stage.world.create_bot("grace", "Grace's Moltbot", "grace_bot").token
    stage.sign_up(GRACE, "Grace Hopper", "@grace")
    stage.change(GRACE, **{"setup.messaging.botToken": token})
    stage.workspace.store().archive(GRACE)
    stage.sign_up()
    stage.change(ADA, **{"setup.messaging.botToken": token})

    outcome = stage.run().outcome

    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, InputError)
    assert f"bot of {GRACE}" in outcome.error.summary
    assert stage.servers == {}


def test_with_nothing_yet_the_customer_is_asked_and_then_the_operator(stage: Stage) -> None:
    _without_manager(stage)
    stage.sign_up(telegram=None)

    first = stage.run().outcome
    assert isinstance(first, Waiting)
    assert (first.of_whom, first.to_do.split(";")[0]) == (ADA, "to tell us their Telegram username")
    assert stage.subjects() == ["Your assistant is being set up"]
    assert "your Telegram username" in stage.mailbox.messages[0].text

    stage.change(ADA, **{"setup.messaging.username": "@ada"})
    second = stage.run().outcome
    assert isinstance(second, Waiting)
    assert second.of_whom == "the operator"
    waiting = stage.customer().setup.waiting
    assert waiting is not None
    assert waiting.of == "the operator"
    assert len(stage.subjects()) == 1, "the operator is not the customer's business"

    token = stage.world.create_bot("stuffpress", "Ada's Moltbot", "ada_by_hand_bot").token
    stage.change(ADA, **{"setup.messaging.botToken": token, "setup.messaging.userId": str(_ada(stage))})
    third = stage.run().outcome
    assert third == Waiting("@ada", "to press Start at https://t.me/ada_by_hand_bot", "start")
    assert stage.subjects()[1:] == ["Your assistant is ready: say hello"]


def test_without_a_mail_server_it_says_so_once_and_who_has_to_send_the_link(stage: Stage) -> None:
    stage.settings = stage.settings.model_copy(update={"smtp_url": None})
    stage.sign_up()

    outcome = stage.run().outcome

    assert isinstance(outcome, Waiting)
    assert f"provisioner mail preview contact {ADA}" in outcome.to_do
    assert stage.said().count("SMTP_URL is not set") == 1
    code = stage.workspace.store().read(ADA).get("setup.messaging.link.code")
    assert code
    assert code not in stage.said()
    assert not any(code in (event.details or "") for event in stage.customer().timeline)


def _ada(stage: Stage) -> int:
    return stage.world.user("ada").id
