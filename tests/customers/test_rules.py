import itertools
from typing import Any

import pytest

from provisioner.customers.lifecycle import SETUP_STATUSES, STATUSES
from provisioner.customers.record import Record
from provisioner.customers.rules import (
    check_change,
    check_id,
    check_move,
    check_setup_move,
    is_meant,
    is_renamed,
    refuse_shared_subscription,
)
from provisioner.errors import InputError, RecordError
from tests.customers.examples import documented

LEGAL = {
    ("pending_setup", "in_progress"),
    ("pending_setup", "active"),
    ("in_progress", "active"),
    ("active", "handed_over"),
    *((status, "cancelled") for status in STATUSES),
    *((status, status) for status in STATUSES),
}
SETUP_LEGAL = {
    ("pending", "in_progress"),
    ("in_progress", "complete"),
    ("complete", "in_progress"),
    *((status, status) for status in SETUP_STATUSES),
}


@pytest.mark.parametrize(("old", "new"), list(itertools.product(STATUSES, STATUSES)))
def test_only_the_legal_moves_of_a_status_pass(old: str, new: str) -> None:
    if (old, new) in LEGAL:
        check_move(old, new)
    else:
        with pytest.raises(InputError):
            check_move(old, new)


@pytest.mark.parametrize(("old", "new"), list(itertools.product(SETUP_STATUSES, SETUP_STATUSES)))
def test_only_the_legal_moves_of_the_setup_pass(old: str, new: str) -> None:
    if (old, new) in SETUP_LEGAL:
        check_setup_move(old, new)
    else:
        with pytest.raises(InputError):
            check_setup_move(old, new)


def test_a_refusal_names_what_would_be_legal() -> None:
    with pytest.raises(InputError) as refusal:
        check_move("active", "pending_setup")
    assert refusal.value.cause == "from active it may go to handed_over or cancelled"
    assert "--force" in str(refusal.value.hint)
    with pytest.raises(InputError, match="final"):
        check_move("cancelled", "active")


def changed(**values: Any) -> Record:
    return Record({**documented(), **values})


@pytest.mark.parametrize("key", ["notes", "timeline"])
def test_history_is_only_ever_added_to(key: str) -> None:
    before = Record(documented())
    entries = documented()[key]
    more = {"timestamp": "2026-02-01T00:00:00Z", "note": "x", "event": "x"}
    check_change(before, before)
    check_change(before, changed(**{key: [*entries, more]}))
    for lost in ([], entries[1:], [{**entries[0], "by": "me"}, *entries[1:]], [more, *entries]):
        with pytest.raises(RecordError, match=f"{key} would lose an entry"):
            check_change(before, changed(**{key: lost}))


def test_history_that_was_not_there_may_begin() -> None:
    without = {key: value for key, value in documented().items() if key != "notes"}
    check_change(Record(without), Record(documented()))
    check_change(Record(without), Record(without))


def test_an_id_is_the_same_for_ever() -> None:
    before = Record(documented())
    with pytest.raises(InputError, match="never changes"):
        check_change(before, changed(id="cust_2"))
    with pytest.raises(InputError, match="never changes"):
        check_id(before.customer, "cust_2")
    check_id(before.customer, before.customer.id)


def test_who_is_meant_by_an_address_and_by_an_id() -> None:
    assert is_meant("cust_1", "Ada@Example.com", "ada@example.COM")
    assert is_meant("cust_1", "ada@example.com", "cust_1")
    assert not is_meant("cust_1", "ada@example.com", "CUST_1")
    assert not is_meant("cust_1", "ada@example.com", "ad@example.com")


def test_another_spelling_is_no_other_address() -> None:
    before = Record(documented()).customer
    assert not is_renamed(before, changed(email="Customer@EXAMPLE.com").customer)
    assert is_renamed(before, changed(email="customer2@example.com").customer)


def test_a_subscription_is_one_customers() -> None:
    theirs = Record(documented()).customer
    other = changed(id="cust_2", email="other@example.com").customer
    with pytest.raises(InputError, match=r"customer@example\.com has sub_abc123 already"):
        refuse_shared_subscription("x", other, "sub_abc123", [theirs, other])
    third = changed(id="cust_3", email="third@example.com").customer
    with pytest.raises(
        InputError, match=r"customer@example\.com, other@example\.com have sub_abc123 already"
    ):
        refuse_shared_subscription("x", third, "sub_abc123", [theirs, other])
    refuse_shared_subscription("x", theirs, "sub_abc123", [theirs])
    refuse_shared_subscription("x", other, "sub_2", [theirs])
    refuse_shared_subscription("x", other, None, [theirs])
