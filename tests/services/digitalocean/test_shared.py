"""Many who wait for droplets at once, on one look."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from provisioner.clock import SYSTEM_CLOCK
from provisioner.services.coalescing import SharedLook
from provisioner.services.digitalocean.errors import NotFound, TooManyRequests
from provisioner.services.digitalocean.models import DropletInfo, DropletSpec
from provisioner.services.digitalocean.shared import SharedCloud
from tests.clouds import TOKEN, CloudServer, FastCloud


def fleet(cloud: FastCloud, **options: Any) -> SharedCloud:
    return SharedCloud(TOKEN, cloud.endpoint, tag="fleet", interval=0.01, **{"patience": 1, **options})


def spec(name: str) -> DropletSpec:
    return DropletSpec(name, "sfo3", "s-1vcpu-2gb", "debian-12-x64", (), ("fleet", f"is:{name}"), "")


def at_once(number: int, do: Callable[[int], Any]) -> list[Any]:
    """What it gives, or raises, in so many threads that begin together."""
    gate = threading.Barrier(number)

    def one(index: int) -> Any:
        gate.wait(10)
        try:
            return do(index)
        except Exception as error:
            return error

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(one, range(number)))


def test_twenty_who_wait_need_two_requests_at_most(clouds: CloudServer) -> None:
    with clouds.cloud() as cloud:
        client = fleet(cloud)
        made = [client.create_droplet(spec(f"d{index}")) for index in range(20)]
        before = cloud.requests("GET")

        found: list[DropletInfo] = at_once(20, lambda index: client.droplet(made[index].id))

        assert [droplet.id for droplet in found] == [droplet.id for droplet in made]
        assert cloud.requests("GET") - before <= 2


def test_one_that_the_list_does_not_show_yet_is_asked_for_itself(clouds: CloudServer) -> None:
    with clouds.cloud() as cloud:
        client = fleet(cloud)
        cloud.fault("list_lag", "POST", "droplets$", params={"seconds": 60})
        made = client.create_droplet(spec("late"))

        assert client.droplet(made.id).id == made.id
        with pytest.raises(NotFound):
            client.droplet("404404")


def test_those_beside_a_droplet_come_from_the_look_that_showed_it(clouds: CloudServer) -> None:
    with clouds.cloud() as cloud:
        client = fleet(cloud)
        twins = [client.create_droplet(spec("twin")) for _ in range(2)]
        shown = client.droplet(twins[0].id)
        before = cloud.requests("GET")

        beside = client.droplets_beside(shown, "is:twin")

        assert {droplet.id for droplet in beside} == {droplet.id for droplet in twins}
        assert cloud.requests("GET") == before


def test_an_error_of_the_look_is_everybodys(clouds: CloudServer) -> None:
    with clouds.cloud() as cloud:
        client = fleet(cloud, patience=0)
        made = client.create_droplet(spec("one"))
        cloud.fault("status", "GET", "droplets", count=None, params={"status": 429, "retry_after": 9})

        assert {type(end) for end in at_once(5, lambda _: client.droplet(made.id))} == {TooManyRequests}


def test_an_answer_is_never_older_than_its_question() -> None:
    looks = 0
    lock = threading.Lock()

    def look() -> int:
        nonlocal looks
        with lock:
            looks += 1
            return looks

    shared = SharedLook(look, SYSTEM_CLOCK, 0.0)

    def ask(_: int) -> bool:
        before = looks
        return shared.fresh() > before

    for _ in range(5):
        assert all(at_once(8, ask))
    assert looks < 40


def test_who_takes_the_look_may_be_stopped_and_another_takes_it() -> None:
    class Gone(BaseException):
        pass

    class Clock:
        def __init__(self) -> None:
            self.left = 1

        monotonic = staticmethod(SYSTEM_CLOCK.monotonic)
        time = staticmethod(SYSTEM_CLOCK.time)

        def sleep(self, seconds: float) -> None:
            if self.left:
                self.left -= 1
                raise Gone

    shared = SharedLook(lambda: 7, Clock(), 0.0)
    with pytest.raises(Gone):
        shared.fresh()
    assert shared.fresh() == 7
