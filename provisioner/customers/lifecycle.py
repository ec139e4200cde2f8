"""The states that a customer and their setup pass through, and which may follow which."""

from typing import Literal, get_args

from provisioner.errors import InputError

Status = Literal["pending_setup", "in_progress", "active", "handed_over", "cancelled"]
SetupStatus = Literal["pending", "in_progress", "complete"]

STATUSES: tuple[str, ...] = get_args(Status)
SETUP_STATUSES: tuple[str, ...] = get_args(SetupStatus)

MOVES: dict[str, tuple[str, ...]] = {
    "pending_setup": ("in_progress", "active", "cancelled"),
    "in_progress": ("active", "cancelled"),
    "active": ("handed_over", "cancelled"),
    "handed_over": ("cancelled",),
    "cancelled": (),
}
SETUP_MOVES: dict[str, tuple[str, ...]] = {
    "pending": ("in_progress",),
    "in_progress": ("complete",),
    # Again, where the server was lost or somebody else had the link.
    "complete": ("in_progress",),
}

_GONE = ("handed_over", "cancelled")


def is_gone(status: str) -> bool:
    """Whether a customer with this status has left: nothing is set up for them, or looked after, any more."""
    return status in _GONE


def check_move(old: str, new: str) -> None:
    """InputError unless a customer's status may go from `old` to `new`; staying is no move."""
    _check("status", MOVES, old, new)


def check_setup_move(old: str, new: str) -> None:
    """InputError unless `setup.status` may go from `old` to `new`; staying is no move."""
    _check("setup.status", SETUP_MOVES, old, new)


def _check(field: str, moves: dict[str, tuple[str, ...]], old: str, new: str) -> None:
    legal = moves[old]
    if new == old or new in legal:
        return
    may = f"from {old} it may go to {' or '.join(legal)}" if legal else f"{old} is final"
    raise InputError(f"set {field} to {new}", cause=may, hint="--force sets it all the same")
