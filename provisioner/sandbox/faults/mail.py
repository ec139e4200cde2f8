"""The faults of the book for e-mail, at the moment when a mail has been sent whole and awaits its answer."""

import asyncio
from collections.abc import Callable

from aiosmtpd.smtp import SMTP, Envelope

from provisioner.sandbox.faults.rules import WIRE_KINDS, Fault, FaultBook
from provisioner.sandbox.mail.mailbox import ACCEPTED, Delivery

_SERVICE = "mail"
_METHOD = "DATA"
_ROUTE = "mail"
_TRY_LATER = 451
_CUT = 0


def delivery(book: FaultBook) -> Delivery:
    """Accepts mails, but for those that a rule meets; counts all of them under the route `mail`."""

    async def deliver(server: SMTP, envelope: Envelope, accept: Callable[[], None]) -> str:
        book.note_arrival(_SERVICE)
        struck = book.strike(_SERVICE, _METHOD, ",".join(envelope.rcpt_tos))
        fault = next((one for one in struck if one.kind in WIRE_KINDS), None)
        reply = await _reply(fault, server, accept)
        book.note_answer(_SERVICE, _METHOD, _ROUTE, int(reply[:3]) if reply else _CUT)
        return reply

    return deliver


async def _reply(fault: Fault | None, server: SMTP, accept: Callable[[], None]) -> str:
    """The SMTP answer; an empty one goes to a connection that is cut already."""
    if fault is None:
        accept()
        return ACCEPTED
    if fault.kind in ("reset", "drop_after_effect"):
        if fault.kind == "drop_after_effect":
            accept()
        assert isinstance(server.transport, asyncio.Transport)
        server.transport.abort()
        return ""
    if fault.kind == "delay":
        await _in_order(accept, fault.params.seconds, first=fault.params.after_effect)
        return ACCEPTED
    return f"{fault.params.status or _TRY_LATER} {fault.params.message or 'Injected by the sandbox.'}"


async def _in_order(accept: Callable[[], None], seconds: float, *, first: bool) -> None:
    if first:
        accept()
    await asyncio.sleep(seconds)
    if not first:
        accept()
