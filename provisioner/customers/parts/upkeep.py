"""What is done for a customer again and again, as the record has it."""

from typing import Annotated

from pydantic import Field, StrictInt

from provisioner.customers.parts.base import Moment, Part


class Backup(Part):
    """One backup of the assistant's state; the file is in the workspace's folder of backups."""

    file: Annotated[str, Field(description="its name there")]
    taken_at: Moment
    size: Annotated[StrictInt, Field(description="in bytes")]
    sha256: Annotated[str, Field(description="of the whole file, computed here and on the server")]
    version: Annotated[str, Field(description="of the assistant's software that made it")] | None = None
    droplet_id: Annotated[str, Field(description="the droplet from which it is")] | None = None


class Request(Part):
    """A workflow that a person or an event has asked for; taken out of the record when it is done."""

    workflow: str
    at: Annotated[Moment, Field(description="when it was asked for")]
    by: Annotated[str, Field(description="who has asked: a person's name, Stripe, or the worker")]
    reason: str | None = None


class Retry(Part):
    """The worker's failures with this customer, since something last went well."""

    workflow: str
    failures: StrictInt = 0
    not_before: Annotated[Moment, Field(description="when it is tried again")] | None = None
    error: str | None = None


class Mending(Part):
    """That what is wrong with the customer's server is to be mended, as far as it can be."""

    requested_at: Moment
    by: Annotated[str, Field(description="who has asked for it")] | None = None
    about: Annotated[tuple[str, ...], Field(description="the kinds of problem, in one word each")] = ()


class MendAttempt(Part):
    """The last attempt to mend a kind of problem; written down before anything is done."""

    about: str
    remedy: Annotated[str, Field(description="start, disk, clock or restart")]
    begun_at: Moment
    ended_at: Moment | None = None


class Health(Part):
    """What was wrong with the customer's server when it was looked at last, since it last changed."""

    problems: Annotated[tuple[str, ...], Field(description="what they are about, in one word each")] = ()
    since: Moment | None = None
    mending: Mending | None = None
    attempts: Annotated[
        tuple[MendAttempt, ...], Field(description="the last one for each kind of problem")
    ] = ()
