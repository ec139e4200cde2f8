"""One customer's record: the owner's schema as typed models, and the document that they are a view of."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationError

from provisioner import timestamps
from provisioner.actor import actor
from provisioner.customers import fields, schema
from provisioner.customers.lifecycle import Status
from provisioner.customers.parts.base import Moment, Part
from provisioner.customers.parts.departure import Handover, Leaving
from provisioner.customers.parts.history import Event, Metadata, Note
from provisioner.customers.parts.setup import Setup
from provisioner.customers.parts.subscription import Subscription
from provisioner.customers.parts.upkeep import Backup, Health, Request, Retry
from provisioner.customers.schema import OLDER_EMAILS
from provisioner.errors import InputError
from provisioner.validation import explain

CLOCK_SET_BACK = "clock_set_back"


class Customer(Part):
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
