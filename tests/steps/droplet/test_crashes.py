"""The process dies anywhere, any number of times, among faults: one droplet, and the record knows it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioner.customers.done import steps_done
from provisioner.droplets.identity import same_key
from provisioner.errors import ProvisionerError
from provisioner.services.digitalocean import transport as transport
from provisioner.steps.droplet.step import CreateDroplet
from tests.clouds import CloudServer, FastCloud
from tests.steps.droplets import demand_whole, droplets_of, installed_host_key, new_work
from tests.steps.support import MemoryWork


class Crash(BaseException):
    """The process is gone."""


@dataclass
class Failpoints:
    """Every place where a process may die: before and after each request and each durable write."""

    passed: int = 0
    dies_at: int | None = None
    places: list[str] = field(default_factory=list)

    def __call__(self, place: str) -> None:
        self.places.append(place)
        self.passed += 1
        if self.passed - 1 == self.dies_at:
            raise Crash(place)


@contextmanager
def dying(work: MemoryWork, at: int | None) -> Iterator[Failpoints]:
    failpoints = Failpoints(dies_at=at)
    send = transport.RetryingTransport._send

    def send_between(self: Any, method: str, address: str, params: Any) -> Any:
        failpoints(f"before {method}")
        try:
            return send(self, method, address, params)
        finally:
            failpoints(f"after {method}")

    work.before = lambda what: failpoints(f"before {what}")
    work.after = lambda what: failpoints(f"after {what}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transport.RetryingTransport, "_send", send_between)
        yield failpoints


def run_dying(cloud: FastCloud, work: MemoryWork, at: int | None) -> Failpoints:
    """One process: dies at that failpoint, or ends by itself."""
    with dying(work, at) as failpoints, suppress(Crash, ProvisionerError):
        CreateDroplet().run(work)
    return failpoints


def successor(cloud: FastCloud, work: MemoryWork) -> MemoryWork:
    """The next process, on the same record."""
    return MemoryWork(work.settings, cloud.services(work.settings), work.saved, clock=cloud.clock)


def run_on(cloud: FastCloud, work: MemoryWork) -> None:
    """The next process, undisturbed."""
    if not CreateDroplet().done(work.customer):
        CreateDroplet().run(successor(cloud, work))


def lose_answer(cloud: FastCloud) -> None:
    cloud.fault("drop_after_effect", "POST", "droplets$")


def lag(cloud: FastCloud) -> None:
    cloud.fault("list_lag", "POST", "droplets$", count=None, params={"seconds": 40})
    cloud.fault("tag_lag", "POST", "droplets$", count=None, params={"seconds": 50})


def nothing(cloud: FastCloud) -> None:
    pass


@pytest.mark.parametrize("around", [nothing, lose_answer, lag], ids=lambda around: around.__name__)
def test_killed_at_every_boundary_and_run_again(
    clouds: CloudServer, operator_key: Path, around: Callable[[FastCloud], None]
) -> None:
    for dies_at in count():
        with clouds.cloud() as cloud:
            around(cloud)
            work = new_work(cloud, operator_key)
            failpoints = run_dying(cloud, work, dies_at)
            assert len(droplets_of(cloud, work)) <= 1
            run_on(cloud, work)
            demand_whole(cloud, work)
            assert work.events.count("droplet_created") == 1
            # One poll more or less, as fast as the machine was, is two failpoints.
            if dies_at >= failpoints.passed + 4:
                break
    assert {"before POST", "after POST", "before write", "after droplet_active"} <= set(failpoints.places)
    assert failpoints.passed >= 20


def test_killed_twice_at_every_pair_around_the_request(clouds: CloudServer, operator_key: Path) -> None:
    """The first death leaves it open whether the droplet was made; the second one meets the looking."""
    with clouds.cloud() as cloud:
        places = run_dying(cloud, new_work(cloud, operator_key), None).places
    intent = places.index("before write")
    for first_death in range(intent, intent + 6):
        for second_death in range(0, 40, 4):
            with clouds.cloud() as cloud:
                lag(cloud)
                work = new_work(cloud, operator_key)
                run_dying(cloud, work, first_death)
                run_dying(cloud, successor(cloud, work), second_death)
                run_on(cloud, work)
                demand_whole(cloud, work)


def test_killed_at_every_boundary_of_another_droplet_after_the_first_is_lost(
    clouds: CloudServer, operator_key: Path
) -> None:
    """What the record says of the lost one, and of what was done on it, never passes for the next one's."""
    for dies_at in count():
        with clouds.cloud() as cloud:
            work = new_work(cloud, operator_key)
            lost = _lose_complete(cloud, work)
            failpoints = run_dying(cloud, work, dies_at)
            assert len(droplets_of(cloud, work)) <= 1
            droplet = work.customer.setup.droplet
            if droplet.id not in (None, lost["id"]):
                assert set(steps_done(work.customer)) <= {"droplet"}
                assert droplet.ip in (None, *(one.address for one in cloud.droplets))
            run_on(cloud, work)
            [droplet_now] = droplets_of(cloud, work)
            recorded = work.customer.setup.droplet
            assert (recorded.id, recorded.ip) == (str(droplet_now.id), droplet_now.address)
            assert same_key(recorded.host_key, installed_host_key(droplet_now))
            assert (recorded.host_key_renewed, recorded.next_host_key) == (None, None)
            assert steps_done(work.customer) == ("droplet",)
            assert (work.customer.status, work.customer.setup.status) == ("active", "in_progress")
            if dies_at >= failpoints.passed + 4:
                break
    assert failpoints.passed >= 12


def _lose_complete(cloud: FastCloud, work: MemoryWork) -> dict[str, object]:
    """A customer for whom all was done, as an older record says it, and whose droplet is lost."""
    CreateDroplet().run(work)
    lost = dict(work.saved.data["setup"]["droplet"])
    cloud.client().delete_droplet(str(lost["id"]))
    work.write(
        {
            "status": "active",
            "setup.status": "complete",
            "setup.droplet.id": None,
            "setup.droplet.requestedAt": None,
            "setup.droplet.hostKeyRenewed": "2026-01-29T06:00:00Z",
            "setup.moltbot.installed": True,
            "setup.moltbot.version": "2026.9.6",
            "setup.messaging.connected": True,
            "setup.messaging.userId": "1",
            "setup.messaging.botUsername": "a_bot",
            "setup.handoff.completed": True,
        }
    )
    return lost


FAULTS = {
    "lost": ("drop_after_effect", "POST", "droplets$", {}),
    "half": ("truncate", "POST", "droplets$", {}),
    "reset": ("reset", "POST", "droplets$", {}),
    "gateway": ("html", "POST", "droplets$", {"status": 504}),
    "failure": ("no_error_id", "POST", "droplets$", {"status": 500}),
    "refused": ("status", "POST", "droplets$", {"status": 422}),
    "busy": ("status", "POST", "droplets$", {"status": 429, "retry_after": 3}),
    "lag": ("list_lag", "POST", "droplets$", {"seconds": 45}),
    "untagged": ("tag_lag", "POST", "droplets$", {"seconds": 45}),
    "vanishes": ("vanish", "POST", "droplets$", {}),
    "no action": ("empty_actions", "POST", "droplets$", {}),
    "blind": ("status", "GET", "droplets", {"status": 500}),
    "key lost": ("drop_after_effect", "POST", "account/keys", {}),
    "firewall lost": ("truncate", "POST", "firewalls$", {}),
}
RUNS = st.lists(
    st.tuples(st.lists(st.sampled_from(sorted(FAULTS)), max_size=3), st.none() | st.integers(0, 60)),
    min_size=1,
    max_size=4,
)


@given(runs=RUNS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_faults_and_deaths_end_in_one_droplet(
    clouds: CloudServer, operator_key: Path, runs: list[tuple[list[str], int | None]]
) -> None:
    with clouds.cloud() as cloud:
        work = new_work(cloud, operator_key)
        for faults, dies_at in runs:
            for name in faults:
                kind, method, path, params = FAULTS[name]
                cloud.fault(kind, method, path, params=params)
            if not CreateDroplet().done(work.customer):
                run_dying(cloud, successor(cloud, work), dies_at)
            assert len(droplets_of(cloud, work)) <= 1
            cloud.book.clear()
        if work.customer.setup.droplet.id and not droplets_of(cloud, work):
            # Vanished after the run that asked for it had died: the operator confirms it, as the error says.
            with pytest.raises(ProvisionerError, match="is gone"):
                run_on(cloud, work)
            work.write({"setup.droplet.id": None})
        run_on(cloud, work)
        demand_whole(cloud, work)
