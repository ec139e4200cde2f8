"""Who is at the other end is checked before a word is said, by e-mail and by the Bot API alike."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from provisioner.errors import MailError, TelegramError
from provisioner.services.mail import Email, Mailer
from provisioner.services.telegram.client import TelegramBot
from tests.services.test_mail import self_signed


@dataclass
class Stranger:
    """Answers with a certificate that nobody has signed, and hears what is said all the same."""

    port: int
    heard: list[bytes] = field(default_factory=list)
    shaken: int = 0


@contextmanager
def _stranger(folder: Path) -> Iterator[Stranger]:
    context = self_signed(folder)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stranger = Stranger(listener.getsockname()[1])

        def serve() -> None:
            with suppress(OSError):
                while True:
                    _answer(listener.accept()[0], context, stranger)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield stranger
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def _answer(connection: socket.socket, context: ssl.SSLContext, stranger: Stranger) -> None:
    connection.settimeout(5)
    with suppress(OSError), connection, context.wrap_socket(connection, server_side=True) as secured:
        stranger.shaken += 1
        secured.sendall(b"220 hello\r\n")
        stranger.heard.append(secured.recv(1000))


def test_a_mail_server_without_a_good_certificate_hears_nothing(tmp_path: Path) -> None:
    with _stranger(tmp_path) as stranger:
        mailer = Mailer(f"smtps://user:password@127.0.0.1:{stranger.port}", "a@example.com", pause=0)
        with pytest.raises(MailError, match="certificate is not good"):
            mailer.send("ada@example.com", Email("x", "x\n", "<p>x</p>"))

    assert [words for words in stranger.heard if words] == []


def test_a_bot_api_without_a_good_certificate_hears_no_token(tmp_path: Path) -> None:
    with _stranger(tmp_path) as stranger:
        bot = TelegramBot("1:token", f"https://127.0.0.1:{stranger.port}", patience=0)
        with pytest.raises(TelegramError):
            bot.identity()

    assert [words for words in stranger.heard if words] == []
