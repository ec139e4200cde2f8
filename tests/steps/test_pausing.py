"""A pause, from the request to its end: what runs when, who is told, and what does not start it."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from provisioner.errors import InputError, RemoteError
from provisioner.runs.workflow import PAUSE, PROVISION, RESTORE
from provisioner.step import Done, Failed
from tests.clouds import CloudServer, FastCloud
from tests.dying import killed_at
from tests.steps.leavers import Leaver, leaver

TOLD = ["Your assistant is paused", "Your assistant is back"]


@pytest.fixture
def ada(cloud: FastCloud, tmp_path: Path) -> Iterator[Leaver]:
    with leaver(tmp_path, cloud) as found:
        yield found


def demand_paused(ada: Leaver) -> None:
    pause = ada.customer.setup.pause
    assert pause is not None
    assert pause.paused_at is not None
    assert (ada.customer.status, ada.site.assistant.gateway) == ("active", "stopped")
    assert ada.site.events.count("assistant_paused") == 1
    ada.demand_untouched()


def demand_back(ada: Leaver) -> None:
    assert (ada.customer.status, ada.site.assistant.gateway) == ("active", "started")
    assert ada.customer.setup.pause is None
    assert ada.site.events.count("assistant_resumed") == 1
    ada.demand_untouched()


def test_paused_and_back(ada: Leaver) -> None:
    ada.pause(reason="on holiday")
    assert ada.run(PAUSE).outcome == Done()

    demand_paused(ada)
    assert "systemctl --user disable --now openclaw-gateway.service" in ada.site.assistant.called
    details = str(ada.customer.timeline[-1].details)
    assert "asked for by bob: on holiday" in details
    assert ada.mailbox.subjects == TOLD[:1]
    assert "payment" not in ada.mailbox.got[0][1].text
    before = ada.site.workspace.store().read(ada.customer.id).data
    ada.pause(reason="on holiday")
    assert ada.run(PAUSE).outcome == Done()
    assert ada.site.workspace.store().read(ada.customer.id).data == before

    ada.go_on()
    ada.go_on()
    assert ada.run(PAUSE).outcome == Done()

    demand_back(ada)
    assert ada.mailbox.subjects == TOLD
    assert ada.run(PAUSE).outcome == Done()
    assert ada.mailbox.subjects == TOLD


def test_killed_anywhere_it_ends_the_same(clouds: CloudServer, tmp_path: Path) -> None:
    """Each kill on another pause of the same customer, in turn while it begins and while it ends."""
    with clouds.cloud() as cloud, leaver(tmp_path, cloud) as ada:
        for at in count(0, 4):
            for ask, demand in ((ada.pause, demand_paused), (ada.go_on, demand_back)):
                ada.cloud.clock.sleep(60)
                with killed_at(at) as places:
                    ask()
                    ada.run(PAUSE)
                ask()
                assert ada.run(PAUSE).outcome == Done()
                demand_once(ada, demand)
            if at >= len(places):
                break
        assert at > 20
        assert len(ada.mailbox.got) <= 2 * (at + 1)


def demand_once(ada: Leaver, demand: object) -> None:
    pause = ada.customer.setup.pause
    paused = demand is demand_paused
    assert (pause is not None and pause.paused_at is not None) is paused
    assert ada.site.assistant.gateway == ("stopped" if paused else "started")
    events = [one for one in ada.site.events if one.startswith("assistant_")]
    assert (
        events
        == ["assistant_paused", "assistant_resumed"] * (len(events) // 2) + ["assistant_paused"] * paused
    )


@pytest.mark.parametrize("workflow", [PROVISION, RESTORE])
def test_nothing_starts_it_meanwhile(ada: Leaver, workflow: object) -> None:
    ada.pause()
    ada.run(PAUSE)

    with pytest.raises(InputError, match="their assistant is paused") as refused:
        ada.run(workflow)  # type: ignore[arg-type]

    assert "--undo" in (refused.value.hint or "")
    assert ada.site.assistant.gateway == "stopped"


def test_who_leaves_and_stays_is_still_paused(ada: Leaver) -> None:
    ada.pause()
    ada.run(PAUSE)
    ada.ask("now")
    ada.run()
    ada.stay()

    assert ada.run().outcome == Done()

    demand_paused(ada)
    assert ada.mailbox.subjects == [TOLD[0], "Your assistant has ended", "Your assistant stays"]


def test_a_pause_ends_with_the_droplet(ada: Leaver) -> None:
    ada.pause()
    ada.run(PAUSE)
    ada.ask("now", grace_days=0)

    assert ada.run().outcome == Done()

    ada.demand_gone()
    assert ada.customer.setup.pause is None


def test_a_server_that_does_not_answer_is_not_paused_yet(ada: Leaver) -> None:
    ada.pause()
    ada.site.assistant.fails("no bus")
    outcome = ada.run(PAUSE).outcome

    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, RemoteError)
    assert ada.mailbox.got == []
    ada.site.assistant.fails(None)
    assert ada.run(PAUSE).outcome == Done()
    demand_paused(ada)


def test_a_person_takes_over_a_pause_that_a_payment_would_end(ada: Leaver) -> None:
    ada.pause(until_paid=True)
    ada.run(PAUSE)
    ada.pause(reason="they ask for it")

    pause = ada.customer.setup.pause
    assert pause is not None
    assert (pause.until_paid, pause.reason) == (False, "they ask for it")
    ada.go_on()
    with pytest.raises(InputError, match="being undone"):
        ada.pause()


def test_who_has_no_server_yet_is_only_noted(ada: Leaver) -> None:
    ada.site.set(setup__droplet__id=None, setup__droplet__ip=None, setup__moltbot__installed=False)
    ada.site.set(status="pending_setup")
    ada.pause()

    assert ada.run(PAUSE).outcome == Done()

    assert ada.mailbox.got == []
    with pytest.raises(InputError, match="paused"):
        ada.run(PROVISION)


def test_who_has_left_is_not_paused(ada: Leaver) -> None:
    ada.ask("now")
    ada.run()

    with pytest.raises(InputError, match="the status is cancelled"):
        ada.pause()
