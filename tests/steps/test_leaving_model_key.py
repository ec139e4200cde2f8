"""The key for the model of who leaves, or is paused: refused in time, deleted in the end, never forgotten."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from provisioner.errors import SomethingMissing
from provisioner.runs.workflow import PAUSE
from provisioner.services.factory import Services
from provisioner.step import Done, Failed, Until
from tests.clouds import FastCloud
from tests.dying import killed_at
from tests.openrouters import ServedAccount, openrouter
from tests.steps.leavers import Leaver, leaver
from tests.steps.support import workflow
from tests.steps.test_leaving import leave
from tests.steps.test_model_key import Ensure


@dataclass
class Stage:
    ada: Leaver
    router: ServedAccount
    secret: str

    @property
    def answers(self) -> int:
        return self.router.answers(self.secret)


def staged(ada: Leaver, router: ServedAccount) -> Stage:
    """A leaver with a key of their own, in an account whose time is the cloud's."""
    found = ada.site
    services = found.services
    found.services = Services(
        found.settings, clock=found.clock, new_cloud=lambda: services.cloud, new_mailer=lambda: services.mail
    )
    assert ada.run(workflow(Ensure())).outcome == Done()
    return Stage(ada, router, router.keys[-1].secret)


@pytest.fixture
def stage(cloud: FastCloud, tmp_path: Path) -> Iterator[Stage]:
    with openrouter(cloud.clock) as router, leaver(tmp_path, cloud, **router.settings) as ada:
        yield staged(ada, router)


def test_it_is_refused_from_the_stop_on_and_deleted_with_the_droplet(stage: Stage) -> None:
    ada = stage.ada
    ada.period_ends_in(20)
    ada.ask("period end")
    assert isinstance(ada.run().outcome, Until)
    assert stage.answers == 200
    ada.pass_days(20)

    assert isinstance(ada.run().outcome, Until)
    assert stage.answers == 401
    assert len(stage.router.keys) == 1
    ada.pass_days(14.01)
    assert ada.run().outcome == Done()

    assert stage.router.keys == []
    assert stage.answers == 401
    ada.demand_gone()
    events = ada.site.events
    assert events.index("droplet_destroyed") < events.index("model_key_deleted")
    assert events.index("model_key_deleted") < events.index("cancellation_complete")


def test_who_stays_gets_it_back(stage: Stage) -> None:
    stage.ada.ask("now")
    stage.ada.run()
    assert stage.answers == 401
    stage.ada.stay()

    assert stage.ada.run().outcome == Done()

    assert stage.answers == 200
    assert not stage.ada.customer.setup.model_key.disabled


def test_a_key_that_a_person_has_stopped_stays_stopped(stage: Stage) -> None:
    stage.ada.site.set(setup__modelKey__stopped=True)
    stage.ada.ask("now")
    stage.ada.run()
    stage.ada.stay()

    assert stage.ada.run().outcome == Done()

    assert stage.answers == 401


def test_a_deletion_that_fails_keeps_the_leave_open(stage: Stage) -> None:
    ada = stage.ada
    ada.ask("now", grace_days=0)
    stage.router.fault("status", "DELETE", count=None, status=403)

    assert isinstance(ada.run().outcome, Failed)
    assert not ada.archived
    assert ada.leaving.destroyed_at
    stage.router.book.clear()
    assert ada.run().outcome == Done()

    assert stage.router.keys == []
    ada.demand_gone()


def test_without_the_management_key_nothing_begins(stage: Stage) -> None:
    ada = stage.ada
    ada.ask("now", grace_days=0)
    ada.site.settings = ada.site.settings.model_copy(update={"openrouter_management_key": None})

    with pytest.raises(SomethingMissing) as missing:
        ada.run()

    assert missing.value.hint == "set OPENROUTER_MANAGEMENT_KEY in the environment or in .env"
    ada.demand_untouched()


def test_while_they_are_paused_it_is_refused(stage: Stage) -> None:
    stage.ada.pause()
    assert stage.ada.run(PAUSE).outcome == Done()
    assert stage.answers == 401
    stage.ada.go_on()

    assert stage.ada.run(PAUSE).outcome == Done()

    assert stage.answers == 200


PLACES = [
    f"{when} {what}"
    for what in ("stop or start a model key", "list the model keys", "delete a model key")
    for when in ("before", "after")
]


@pytest.mark.parametrize("place", PLACES)
def test_killed_over_it_no_key_is_left(stage: Stage, place: str) -> None:
    ada = stage.ada
    ada.ask("now", grace_days=0)
    with killed_at(place) as places:
        leave(ada)
    assert places[-1] == place
    leave(ada)

    ada.demand_gone()
    assert stage.router.keys == []
    assert stage.answers == 401
    assert ada.site.events.count("model_key_deleted") == 1
