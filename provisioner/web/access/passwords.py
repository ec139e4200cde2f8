"""Passwords, as argon2 hashes; each takes a third of a second, and 64 MB while it lasts."""

import secrets
from functools import lru_cache
from threading import BoundedSemaphore
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from provisioner.errors import InputError

SHORTEST: Final = 12
LONGEST: Final = 1000
_AT_ONCE = BoundedSemaphore(2)
_HASHER = PasswordHasher()


def hash_of(password: str) -> str:
    """What is kept of a password; InputError for one that is too short, or far too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        cause = f"it has {len(password)} characters"
        hint = f"at least {SHORTEST}: four words are easier to remember than eight signs"
        raise InputError("set the password", cause=cause, hint=hint)
    with _AT_ONCE:
        return _HASHER.hash(password)


def fits(password: str, hashed: str | None) -> bool:
    """Whether it is the password; as slow where there is none, so that nobody learns who has one."""
    if len(password) > LONGEST:
        return False
    with _AT_ONCE:
        try:
            _HASHER.verify(hashed or _nobodys(), password)
        except (VerificationError, InvalidHashError):
            return False
    return hashed is not None


def improved(password: str, hashed: str) -> str | None:
    """Its hash under today's parameters; None where it is one."""
    if not _HASHER.check_needs_rehash(hashed):
        return None
    with _AT_ONCE:
        return _HASHER.hash(password)


@lru_cache(maxsize=1)
def _nobodys() -> str:
    return _HASHER.hash(secrets.token_hex(16))
