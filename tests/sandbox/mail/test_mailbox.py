"""The mailbox takes mail as a mail server does."""

import asyncio
import smtplib
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from provisioner.errors import SandboxError
from provisioner.sandbox.mail.mailbox import Mailbox


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    box.start()
    yield box
    box.stop()


def an_email(to: str = "ada@example.com", subject: str = "Grüße ✓") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "StuffPress <hello@example.org>"
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = "Sun, 22 Nov 2026 10:00:00 +0100"
    message.set_content("Plain: schön\n")
    message.add_alternative("<p>Rich: schön</p>", subtype="html")
    return message


def send(box: Mailbox, message: EmailMessage) -> None:
    with smtplib.SMTP(box.host, box.port, timeout=10) as client:
        client.send_message(message)


def test_a_mail_is_read_whole(mailbox: Mailbox) -> None:
    send(mailbox, an_email())
    (mail,) = mailbox.messages
    assert (mail.sender, mail.recipients) == ("hello@example.org", ("ada@example.com",))
    assert mail.subject == "Grüße ✓"
    assert mail.text.strip() == "Plain: schön"
    assert mail.html is not None
    assert mail.html.strip() == "<p>Rich: schön</p>"
    assert mail.headers["from"] == "StuffPress <hello@example.org>"
    assert mail.date == datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
    assert mail.received.tzinfo is UTC


def test_plain_mail_has_no_html(mailbox: Mailbox) -> None:
    message = EmailMessage()
    message["To"], message["From"] = "a@example.com", "b@example.com"
    message.set_content("only text")
    send(mailbox, message)
    (mail,) = mailbox.messages
    assert (mail.html, mail.date, mail.subject) == (None, None, "")


def test_waiting_for_a_mail(mailbox: Mailbox) -> None:
    async def wait() -> str:
        waiting = asyncio.create_task(mailbox.wait_for("ADA@example.com", "ready", timeout=20))
        await asyncio.to_thread(send, mailbox, an_email(subject="Welcome"))
        await asyncio.to_thread(send, mailbox, an_email(to="bob@example.com", subject="Ready"))
        await asyncio.to_thread(send, mailbox, an_email(subject="Your server is READY"))
        mail = await waiting
        return mail.subject if mail else ""

    assert asyncio.run(wait()) == "Your server is READY"
    assert mailbox.wait_for_in_thread("bob@example.com", timeout=5) is not None
    assert mailbox.wait_for_in_thread("nobody@example.com", timeout=0.05) is None
    mailbox.clear()
    assert mailbox.messages == []


def test_any_login_is_taken_when_none_is_set(mailbox: Mailbox) -> None:
    with smtplib.SMTP(mailbox.host, mailbox.port, timeout=10) as client:
        client.login("user", "password")
        client.send_message(an_email())
    assert len(mailbox.messages) == 1


def test_only_the_right_login_is_taken_when_one_is_set() -> None:
    box = Mailbox(credentials=("user", "right"))
    box.start()
    try:
        with smtplib.SMTP(box.host, box.port, timeout=10) as client:
            with pytest.raises(smtplib.SMTPAuthenticationError):
                client.login("user", "wrong")
            client.login("user", "right")
    finally:
        box.stop()
    assert "right" not in repr(box)


def test_a_taken_port_is_told(mailbox: Mailbox) -> None:
    with pytest.raises(SandboxError, match="open the mailbox"):
        Mailbox().start(port=mailbox.port)
    with pytest.raises(SandboxError, match="open already"):
        mailbox.start()


def test_it_can_stop_and_start_again(mailbox: Mailbox) -> None:
    send(mailbox, an_email())
    mailbox.stop()
    mailbox.stop()
    assert len(mailbox.messages) == 1
    mailbox.start()
    send(mailbox, an_email())
    assert len(mailbox.messages) == 2


def certificate(folder: Path) -> Path:
    """A key and a certificate for localhost, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "localhost.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def test_starttls_when_it_has_a_certificate(tmp_path: Path) -> None:
    path = certificate(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    box = Mailbox(tls=server)
    box.start()
    try:
        with smtplib.SMTP("localhost", box.port, timeout=10) as client:
            client.starttls(context=ssl.create_default_context(cafile=str(path)))
            client.login("user", "password")
            client.send_message(an_email())
    finally:
        box.stop()
    assert len(box.messages) == 1
