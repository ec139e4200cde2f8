"""How far a customer's assistant is, and what is being changed about it, as the record has it."""

from typing import Annotated

from pydantic import AliasChoices, Field, StrictBool, StrictInt

from provisioner.customers import schema
from provisioner.customers.lifecycle import SetupStatus
from provisioner.customers.parts.base import Moment, Part
from provisioner.customers.schema import OLDER_EMAILS


class Droplet(Part):
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


class Audit(Part):
    """What the assistant's own security audit found."""

    at: Moment | None = None
    made_on: Annotated[str, Field(description="the droplet on which it was made")] | None = None
    critical: Annotated[tuple[str, ...], Field(description="the titles of what is critical")] = ()
    warnings: StrictInt = 0


class Moltbot(Part):
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


class KeyReplacement(Part):
    """How far it is that another key takes the place of the customer's own."""

    hash: Annotated[str, Field(description="of the new one, until it is on the server")] | None = None
    mark: Annotated[str, Field(description="of the new one, until it is on the server")] | None = None
    old: Annotated[str, Field(description="of the one that goes, once the new one is there")] | None = None
    old_mark: str | None = None
    counted: Annotated[StrictBool, Field(description="whether its spend is carried on already")] = False


class ModelKey(Part):
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


class Link(Part):
    """The customer's personal link to the bot that makes bots; good once, and until it expires."""

    code: Annotated[str, Field(description="secret, until it was used")] | None = None
    manager: Annotated[str, Field(description="the username of the bot that makes bots")] | None = None
    suggested: (
        Annotated[str, Field(description="the username that only this customer is offered for their bot")]
        | None
    ) = None
    expires_at: Moment | None = None
    used_at: Moment | None = None


class Messaging(Part):
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


class Handoff(Part):
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


class SentEmail(Part):
    """An e-mail to the customer; noted before it is sent, so that none goes out twice."""

    reason: str
    to: Annotated[str, Field(description="the address; in older records the one of that time")] | None = None
    begun_at: Moment | None = None
    sent_at: Moment | None = None


class WaitingFor(Part):
    """What a person has to do before the setup can go on."""

    for_: str = Field(alias="for", description="what they have to do")
    of: str | None = Field(default=None, description="who has to do something")
    kind: str | None = Field(default=None, description="by which the step that waits knows what to look for")
    since: Moment | None = None

    def __str__(self) -> str:
        return schema.awaited(self.of, self.for_)


class Restore(Part):
    """A backup that is to take the place of what the assistant knows now."""

    file: Annotated[str, Field(description="where it is")]
    sha256: str
    requested_at: Moment
    placed_at: (
        Annotated[Moment, Field(description="when it took that place; the setup is to go over it")] | None
    ) = None


class Pause(Part):
    """That the customer's assistant stands still while their server stays, and until when."""

    requested_at: Moment
    by: Annotated[str, Field(description="who has asked for it")] | None = None
    reason: str | None = None
    until_paid: Annotated[StrictBool, Field(description="whether a payment ends it")] = False
    paused_at: Annotated[Moment, Field(description="when the assistant was stopped")] | None = None
    undo_at: Annotated[Moment, Field(description="when it was asked to be undone")] | None = None


class Rotation(Part):
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


class Resize(Part):
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


class Before(Part):
    """How the assistant was before its software is replaced: what has to be so afterwards, too."""

    version: str
    ready: Annotated[StrictBool, Field(description="whether the gateway said that everything in it works")]
    channels: Annotated[tuple[str, ...], Field(description="those that were connected")] = ()
    answered: Annotated[StrictBool, Field(description="whether it answered one message")] = False


class Upgrade(Part):
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


class Move(Part):
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


class SystemUpdate(Part):
    """Security updates of the customer's server, and the reboot that they may need."""

    requested_at: Moment
    by: Annotated[str, Field(description="who has asked for it")] | None = None
    at_once: Annotated[StrictBool, Field(description="whether it may be rebooted at any hour")] = False
    installed_at: Moment | None = None
    changed: Annotated[StrictBool, Field(description="whether there were any")] = False
    boot: Annotated[str, Field(description="the boot that is to end; written before it does")] | None = None
    before: Annotated[Before, Field(description="what has to work afterwards, too")] | None = None


class Setup(Part):
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
