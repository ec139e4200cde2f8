"""What a list shows of a customer, for who reads thousands: a part of a `Customer`, several times as fast.

What is read here has the values and keeps the rules that it has in `record`; nothing else is looked at but
whether it is JSON. What cannot be read may be a record all the same, as with a number in a text's place: then
`record` decides.
"""

from typing import TYPE_CHECKING, Annotated, TypeAlias

from msgspec import DecodeError, Meta, Struct, field, json

from provisioner.customers import schema
from provisioner.customers.lifecycle import SetupStatus, Status

if TYPE_CHECKING:
    from provisioner.customers import record
    from provisioner.customers.parts import departure, setup


def _exactly(pattern: str) -> str:
    """For Python's regular expressions, whose `$` is met before a last newline too."""
    return pattern.removesuffix("$") + r"\Z"


Moment = Annotated[str, Meta(pattern=_exactly(schema.MOMENT))]


class _Part(Struct, rename="camel", frozen=True, gc=False):
    pass


class Droplet(_Part, frozen=True):
    id: str | None = None
    ip: str | None = None
    tag: str | None = None
    host_key: str | None = None


class Moltbot(_Part, frozen=True):
    installed: bool = False
    version: str | None = None
    droplet_id: str | None = None


class Messaging(_Part, frozen=True):
    platform: str | None = None
    connected: bool = False
    connected_over: str | None = None
    user_id: str | None = None
    bot_username: str | None = None
    droplet_id: str | None = None

    @property
    def platform_name(self) -> str:
        return schema.platform_named(self.platform)


class Handoff(_Part, frozen=True):
    completed: bool = False
    droplet_id: str | None = None


class WaitingFor(_Part, frozen=True):
    for_: str = field(name="for")
    of: str | None = None
    since: Moment | None = None

    def __str__(self) -> str:
        return schema.awaited(self.of, self.for_)


class Leaving(_Part, frozen=True):
    stop_at: Moment
    stopped_at: Moment | None = None
    destroy_at: Moment | None = None
    ended_at: Moment | None = None
    undo_at: Moment | None = None


class Handover(_Part, frozen=True):
    requested_at: Moment
    ended_at: Moment | None = None


class Pause(_Part, frozen=True):
    requested_at: Moment
    until_paid: bool = False
    paused_at: Moment | None = None
    undo_at: Moment | None = None


class Resize(_Part, frozen=True):
    requested_at: Moment
    to: str
    disk: bool = False


class Upgrade(_Part, frozen=True):
    version: str
    requested_at: Moment
    failed: str | None = None


class Move(_Part, frozen=True):
    requested_at: Moment
    region: str
    proven_at: Moment | None = None


class Setup(_Part, frozen=True):
    status: SetupStatus = "pending"
    droplet: Droplet = Droplet()
    moltbot: Moltbot = Moltbot()
    messaging: Messaging = Messaging()
    handoff: Handoff = Handoff()
    pause: Pause | None = None
    resize: Resize | None = None
    upgrade: Upgrade | None = None
    move: Move | None = None
    waiting: WaitingFor | None = None


class Subscription(_Part, frozen=True):
    status: str | None = None


class Retry(_Part, frozen=True):
    workflow: str
    failures: int = 0
    not_before: Moment | None = None
    error: str | None = None


class Health(_Part, frozen=True):
    problems: tuple[str, ...] = ()
    since: Moment | None = None


class Request(_Part, frozen=True):
    workflow: str
    at: Moment
    by: str


class CustomerView(_Part, frozen=True):
    """The fields of `record.Customer` that say who it is and how far they are."""

    id: Annotated[str, Meta(pattern=_exactly(schema.ID))]
    email: Annotated[str, Meta(pattern=_exactly(schema.ADDRESS))]
    status: Status
    name: str | None = None
    signup_date: Moment | None = None
    subscription: Subscription = Subscription()
    setup: Setup = Setup()
    leaving: Leaving | None = None
    handover: Handover | None = None
    requests: tuple[Request, ...] = ()
    retry: Retry | None = None
    health: Health | None = None


AnyCustomer: TypeAlias = "record.Customer | CustomerView"
"""For whom it makes no difference how the customer was read."""
AnyLeaving: TypeAlias = "departure.Leaving | Leaving"
AnyPause: TypeAlias = "setup.Pause | Pause"
AnyUpgrade: TypeAlias = "setup.Upgrade | Upgrade"

_DECODER = json.Decoder(CustomerView)


def view_of(raw: bytes) -> CustomerView | None:
    """The customer in a record's text; None where `record` has to be asked."""
    try:
        # The decoder does not look into the texts that it skips.
        if not raw.isascii():
            raw.decode("utf-8")
        return _DECODER.decode(raw)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return None
