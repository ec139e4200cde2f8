"""A customer's own key for the model: made at the provider, put on their server, replaced and deleted.

The provider shows a key once, when it is made, and it goes straight to the server: nothing here keeps it. A
key whose secret was lost on the way is found by its name, which is the customer's alone, and deleted.
"""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from provisioner.backups.scripts import as_user
from provisioner.customers.leaving import at
from provisioner.customers.model_key import (
    GROUP,
    budget_of,
    carried_on,
    is_to_be_refused,
    limit_in,
    may_have_key,
    month_of,
)
from provisioner.customers.record import Customer
from provisioner.errors import ModelError, RemoteError
from provisioner.failpoints import failpoint
from provisioner.secrets import mark_of
from provisioner.services.model_keys.errors import ModelKeyGone, ModelKeyRefused
from provisioner.settings import Settings
from provisioner.step import Work
from provisioner.timestamps import now

if TYPE_CHECKING:
    from provisioner.services.model_keys.openrouter import ModelKey

OPENROUTER = "openrouter"
_FOLDER = "~/.openclaw/secrets"
_PUT = (
    f"set -euo pipefail; umask 077; mkdir --parents {_FOLDER}; cd {_FOLDER}; IFS= read -r key; "
    """printf %s "$key" > ".model-$1"; sync ".model-$1"; mv ".model-$1" "model-$1" """
)
_HAS = f'[[ ! -s {_FOLDER}/model-"$1" ]] || echo there'
_SHOW = f'exec cat {_FOLDER}/model-"$1"'
_SECONDS = 30.0
_MOST_BYTES = 1000


def has_own_key(settings: Settings) -> bool:
    """Whether each customer gets a key of their own, rather than the operator's."""
    return settings.model_keys.provider == OPENROUTER


def missing_for_own_key(settings: Settings, customer: Customer) -> list[str]:
    """What is missing to change or delete the customer's key; nothing where they have none."""
    return settings.missing_for_model_keys() if may_have_key(customer) else []


@dataclass(frozen=True)
class Placed:
    """A key that is at the provider and on the server; `mark` is in its file's name there."""

    hash: str
    mark: str


def ensure_model_key(work: Work) -> str:
    """Have a key of the customer's own on their server; its mark.

    One that is there and that the provider knows stays. Any other is deleted before a new one is made: at no
    moment have they two. ModelError if the provider does not do it.
    """
    own = work.customer.setup.model_key
    key = _known(work, own.hash) if own.hash and own.mark and _has(work, own.mark) else None
    if key is not None:
        align_model_key(work, key)
    else:
        _make_anew(work)
        own = work.customer.setup.model_key
    if own.placed_on != work.customer.setup.droplet.id:
        words = f"A key of their own for the model at OpenRouter, for up to {_budget(work)} a month"
        work.record("model_key_made", words, {f"{GROUP}.placedOn": work.customer.setup.droplet.id})
    assert own.mark, "one that is there has it"
    return own.mark


def _make_anew(work: Work) -> None:
    _carry_on(work)
    asked = {
        "provider": OPENROUTER,
        "name": work.customer.setup.model_key.name or f"{work.mark} {work.customer.id}",
        "requestedAt": now(),
    }
    work.write({f"{GROUP}.{name}": value for name, value in asked.items()})
    delete_others(work, ())
    make_and_put(work, GROUP)


def make_and_put(work: Work, group: str) -> Placed:
    """Make a key, write down under this group what it is called, and put it on the server.

    Whoever calls has written down that it is asked for.
    """
    keys, name = work.services.model_keys, work.customer.setup.model_key.name
    assert name, "it is written before the key is asked for"
    limit = limit_in(work.customer, work.settings.model_keys.monthly_budget, this_month(work))
    work.say("making a key for the model")
    made = keys.create(name, Decimal(limit) / 100)
    secret = made.secret.get_secret_value()
    mark = mark_of(secret)
    # Before it can be used: what it spends is looked up by this.
    fields: dict[str, object] = {f"{group}.hash": made.key.hash, f"{group}.mark": mark}
    work.write({**fields, f"{GROUP}.limit": limit, f"{GROUP}.disabled": False})
    failpoint("before a model key is put on the server")
    work.server.send(as_user(_PUT, mark), [f"{secret}\n".encode()], timeout=_SECONDS)
    failpoint("after a model key is put on the server")
    return Placed(made.key.hash, mark)


def align_model_key(work: Work, key: "ModelKey") -> "ModelKey":
    """Have the provider hold the limit, and refuse or take the key, as the record says; the key then."""
    keys, customer = work.services.model_keys, work.customer
    limit = limit_in(customer, work.settings.model_keys.monthly_budget, this_month(work))
    refused = is_to_be_refused(customer)
    if key.limit != Decimal(limit) / 100:
        key = keys.set_limit(key.hash, Decimal(limit) / 100)
    if key.disabled != refused:
        key = keys.set_disabled(key.hash, disabled=refused)
    own = customer.setup.model_key
    if (own.limit, own.disabled) != (limit, refused):
        work.write({f"{GROUP}.limit": limit, f"{GROUP}.disabled": refused})
    return key


def stop_model_key(work: Work) -> None:
    """Have the provider refuse the key from now on, and see that it does; nothing where there is none."""
    own = work.customer.setup.model_key
    if not may_have_key(work.customer) or own.disabled:
        return
    if own.hash is not None:
        secret = secret_on_server(work, own.mark)
        try:
            work.services.model_keys.set_disabled(own.hash, disabled=True)
        except ModelKeyGone:
            work.say("the provider does not know the key any more")
        if secret is not None:
            demand_refused(work, secret)
    work.write({f"{GROUP}.disabled": True})


def start_model_key(work: Work) -> None:
    """Have the provider take the key again, unless a person has stopped it."""
    own = work.customer.setup.model_key
    if may_have_key(work.customer) and own.disabled and not own.stopped:
        if own.hash is not None:
            work.services.model_keys.set_disabled(own.hash, disabled=False)
        work.write({f"{GROUP}.disabled": False})


def delete_model_key(work: Work) -> None:
    """Delete every key of theirs, and see that the provider knows none; nothing where there is none."""
    if not may_have_key(work.customer):
        return
    hashed = work.customer.setup.model_key.hash
    _carry_on(work)
    if hashed is not None:
        delete_one(work, hashed)
    delete_others(work, ())
    if _named(work):
        cause = "the provider still has it although its end was accepted"
        raise ModelError("delete the model key", whom=work.customer.email, cause=cause, retry=True)
    gone = ("name", "requestedAt", "limit", "replacement")
    fields = {f"{GROUP}.{name}": None for name in gone}
    words = "Their key for the model is deleted: the provider knows it no more"
    work.record("model_key_deleted", words, {**fields, f"{GROUP}.disabled": False})


def secret_on_server(work: Work, mark: str | None) -> str | None:
    """The key that is there, for a call that proves something; None where it cannot be read now."""
    if mark is None or not work.customer.setup.droplet.ip:
        return None
    found = bytearray()
    try:
        work.server.fetch(as_user(_SHOW, mark), found.extend, most=_MOST_BYTES)
    except RemoteError:
        return None
    return found.decode("ascii", "replace").strip() or None


def demand_refused(work: Work, secret: str) -> None:
    """ModelError unless the provider refuses this key."""
    try:
        work.services.model_keys.check(secret)
    except ModelKeyRefused:
        return
    cause = "the provider still takes it although its end was accepted"
    raise ModelError("stop the model key", whom=work.customer.email, cause=cause, retry=True)


def this_month(work: Work) -> str:
    """By the clock of the work."""
    return month_of(at(work.clock.time()))


def _carry_on(work: Work) -> None:
    """Let go of the key of now, so that another one may take its place; what it has spent counts on."""
    own = work.customer.setup.model_key
    if own.hash is None:
        return
    spent = spent_to_the_end(work, own.hash)
    counted = carried_on(work.customer, spent, this_month(work))
    work.write({**counted, f"{GROUP}.hash": None, f"{GROUP}.mark": None, f"{GROUP}.placedOn": None})


def spent_to_the_end(work: Work, hashed: str) -> Decimal | None:
    """What a key has spent this month, which it cannot do from now on; None if the provider has none such."""
    try:
        return work.services.model_keys.set_disabled(hashed, disabled=True).spent
    except ModelKeyGone:
        return None


def delete_others(work: Work, kept: Collection[str | None]) -> None:
    """Delete all keys of the customer's name but these: nobody has their secrets."""
    for key in _named(work):
        if key.hash not in kept:
            delete_one(work, key.hash)


def delete_one(work: Work, hashed: str) -> None:
    """Have the provider delete it; nothing where it is gone."""
    work.say("deleting a key for the model")
    work.services.model_keys.delete(hashed)


def _named(work: Work) -> "list[ModelKey]":
    name = work.customer.setup.model_key.name
    return work.services.model_keys.named(name) if name else []


def _known(work: Work, hashed: str) -> "ModelKey | None":
    try:
        return work.services.model_keys.key(hashed)
    except ModelKeyGone:
        return None


def _has(work: Work, mark: str) -> bool:
    return work.server.run(as_user(_HAS, mark), timeout=_SECONDS).strip() == "there"


def _budget(work: Work) -> str:
    return f"${budget_of(work.customer, work.settings.model_keys.monthly_budget) // 100}"
