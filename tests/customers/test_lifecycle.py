import itertools

import pytest

from provisioner.customers.lifecycle import SETUP_STATUSES, STATUSES, check_move, check_setup_move
from provisioner.errors import InputError

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
