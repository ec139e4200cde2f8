"""One field of a record, changed in an operator's words."""

from dataclasses import dataclass

from provisioner.actor import actor
from provisioner.customers.fields import find_field
from provisioner.customers.record import Customer, Record
from provisioner.customers.rules import check_id, check_move, check_setup_move
from provisioner.customers.stated import checked_value
from provisioner.secrets import MASK, is_secret_path

_MOVES = {"status": check_move, "setup.status": check_setup_move}


@dataclass(frozen=True)
class Change:
    """A field's old and new value, in words; secrets are hidden."""

    path: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.path} = {self.new} (was {self.old})"


def change_field(record: Record, path: str, word: str, *, force: bool = False) -> Change:
    """Set the field to what `word` means for it, with a `field_updated` event.

    InputError for an unknown field, a word that it cannot hold, and, unless forced, for a move of a status
    that is not legal; the record is then as it was.
    """
    old = record.get(path)
    new = find_field(Customer, record.data, path).parse(word, old)
    if path in _MOVES and not force:
        _MOVES[path](str(_typed(record, path)), str(new))
    if isinstance(new, str):
        new = checked_value(path, new)
    if path == "id":
        check_id(record.customer, str(new))
    record.set(path, new)
    change = Change(path, _shown(path, old), _shown(path, new))
    record.add_event("field_updated", str(change), by=actor())
    return change


def _typed(record: Record, path: str) -> str:
    customer = record.customer
    return customer.status if path == "status" else customer.setup.status


def _shown(path: str, value: object) -> str:
    if value is None:
        return "null"
    if is_secret_path(path):
        return MASK
    return str(value).lower() if isinstance(value, bool) else str(value)
