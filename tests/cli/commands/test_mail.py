"""`mail preview`, and the check of a token that is entered."""

import json
from collections.abc import Iterator

import pytest

from provisioner.customers.new import SignUp, new_record
from provisioner.sandbox.mail.mailbox import Mailbox
from provisioner.sandbox.telegram.app import telegram_app
from provisioner.sandbox.telegram.world import World
from provisioner.timestamps import in_hours
from provisioner.workspace import Workspace
from tests.cli.conftest import Invoke
from tests.serving import serving

ADA, GRACE = "ada@example.com", "grace@example.com"
FIELD = "setup.messaging.botToken"


@pytest.fixture(autouse=True)
def customers(workspace: Workspace) -> None:
    for email, name in ((ADA, "Ada Lovelace"), (GRACE, "Grace Hopper")):
        workspace.store().add(new_record(SignUp(email, "sub_1", name=name)))


@pytest.fixture
def world(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    world = World()
    with serving(telegram_app(world), before_stop=world.close) as root:
        monkeypatch.setenv("TELEGRAM_API_ROOT", root)
        world.add_user("Operator", "operator")
        yield world


def test_a_preview_shows_the_letter_with_the_customers_own_link(invoke: Invoke, workspace: Workspace) -> None:
    with workspace.store().edit(ADA) as record:
        record.set("setup.messaging.link.code", "s3cr3t-c0de")
        record.set("setup.messaging.link.manager", "stuffpress_bot")
        record.set("setup.messaging.link.suggested", "ada_x_bot")

    shown = invoke("mail", "preview", "contact", ADA)

    assert shown.code == 0
    assert shown.out.startswith(
        f"To: {ADA}\nSubject: Your assistant is being set up: two taps are yours\n\nHello Ada,"
    )
    assert "https://t.me/stuffpress_bot?start=s3cr3t-c0de" in shown.out
    assert invoke("mail", "preview", "contact", ADA, "--html").out.startswith("<!doctype html>")
    document = json.loads(invoke("mail", "preview", "ready", ADA, "--json").out)
    assert (document["kind"], document["name"], document["to"]) == ("mail", "ready", ADA)
    assert "s3cr3t-c0de" not in invoke("show", ADA).out


MANAGED = "123456789:AAbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"


@pytest.mark.parametrize("link", [None, {"code": "0ld", "manager": "b", "suggested": "s_bot"}])
def test_before_the_run_the_letter_is_the_one_that_it_would_send(
    invoke: Invoke, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, link: dict[str, str] | None
) -> None:
    monkeypatch.setenv("TELEGRAM_MANAGER_TOKEN", MANAGED)
    if link is not None:
        with workspace.store().edit(ADA) as record:
            record.set("setup.messaging.link", {**link, "expiresAt": in_hours(-1)})
    before = workspace.store().read(ADA).data

    shown = invoke("mail", "preview", "contact", ADA)

    assert shown.code == 0
    assert "Subject: Your assistant is being set up: two taps are yours\n" in shown.out
    assert "Create my assistant: https://t.me/THIS-IS-NO-LINK-YET" in shown.out
    assert "0ld" not in shown.out
    assert f"until {in_hours(168)[:10]}" in shown.out
    assert "The links in it are not made yet" in shown.err
    assert json.loads(invoke("mail", "preview", "contact", ADA, "--json").out)["linksMade"] is False
    assert workspace.store().read(ADA).data == before, "looking makes nothing"


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    mailbox = Mailbox()
    mailbox.start()
    monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{mailbox.port}")
    yield mailbox
    mailbox.stop()


def test_a_letter_is_sent_by_hand_once_to_each_address(
    invoke: Invoke, workspace: Workspace, mailbox: Mailbox
) -> None:
    sent = invoke("mail", "send", "contact", ADA)
    assert (sent.code, sent.err) == (0, f"Sent “Your assistant is being set up” to {ADA}.\n")
    repeated = invoke("mail", "send", "contact", ADA)
    assert repeated.code == 0
    assert "nothing was sent" in repeated.err
    assert f"provisioner mail send contact {ADA} --again" in repeated.err
    assert [mail.recipients for mail in mailbox.messages] == [(ADA,)]

    document = json.loads(invoke("mail", "send", "contact", ADA, "--again", "--json").out)
    assert (document["sent"], document["to"]) == (True, ADA)
    assert json.loads(invoke("mail", "send", "contact", ADA, "--json").out)["sent"] is False
    new = "ada@example.net"
    assert invoke("update", ADA, "email", new).code == 0
    assert invoke("mail", "send", "contact", new).code == 0

    assert [mail.recipients for mail in mailbox.messages] == [(ADA,), (ADA,), (new,)]
    customer = workspace.store().read(new).customer
    told = [event.details for event in customer.timeline if event.event == "contact_sent"]
    subject = "Your assistant is being set up"
    assert told == [
        f"E-mail to {ADA}: {subject}",
        f"E-mail to {ADA}: {subject}",
        f"E-mail to {new}: {subject} (an earlier one went to {ADA})",
    ]
    assert [email.to for email in customer.setup.emails] == [ADA, new]


def test_the_link_that_a_letter_needs_is_made_first(
    invoke: Invoke, workspace: Workspace, mailbox: Mailbox, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = world.create_bot("operator", "StuffPress", "stuffpress_bot", can_manage_bots=True)
    monkeypatch.setenv("TELEGRAM_MANAGER_TOKEN", manager.token)

    assert invoke("mail", "send", "contact", ADA).code == 0

    link = workspace.store().read(ADA).customer.setup.messaging.link
    assert link is not None
    assert f"https://t.me/stuffpress_bot?start={link.code}" in mailbox.messages[0].text
    assert f"/{link.suggested}?" in mailbox.messages[0].text


@pytest.mark.parametrize(
    ("name", "fields", "why"),
    [
        ("ready", {}, "not ready yet"),
        ("cancelled", {}, "the status is pending_setup, not cancelled"),
        ("handover", {}, "the status is pending_setup, not handed_over"),
        ("contact", {"status": "cancelled"}, "the status is cancelled"),
        ("reminder", {"setup.status": "complete"}, "the setup is complete"),
        (
            "contact",
            {
                "setup.messaging.botId": "7",
                "setup.messaging.botUsername": "x_bot",
                "setup.messaging.managed": True,
            },
            "made their bot already: @x_bot",
        ),
    ],
)
def test_a_letter_that_would_not_be_true_is_refused(
    invoke: Invoke, workspace: Workspace, mailbox: Mailbox, name: str, fields: dict[str, object], why: str
) -> None:
    with workspace.store().edit(ADA) as record:
        for path, value in fields.items():
            record.set(path, value)

    refused = invoke("mail", "send", name, ADA)

    assert refused.code == 2
    assert why in " ".join(refused.err.split())
    assert mailbox.messages == []


def test_what_cannot_be_sent_says_why(
    invoke: Invoke, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    unset = invoke("mail", "send", "contact", ADA)
    assert (unset.code, "SMTP_URL" in unset.err) == (2, True)
    assert invoke("mail", "send", "invoice", ADA).code == 2

    monkeypatch.setenv("SMTP_URL", "smtp://127.0.0.1:9")
    failed = invoke("mail", "send", "contact", ADA)
    assert failed.code == 1
    assert workspace.store().read(ADA).customer.setup.emails == ()

    with workspace.store().claim(ADA, doing="provision"):
        assert invoke("mail", "send", "contact", ADA).code == 4


def test_an_operators_own_words_are_previewed(invoke: Invoke, workspace: Workspace) -> None:
    texts = workspace.root / "texts"
    texts.mkdir()
    (texts / "ready.mail.j2").write_text("Subject: Hi\n\nDear {{ first_name }}, love, {{ operator_name }}")

    assert (
        invoke("mail", "preview", "ready", ADA).out
        == f"To: {ADA}\nSubject: Hi\n\nDear Ada, love, StuffPress\n"
    )
    (texts / "ready.mail.j2").write_text("Subject: Hi\n\n{{ nothing_like_it }}")
    broken = invoke("mail", "preview", "ready", ADA)
    assert (broken.code, "ready.mail" in broken.err) == (2, True)


def test_a_letter_that_there_is_not_is_answered_with_those_that_there_are(invoke: Invoke) -> None:
    refused = invoke("mail", "preview", "invoice", ADA)
    assert (refused.code, "contact, ready, reminder" in refused.err) == (2, True)


def test_a_good_token_is_taken_and_its_bot_named(invoke: Invoke, world: World) -> None:
    bot = world.create_bot("operator", "Ada's Moltbot", "ada_molt_bot")

    taken = invoke("update", ADA, FIELD, "-", stdin=f"{bot.token}\n")

    assert (taken.code, "It is the token of @ada_molt_bot." in taken.err) == (0, True)
    assert bot.token not in taken.err + taken.out


def test_a_revoked_or_wrong_token_is_refused_and_not_written(
    invoke: Invoke, world: World, workspace: Workspace
) -> None:
    bot = world.create_bot("operator", "Ada's Moltbot", "ada_molt_bot")
    revoked = bot.token
    world.revoke(bot)

    for token in (revoked, "123456789:" + "A" * 35):
        refused = invoke("update", ADA, FIELD, token)
        assert (refused.code, "wrong, or was revoked" in refused.err) == (1, True)
        assert revoked not in refused.err
    assert workspace.store().read(ADA).customer.setup.messaging.bot_token is None


@pytest.mark.usefixtures("world")
def test_another_customers_bot_is_refused_with_their_address(
    invoke: Invoke, world: World, workspace: Workspace
) -> None:
    token = world.create_bot("operator", "A Moltbot", "a_molt_bot").token
    assert invoke("update", GRACE, FIELD, token).code == 0

    refused = invoke("update", ADA, FIELD, token)

    assert (refused.code, f"bot of {GRACE}" in refused.err) == (2, True)
    assert invoke("update", GRACE, FIELD, token).code == 0, "it is their own"


def test_the_manager_bot_is_nobodys_own(
    invoke: Invoke, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = world.create_bot("operator", "StuffPress", "stuffpress_bot", can_manage_bots=True).token
    monkeypatch.setenv("TELEGRAM_MANAGER_TOKEN", token)

    refused = invoke("update", ADA, FIELD, token)

    assert (refused.code, "TELEGRAM_MANAGER_TOKEN" in refused.err) == (2, True)


def test_where_telegram_does_not_answer_the_token_is_taken_with_a_warning(invoke: Invoke) -> None:
    taken = invoke("update", ADA, FIELD, "123456:" + "A" * 35)
    assert (taken.code, "the token was not checked" in taken.err) == (0, True)


def test_other_fields_ask_nobody(invoke: Invoke, world: World) -> None:
    assert invoke("update", ADA, "setup.messaging.username", "@ada").code == 0
    assert invoke("update", ADA, FIELD, "null").code == 0
    assert list(world.calls) == []


def test_the_list_says_for_how_long_somebody_is_waited_for(invoke: Invoke, workspace: Workspace) -> None:
    with workspace.store().edit(ADA) as record:
        record.set("setup.waiting", {"for": "to press Start", "of": "@ada", "since": in_hours(-75.2)})
    with workspace.store().edit(GRACE) as record:
        record.set("setup.waiting", {"for": "to press Start", "of": "@grace", "since": in_hours(-0.5)})

    shown = invoke("list").out

    assert "@ada to press Start, for 3 d" in shown
    assert "@grace to press Start, for 30 min" in shown
    first = json.loads(invoke("list", "--json").out)["customers"][0]
    assert first["waitingSince"].endswith("Z")


PLATFORM = "setup.messaging.platform"


@pytest.mark.parametrize(
    "token",
    [
        "nonsense",
        "1:x",
        "123456789:short",
        "123456789",
        "abc:" + "A" * 35,
        "123456789:" + "A" * 20 + " " * 15,
    ],
)
def test_a_token_of_impossible_shape_is_refused_without_asking_telegram(
    invoke: Invoke, workspace: Workspace, world: World, token: str
) -> None:
    refused = invoke("update", ADA, FIELD, token)

    assert refused.code == 2
    assert "does not look like one" in refused.err
    assert token not in refused.err
    assert list(world.calls) == []
    assert workspace.store().read(ADA).get(FIELD) is None


def test_a_platform_is_one_that_is_known(invoke: Invoke, workspace: Workspace) -> None:
    refused = invoke("update", ADA, PLATFORM, "telegramm")
    assert (refused.code, "did you mean telegram?" in refused.err) == (2, True)
    pigeon = invoke("update", ADA, PLATFORM, "pigeon")
    assert (pigeon.code, "one of telegram, whatsapp" in pigeon.err) == (2, True)
    assert workspace.store().read(ADA).get(PLATFORM) != "pigeon"
    for word in ("WhatsApp", " Telegram "):
        assert invoke("update", ADA, PLATFORM, word).code == 0
        assert workspace.store().read(ADA).get(PLATFORM) == word.strip().lower()
    assert invoke("update", ADA, PLATFORM, "null").code == 0


def test_another_platform_for_a_finished_customer_is_no_nothing_to_do(
    invoke: Invoke, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-key")
    with workspace.store().edit(ADA) as record:
        for path, value in _FINISHED.items():
            record.set(path, value)
    assert "nothing to do" in invoke("provision", ADA).err.lower()

    changed = invoke("update", ADA, PLATFORM, "whatsapp")

    assert changed.code == 0
    said = " ".join(changed.err.split())
    assert "Their Moltbot goes on talking over telegram" in said
    assert "which cannot be set up yet" in said
    assert f"provisioner update {ADA} {PLATFORM} telegram" in said
    asked = invoke("provision", ADA)
    assert asked.code == 2
    assert "whatsapp cannot be set up yet" in " ".join(asked.err.split())
    assert invoke("update", ADA, PLATFORM, "telegram").code == 0
    assert "nothing to do" in invoke("provision", ADA).err.lower()


_FINISHED = {
    "status": "active",
    "setup.status": "complete",
    "setup.droplet": {"id": "7", "ip": "192.0.2.7", "hostKey": "ssh-ed25519 AAAA", "tag": "t", "name": "n"},
    "setup.moltbot": {"installed": True, "version": "2026.9.6", "dropletId": "7"},
    "setup.messaging": {
        "platform": "telegram",
        "connected": True,
        "userId": "5",
        "botId": "8",
        "botUsername": "ada_bot",
        "dropletId": "7",
    },
    "setup.handoff": {"completed": True, "onboardingMessageSent": True, "dropletId": "7"},
}
