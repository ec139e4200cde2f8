"""E-mail that is refused, lost on its way, or late."""

import smtplib
from collections.abc import Iterator

import pytest

from provisioner.sandbox.faults.mail import delivery
from provisioner.sandbox.faults.rules import FaultBook, FaultParams, Kind, Rule
from provisioner.sandbox.mail.mailbox import Mailbox


@pytest.fixture
def book() -> FaultBook:
    return FaultBook()


@pytest.fixture
def mailbox(book: FaultBook) -> Iterator[Mailbox]:
    mailbox = Mailbox(delivery=delivery(book))
    mailbox.start()
    yield mailbox
    mailbox.stop()


def send(mailbox: Mailbox, to: str = "jane@example.com") -> None:
    smtp = smtplib.SMTP(mailbox.host, mailbox.port, timeout=10)
    try:
        smtp.sendmail("owner@example.com", [to], "Subject: hello\r\n\r\nhello\r\n")
    finally:
        smtp.close()


def fault(book: FaultBook, kind: Kind, path: str = "", **params: float) -> None:
    book.add(Rule(service="mail", kind=kind, path=path, params=FaultParams.model_validate(params)))


def test_without_faults_mail_arrives_and_is_counted(mailbox: Mailbox, book: FaultBook) -> None:
    send(mailbox)
    assert len(mailbox.messages) == 1
    (row,) = book.requests()
    assert (row.service, row.method, row.route, row.status, row.count) == ("mail", "DATA", "mail", 250, 1)


def test_a_refused_mail_does_not_arrive(mailbox: Mailbox, book: FaultBook) -> None:
    fault(book, "status", path="jane@")
    send(mailbox, "john@example.com")
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(mailbox)
    assert refused.value.smtp_code == 451
    send(mailbox)
    assert [mail.recipients for mail in mailbox.messages] == [("john@example.com",), ("jane@example.com",)]


@pytest.mark.parametrize(("kind", "arrives"), [("reset", False), ("drop_after_effect", True)])
def test_a_cut_connection(mailbox: Mailbox, book: FaultBook, kind: Kind, arrives: bool) -> None:
    fault(book, kind)
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        send(mailbox)
    assert len(mailbox.messages) == int(arrives)
    assert [row.status for row in book.requests()] == [0]
    send(mailbox)


def test_a_late_answer(mailbox: Mailbox, book: FaultBook) -> None:
    fault(book, "delay", seconds=0.1)
    send(mailbox)
    assert len(mailbox.messages) == 1
