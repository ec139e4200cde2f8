"""What comes at the webhook: verified, of the right mode, and on disk, or refused."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from provisioner.payments.events import TYPES, read_event
from provisioner.payments.inbox import Inbox
from provisioner.services.stripe.errors import WebhookRefused
from provisioner.services.stripe.webhook import prepare, verify

_MODES = {True: "of the live mode", False: "of the test mode"}
Receipt = Literal["new", "again", "unwanted"]


@dataclass(frozen=True)
class Receiver:
    """The receiving end of one endpoint at Stripe."""

    inbox: Inbox
    secrets: Sequence[str]
    livemode: bool
    """Whether events are about real money; those of the other mode are refused."""

    def __post_init__(self) -> None:
        prepare()

    def receive(self, body: bytes, signature: str | None) -> Receipt:
        """Have the event on disk when this returns, unless it means nothing to us.

        WebhookRefused or StrangeEvent for what is none of ours; another error if it cannot be written, so
        that Stripe has to send it again.
        """
        text = verify(body, signature, self.secrets)
        envelope, document = read_event(text)
        if envelope.livemode != self.livemode:
            raise WebhookRefused(
                "take the event",
                whom=envelope.id,
                cause=f"it is {_MODES[envelope.livemode]}, and this workspace {_MODES[self.livemode]}",
                hint="see [stripe] mode in provisioner.toml",
            )
        if envelope.type not in TYPES:
            return "unwanted"
        return "new" if self.inbox.receive(envelope, document) else "again"
