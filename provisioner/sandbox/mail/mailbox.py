"""A mailbox for everybody: takes all mail that is sent to it over SMTP, and keeps it."""

import hmac
import re
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern
from email.utils import parsedate_to_datetime
from html import unescape
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from provisioner.errors import SandboxError
from provisioner.sandbox.changes import Changes

_LARGEST_MAIL = 10 * 1024 * 1024
_LINK = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)]")
ACCEPTED = "250 Message accepted for delivery"

Delivery = Callable[[SMTP, Envelope, Callable[[], None]], Awaitable[str]]
"""Given the connection, the mail and what accepts it, answers with an SMTP reply."""


@dataclass(frozen=True)
class Mail:
    """One mail that arrived. `sender` and `recipients` are the envelope's; `date` is what the mail says."""

    sender: str
    recipients: tuple[str, ...]
    subject: str
    text: str
    html: str | None
    headers: dict[str, str]
    date: datetime | None
    received: datetime


@dataclass
class Mailbox:
    """`credentials` (user, password) are those that are let in; None lets in any. With `tls` it offers
    STARTTLS. Logging in is never demanded, as most senders on the same machine do not."""

    credentials: tuple[str, str] | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None
    delivery: Delivery | None = field(default=None, repr=False)
    """What happens to a mail in place of being accepted at once."""
    host: str = ""
    port: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._mails: list[Mail] = []
        self._changes = Changes()
        self._controller: _Controller | None = None

    @property
    def messages(self) -> list[Mail]:
        """All mails in the order in which they came."""
        with self._lock:
            return list(self._mails)

    def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen from a thread of its own; port 0 takes a free one, which `port` then says.
        Raises SandboxError when the port is not free."""
        if self._controller:
            raise SandboxError(
                "open the mailbox", whom=f"{self.host}:{self.port}", cause="it is open already"
            )
        try:
            controller = _Controller(self, host, port)
            controller.start()
        except OSError as error:
            raise SandboxError("open the mailbox", whom=f"{host}:{port}", cause=error) from error
        self._controller = controller
        self.host, self.port = host, controller.port

    def stop(self) -> None:
        """Listen no longer; the mails stay readable."""
        controller, self._controller = self._controller, None
        if controller:
            controller.stop()

    def clear(self) -> None:
        with self._lock:
            self._mails.clear()

    def accept(self, envelope: Envelope) -> None:
        """Keep what came."""
        mail = _read(envelope)
        with self._lock:
            self._mails.append(mail)
        self._changes.announce()

    def lets_in(self, user: bytes, password: bytes) -> bool:
        if self.credentials is None:
            return True
        wanted_user, wanted_password = (part.encode() for part in self.credentials)
        return hmac.compare_digest(user, wanted_user) and hmac.compare_digest(password, wanted_password)

    async def wait_for(self, to: str, subject: str = "", timeout: float = 30) -> Mail | None:
        """The first mail to this address whose subject has these words; None after `timeout` seconds."""
        return await self._changes.until(self._finder(to, subject), timeout)

    def wait_for_in_thread(self, to: str, subject: str = "", timeout: float = 30) -> Mail | None:
        """As `wait_for`, for code without an event loop."""
        return self._changes.wait(self._finder(to, subject), timeout)

    def _finder(self, to: str, subject: str) -> Callable[[], Mail | None]:
        def find() -> Mail | None:
            return next((mail for mail in self.messages if _is_for(mail, to, subject)), None)

        return find


class _Handler:
    """What the SMTP server asks for each mail."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        def accept() -> None:
            self._mailbox.accept(envelope)

        if self._mailbox.delivery is not None:
            return await self._mailbox.delivery(server, envelope, accept)
        accept()
        return ACCEPTED


class _Controller(Controller):
    """Listens on a socket that is bound beforehand: the library cannot say which free port it got."""

    def __init__(self, mailbox: Mailbox, host: str, port: int) -> None:
        self._mailbox = mailbox
        self._socket = socket.create_server((host, port))
        super().__init__(
            _Handler(mailbox),
            hostname=host,
            port=self._socket.getsockname()[1],
            server_hostname="mailbox",
            tls_context=mailbox.tls,
            auth_require_tls=False,
            authenticator=self._authenticate,
            data_size_limit=_LARGEST_MAIL,
        )

    async def _create_server(self) -> Any:
        return await self.loop.create_server(self._factory_invoker, sock=self._socket)

    def _authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any
    ) -> AuthResult:
        fits = isinstance(data, LoginPassword) and self._mailbox.lets_in(data.login, data.password)
        return AuthResult(success=fits, handled=False)


def links_in(mail: Mail) -> list[str]:
    """The web addresses in it, each once, in the order in which they stand."""
    return list(dict.fromkeys(_LINK.findall(f"{mail.text}\n{unescape(mail.html or '')}")))


def _read(envelope: Envelope) -> Mail:
    raw = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
    message = message_from_bytes(raw, policy=modern)
    return Mail(
        sender=envelope.mail_from or "",
        recipients=tuple(envelope.rcpt_tos),
        subject=str(message.get("subject", "")),
        text=_body(message, "plain") or "",
        html=_body(message, "html"),
        headers={name.lower(): str(value) for name, value in message.items()},
        date=_date(message),
        received=datetime.now(UTC),
    )


def _body(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part else None


def _date(message: EmailMessage) -> datetime | None:
    try:
        return parsedate_to_datetime(str(message["date"])) if message["date"] else None
    except ValueError:
        return None


def _is_for(mail: Mail, to: str, subject: str) -> bool:
    recipients = {recipient.lower() for recipient in mail.recipients}
    return to.lower() in recipients and subject.lower() in mail.subject.lower()
