"""By whom this process does what it does: a person by name, unless a program says that it acts by itself."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

PROGRAMS = ("Stripe", "the worker")
"""By these names the records call what no person has done."""

_program: str | None = None
_person: ContextVar[str | None] = ContextVar("person", default=None)


def act_as(program: str) -> None:
    """From here on this process acts as this program: "the worker", "Stripe"."""
    global _program
    _program = program


@contextmanager
def acting_for(person: str) -> Iterator[None]:
    """In this block, and in this thread alone, it is this person who acts: one who asks over the network."""
    before = _person.set(person)
    try:
        yield
    finally:
        _person.reset(before)


def actor() -> str:
    """Who asks over the network, or the program, or else the person at the keyboard, also behind sudo."""
    return _person.get() or _program or os.environ.get("SUDO_USER") or _user()


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"user {os.geteuid()}"
