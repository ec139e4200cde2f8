"""The states that a customer and their setup pass through, and which may follow which."""

from typing import Literal, get_args

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


def has_left(status: str) -> bool:
    """Whether a customer with this status has left: nothing is set up for them, or looked after, any more."""
    return status in _GONE
