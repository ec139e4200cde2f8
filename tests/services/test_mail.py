"""The mail client against a mail server on loopback."""

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from provisioner.errors import MailError, SettingsError
from provisioner.sandbox.mail.mailbox import Mailbox
from provisioner.services.mail import Email, Mailer, MailUncertain

SENDER = "StuffPress <support@example.com>"
EMAIL = Email("Grüße, 日本", f"Hällo\n{'long ' * 400}\n.\nend\n", "<p>Hällo</p>")
USER, PASSWORD = "stuff", "p@ss:word/1"
LOGIN = "stuff:p%40ss%3Aword%2F1"


@contextmanager
def _mailbox(**options: Any) -> Iterator[Mailbox]:
    mailbox = Mailbox(**options)
    mailbox.start()
    try:
        yield mailbox
    finally:
        mailbox.stop()


def test_an_email_arrives_in_both_forms() -> None:
    with _mailbox(credentials=(USER, PASSWORD)) as mailbox:
        Mailer(f"smtp://{LOGIN}@127.0.0.1:{mailbox.port}", SENDER).send("ada@example.com", EMAIL)

        (mail,) = mailbox.messages
    assert (mail.sender, mail.recipients) == ("support@example.com", ("ada@example.com",))
    assert (mail.subject, mail.text.split(), (mail.html or "").split()) == (
        EMAIL.subject,
        EMAIL.text.split(),
        ["<p>Hällo</p>"],
    )
    assert mail.headers["from"] == SENDER
    assert mail.headers["message-id"].endswith("@example.com>")
    assert mail.date is not None


def test_a_wrong_password_is_told_without_being_quoted() -> None:
    with _mailbox(credentials=(USER, "another")) as mailbox:
        mailer = Mailer(f"smtp://{LOGIN}@127.0.0.1:{mailbox.port}", SENDER)
        with pytest.raises(MailError, match="does not accept the user and password") as refusal:
            mailer.send("ada@example.com", EMAIL)

    assert not refusal.value.retry
    assert PASSWORD not in f"{vars(refusal.value)} {refusal.value!r} {refusal.value.__cause__!r}"
    assert mailbox.messages == []


def test_starttls_is_used_where_it_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = self_signed(tmp_path)
    with _mailbox(credentials=(USER, PASSWORD), tls=context) as mailbox:
        mailer = Mailer(f"smtp://{LOGIN}@127.0.0.1:{mailbox.port}", SENDER)
        with pytest.raises(MailError, match="certificate is not good") as refusal:
            mailer.send("ada@example.com", EMAIL)
        assert not refusal.value.retry
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        mailer.send("ada@example.com", EMAIL)

        assert len(mailbox.messages) == 1


def test_a_password_is_not_sent_in_the_clear_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with _mailbox() as mailbox:
        monkeypatch.setattr("provisioner.services.mail._is_this_machine", lambda _: False)
        with pytest.raises(MailError, match="offers no encryption"):
            Mailer(f"smtp://{LOGIN}@127.0.0.1:{mailbox.port}", SENDER).send("ada@example.com", EMAIL)

        assert mailbox.messages == []


@pytest.mark.parametrize(
    ("answer", "retry", "tries"), [("550 no such user", False, 1), ("451 try again later", True, 3)]
)
def test_a_refusal_says_whether_trying_again_can_help(answer: str, retry: bool, tries: int) -> None:
    with _talking(rcpt=answer) as server, pytest.raises(MailError) as refusal:
        Mailer(f"smtp://127.0.0.1:{server.port}", SENDER, pause=0).send("ada@example.com", EMAIL)

    assert answer in (refusal.value.cause or "")
    assert refusal.value.retry is retry
    assert server.connections == tries


def test_a_connection_that_breaks_after_the_email_leaves_it_uncertain_and_is_not_tried_again() -> None:
    with _talking(after_data=None) as server, pytest.raises(MailUncertain) as problem:
        Mailer(f"smtp://127.0.0.1:{server.port}", SENDER, pause=0).send("ada@example.com", EMAIL)

    assert not problem.value.retry
    assert server.connections == 1


def test_an_address_that_the_server_cannot_be_told_is_an_error_and_not_tried_again() -> None:
    with _talking() as server, pytest.raises(MailError, match="outside ASCII") as problem:
        Mailer(f"smtp://127.0.0.1:{server.port}", SENDER, pause=0).send("jürgen@example.com", EMAIL)

    assert not problem.value.retry
    assert server.connections == 1


def test_a_domain_outside_ascii_is_told_as_mail_servers_know_it() -> None:
    with _mailbox() as mailbox:
        Mailer(f"smtp://127.0.0.1:{mailbox.port}", SENDER).send("ada@bücher.example", EMAIL)

    (mail,) = mailbox.messages
    assert mail.recipients == ("ada@xn--bcher-kva.example",)
    assert mail.headers["to"] == "ada@xn--bcher-kva.example"


def test_a_name_outside_ascii_is_told_to_a_server_that_takes_it() -> None:
    with _mailbox() as mailbox:
        Mailer(f"smtp://127.0.0.1:{mailbox.port}", SENDER).send("jürgen@bücher.example", EMAIL)

    (mail,) = mailbox.messages
    assert mail.recipients == ("jürgen@xn--bcher-kva.example",)
    assert mail.subject == EMAIL.subject


@pytest.mark.parametrize(
    ("sender", "subject"),
    [
        ("Stuff\nBcc: eve@example.com <a@example.com>", "x"),
        (SENDER, "x\nBcc: eve@example.com"),
        (SENDER, "x\r\ny"),
    ],
)
def test_no_line_is_smuggled_into_the_head(sender: str, subject: str) -> None:
    with _mailbox() as mailbox:
        mailer = Mailer(f"smtp://127.0.0.1:{mailbox.port}", sender)
        with contextlib.suppress(MailError):
            mailer.send("ada@example.com", Email(subject, "hello\n", "<p>hello</p>"))

    assert all("eve" not in str(mail.recipients) and "bcc" not in mail.headers for mail in mailbox.messages)


def test_a_goodbye_that_fails_does_not_matter() -> None:
    with _talking(quit=None) as server:
        Mailer(f"smtp://127.0.0.1:{server.port}", SENDER, pause=0).send("ada@example.com", EMAIL)

    assert server.connections == 1


def test_nobody_there_can_be_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(MailError, match=r"did not answer") as problem:
        Mailer(f"smtp://127.0.0.1:{port}", SENDER, pause=0).send("ada@example.com", EMAIL)

    assert problem.value.retry


def test_a_probe_logs_in_as_an_email_would_and_sends_nothing() -> None:
    with _mailbox(credentials=(USER, PASSWORD)) as mailbox:
        Mailer(f"smtp://{LOGIN}@127.0.0.1:{mailbox.port}", SENDER).probe()
        with pytest.raises(MailError, match=r"log in .* does not accept the user and password"):
            Mailer(f"smtp://{USER}:wrong@127.0.0.1:{mailbox.port}", SENDER).probe()

        assert mailbox.messages == []


def test_a_probe_is_one_connection_whatever_comes_of_it() -> None:
    with _talking(ehlo="421 closing", helo="421 closing") as server:
        with pytest.raises(MailError, match="421 closing") as refusal:
            Mailer(f"smtp://127.0.0.1:{server.port}", SENDER, pause=0).probe()
        assert refusal.value.retry
        assert server.connections == 1


def test_a_password_that_cannot_be_sent_is_told_without_being_quoted() -> None:
    with _mailbox(credentials=(USER, PASSWORD)) as mailbox, pytest.raises(MailError) as refusal:
        Mailer(f"smtp://{USER}:gehe%C3%AFm@127.0.0.1:{mailbox.port}", SENDER).probe()

    assert "cannot be told" in refusal.value.summary
    assert "gehe" not in f"{vars(refusal.value)} {refusal.value!r} {refusal.value.__cause__!r}"


def test_a_probe_does_not_wait_for_a_server_that_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(MailError, match="did not answer"):
        Mailer(f"smtp://127.0.0.1:{silent.getsockname()[1]}", SENDER).probe(0.1)


@pytest.mark.parametrize(
    "url", ["", "mail.example.com", "https://mail.example.com", "smtp://", "smtp://x:port"]
)
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(SettingsError, match="no address of a mail server"):
        Mailer(url, SENDER)


class _Server:
    """Speaks just enough SMTP, with one answer changed; None breaks the connection there."""

    def __init__(self, answers: dict[str, str | None]) -> None:
        self._answers = {
            "ehlo": "250 here",
            "mail": "250 ok",
            "rcpt": "250 ok",
            "data": "354 go on",
            "after_data": "250 ok",
            "quit": "221 bye",
            **answers,
        }
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection, connection.makefile("rwb") as stream:
                stream.write(b"220 mail\r\n")
                stream.flush()
                self._talk(stream)

    def _talk(self, stream: Any) -> None:
        while line := stream.readline():
            word = line.split()[0].decode().lower() if line.split() else ""
            answer = self._answers.get(word, "250 ok")
            if answer is None:
                return
            self._say(stream, answer)
            if word == "data" and answer.startswith("354"):
                while stream.readline() != b".\r\n":
                    pass
                if self._answers["after_data"] is None:
                    return
                self._say(stream, self._answers["after_data"])

    @staticmethod
    def _say(stream: Any, text: str) -> None:
        stream.write(f"{text}\r\n".encode())
        stream.flush()


@contextmanager
def _talking(**answers: str | None) -> Iterator[_Server]:
    server = _Server(answers)
    try:
        yield server
    finally:
        server.close()


def self_signed(folder: Path) -> ssl.SSLContext:
    """A server's context, whose certificate is in the folder; only who is told to trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    public = folder / "certificate.pem"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = folder / "key.pem"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return context
