"""By whom this process does what it does: a person by name, unless a program says that it acts by itself."""

import os

_program: str | None = None


def act_as(program: str) -> None:
    """From here on this process acts as this program: "the worker", "Stripe"."""
    global _program
    _program = program


def actor() -> str:
    """The program, or else the person at the keyboard, also behind sudo."""
    return _program or os.environ.get("SUDO_USER") or _user()


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"user {os.geteuid()}"
