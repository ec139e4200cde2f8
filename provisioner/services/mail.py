"""E-mail over SMTP. An e-mail is handed over once: after a lost answer it is never tried again.

`SMTP_URL` is `smtp://user:password@host:587`, encrypted with STARTTLS where the server offers it and always
before a password is sent to another machine, or `smtps://…` for TLS from the first byte (port 465).
"""

import ipaddress
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import formatdate, make_msgid, parseaddr
from urllib.parse import SplitResult, unquote, urlsplit

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_fixed

from provisioner.errors import MailError, SettingsError
from provisioner.failpoints import failpoint

CALL_SECONDS = 20.0
"""How long one word with the mail server may take."""
_ATTEMPTS = 3
_PAUSE_SECONDS = 1.0
_PORTS = {"smtp": 587, "smtps": 465}
_SET = "SMTP_URL is smtp://user:password@host:587, or smtps://… for TLS from the first byte"
_CERTIFIED = (
    "name the server in SMTP_URL as its certificate does; if you do, its owner has to renew the certificate"
)
_SENDING = "send the e-mail"


@dataclass(frozen=True)
class Email:
    """One e-mail: the same words as plain text and as HTML."""

    subject: str
    text: str
    html: str


class MailUncertain(MailError):
    """The connection was lost after the e-mail was handed over; it may have been sent."""


class Mailer:
    """One mail server, and the sender in whose name it sends."""

    def __init__(self, url: str, sender: str, *, pause: float = _PAUSE_SECONDS) -> None:
        """SettingsError if `url` is none that mail can be sent over."""
        self._address = _checked(url)
        self._sender = sender
        self._retrying = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, MailError) and error.retry),
            wait=wait_fixed(pause),
            stop=stop_after_attempt(_ATTEMPTS),
            reraise=True,
        )

    def send(self, to: str, email: Email) -> None:
        """Send one e-mail to one address.

        MailError if it was certainly not sent, with `retry` set where it may be later; MailUncertain if that
        cannot be told.
        """
        self._retrying(lambda: self._once(to, email))

    def probe(self, seconds: float = CALL_SECONDS) -> None:
        """Connect, encrypt and log in as `send` does, and leave; nothing is sent, and nothing tried again.

        MailError if mail cannot be sent this way; no word of the server is waited for longer than `seconds`.
        """
        doing = "log in to the mail server"
        with self._explained(doing), self._connection(seconds) as server:
            self._log_in(server, doing)

    def _once(self, to: str, email: Email) -> None:
        with self._explained(_SENDING, to), self._connection(CALL_SECONDS) as server:
            self._log_in(server, _SENDING)
            name, sender = parseaddr(self._sender)
            sender, whom = _in_ascii_domain(sender), _in_ascii_domain(to)
            utf8 = not (sender.isascii() and whom.isascii())
            if utf8 and not server.has_extn("smtputf8"):
                raise _not_in_ascii(to)
            message = _message((name, sender), whom, email).as_bytes(policy=SMTPUTF8 if utf8 else SMTP)
            _ask(server.mail(sender, ["SMTPUTF8", "BODY=8BITMIME"] if utf8 else []), to)
            _ask(server.rcpt(whom), to)
            try:
                failpoint("before an e-mail")
                answer = server.data(message)
                failpoint("after an e-mail")
            except smtplib.SMTPDataError:
                raise
            except (smtplib.SMTPServerDisconnected, OSError) as problem:
                raise MailUncertain(
                    _SENDING,
                    whom=to,
                    cause=f"the connection was lost as it was handed over: {problem}",
                ) from None
            _ask(answer, to)

    @contextmanager
    def _explained(self, doing: str, to: str | None = None) -> Iterator[None]:
        """Turns what the library raises into MailError, without the password, which it may quote."""
        try:
            yield
        except smtplib.SMTPAuthenticationError:
            cause = "the mail server does not accept the user and password of SMTP_URL"
            raise MailError(doing, whom=to, cause=cause, hint="correct SMTP_URL") from None
        except smtplib.SMTPResponseException as refused:
            raise _refused(doing, refused.smtp_code, refused.smtp_error, to) from None
        except ssl.SSLCertVerificationError as problem:
            cause = f"the mail server's certificate is not good: {problem.verify_message}"
            raise MailError(doing, whom=to, cause=cause, hint=_CERTIFIED) from None
        except UnicodeError:
            raise _not_in_ascii(to, doing) from None
        except (smtplib.SMTPException, OSError) as problem:
            where = f"{self._address.hostname}:{self._port}"
            cause = f"{where} did not answer as a mail server does ({type(problem).__name__})"
            raise MailError(doing, whom=to, cause=cause, hint=_SET, retry=True) from None

    @contextmanager
    def _connection(self, seconds: float) -> Iterator[smtplib.SMTP]:
        host = self._address.hostname or ""
        if self._address.scheme == "smtps":
            context = ssl.create_default_context()
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, self._port, timeout=seconds, context=context)
        else:
            server = smtplib.SMTP(host, self._port, timeout=seconds)
        try:
            yield server
            # The e-mail is on its way: a server that does not say goodbye changes nothing.
            _say_goodbye(server)
        finally:
            server.close()

    def _log_in(self, server: smtplib.SMTP, doing: str) -> None:
        server.ehlo_or_helo_if_needed()
        encrypted = self._address.scheme == "smtps"
        if not encrypted and server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
            server.ehlo()
            encrypted = True
        if self._address.username is None:
            return
        if not encrypted and not _is_this_machine(self._address.hostname or ""):
            cause = "the mail server offers no encryption, and the password would be sent in the clear"
            raise MailError(doing, cause=cause, hint=_SET)
        try:
            server.login(unquote(self._address.username), unquote(self._address.password or ""))
        except UnicodeError:
            cause = "the user or password of SMTP_URL has letters that a mail server cannot be told"
            raise MailError(doing, cause=cause, hint="choose a password of ASCII letters") from None

    @property
    def _port(self) -> int:
        return self._address.port or _PORTS[self._address.scheme]


def _checked(url: str) -> SplitResult:
    try:
        address = urlsplit(url)
        usable = address.scheme in _PORTS and bool(address.hostname) and address.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError("send e-mail", cause="SMTP_URL is no address of a mail server", hint=_SET)
    return address


def _in_ascii_domain(address: str) -> str:
    """The address with its domain as mail servers know it; UnicodeError if it can be none."""
    local, at, domain = address.rpartition("@")
    return address if address.isascii() else f"{local}{at}{domain.encode('idna').decode()}"


def _address(address: str, name: str = "") -> Address:
    local, _, domain = address.rpartition("@")
    return Address(name, local, domain)


def _not_in_ascii(to: str | None, doing: str = _SENDING) -> MailError:
    cause = "the address has letters outside ASCII, which the mail server cannot be told (no SMTPUTF8)"
    hint = "write to them another way, or give them another address"
    return MailError(doing, whom=to, cause=cause, hint=hint)


def _message(sender: tuple[str, str], to: str, email: Email) -> EmailMessage:
    """The e-mail as it is sent; MailError if a line of its head would be several."""
    message = EmailMessage()
    try:
        message["From"] = _address(sender[1], sender[0])
        message["To"] = _address(to)
        message["Subject"] = email.subject
    except ValueError as problem:
        cause = f"the head of the e-mail cannot be written: {problem}"
        raise MailError(_SENDING, whom=to, cause=cause) from None
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = make_msgid(domain=sender[1].rpartition("@")[2] or None)
    # Paragraphs are lines, and longer than a mail server takes them.
    message.set_content(email.text, cte="quoted-printable")
    message.add_alternative(email.html, subtype="html", cte="quoted-printable")
    return message


def _ask(answer: tuple[int, bytes], to: str) -> None:
    code, words = answer
    if code >= 300:
        raise _refused(_SENDING, code, words, to)


def _refused(doing: str, code: int, words: bytes | str, to: str | None) -> MailError:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    cause = f"the mail server refused it: {code} {text}"
    # 4xx is "not now", 5xx is "never".
    return MailError(doing, whom=to, cause=cause, retry=400 <= code < 500)


def _say_goodbye(server: smtplib.SMTP) -> None:
    try:
        server.quit()
    except (smtplib.SMTPException, OSError):
        return


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
