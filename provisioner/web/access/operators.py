"""The people who may see the pages, in a small file of the workspace (0600).

It has no secret in it that could be used: a password's argon2 hash, and the hashes of links that are good
once.
"""

import secrets
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from provisioner.actor import PROGRAMS
from provisioner.errors import InputError
from provisioner.printable import clean, command
from provisioner.timestamps import moment, present, written
from provisioner.web.access.kept import KeptFile
from provisioner.web.access.roles import RIGHTS, Right, Role

LINK_MINUTES = 15
LONGEST_NAME = 60
_LINKS = 5
"""So many of one person are good at the same time; the oldest goes first."""


class Link(BaseModel):
    """A link that lets this person in once; only its hash is known here."""

    model_config = ConfigDict(frozen=True)

    hash: str
    until: str


class Operator(BaseModel):
    """One person."""

    model_config = ConfigDict(frozen=True)

    id: str
    """Another one with each new password: whoever is signed in with the old one is not any more."""
    name: str
    role: Role
    password: str | None = None
    """Its argon2 hash."""
    links: tuple[Link, ...] = ()

    def may(self, right: Right) -> bool:
        return right in RIGHTS[self.role]


class _Stored(BaseModel):
    operators: tuple[Operator, ...] = ()


class Operators:
    """All of one workspace, for several processes."""

    def __init__(self, folder: Path, now: Callable[[], datetime] = present) -> None:
        hint = f"remove it, and let people in anew: {command('login')}"
        self._file = KeptFile(folder / "operators.json", _Stored(), hint)
        self._now = now

    def all(self) -> tuple[Operator, ...]:
        """Everybody, in the order in which they came."""
        return self._file.read().operators

    def named(self, name: str) -> Operator | None:
        """Who has this name, in any case of letters."""
        return _named(self.all(), name)

    def by_id(self, operator_id: str) -> Operator | None:
        return next((one for one in self.all() if one.id == operator_id), None)

    def invite(self, name: str, role: Role | None) -> tuple[Operator, str]:
        """A person, new or known, and the secret of a link that lets them in once, while it is good.

        Without a `role` they keep theirs, and the first of all is an owner. InputError if it is not clear
        which role a new one has, or if nobody would be an owner any more.
        """
        token = secrets.token_urlsafe(32)
        link = Link(hash=_hash(token), until=written(self._now() + timedelta(minutes=LINK_MINUTES)))
        with self._file.changing() as (there, save):
            known = _named(there.operators, name)
            before = known or _newcomer(name, role, is_first=not there.operators)
            links = (*self._good(before.links), link)[-_LINKS:]
            after = before.model_copy(update={"links": links, "role": role or before.role})
            save(_Stored(operators=_demand_owner(_with(there.operators, known, after))))
        return after, token

    def take_link(self, token: str) -> Operator | None:
        """Whom this link lets in, which is used up with that; None if it is used up, too old, or no link."""
        if self.of_link(token) is None:
            return None
        with self._file.changing() as (there, save):
            known = self._of_link(there.operators, token)
            if known is None:
                return None
            left = tuple(one for one in known.links if one.hash != _hash(token))
            save(_Stored(operators=_with(there.operators, known, known.model_copy(update={"links": left}))))
        return known

    def of_link(self, token: str) -> Operator | None:
        """The same, and the link stays good."""
        return self._of_link(self.all(), token)

    def set_password(self, name: str, hashed: str) -> Operator:
        """Wherever they are signed in they are not any more; InputError if there is nobody of this name."""
        with self._file.changing() as (there, save):
            known = _named(there.operators, name)
            if known is None:
                raise _nobody(name)
            after = known.model_copy(update={"password": hashed, "id": _new_id(), "links": ()})
            save(_Stored(operators=_with(there.operators, known, after)))
        return after

    def improve_hash(self, operator: Operator, hashed: str) -> None:
        """The same password under today's parameters; nothing if it was changed meanwhile."""
        with self._file.changing() as (there, save):
            if operator in there.operators:
                after = operator.model_copy(update={"password": hashed})
                save(_Stored(operators=_with(there.operators, operator, after)))

    def remove(self, name: str) -> Operator:
        """They are not let in any more; InputError for who is not there, and for the last owner."""
        with self._file.changing() as (there, save):
            known = _named(there.operators, name)
            if known is None:
                raise _nobody(name)
            left = tuple(one for one in there.operators if one is not known)
            save(_Stored(operators=_demand_owner(left) if left else left))
        return known

    def _of_link(self, there: Iterable[Operator], token: str) -> Operator | None:
        wanted = _hash(token)
        good = (one for one in there if any(link.hash == wanted for link in self._good(one.links)))
        return next(good, None)

    def _good(self, links: Iterable[Link]) -> tuple[Link, ...]:
        now = self._now()
        return tuple(one for one in links if (until := moment(one.until)) is not None and now < until)


def checked_name(name: str) -> str:
    """A person's name as it may stand in records; InputError for none, and for one that is a program's."""
    name = " ".join(clean(name).split())
    if not name or len(name) > LONGEST_NAME:
        hint = f"one of up to {LONGEST_NAME} letters: --name NAME"
        raise InputError("sign somebody in", cause=f"{name!r} is no name", hint=hint)
    if name.casefold() in {one.casefold() for one in PROGRAMS}:
        cause = f"the records call by the name {name!r} what no person has done"
        raise InputError("sign somebody in", cause=cause, hint="choose another one: --name NAME")
    return name


def _newcomer(name: str, role: Role | None, *, is_first: bool) -> Operator:
    if role is None and not is_first:
        cause = f"{name} is new, and their role is not said"
        raise InputError(
            "sign somebody in", cause=cause, hint="--role owner, --role support or --role read-only"
        )
    return Operator(id=_new_id(), name=checked_name(name), role=role or "owner")


def _named(there: Iterable[Operator], name: str) -> Operator | None:
    return next((one for one in there if one.name.casefold() == name.strip().casefold()), None)


def _with(there: Iterable[Operator], before: Operator | None, after: Operator) -> tuple[Operator, ...]:
    if before is None:
        return (*there, after)
    return tuple(after if one is before or one == before else one for one in there)


def _demand_owner(operators: tuple[Operator, ...]) -> tuple[Operator, ...]:
    if not any(one.role == "owner" for one in operators):
        raise InputError("change who may sign in", cause="nobody would be an owner any more")
    return operators


def _nobody(name: str) -> InputError:
    return InputError("change who may sign in", cause=f"nobody is called {name}", hint=command("login"))


def _new_id() -> str:
    return secrets.token_hex(8)


def _hash(token: str) -> str:
    return sha256(token.encode("utf-8", "replace")).hexdigest()
