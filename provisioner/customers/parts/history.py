"""What has happened with a customer, and where they came from, as the record has it."""

from typing import Annotated

from pydantic import Field

from provisioner.customers.parts.base import Moment, Part


class Note(Part):
    """Something to know about this customer."""

    timestamp: Moment
    note: str


class Event(Part):
    """Something that happened."""

    timestamp: Moment
    event: str
    details: str | None = None
    by: Annotated[str, Field(description="whose doing it was")] | None = None
    stripe_event: Annotated[str, Field(description="Stripe's id of the event that said so")] | None = None


class Metadata(Part):
    """Where the customer came from."""

    source: str | None = None
    referrer: str | None = None
    landing_page: str | None = None
