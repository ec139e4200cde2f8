"""Whom the clients trust with what: certificates that nobody vouches for, tokens in what others say."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from telegram import Bot, error

from provisioner.errors import MailError, TelegramError
from provisioner.services.mail import Mailer
from provisioner.services.telegram import transport
from provisioner.services.telegram.client import TelegramBot
from tests.services.test_mail import EMAIL, SENDER, self_signed

TOKEN = "7:" + "A" * 35


@contextmanager
def encrypted(folder: Path) -> Iterator[tuple[int, list[str]]]:
    """A service with a certificate of its own making: its port, and the paths that were asked for."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            body = (
                b'{"ok": true, "result": {"id": 7, "is_bot": true, "first_name": "B", "username": "b_bot"}}'
            )
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Whoever does not trust us hangs up in the middle of the handshake."""

    server = Quiet(("127.0.0.1", 0), Answer)
    server.socket = self_signed(folder).wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1], asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_telegrams_certificate_has_to_be_vouched_for_before_the_token_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with encrypted(tmp_path) as (port, asked):
        bot = TelegramBot(TOKEN, f"https://127.0.0.1:{port}", patience=0)
        with pytest.raises(TelegramError):
            bot.identity()
        assert asked == []

        trusting = ssl.create_default_context(cafile=str(tmp_path / "certificate.pem"))
        monkeypatch.setattr(transport, "certificates", lambda: trusting)
        transport.close()
        assert bot.identity().id == "7"
        assert asked == [f"/bot{TOKEN}/getMe"]
        transport.close()


def test_a_mail_servers_certificate_has_to_be_vouched_for_before_anything_is_said(tmp_path: Path) -> None:
    with encrypted(tmp_path) as (port, _):
        mailer = Mailer(f"smtps://user:secret@127.0.0.1:{port}", SENDER, pause=0)
        with pytest.raises(MailError, match="certificate is not good") as refusal:
            mailer.send("ada@example.com", EMAIL)
    assert not refusal.value.retry


def test_a_token_in_what_telegrams_library_says_is_left_out() -> None:
    async def fail(_bot: Bot) -> None:
        raise error.TelegramError(f"no answer to /bot{TOKEN}/getMe")

    with pytest.raises(TelegramError) as failure:
        TelegramBot(TOKEN, "http://127.0.0.1:9", patience=0)._call("ask", fail, repeatable=True)
    assert TOKEN not in f"{failure.value!r} {vars(failure.value)} {failure.value.__cause__!r}"
    assert "no answer" in str(failure.value.cause)
