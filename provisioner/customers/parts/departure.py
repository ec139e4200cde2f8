"""How a customer leaves, or takes their server over, as the record has it."""

from typing import Annotated

from pydantic import Field, StrictBool, StrictInt

from provisioner.customers.lifecycle import Status
from provisioner.customers.parts.base import Moment, Part


class Leaving(Part):
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


class Proven(Part):
    """What became of one secret, or of one way in, when the server was handed over."""

    what: Annotated[str, Field(description="which one")]
    done: str
    proof: Annotated[str, Field(description="how it was seen to be so")]


class Handover(Part):
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
