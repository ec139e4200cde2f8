"""Another size for a server: what is done, what a kill or a refusal leaves, and what is refused before."""

from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from provisioner.errors import CloudError, InputError, SandboxError
from provisioner.runs.resizing import ResizeWish, ask_to_resize
from provisioner.runs.workflow import PAUSE, RESIZE
from provisioner.services.digitalocean.errors import DropletGone
from provisioner.step import Done, Failed
from tests.backups.assistants import EMAIL
from tests.clouds import CloudServer, FastCloud
from tests.dying import killed_at
from tests.steps.leavers import Leaver, leaver

SMALL, LARGE = "s-1vcpu-2gb", "s-2vcpu-4gb"


@pytest.fixture
def ada(cloud: FastCloud, tmp_path: Path) -> Iterator[Leaver]:
    with leaver(tmp_path, cloud) as found:
        yield found


def ask(ada: Leaver, size: str = LARGE, *, disk: bool = False) -> None:
    ask_to_resize(ada.site.workspace.store(), ada.cloud.client(), EMAIL, ResizeWish(size, disk))


def asked_for(ada: Leaver) -> Counter[str]:
    """How often each action was."""
    return Counter(one.type for one in ada.cloud.cloud.actions.values())


def demand_resized(ada: Leaver, size: str, memory: int) -> None:
    """The droplet has that size and runs, the assistant too, and the record says so."""
    [droplet] = ada.cloud.droplets
    assert (droplet.size.slug, droplet.status) == (size, "active")
    assert ada.cloud.machines.specs[droplet.id].memory == memory
    assert ada.cloud.machines.running[droplet.id]
    assert ada.site.assistant.gateway == "started"
    assert ada.customer.setup.droplet.size == size
    assert ada.customer.setup.resize is None


def refusal(ada: Leaver) -> CloudError:
    outcome = ada.run(RESIZE).outcome
    assert isinstance(outcome, Failed), outcome
    assert isinstance(outcome.error, CloudError)
    return outcome.error


def demand_as_before(ada: Leaver) -> None:
    """It runs again as it was, and nothing is to be done any more."""
    demand_resized(ada, SMALL, 2048)
    assert ada.site.events[-1] == "resize_failed"
    assert ada.run(RESIZE).outcome == Done()


def test_each_thing_is_done_once_and_said_with_its_price(ada: Leaver) -> None:
    ask(ada)

    assert ada.run(RESIZE).outcome == Done()

    demand_resized(ada, LARGE, 4096)
    assert asked_for(ada) == {"create": 1, "shutdown": 1, "resize": 1, "power_on": 1}
    called = ada.site.assistant.called
    stop = "systemctl --user stop openclaw-gateway.service"
    start = "systemctl --user start openclaw-gateway.service"
    assert called.index(stop) < called.index(start) < called.index("openclaw-gateway wait")
    requested, resized = ada.customer.timeline[-2:]
    assert (requested.event, resized.event) == ("resize_requested", "droplet_resized")
    assert requested.by
    for event in (requested, resized):
        assert "s-1vcpu-2gb ($12 a month) to s-2vcpu-4gb ($24 a month)" in str(event.details)
    before = ada.site.workspace.store().read(EMAIL).data
    ask(ada)
    assert ada.run(RESIZE).outcome == Done()
    assert ada.site.workspace.store().read(EMAIL).data == before


def test_the_disk_stays_unless_it_is_asked_for(ada: Leaver) -> None:
    ask(ada)
    ada.run(RESIZE)
    assert ada.cloud.droplets[0].disk == 50
    ask(ada, SMALL)
    assert ada.run(RESIZE).outcome == Done()
    demand_resized(ada, SMALL, 2048)

    ask(ada, LARGE, disk=True)
    assert ada.run(RESIZE).outcome == Done()

    demand_resized(ada, LARGE, 4096)
    assert ada.cloud.droplets[0].disk == 80
    with pytest.raises(InputError, match="its disk has 80 GB and s-1vcpu-2gb has 50") as refused:
        ask(ada, SMALL)
    assert "s-2vcpu-4gb, s-4vcpu-8gb" in (refused.value.hint or "")


def test_a_disk_can_grow_to_that_of_the_size_that_is_there(ada: Leaver) -> None:
    ask(ada)
    ada.run(RESIZE)

    ask(ada, LARGE, disk=True)
    assert ada.run(RESIZE).outcome == Done()

    assert ada.cloud.droplets[0].disk == 80


def test_killed_anywhere_it_ends_the_same_and_nothing_is_asked_for_twice(
    clouds: CloudServer, tmp_path: Path
) -> None:
    """Each kill on another resize of the same server, in turn to the larger and to the smaller size."""
    with clouds.cloud() as cloud, leaver(tmp_path, cloud) as ada:
        for number, at in enumerate(count(0, 5)):
            size, memory = ((LARGE, 4096), (SMALL, 2048))[number % 2]
            before = asked_for(ada)
            with killed_at(at) as places:
                ask(ada, size)
                ada.run(RESIZE)
            ask(ada, size)
            assert ada.run(RESIZE).outcome == Done()
            demand_resized(ada, size, memory)
            assert asked_for(ada) - before == {"shutdown": 1, "resize": 1, "power_on": 1}, places[-1]
            events = [one for one in ada.site.events if one.startswith(("resize", "droplet_re"))]
            assert events == ["resize_requested", "droplet_resized"] * (number + 1)
            if at >= len(places):
                break
        assert at > 40


@pytest.mark.parametrize("after", [0, 1, 2])
def test_an_answer_that_is_lost_has_nothing_asked_for_twice(ada: Leaver, after: int) -> None:
    ask(ada)
    ada.cloud.fault("drop_after_effect", "POST", "/actions", after=after)

    assert ada.run(RESIZE).outcome == Done()

    demand_resized(ada, LARGE, 4096)
    assert asked_for(ada) == {"create": 1, "shutdown": 1, "resize": 1, "power_on": 1}


def test_an_action_of_somebody_else_is_waited_for(ada: Leaver) -> None:
    ask(ada)
    message = "Droplet already has a pending event."
    ada.cloud.fault(
        "status", "POST", "/actions", after=1, count=3, params={"status": 422, "message": message}
    )

    assert ada.run(RESIZE).outcome == Done()

    demand_resized(ada, LARGE, 4096)


def test_a_refused_resize_leaves_it_running_as_it_was(ada: Leaver) -> None:
    ask(ada)
    message = "Size is too large to fit on your droplet's server"
    ada.cloud.fault("status", "POST", "/actions", after=1, params={"status": 422, "message": message})

    error = refusal(ada)

    assert message in str(error.cause)
    assert "it runs again as s-1vcpu-2gb" in str(error.hint)
    assert not error.retry
    demand_as_before(ada)


def test_a_resize_that_fails_leaves_it_running_as_it_was(
    ada: Leaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resize(*_: object) -> None:
        raise SandboxError("resize a machine", cause="no room")

    monkeypatch.setattr(ada.cloud.machines, "resize", resize)
    ask(ada)

    assert "it has failed" in str(refusal(ada).cause)

    demand_as_before(ada)


def test_killed_anywhere_a_refused_resize_leaves_it_running(clouds: CloudServer, tmp_path: Path) -> None:
    with clouds.cloud() as cloud, leaver(tmp_path, cloud) as ada:
        for at in count(0, 9):
            params = {"status": 422, "message": "no room"}
            ada.cloud.fault("status", "POST", "/actions", after=1, params=params, count=None)
            with killed_at(at) as places:
                ask(ada)
                ada.run(RESIZE)
            cloud.book.clear()
            resize = ada.customer.setup.resize
            if resize is None or resize.refused is None:
                # Only what is written down as refused is not tried again.
                ada.site.set(setup__resize=None)
                ada.site.set(setup__resize={**asking(), "refused": "no room"})
            assert "no room" in str(refusal(ada).cause)
            demand_as_before(ada)
            if at >= len(places):
                break
        assert at > 30


def asking(**changes: Any) -> dict[str, object]:
    return {"requestedAt": "2026-11-28T00:00:00Z", "from": SMALL, "to": LARGE, **changes}


def test_a_token_that_may_not_leaves_the_assistant_running(ada: Leaver) -> None:
    ask(ada)
    ada.cloud.fault("status", "POST", "/actions", params={"status": 403, "message": "no"}, count=None)

    assert "no" in str(refusal(ada).cause)

    demand_as_before(ada)
    assert asked_for(ada) == {"create": 1}


def test_a_system_that_does_not_end_loses_its_power(ada: Leaver, monkeypatch: pytest.MonkeyPatch) -> None:
    def shutdown(*_: object) -> None:
        raise SandboxError("shut a machine down", cause="it hangs")

    monkeypatch.setattr(ada.cloud.machines, "shutdown", shutdown)
    ask(ada)

    assert ada.run(RESIZE).outcome == Done()

    demand_resized(ada, LARGE, 4096)
    assert asked_for(ada)["power_off"] == 1


def test_a_server_that_does_not_answer_is_resized_all_the_same(ada: Leaver) -> None:
    """It may be without memory, which is why it gets more. Only at the end it has to answer."""
    host_key = ada.customer.setup.droplet.host_key
    other = ada.site.server.operator.public
    ada.site.set(setup__droplet__hostKey=other)
    ask(ada)

    assert isinstance(ada.run(RESIZE).outcome, Failed)
    assert ada.cloud.droplets[0].size.slug == LARGE

    ada.site.set(setup__droplet__hostKey=host_key)
    assert ada.run(RESIZE).outcome == Done()
    demand_resized(ada, LARGE, 4096)


def test_a_paused_assistant_stays_stopped(ada: Leaver) -> None:
    ada.pause()
    ada.run(PAUSE)
    ask(ada)

    assert ada.run(RESIZE).outcome == Done()

    assert ada.cloud.droplets[0].size.slug == LARGE
    assert ada.site.assistant.gateway == "stopped"
    assert ada.customer.setup.resize is None


def test_a_droplet_that_is_gone_meanwhile_is_said(ada: Leaver) -> None:
    ask(ada)
    ada.cloud.client().delete_droplet(ada.droplets[0])

    assert isinstance(refusal(ada), DropletGone)


@pytest.mark.parametrize(
    ("size", "said", "hint"),
    [
        ("s-2vcpu-4g", "DigitalOcean has no size s-2vcpu-4g", "s-2vcpu-4gb"),
        ("s-1vcpu-1gb", "its disk has 50 GB and s-1vcpu-1gb has 25", "s-2vcpu-4gb"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_done(
    ada: Leaver, size: str, said: str, hint: str
) -> None:
    before = ada.site.workspace.store().read(EMAIL).data

    with pytest.raises(InputError, match=said) as refused:
        ask(ada, size)

    assert hint in (refused.value.hint or "")
    assert ada.site.workspace.store().read(EMAIL).data == before


def test_a_size_that_is_sold_out_there_is_refused(ada: Leaver) -> None:
    ada.cloud.cloud.options.sold_out = (LARGE,)

    with pytest.raises(InputError, match="s-2vcpu-4gb cannot be had in sfo3 now"):
        ask(ada)


def test_another_size_waits_for_the_one_under_way(ada: Leaver) -> None:
    ask(ada)

    with pytest.raises(InputError, match="the server is being made s-2vcpu-4gb") as refused:
        ask(ada, "s-4vcpu-8gb")

    assert f"provisioner resize {EMAIL} s-2vcpu-4gb" in (refused.value.hint or "")


def test_who_has_no_server_is_told_where_its_size_stands(ada: Leaver) -> None:
    ada.site.set(setup__droplet__id=None, setup__droplet__ip=None)

    with pytest.raises(InputError, match="they have no server yet") as refused:
        ask(ada)

    assert "update ada@example.com setup.droplet.size" in (refused.value.hint or "")


def test_who_leaves_or_has_left_gets_no_other_size(ada: Leaver) -> None:
    ada.period_ends_in(20)
    ada.ask("period end")
    with pytest.raises(InputError, match="they are leaving"):
        ask(ada)
    ada.ask("now")
    ada.run()
    with pytest.raises(InputError, match="the status is cancelled"):
        ask(ada)


def test_the_gateway_gets_its_share_of_the_memory_that_is_there_now(ada: Leaver) -> None:
    """As the playbook computes it; a server's own `/proc/meminfo` says how much there is."""
    heap = "ExecStart=/opt/node --max-old-space-size={} index.js gateway\nRestart=always\n"
    ada.site.assistant.unit.write_text(heap.format(7))
    ask(ada)

    assert ada.run(RESIZE).outcome == Done()

    [line] = [one for one in Path("/proc/meminfo").read_text().splitlines() if one.startswith("MemTotal:")]
    total = int(line.split()[1])
    share = min(min(max(total // 2048, 2048), 8192), total * 3 // 4096)
    assert ada.site.assistant.unit.read_text() == heap.format(share)
    assert ada.site.assistant.unit.stat().st_mode & 0o777 == 0o600
    called = ada.site.assistant.called
    restart = "systemctl --user restart openclaw-gateway.service"
    assert called.index("systemctl --user daemon-reload") < called.index(restart)
    ask(ada, SMALL)
    assert ada.run(RESIZE).outcome == Done()
    assert ada.site.assistant.called.count(restart) == 1
