"""A customer's own key for the model: on their server and nowhere else, and never two of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest

from provisioner.customers.record import Customer
from provisioner.errors import InputError, ModelError
from provisioner.runs.workflow import Workflow
from provisioner.secrets import mark_of
from provisioner.services.factory import Services
from provisioner.settings import Settings
from provisioner.step import Done, Failed, Outcome, Planned, Step, Work
from provisioner.steps.model_key import delete_model_key, ensure_model_key, stop_model_key
from provisioner.steps.moltbot import Moltbot
from tests.backups.assistants import EMAIL, Site, site
from tests.dying import killed_at
from tests.openrouters import ServedAccount, openrouter
from tests.steps.support import workflow


class Ensure(Step):
    """The part of a setup that is about the key."""

    name = "moltbot"

    def needs(self, settings: Settings, customer: Customer) -> list[str]:
        return Moltbot().needs(settings, customer)

    def done(self, customer: Customer) -> bool:
        return False

    def plan(self, work: Work) -> list[Planned]:
        return []

    def run(self, work: Work) -> Outcome:
        ensure_model_key(work)
        return Done()


class Delete(Ensure):
    """Its end."""

    def run(self, work: Work) -> Outcome:
        delete_model_key(work)
        return Done()


class Stop(Ensure):
    """Its rest, while the customer's assistant stands still."""

    def run(self, work: Work) -> Outcome:
        stop_model_key(work)
        return Done()


@dataclass
class Ada:
    """An active customer, whose server and whose provider are real to the steps."""

    site: Site
    router: ServedAccount

    def run(self, step: Step | Workflow) -> Outcome:
        return self.site.run(step if isinstance(step, Workflow) else workflow(step)).outcome

    @property
    def files(self) -> dict[str, str]:
        """The keys on the server, by the names of their files."""
        folder = self.site.assistant.state / "secrets"
        return {one.name: one.read_text() for one in folder.glob("*")} if folder.exists() else {}

    def demand_one_key(self) -> str:
        """One key, which is on the server, is answered, and is nowhere else; the key."""
        [key] = self.router.keys
        own = self.site.customer.setup.model_key
        assert key.name == f"{self.site.workspace.mark()} {self.site.customer.id}"
        assert (own.name, own.hash, own.mark) == (key.name, key.hash, mark_of(key.secret))
        assert self.files[f"model-{own.mark}"] == key.secret
        assert (key.limit, key.limit_reset) == (Decimal(20), "monthly")
        assert self.router.answers(key.secret) == 200
        for path in self.site.workspace.root.rglob("*"):
            if path.is_file():
                assert key.secret not in path.read_text("utf-8", "replace"), path
        return key.secret

    def forget(self) -> None:
        """As before anything was done."""
        self.router.account.keys.clear()
        for one in (self.site.assistant.state / "secrets").glob("*"):
            one.unlink()
        with self.site.workspace.store().edit(EMAIL) as record:
            record.set("setup.modelKey", {})


@pytest.fixture
def ada(tmp_path: Path) -> Iterator[Ada]:
    with openrouter() as router, site(tmp_path, **router.settings) as found:
        found.clock = router.clock
        found.services = Services(found.settings, clock=router.clock)
        yield Ada(found, router)


def test_a_key_is_made_once_and_goes_to_the_server_alone(ada: Ada) -> None:
    assert ada.run(Ensure()) == Done()

    secret = ada.demand_one_key()
    [name] = ada.files
    path = ada.site.assistant.state / "secrets" / name
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert ada.site.customer.setup.model_key.placed_on == "1"
    before = ada.site.workspace.store().read(EMAIL).data
    assert ada.run(Ensure()) == Done()
    assert ada.demand_one_key() == secret
    assert ada.site.workspace.store().read(EMAIL).data == before
    assert ada.site.events.count("model_key_made") == 1


def test_killed_anywhere_there_is_one_key_in_the_end(ada: Ada) -> None:
    for at in count(0, 3):
        with killed_at(at) as places:
            ada.run(Ensure())
        assert ada.run(Ensure()) == Done()
        ada.demand_one_key()
        ada.forget()
        if at >= len(places):
            break
    assert at > 10


def test_a_creation_whose_answer_is_lost_leaves_no_key_behind(ada: Ada) -> None:
    ada.router.fault("drop_after_effect", "POST")

    assert isinstance(ada.run(Ensure()), Failed)
    assert len(ada.router.keys) == 1
    assert ada.run(Ensure()) == Done()

    ada.demand_one_key()


def test_a_key_that_is_gone_from_the_server_is_replaced_and_what_it_has_spent_counts(ada: Ada) -> None:
    ada.run(Ensure())
    old = ada.demand_one_key()
    ada.router.spend("12.345")
    for one in (ada.site.assistant.state / "secrets").iterdir():
        one.unlink()

    assert ada.run(Ensure()) == Done()

    [key] = ada.router.keys
    assert ada.router.answers(old) == 401
    own = ada.site.customer.setup.model_key
    [month] = own.carried or {}
    assert own.spend == own.carried == {month: 1235}
    assert (float(key.limit or 0), own.limit) == (7.65, 765)


def test_a_key_that_is_gone_from_the_provider_is_replaced(ada: Ada) -> None:
    ada.run(Ensure())
    ada.router.account.keys.clear()

    assert ada.run(Ensure()) == Done()

    ada.demand_one_key()


def test_another_budget_is_the_limit_of_the_same_key(ada: Ada) -> None:
    ada.run(Ensure())
    secret = ada.demand_one_key()
    ada.site.set(setup__modelKey__budget=35)

    assert ada.run(Ensure()) == Done()

    [key] = ada.router.keys
    assert (key.secret, key.limit) == (secret, Decimal(35))


def test_another_customers_key_is_never_touched(ada: Ada) -> None:
    name = f"{ada.site.workspace.mark()} {ada.site.customer.id}"
    others = [ada.router.account.add(one, None, None) for one in (f"{name}1", "somebody", name[9:])]

    ada.run(Ensure())
    ada.run(Delete())

    assert ada.router.keys == others


def test_a_deleted_key_is_refused_and_forgotten(ada: Ada) -> None:
    ada.run(Ensure())
    secret = ada.demand_one_key()
    ada.router.spend("3")

    assert ada.run(Delete()) == Done()

    assert ada.router.keys == []
    assert ada.router.answers(secret) == 401
    own = ada.site.customer.setup.model_key
    assert (own.requested_at, own.hash, own.mark, own.name) == (None, None, None, None)
    assert list((own.spend or {}).values()) == [301]
    assert ada.site.events.count("model_key_deleted") == 1
    assert ada.run(Delete()) == Done()
    assert ada.site.events.count("model_key_deleted") == 1


def test_killed_anywhere_a_deletion_is_not_forgotten(ada: Ada) -> None:
    for at in count(0, 2):
        ada.run(Ensure())
        secret = ada.demand_one_key()
        with killed_at(at) as places:
            ada.run(Delete())
        assert ada.run(Delete()) == Done()
        assert ada.router.keys == []
        assert ada.router.answers(secret) == 401
        ada.forget()
        if at >= len(places):
            break
    assert at > 6


def test_a_deletion_that_is_refused_fails_and_is_done_later(ada: Ada) -> None:
    ada.run(Ensure())
    ada.router.fault("status", "DELETE", count=None, status=403)

    assert isinstance(ada.run(Delete()), Failed)
    assert len(ada.router.keys) == 1
    ada.router.book.clear()
    assert ada.run(Delete()) == Done()

    assert ada.router.keys == []


def test_a_stopped_key_is_seen_to_be_refused(ada: Ada) -> None:
    ada.run(Ensure())
    secret = ada.demand_one_key()

    assert ada.run(Stop()) == Done()

    assert ada.router.answers(secret) == 401
    assert ada.site.customer.setup.model_key.disabled
    asked = ada.router.asked("GET")
    assert ada.run(Stop()) == Done()
    assert ada.router.asked("GET") == asked


def test_a_key_that_is_taken_although_it_was_stopped_is_a_failure(
    ada: Ada, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.run(Ensure())
    monkeypatch.setattr(
        "provisioner.services.model_keys.openrouter.OpenRouter.set_disabled", lambda *_, **__: None
    )

    outcome = ada.run(Stop())

    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, ModelError)
    assert "still takes it" in str(outcome.error.cause)
    assert not ada.site.customer.setup.model_key.disabled


def test_what_does_not_fit_is_said_before_anything_is_spent(ada: Ada) -> None:
    wrong = {"moltbot": {"model": "anthropic/claude-sonnet-5"}, "openrouter_management_key": None}
    ada.site.settings = Settings.model_validate({**ada.site.settings.model_dump(), **wrong})

    with pytest.raises(InputError) as refused:
        ada.run(Ensure())

    hint = str(refused.value.hint)
    assert "set OPENROUTER_MANAGEMENT_KEY" in hint
    assert 'set model = "openrouter/…" under [moltbot]' in hint
    assert "ANTHROPIC" not in hint
    assert ada.router.keys == []
