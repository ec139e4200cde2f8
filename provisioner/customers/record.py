"""One customer's record: the owner's schema as typed models, and the document that they are a view of."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StrictBool, StrictInt, ValidationError
from pydantic.alias_generators import to_camel

from provisioner import timestamps
from provisioner.actor import actor
from provisioner.customers import fields, schema
from provisioner.customers.lifecycle import SetupStatus, Status
from provisioner.customers.schema import OLDER_EMAILS
from provisioner.errors import InputError
from provisioner.validation import explain

Moment = Annotated[str, Field(pattern=schema.MOMENT, description="ISO-8601 in UTC: 2026-01-29T05:54:00Z")]


CLOCK_SET_BACK = "clock_set_back"


class _Part(BaseModel):
    # The owner's script turned everything numeric into numbers, ids too: they are read as text.
    model_config = ConfigDict(
        frozen=True, extra="allow", alias_generator=to_camel, coerce_numbers_to_str=True
    )


class PaidItem(_Part):
    """One thing that a subscription is for; one without `unitAmount` has tiers, or parts of a cent."""

    price: str | None = None
    unit_amount: (
        Annotated[StrictInt, Field(description="in the smallest unit of the currency, for one period")] | None
    ) = None
    unit_amount_decimal: str | None = None
    quantity: StrictInt = 1
    interval: str | None = None
    interval_count: StrictInt = 1
    metered: StrictBool = False


class SubscriptionChange(_Part):
    """What was paid from `at` on; all of them together tell what was paid when."""

    at: Moment
    kind: Annotated[str, Field(description="created, updated, deleted, paused, resumed or synced")]
    event: Annotated[str | None, Field(description="Stripe's id of the event that said so")] = None
    changed: Annotated[tuple[str, ...], Field(description="what the event said had changed")] = ()
    subscription: str
    status: str
    items: tuple[PaidItem, ...] = ()
    currency: str | None = None
    lasting_discount: Annotated[dict[str, Any], Field(description="percentOff or amountOff")] | None = None
    discounts: Annotated[tuple[str, ...], Field(description="ids of those of which no more is known")] = ()
    cancel_at: Moment | None = None
    paused: (
        Annotated[str, Field(description="what becomes of invoices while collection is paused")] | None
    ) = None


class KnownSubscription(_Part):
    """One of the customer's subscriptions at Stripe, as it was last said to be."""

    id: str
    stripe_customer_id: str | None = None
    status: str | None = None
    price_id: str | None = None
    plan: str | None = None
    amount: StrictInt | None = None
    currency: str | None = None
    interval: str | None = None
    current_period_end: Moment | None = None
    cancel_at: Annotated[Moment, Field(description="when it is going to end")] | None = None
    start_date: Moment | None = None
    ended_at: Moment | None = None
    livemode: StrictBool | None = None
    as_of: Annotated[Moment, Field(description="when Stripe said so")] | None = None
    as_of_event: str | None = None
    as_of_kind: str | None = None
    as_of_changed: Annotated[tuple[str, ...], Field(description="what that event said had changed")] = ()
    checkout_session_id: str | None = None
    checkout_amount: StrictInt | None = None
    checkout_currency: str | None = None
    signed_up_at: Annotated[Moment, Field(description="when the checkout was finished")] | None = None
    paid_at: Annotated[Moment, Field(description="when it was first paid, as far as is known")] | None = None
    messaging_name: Annotated[str, Field(description="what the customer gave as theirs")] | None = None


class AddressDue(_Part):
    """The customer's new address, of which Stripe is still to be told."""

    email: str
    key: Annotated[str, Field(description="under which Stripe takes the change once")]
    since: Moment


class Subscription(_Part):
    """What the customer pays, as Stripe has it."""

    stripe_subscription_id: str | None = None
    stripe_price_id: str | None = None
    stripe_customer_id: Annotated[str, Field(description="whom Stripe's events name: cus_…")] | None = None
    plan: str | None = None
    amount: (
        Annotated[
            StrictInt, Field(ge=0, description="for one interval, in the smallest unit of the currency")
        ]
        | None
    ) = None
    currency: str | None = None
    interval: Annotated[str, Field(description="day, week, month or year; a month if absent")] | None = None
    status: str | None = None
    current_period_end: Moment | None = None
    cancel_at: Annotated[Moment, Field(description="when it is going to end")] | None = None
    ended_at: Moment | None = None
    livemode: StrictBool | None = None
    unpaid_handled: (
        Annotated[Moment, Field(description="since when it was unpaid, when the policy was last carried out")]
        | None
    ) = None
    address_due: AddressDue | None = None
    contact_as_of: (
        Annotated[str, Field(description="when Stripe last said name and address, and in which event")] | None
    ) = None
    known: Annotated[
        tuple[KnownSubscription, ...], Field(description="every subscription that the customer has had")
    ] = ()
    changes: Annotated[
        tuple[SubscriptionChange, ...], Field(description="what was paid when; it only ever grows")
    ] = ()


class Droplet(_Part):
    """The customer's server. Name, tag and host key are written before it is asked for."""

    provider: str | None = None
    id: str | None = None
    ip: str | None = None
    created: Moment | None = None
    name: Annotated[str, Field(description="the droplet's name, unique to this customer")] | None = None
    tag: Annotated[str, Field(description="the droplet's tag, unique to this customer")] | None = None
    host_key: Annotated[str, Field(description="the public half of the server's SSH host key")] | None = None
    next_host_key: Annotated[str, Field(description="the one that is about to take its place")] | None = None
    host_key_renewed: (
        Annotated[Moment, Field(description="when the server got a key that no user data has held")] | None
    ) = None
    requested_at: Annotated[Moment, Field(description="when its creation was last asked for")] | None = None
    region: Annotated[str, Field(description="where it is; before that, where it is wanted")] | None = None
    size: Annotated[str, Field(description="its size; before that, the size wanted")] | None = None
    image: (
        Annotated[str, Field(description="what it was asked for with: a slug, or a snapshot's id")] | None
    ) = None
    pool: Annotated[str, Field(description="its name before, if it was taken from the pool")] | None = None
    operator_keys: Annotated[
        tuple[str, ...],
        Field(description="the SSH keys of the operator's that it was seen to take, since one was replaced"),
    ] = ()


class Audit(_Part):
    """What the assistant's own security audit found."""

    at: Moment | None = None
    made_on: Annotated[str, Field(description="the droplet on which it was made")] | None = None
    critical: Annotated[tuple[str, ...], Field(description="the titles of what is critical")] = ()
    warnings: StrictInt = 0


class Moltbot(_Part):
    """The assistant's software on the server."""

    installed: StrictBool = False
    installed_at: Moment | None = None
    version: str | None = None
    droplet_id: Annotated[str, Field(description="the droplet that it was installed on")] | None = None
    model: (
        Annotated[str, Field(description="the model that is wanted for this customer, whatever else says")]
        | None
    ) = None
    pinned_version: (
        Annotated[str, Field(description="the version that this customer is to have, whatever else says")]
        | None
    ) = None
    applied: (
        Annotated[dict[str, str], Field(description="what the server was brought to, in parts")] | None
    ) = None
    audit: Audit | None = None


class KeyReplacement(_Part):
    """How far it is that another key takes the place of the customer's own."""

    hash: Annotated[str, Field(description="of the new one, until it is on the server")] | None = None
    mark: Annotated[str, Field(description="of the new one, until it is on the server")] | None = None
    old: Annotated[str, Field(description="of the one that goes, once the new one is there")] | None = None
    old_mark: str | None = None
    counted: Annotated[StrictBool, Field(description="whether its spend is carried on already")] = False


class ModelKey(_Part):
    """The customer's own key for the model; the key itself is on their server alone, and never here."""

    provider: str | None = None
    name: Annotated[str, Field(description="what it is called there")] | None = None
    requested_at: (
        Annotated[Moment, Field(description="when it was asked for; null: there is none")] | None
    ) = None
    hash: Annotated[str, Field(description="what the provider calls it")] | None = None
    mark: Annotated[str, Field(description="in the name of its file on the server")] | None = None
    placed_on: Annotated[str, Field(description="the droplet that has it")] | None = None
    budget: (
        Annotated[StrictInt, Field(ge=1, description="dollars a month; the settings' where there is none")]
        | None
    ) = None
    stopped: Annotated[StrictBool, Field(description="a person has stopped it")] = False
    limit: Annotated[StrictInt, Field(description="in cents, as the provider was last told")] | None = None
    disabled: Annotated[StrictBool, Field(description="whether the provider was told to refuse it")] = False
    checked_at: Annotated[Moment, Field(description="when its spend was last asked for")] | None = None
    spend: Annotated[dict[str, StrictInt], Field(description="in cents, by month (UTC): 2026-11")] | None = (
        None
    )
    carried: (
        Annotated[dict[str, StrictInt], Field(description="the part of it that earlier keys have spent")]
        | None
    ) = None
    told: Annotated[tuple[str, ...], Field(description="what was said about this month's budget")] = ()
    replacement: KeyReplacement | None = None


class Link(_Part):
    """The customer's personal link to the bot that makes bots; good once, and until it expires."""

    code: Annotated[str, Field(description="secret, until it was used")] | None = None
    manager: Annotated[str, Field(description="the username of the bot that makes bots")] | None = None
    suggested: (
        Annotated[str, Field(description="the username that only this customer is offered for their bot")]
        | None
    ) = None
    expires_at: Moment | None = None
    used_at: Moment | None = None


class Messaging(_Part):
    """How the customer talks to their assistant."""

    platform: str | None = None
    connected: StrictBool = False
    connected_over: Annotated[str, Field(description="the platform over which it was connected")] | None = (
        None
    )
    username: str | None = None
    bot_token: Annotated[str, Field(description="secret")] | None = None
    user_id: Annotated[str, Field(description="the customer's numeric id on the platform")] | None = None
    bot_id: Annotated[str, Field(description="the bot's numeric id on the platform")] | None = None
    bot_username: Annotated[str, Field(description="the bot's username, without @")] | None = None
    managed: Annotated[StrictBool, Field(description="the customer made the bot over the link")] = False
    link: Link | None = None
    told: Annotated[tuple[str, ...], Field(description="what the manager bot has told them already")] = ()
    droplet_id: Annotated[str, Field(description="the droplet on which it was connected")] | None = None

    @property
    def platform_name(self) -> str:
        """The platform's name in small letters: Telegram where none was chosen."""
        return schema.platform_named(self.platform)


class Handoff(_Part):
    """The first message to the customer, with which the setup ends."""

    completed: StrictBool = False
    completed_at: Moment | None = None
    onboarding_message_sent: StrictBool = False
    droplet_id: Annotated[str, Field(description="the droplet on which the customer was told")] | None = None
    answered_on: Annotated[str, Field(description="the droplet whose assistant has answered us")] | None = (
        None
    )
    message_id: (
        Annotated[
            str, Field(description="of the onboarding message, written when only its beginning is sent")
        ]
        | None
    ) = None


class SentEmail(_Part):
    """An e-mail to the customer; noted before it is sent, so that none goes out twice."""

    reason: str
    to: Annotated[str, Field(description="the address; in older records the one of that time")] | None = None
    begun_at: Moment | None = None
    sent_at: Moment | None = None


class WaitingFor(_Part):
    """What a person has to do before the setup can go on."""

    for_: str = Field(alias="for", description="what they have to do")
    of: str | None = Field(default=None, description="who has to do something")
    kind: str | None = Field(default=None, description="by which the step that waits knows what to look for")
    since: Moment | None = None

    def __str__(self) -> str:
        return schema.awaited(self.of, self.for_)


class Restore(_Part):
    """A backup that is to take the place of what the assistant knows now."""

    file: Annotated[str, Field(description="where it is")]
    sha256: str
    requested_at: Moment
    placed_at: (
        Annotated[Moment, Field(description="when it took that place; the setup is to go over it")] | None
    ) = None


class Pause(_Part):
    """That the customer's assistant stands still while their server stays, and until when."""

    requested_at: Moment
    by: Annotated[str, Field(description="who has asked for it")] | None = None
    reason: str | None = None
    until_paid: Annotated[StrictBool, Field(description="whether a payment ends it")] = False
    paused_at: Annotated[Moment, Field(description="when the assistant was stopped")] | None = None
    undo_at: Annotated[Moment, Field(description="when it was asked to be undone")] | None = None


class Rotation(_Part):
    """A secret of the customer's assistant in whose place another one is being put."""

    kind: Annotated[str, Field(description="which one: gateway-token, bot-token or model-key")]
    requested_at: Moment
    by: Annotated[str, Field(description="who has asked for it")] | None = None
    old_token: (
        Annotated[str, Field(description="secret; the one that is to be seen refused in the end")] | None
    ) = None
    proven_at: (
        Annotated[Moment, Field(description="when the new one was taken, and the old one refused")] | None
    ) = None


class Resize(_Part):
    """That the customer's server is to have another size, and how far that is."""

    requested_at: Moment
    by: Annotated[str, Field(description="who has asked for it")] | None = None
    from_: Annotated[str, Field(description="the size before")] = Field(alias="from")
    to: Annotated[str, Field(description="the size that is wanted")]
    disk: Annotated[StrictBool, Field(description="whether the disk is to grow too, for good")] = False
    off_at: Annotated[Moment, Field(description="when the server was switched off for it")] | None = None
    resized_at: Moment | None = None
    refused: (
        Annotated[str, Field(description="why it cannot be; the server is to run again as it was")] | None
    ) = None


class Before(_Part):
    """How the assistant was before its software is replaced: what has to be so afterwards, too."""

    version: str
    ready: Annotated[StrictBool, Field(description="whether the gateway said that everything in it works")]
    channels: Annotated[tuple[str, ...], Field(description="those that were connected")] = ()
    answered: Annotated[StrictBool, Field(description="whether it answered one message")] = False


class Upgrade(_Part):
    """Another version of the assistant's software, on its way to the server or back."""

    version: Annotated[str, Field(description="the one that is to run")]
    requested_at: Moment
    by: Annotated[str, Field(description="who has asked for it")] | None = None
    older: Annotated[StrictBool, Field(description="whether it may be older than the one that runs")] = False
    before: Before | None = None
    backup: Annotated[str, Field(description="the file of the backup that was taken for it")] | None = None
    prepared_at: Annotated[Moment, Field(description="when the new one lay beside the old one")] | None = None
    switching_at: Annotated[Moment, Field(description="written before the old one stands aside")] | None = (
        None
    )
    switched_at: Annotated[Moment, Field(description="when the new one was in its place")] | None = None
    passed_at: Annotated[Moment, Field(description="when it had shown that it works")] | None = None
    failed: Annotated[str, Field(description="why the old one comes back")] | None = None


class Move(_Part):
    """That the customer's server is to be in another region, and how far that is.

    Until the customer is there, the new server stands in `droplet`; from then on the old one does in `from`.
    """

    requested_at: Moment
    by: Annotated[str, Field(description="who has asked for it")] | None = None
    region: str
    grace_days: Annotated[StrictInt, Field(ge=0, description="how long the old server stays after that")]
    droplet: Droplet = Droplet()
    prepared_at: Annotated[Moment, Field(description="when all software was on the new one")] | None = None
    backup: (
        Annotated[
            str, Field(description="the backup that is brought there, taken from the stopped assistant")
        ]
        | None
    ) = None
    from_: Droplet | None = Field(default=None, alias="from")
    switched_at: (
        Annotated[Moment, Field(description="from when on the new one is the customer's server")] | None
    ) = None
    proven_at: Annotated[Moment, Field(description="when the assistant had answered there")] | None = None
    destroy_at: Annotated[Moment, Field(description="from when on the old one may be destroyed")] | None = (
        None
    )
    undo_at: Annotated[Moment, Field(description="when it was asked to be given up")] | None = None


class SystemUpdate(_Part):
    """Security updates of the customer's server, and the reboot that they may need."""

    requested_at: Moment
    by: Annotated[str, Field(description="who has asked for it")] | None = None
    at_once: Annotated[StrictBool, Field(description="whether it may be rebooted at any hour")] = False
    installed_at: Moment | None = None
    changed: Annotated[StrictBool, Field(description="whether there were any")] = False
    boot: Annotated[str, Field(description="the boot that is to end; written before it does")] | None = None
    before: Annotated[Before, Field(description="what has to work afterwards, too")] | None = None


class Setup(_Part):
    """How far the customer's assistant is."""

    status: SetupStatus = "pending"
    droplet: Droplet = Droplet()
    moltbot: Moltbot = Moltbot()
    model_key: ModelKey = ModelKey()
    messaging: Messaging = Messaging()
    handoff: Handoff = Handoff()
    restore: Restore | None = None
    pause: Pause | None = None
    rotation: Rotation | None = None
    resize: Resize | None = None
    upgrade: Upgrade | None = None
    system_update: SystemUpdate | None = None
    move: Move | None = None
    waiting: WaitingFor | None = None
    emails: tuple[SentEmail, ...] = Field(default=(), validation_alias=AliasChoices("emails", OLDER_EMAILS))


class Backup(_Part):
    """One backup of the assistant's state; the file is in the workspace's folder of backups."""

    file: Annotated[str, Field(description="its name there")]
    taken_at: Moment
    size: Annotated[StrictInt, Field(description="in bytes")]
    sha256: Annotated[str, Field(description="of the whole file, computed here and on the server")]
    version: Annotated[str, Field(description="of the assistant's software that made it")] | None = None
    droplet_id: Annotated[str, Field(description="the droplet from which it is")] | None = None


class Leaving(_Part):
    """How a customer leaves: what was asked for, and how far it is."""

    requested_at: Moment
    by: Annotated[str, Field(description="who has asked for it")] | None = None
    reason: str | None = None
    stop_at: Annotated[Moment, Field(description="from when on their assistant is to be stopped")]
    grace_days: Annotated[StrictInt, Field(ge=0, description="how long the server stays after that")]
    without_backup: Annotated[StrictBool, Field(description="whether it may go with all that is on it")] = (
        False
    )
    status_before: Status | None = None
    stopped_at: Moment | None = None
    backup: Annotated[str, Field(description="the file of the last backup")] | None = None
    destroy_at: Annotated[Moment, Field(description="from when on the droplet may be destroyed")] | None = (
        None
    )
    destroying_at: Annotated[Moment, Field(description="written before it is destroyed")] | None = None
    tags: Annotated[tuple[str, ...], Field(description="those that are to go with the droplet")] = ()
    destroyed_at: Moment | None = None
    tidied_at: Moment | None = None
    ended_at: Moment | None = None
    undo_at: Annotated[Moment, Field(description="when it was asked to be undone")] | None = None


class Proven(_Part):
    """What became of one secret, or of one way in, when the server was handed over."""

    what: Annotated[str, Field(description="which one")]
    done: str
    proof: Annotated[str, Field(description="how it was seen to be so")]


class Handover(_Part):
    """How the server becomes the customer's own: what was asked for, and how far it is."""

    requested_at: Moment
    by: Annotated[str, Field(description="who has asked for it")] | None = None
    ssh_key: Annotated[str, Field(description="the public key with which the customer logs in")]
    key_file: Annotated[str, Field(description="where its private half is, to be tried once")] | None = None
    by_word: Annotated[StrictBool, Field(description="whether the customer says that they can log in")] = (
        False
    )
    own_model_key: Annotated[StrictBool, Field(description="whether they have given one of their own")] = (
        False
    )
    model_key_file: (
        Annotated[str, Field(description="where the customer puts one on the server, if they have not")]
        | None
    ) = None
    api_key: Annotated[str, Field(description="secret; that key, until it is on the server")] | None = None
    key_proven_at: Annotated[Moment, Field(description="when the customer was seen to get in")] | None = None
    bot_at: Annotated[Moment, Field(description="when the bot's token was replaced")] | None = None
    gateway_at: Annotated[Moment, Field(description="when the gateway's was")] | None = None
    model_key_at: Annotated[Moment, Field(description="when our key for the model was gone")] | None = None
    cleaned_at: Annotated[Moment, Field(description="when nothing else of ours was there")] | None = None
    forgotten_at: Annotated[Moment, Field(description="when no secret of theirs was here")] | None = None
    locking_at: Annotated[Moment, Field(description="written before our own way in is taken away")] | None = (
        None
    )
    locked_at: Annotated[Moment, Field(description="when the server was seen to refuse us")] | None = None
    ended_at: Moment | None = None
    report: tuple[Proven, ...] = ()


class Note(_Part):
    """Something to know about this customer."""

    timestamp: Moment
    note: str


class Event(_Part):
    """Something that happened."""

    timestamp: Moment
    event: str
    details: str | None = None
    by: Annotated[str, Field(description="whose doing it was")] | None = None
    stripe_event: Annotated[str, Field(description="Stripe's id of the event that said so")] | None = None


class Request(_Part):
    """A workflow that a person or an event has asked for; taken out of the record when it is done."""

    workflow: str
    at: Annotated[Moment, Field(description="when it was asked for")]
    by: Annotated[str, Field(description="who has asked: a person's name, Stripe, or the worker")]
    reason: str | None = None


class Retry(_Part):
    """The worker's failures with this customer, since something last went well."""

    workflow: str
    failures: StrictInt = 0
    not_before: Annotated[Moment, Field(description="when it is tried again")] | None = None
    error: str | None = None


class Mending(_Part):
    """That what is wrong with the customer's server is to be mended, as far as it can be."""

    requested_at: Moment
    by: Annotated[str, Field(description="who has asked for it")] | None = None
    about: Annotated[tuple[str, ...], Field(description="the kinds of problem, in one word each")] = ()


class MendAttempt(_Part):
    """The last attempt to mend a kind of problem; written down before anything is done."""

    about: str
    remedy: Annotated[str, Field(description="start, disk, clock or restart")]
    begun_at: Moment
    ended_at: Moment | None = None


class Health(_Part):
    """What was wrong with the customer's server when it was looked at last, since it last changed."""

    problems: Annotated[tuple[str, ...], Field(description="what they are about, in one word each")] = ()
    since: Moment | None = None
    mending: Mending | None = None
    attempts: Annotated[
        tuple[MendAttempt, ...], Field(description="the last one for each kind of problem")
    ] = ()


class Metadata(_Part):
    """Where the customer came from."""

    source: str | None = None
    referrer: str | None = None
    landing_page: str | None = None


class Customer(_Part):
    """A customer, as their file has it; keys that are not named here are allowed at every level."""

    id: Annotated[str, Field(pattern=schema.ID, description="unique, never changes")]
    email: Annotated[str, Field(pattern=schema.ADDRESS)]
    name: str | None = None
    signup_date: Moment | None = None
    status: Status
    subscription: Subscription = Subscription()
    setup: Setup = Setup()
    backups: Annotated[tuple[Backup, ...], Field(description="those that are kept, the oldest first")] = ()
    requests: tuple[Request, ...] = ()
    retry: Retry | None = None
    health: Health | None = None
    leaving: Leaving | None = None
    handover: Handover | None = None
    notes: tuple[Note, ...] = ()
    timeline: tuple[Event, ...] = ()
    metadata: Metadata = Metadata()


class Record:
    """A customer's whole document, in its order and with everything in it, and its typed view."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        """`data` is what the store holds; InputError with every field that is wrong."""
        self._data: dict[str, Any] = _with_present_names(data)
        self._customer: Customer | None = _check(self._data)

    @property
    def data(self) -> Mapping[str, Any]:
        """The document; to be changed by the methods here alone, or as a whole."""
        return self._data

    @data.setter
    def data(self, data: Mapping[str, Any]) -> None:
        changed = _with_present_names(data)
        self._customer = _check(changed, "change the record")
        self._data = changed

    @property
    def customer(self) -> Customer:
        """The typed view of the document as it stands."""
        if self._customer is None:
            self._customer = _check(self._data)
        return self._customer

    def get(self, path: str) -> Any:
        """The value at a dotted path as the document has it; None where nothing is."""
        return fields.value_at(self._data, path)

    def set(self, path: str, value: object) -> None:
        """Put a value at a dotted path; as `update`."""
        self.update({path: value})

    def update(self, values: Mapping[str, object]) -> None:
        """Put values at dotted paths, all or none; missing groups on the way are made.

        InputError for a field that neither the schema nor this document has, for a value that the field
        cannot hold, and for history, which only grows; the document is then as it was.
        """
        if not values:
            return
        changed = self._data
        for path, value in values.items():
            field = fields.find_field(Customer, changed, path)
            changed = fields.with_value(changed, path, field.stored(value))
        self._customer = _check(changed, f"set {', '.join(values)}")
        self._data = changed

    def add_event(self, event: str, details: str, **more: str) -> None:
        """Append to the timeline; the time is now, and never before the last one in the document.

        `more` are other keys of the entry, such as whose doing it was (`by`).

        Where that one is ahead of our clock by more than clocks differ, one of them was wrong: an event
        CLOCK_SET_BACK says so, and time goes on from here.
        """
        self._append("timeline", {"event": event, "details": details, **more})

    def add_note(self, text: str) -> None:
        """Append to the notes, and `note_added` to the timeline."""
        self._append("notes", {"note": text})
        self.add_event("note_added", text, by=actor())

    def _append(self, key: str, entry: Mapping[str, str]) -> None:
        customer = self.customer
        latest = _latest(customer)
        if latest is not None and timestamps.went_back(latest):
            details = f"The clock was at {latest} before; one of the two times is wrong"
            self._put("timeline", timestamps.now(), {"event": CLOCK_SET_BACK, "details": details})
            latest = None
        self._put(key, timestamps.now_or_latest([latest] if latest else []), entry)

    def _put(self, key: str, moment: str, entry: Mapping[str, str]) -> None:
        stamped = {"timestamp": moment, **entry}
        self._data = {**self._data, key: [*(self._data.get(key) or []), stamped]}
        self._customer = None


def _latest(customer: Customer) -> str | None:
    """The last moment in a customer's history; what was written before their clock was set back is past."""
    events = [event.timestamp for event in customer.timeline]
    notes = [note.timestamp for note in customer.notes]
    corrected = [i for i, event in enumerate(customer.timeline) if event.event == CLOCK_SET_BACK]
    if corrected:
        events = events[corrected[-1] :]
        notes = [moment for moment in notes if not timestamps.went_back(moment)]
    return max([*events, *notes], key=timestamps.order, default=None)


def _with_present_names(data: Mapping[str, Any]) -> dict[str, Any]:
    """The document with what older versions have noted under `setup.letters` in `setup.emails`."""
    setup = data.get("setup")
    if not isinstance(setup, dict) or OLDER_EMAILS not in setup:
        return dict(data)
    older, emails = setup[OLDER_EMAILS], setup.get("emails", [])
    if isinstance(older, list) and isinstance(emails, list):
        emails = [*older, *(one for one in emails if one not in older)]
    elif "emails" not in setup:
        emails = older
    others = {key: value for key, value in setup.items() if key != "emails"}
    renamed = {("emails" if key == OLDER_EMAILS else key): value for key, value in others.items()}
    return {**data, "setup": {**renamed, "emails": emails}}


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a customer's file."""
    schema = Customer.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _check(data: Mapping[str, Any], doing: str = "read the record") -> Customer:
    try:
        return Customer.model_validate(data)
    except ValidationError as problem:
        raise InputError(doing, cause=explain(problem, "the document")) from None
