"""E-mails to customers: one template for both forms, each reason once."""

from typing import Any

import pytest

from provisioner.errors import InputError, MailError
from provisioner.messaging import emails
from provisioner.messaging.emails import compose
from provisioner.messaging.telegram.channel import TelegramEmails
from provisioner.messaging.telegram.email_variables import emails_to
from provisioner.services.factory import Services
from provisioner.services.mail import Email, Mailer, MailUncertain
from provisioner.settings import OperatorSettings, Settings
from tests.steps.support import MemoryWork, new_record

LINK = {
    "code": "c0de",
    "manager": "stuffpress_bot",
    "suggested": "ada_k3v9x2m7qp_bot",
    "expiresAt": "2026-12-01T00:00:00Z",
}


class Outbox(Mailer):
    """Remembers what is sent; `problem` is raised instead, if it is set."""

    def __init__(self, problem: Exception | None = None) -> None:
        super().__init__("smtp://127.0.0.1:25", "StuffPress <help@example.com>")
        self.sent: list[tuple[str, Email]] = []
        self.problem = problem

    def send(self, to: str, email: Email) -> None:
        if self.problem is not None:
            raise self.problem
        self.sent.append((to, email))


def _work(outbox: Outbox | None, **messaging: Any) -> MemoryWork:
    settings = Settings(operator=OperatorSettings(contact="help@example.com"))
    record = new_record(setup={"status": "in_progress", "messaging": messaging})
    return MemoryWork(settings, Services(settings, new_mailer=lambda: outbox), record)


def test_both_forms_say_the_same_and_links_are_links() -> None:
    email = emails_to(_work(None, link=LINK)).compose("contact")

    create = "https://t.me/newbot/stuffpress_bot/ada_k3v9x2m7qp_bot?name=Ada%27s%20Moltbot"
    start = "https://t.me/stuffpress_bot?start=c0de"
    assert email.subject == "Your assistant is being set up: two taps are yours"
    assert email.text.startswith("Hello Ada,\n\nthank you for choosing StuffPress.")
    assert f"Create my assistant: {create}\n" in email.text
    assert f"Set it up step by step: {start}\n" in email.text
    assert "until 2026-12-01" in email.text
    for link in (create, start):
        assert f'href="{link}"' in email.html
    assert ">Create my assistant</a>" in email.html
    assert "help@example.com" in email.html


def test_without_a_link_the_contact_email_asks_for_the_username() -> None:
    email = emails_to(_work(None)).compose("contact")

    assert email.subject == "Your assistant is being set up"
    assert "your Telegram username" in email.text
    assert "t.me" not in email.text


@pytest.mark.parametrize("name", emails.EMAILS)
def test_every_email_is_whole_in_every_state(name: str) -> None:
    states: tuple[dict[str, Any], ...] = ({}, {"link": LINK}, {"botUsername": "ada_bot", "botId": "8"})
    for messaging in states:
        email = emails_to(_work(None, **messaging)).compose(name)
        assert email.subject
        assert "\n" not in email.subject
        assert "\n\n\n" not in email.text
        assert "{" not in email.text
        assert "None" not in email.text
        assert email.text.rstrip().endswith("StuffPress")


def test_text_that_looks_like_html_stays_text() -> None:
    email = compose('Subject: x\n\nHello <b>Ada</b> & "you",\n\nsee https://example.com/?a=1&b=2.')

    assert "Hello &lt;b&gt;Ada&lt;/b&gt; &amp; &#34;you&#34;" in email.html
    assert '<a href="https://example.com/?a=1&amp;b=2" ' in email.html
    assert "<b>Ada</b>" in email.text


def test_a_template_without_a_subject_is_refused() -> None:
    with pytest.raises(InputError, match="Subject"):
        compose("Hello")


def test_an_email_goes_out_once_for_each_reason_and_is_an_event() -> None:
    outbox = Outbox()
    work = _work(outbox)

    assert [emails_to(work).send("ready") for _ in range(3)] == [True, True, True]
    assert emails_to(work).send("reminder", "reminder of contact after 24 h")

    assert [to for to, _ in outbox.sent] == ["customer@example.com"] * 2
    assert work.events == ["ready_sent", "reminder_sent"]


def test_what_was_begun_before_a_crash_is_not_sent_again() -> None:
    outbox = Outbox()
    work = _work(outbox)
    work.before = _dying_at("ready_sent")
    with pytest.raises(KeyboardInterrupt):
        emails_to(work).send("ready")
    work.before = lambda _: None

    assert emails_to(work).send("ready") is False

    assert len(outbox.sent) == 1
    assert work.events == []
    assert not emails.was_sent(work.customer, "ready")


def test_what_was_certainly_not_sent_is_tried_by_the_next_run() -> None:
    outbox = Outbox(MailError("send the e-mail", cause="no"))
    work = _work(outbox)

    assert emails_to(work).send("ready") is False
    assert "could not send the e-mail: no" in work.said[-1]
    outbox.problem = None
    assert emails_to(work).send("ready") is True
    assert len(outbox.sent) == 1


def test_what_may_have_been_sent_is_not_sent_again() -> None:
    outbox = Outbox(MailUncertain("send the e-mail", cause="lost"))
    work = _work(outbox)

    assert emails_to(work).send("ready") is False
    outbox.problem = None
    assert emails_to(work).send("ready") is False
    assert outbox.sent == []


def test_without_a_mail_server_nothing_is_noted() -> None:
    work = _work(None)

    assert emails_to(work).send("ready") is False
    assert work.events == []
    assert work.customer.setup.emails == ()


def _dying_at(event: str) -> Any:
    def die(what: str) -> None:
        if what == event:
            raise KeyboardInterrupt

    return die


def test_emails_that_may_not_have_gone_out_are_known_as_long_as_they_matter() -> None:
    record = new_record()
    begun = [{"reason": reason, "begunAt": "2026-11-25T10:00:00Z"} for reason in _BEGUN]
    sent = {"reason": "handover", "begunAt": "2026-11-25T10:00:00Z", "sentAt": "2026-11-25T10:00:01Z"}
    record.set("setup.emails", [*begun, sent])

    assert emails.uncertain(record.customer) == ["contact", "reminder", "ready"]

    record.set("setup.messaging.botId", "7")
    needless = TelegramEmails().needless(record.customer)
    assert emails.uncertain(record.customer, needless) == ["reminder", "ready"]
    record.set("setup.status", "complete")
    assert emails.uncertain(record.customer) == []


_BEGUN = ("contact", "reminder of start after 24 h", "reminder of start after 72 h", "ready")
